//! The lesson's own consistency: values by hand, bugs that differ, laws, the kernel, demonstrations.

use super::LESSON;
use super::problem::PROBLEM;
use crate::lessons::tests::{self, truth};
use crate::tensor::{Inputs, Value};
use crate::text::Lang;
use ndarray::array;

#[test]
fn codes_and_results_by_hand() {
    let inputs = Inputs::new()
        .with("x", Value::Float(array![[1.0, 2.0]].into_dyn()))
        .with(
            "w",
            Value::Float(array![[127.0, -2.2], [0.0, 0.0]].into_dyn()),
        );
    let out = truth(&PROBLEM, &inputs);
    assert_eq!(out[0], array![[123.0, 0.0]].into_dyn());
    assert_eq!(out[1], array![[127.0, -2.0], [0.0, 0.0]].into_dyn());
    assert_eq!(out[2], array![1.0, 1.0].into_dyn());
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
    let gains = demo("C084");
    for (line, gain) in gains
        .lines()
        .skip(1)
        .zip(["2.00×", "1.94×", "1.30×", "1.00×", "1.00×"])
    {
        assert!(line.ends_with(gain), "{gains}");
    }
    let errors = demo("C082");
    let rows: Vec<f64> = errors
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().last().unwrap().parse().unwrap())
        .collect();
    assert!(
        rows[0] < 0.85 && rows[0] > 0.6 && rows[1] > rows[0],
        "{errors}"
    );
}
