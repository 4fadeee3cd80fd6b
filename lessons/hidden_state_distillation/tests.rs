//! The lesson's own consistency: a calculation by hand, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use super::reference::layer_map;
use crate::lessons::tests::{self, truth};
use crate::tensor::{Inputs, Labels, Tensor, Value};

#[test]
fn without_bugs_the_variant_is_the_reference_and_so_is_the_kernel() {
    tests::variant_is_the_reference(&PROBLEM);
    tests::kernel_is_the_reference(&PROBLEM);
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    tests::bugs_stand_apart(&PROBLEM, 0..20);
}

#[test]
fn the_laws_hold_for_the_kernel_and_break_for_some_bug() {
    tests::laws_tell(&PROBLEM, 0..5);
}

#[test]
fn layers_are_spread_evenly() {
    assert_eq!(layer_map(5, 13), [0, 3, 6, 9, 12]);
    assert_eq!(layer_map(4, 9), [0, 2, 5, 8]);
    assert_eq!(layer_map(1, 7), [0]);
    assert_eq!(layer_map(3, 2), [0, 0, 1]);
}

#[test]
fn one_layer_by_hand() {
    // (1, 2)·(½, −1)ᵀ = −1.5, the teacher says 0.5: (−2)² = 4; gradient 2·(−2)·(1, 2).
    let float = |shape: &[usize], values: &[f32]| {
        Value::Float(Tensor::from_shape_vec(shape.to_vec(), values.to_vec()).unwrap())
    };
    let inputs = Inputs::new()
        .with("student", float(&[1, 1, 2], &[1.0, 2.0]))
        .with("teacher", float(&[2, 1, 1], &[0.5, 9.0]))
        .with("projection", float(&[2, 1], &[0.5, -1.0]))
        .with("mask", Value::Int(Labels::from_elem(vec![1], 1)));
    for got in [truth(&PROBLEM, &inputs), PROBLEM.production.answer(&inputs)] {
        assert_eq!(got[0].sum(), 4.0);
        assert_eq!(got[1].iter().copied().collect::<Vec<_>>(), [-4.0, -8.0]);
    }
}

#[test]
fn the_demos_show_what_the_claims_say() {
    tests::demos_speak(&LESSON);
}
