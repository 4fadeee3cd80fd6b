//! The lesson's own consistency: a calculation by hand, bugs that differ, laws, production, training.

use super::problem::PROBLEM;
use crate::lessons::tests::{self, planted, truth};
use crate::tensor::{Inputs, Tensor, Value};

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

fn inputs(x: &[f32], grad_out: &[f32], [scale, zero_point, qmin, qmax]: [f64; 4]) -> Inputs {
    let row = |values: &[f32]| {
        let row = Tensor::from_shape_vec(vec![1, values.len()], values.to_vec());
        Value::Float(row.unwrap())
    };
    Inputs::new()
        .with("x", row(x))
        .with("grad_out", row(grad_out))
        .with("scale", Value::Number(scale))
        .with("zero_point", Value::Number(zero_point))
        .with("qmin", Value::Number(qmin))
        .with("qmax", Value::Number(qmax))
}

#[test]
fn three_values_by_hand() {
    // s = ½, z = 1, codes 0 … 3: u = 1.2, 2.4, −4; codes 2, 3, −3 → 2, 3, 0; slopes −0.2, −0.4, −1.
    let inputs = inputs(&[0.6, 1.2, -2.0], &[1.0, 10.0, 100.0], [0.5, 1.0, 0.0, 3.0]);
    for got in [truth(&PROBLEM, &inputs), PROBLEM.production.answer(&inputs)] {
        assert_eq!(got[0].iter().copied().collect::<Vec<_>>(), [0.5, 1.0, -0.5]);
        assert_eq!(got[1].iter().copied().collect::<Vec<_>>(), [1.0, 10.0, 0.0]);
        assert!((got[2].sum() - (-0.2 - 4.0 - 100.0) / 3.0).abs() < 1e-5);
    }
    // 1.2/½ + 1 = 3.4 rounds to 3: clipped only for those who look before rounding.
    let unrounded = planted(&PROBLEM, &inputs, &["unrounded-mask"]);
    assert_eq!(
        unrounded[1].iter().copied().collect::<Vec<_>>(),
        [1.0, 0.0, 0.0]
    );
    assert!((unrounded[2].sum() - (-0.2 + 20.0 - 100.0) / 3.0).abs() < 1e-5);
}

/// The gradient of the scale is exact where codes do not change: x̂ is linear in s there.
#[test]
fn the_slope_at_the_ends_is_that_of_the_forward_pass() {
    let run = |s: f64| {
        truth(
            &PROBLEM,
            &inputs(&[9.0, -9.0], &[1.0, 3.0], [s, 2.0, 0.0, 7.0]),
        )
    };
    let loss = |s: f64| {
        let x_hat = &run(s)[0];
        x_hat[[0, 0]] + 3.0 * x_hat[[0, 1]]
    };
    let measured = (loss(0.26) - loss(0.24)) / 0.02;
    let factor = (2.0 * 7.0f64).sqrt();
    assert!((run(0.25)[2].sum() * factor - measured).abs() < 1e-9);
}
