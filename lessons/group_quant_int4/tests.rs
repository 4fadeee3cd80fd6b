//! The lesson's own consistency: values by hand, bugs that differ, laws, the kernel, demonstrations.

use super::LESSON;
use super::problem::PROBLEM;
use super::reference::{Arguments, pack, unpack};
use crate::kernels::quant::{Nibbles, pack_int4};
use crate::lessons::affine_quantization::grid::is_tie;
use crate::lessons::tests::{self, truth};
use crate::tensor::{Inputs, Value};
use crate::text::Lang;
use ndarray::{Array2, array};

#[test]
fn codes_and_bytes_by_hand() {
    // Groups of two: −1 … 2 in steps of .2 with zero 5; 0 … 3 likewise with zero 0.
    let inputs = Inputs::new()
        .with("x", Value::Float(array![[1.0, 0.0, 0.0, 1.0]].into_dyn()))
        .with("w", Value::Float(array![[-1.0, 2.0, 0.55, 3.0]].into_dyn()))
        .with("group_size", Value::Number(2.0));
    let out = truth(&PROBLEM, &inputs);
    assert_eq!(
        out[0],
        array![[0.0 + 16.0 * 15.0, 3.0 + 16.0 * 15.0]].into_dyn()
    );
    assert_eq!(out[1], array![[0.2, 0.2]].into_dyn());
    assert_eq!(out[2], array![[5.0, 0.0]].into_dyn());
    assert!((out[3].sum() - (-1.0 + 3.0)).abs() < 1e-12);
}

#[test]
fn bytes_are_those_of_the_kernel() {
    let codes: Vec<i8> = (0..32).map(|i| (7 * i % 16) as i8).collect();
    let matrix = Array2::from_shape_fn((2, 16), |(i, j)| f64::from(codes[16 * i + j]));
    let packed = pack(&matrix);
    let bytes: Vec<u8> = packed.iter().map(|byte| *byte as u8).collect();
    assert_eq!(bytes, pack_int4(&codes, Nibbles::Unsigned).unwrap());
    assert_eq!(unpack(&packed), matrix);
}

#[test]
fn inputs_are_no_ties() {
    for seed in 0..50 {
        for inputs in tests::cases(&PROBLEM, seed) {
            let given = Arguments::of(&inputs);
            let scale = truth(&PROBLEM, &inputs)[1].clone();
            let scale = given.spread(&scale.into_dimensionality().unwrap());
            for (at, w) in given.w.indexed_iter() {
                assert!(
                    !is_tie(*w, scale[at]),
                    "seed {seed}: {w} in steps of {}",
                    scale[at]
                );
            }
        }
    }
}

#[test]
fn the_variant_and_the_kernel_equal_the_reference() {
    tests::variant_is_the_reference(&PROBLEM);
    tests::kernel_is_the_reference(&PROBLEM);
}

#[test]
fn bugs_stand_apart() {
    tests::bugs_stand_apart(&PROBLEM, 0..20);
}

#[test]
fn laws_hold_and_tell() {
    tests::laws_tell(&PROBLEM, 0..4);
}

#[test]
fn demonstrations_say_what_the_claims_say() {
    tests::demos_speak(&LESSON);
    let demo = |id: &str| {
        let claim = LESSON.claims.iter().find(|claim| claim.id == id).unwrap();
        claim.demo.unwrap()(Lang::En)
    };
    let numbers = |line: &str| -> Vec<f64> {
        let words = line.split_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    // GPTQ moves the weights more and the outputs less, if inputs are correlated.
    let shown = demo("C144");
    let rows: Vec<Vec<f64>> = shown.lines().skip(1).map(numbers).collect();
    let last = |row: &[f64], from_end: usize| row[row.len() - from_end];
    assert!(last(&rows[3], 3) > last(&rows[2], 3), "{shown}");
    assert!(last(&rows[3], 2) < 0.6 * last(&rows[2], 2), "{shown}");
    assert!(last(&rows[0], 2) > last(&rows[2], 2), "{shown}");
    assert!(demo("C145").contains("group 0: row 0 column 0 … row 1 column 31"));
    assert!(demo("C148").contains("-0.853"), "{}", demo("C148"));
    assert!(demo("C150").contains("8.500") && demo("C150").contains("4.250"));
    assert!(demo("C151").contains("[16, 128]"));
    assert!(demo("C152").contains("4 of 4"));
}
