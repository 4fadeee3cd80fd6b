//! The lesson's own consistency: bugs that differ, laws, production, what GPTQ promises.

use super::LESSON;
use super::problem::PROBLEM;
use super::reference::{arguments, cholesky, inverse};
use crate::lessons::tests::{self, cases, truth};
use crate::tensor::{Inputs, Tensor, Value};
use crate::trace::Trace;
use ndarray::{Array2, array};

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
    tests::laws_tell(&PROBLEM, 0..3);
}

#[test]
fn the_inverse_is_one() {
    let a: Array2<f64> = array![[4.0, 2.0, 0.5], [2.0, 3.0, 1.0], [0.5, 1.0, 2.0]];
    let one = a.dot(&inverse(&a));
    assert!(
        (&one - &Array2::<f64>::eye(3))
            .iter()
            .all(|gap| gap.abs() < 1e-14)
    );
    let lower = cholesky(&a);
    assert!(
        (&lower.dot(&lower.t()) - &a)
            .iter()
            .all(|gap| gap.abs() < 1e-14)
    );
}

/// The sum of the squared errors is what the weights cost: tr(Δ(H + λI)Δᵀ).
#[test]
fn the_losses_add_up_to_the_damped_output_error() {
    for inputs in cases(&PROBLEM, 3) {
        let args = arguments(&inputs);
        let mut trace = Trace::new();
        let w_hat = super::reference::reference(&inputs, &mut trace).swap_remove(0);
        let step = |name: &str| {
            let step = trace.steps().iter().find(|step| step.name == name);
            step.unwrap().value.clone()
        };
        // Of live inputs: the weights of dead ones are given up for nothing.
        let change = step("live") - &w_hat;
        let change = change.into_dimensionality::<ndarray::Ix2>().unwrap();
        let damped = step("damped")
            .into_dimensionality::<ndarray::Ix2>()
            .unwrap();
        let cost: f64 = (&change.dot(&damped) * &change).sum();
        let last = *step("loss").iter().last().unwrap();
        assert!((cost - last).abs() <= 1e-9 * (1.0 + cost), "{cost} {last}");
        assert_eq!(w_hat.shape(), args.weight.shape());
    }
}

#[test]
fn two_columns_by_hand() {
    // xᵀx = [[1, 1], [1, 2]] has the inverse [[2, −1], [−1, 1]]: U_01/U_00 = −½. Scale 3/3 = 1:
    // 0.4 → 0, and −1.6 takes half of it over: −1.4 → −1. A third input is there for the scale.
    let float = |shape: [usize; 2], values: Vec<f32>| {
        Value::Float(Tensor::from_shape_vec(shape.to_vec(), values).unwrap())
    };
    let inputs = Inputs::new()
        .with("weight", float([1, 3], vec![0.4, -1.6, 3.0]))
        .with(
            "x",
            float([3, 3], vec![1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        )
        .with("bits", Value::Number(3.0))
        .with("group_size", Value::Number(3.0))
        .with("percdamp", Value::Number(0.0))
        .with("act_order", Value::Number(0.0));
    for got in [truth(&PROBLEM, &inputs), PROBLEM.production.answer(&inputs)] {
        assert_eq!(got[0].iter().copied().collect::<Vec<_>>(), [0.0, -1.0, 3.0]);
    }
}

#[test]
fn the_demos_show_what_the_claims_say() {
    tests::demos_speak(&LESSON);
}
