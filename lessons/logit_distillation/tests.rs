//! The lesson's own consistency: a calculation by hand, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
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
fn two_classes_by_hand() {
    // T = 2, student (0, 0), teacher (2·ln 3, 0): p = (3/4, 1/4), q = (1/2, 1/2).
    let float = |values: [f32; 2]| {
        Value::Float(Tensor::from_shape_vec(vec![1, 2], values.to_vec()).unwrap())
    };
    let inputs = Inputs::new()
        .with("student", float([0.0, 0.0]))
        .with("teacher", float([2.0 * 3f32.ln(), 0.0]))
        .with("targets", Value::Int(Labels::from_elem(vec![1], 1)))
        .with("temperature", Value::Number(2.0))
        .with("alpha", Value::Number(0.5))
        .with("beta", Value::Number(1.0));
    let kl = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
    let loss = 0.5 * 2f64.ln() + 4.0 * kl;
    // ½·(½, −½) + 2·(−¼, ¼)
    let grad = [0.25 - 0.5, -0.25 + 0.5];
    for got in [truth(&PROBLEM, &inputs), PROBLEM.production.answer(&inputs)] {
        assert!((got[0].sum() - loss).abs() < 1e-6, "{got:?}");
        assert!(
            got[1].iter().zip(grad).all(|(a, b)| (a - b).abs() < 1e-6),
            "{got:?}"
        );
    }
}

#[test]
fn the_demos_show_what_the_claims_say() {
    tests::demos_speak(&LESSON);
}
