//! The lesson's own consistency: a calculation by hand, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use crate::lessons::tests::{self, truth};
use crate::tensor::{Inputs, Tensor, Value};

#[test]
fn without_bugs_the_variant_is_the_reference_and_so_is_the_kernel() {
    tests::variant_is_the_reference(&PROBLEM);
    tests::kernel_is_the_reference(&PROBLEM);
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    tests::bugs_stand_apart(&PROBLEM, 0..8);
}

#[test]
fn the_laws_hold_for_the_kernel_and_break_for_some_bug() {
    tests::laws_tell(&PROBLEM, 0..4);
}

#[test]
fn two_inputs_by_hand() {
    // α = ½: s_0 = √16/√1 = 4, s_1 = √1/√1 = 1: x' = (2, 1), w' = (4, 1), scales 2/127 and 4/127;
    // codes (127, 63.5 → 64) and (127, 31.75 → 32).
    let float = |shape: &[usize], values: &[f32]| {
        Value::Float(Tensor::from_shape_vec(shape.to_vec(), values.to_vec()).unwrap())
    };
    let inputs = Inputs::new()
        .with("x", float(&[1, 2], &[8.0, 1.0]))
        .with("weight", float(&[1, 2], &[1.0, 1.0]))
        .with("act_max", float(&[2], &[16.0, 1.0]))
        .with("alpha", Value::Number(0.5));
    let want = 8.0 / (127.0 * 127.0) * (127.0 * 127.0 + 64.0 * 32.0);
    for got in [truth(&PROBLEM, &inputs), PROBLEM.production.answer(&inputs)] {
        assert!((got[0].sum() - want).abs() < 1e-6, "{got:?} {want}");
    }
}

#[test]
fn the_demos_show_what_the_claims_say() {
    tests::demos_speak(&LESSON);
}
