//! The lesson's own consistency: golden values, bugs that differ, laws, production.

use super::PROBLEM;
use crate::check::{large, worst};
use crate::lessons::tests::{self, cases, planted, truth};
use crate::tensor::{Inputs, Labels, Tensor, Value};

#[test]
fn figures_that_people_quote() {
    let number = Value::Number;
    let inputs = Inputs::new()
        .with(
            "n",
            Value::Int(Labels::from_shape_vec(vec![2], vec![8192, 32_768]).unwrap()),
        )
        .with("heads", number(32.0))
        .with("kv_heads", number(32.0))
        .with("head_dim", number(128.0))
        .with("width", number(2.0))
        .with("causal", number(0.0))
        .with(
            "seconds",
            Value::Float(Tensor::from_shape_vec(vec![2], vec![1.0, 16.0]).unwrap()),
        );
    let got = truth(&PROBLEM, &inputs);
    // 4 GiB of scores against 0.25 GiB of q, k, v and out; 64 GiB at 32k.
    assert_eq!(
        [got[0][[0, 3]], got[0][[0, 2]], got[0][[1, 3]]],
        [4.0, 0.25, 64.0]
    );
    // 8·n·D² and 4·n²·D: equal where n = 2·D = 8192.
    assert!((got[0][[0, 0]] - got[0][[0, 1]]).abs() < 1e-9);
    assert!((got[2].sum() - 2.0).abs() < 1e-12);
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for inputs in (0..20).flat_map(|seed| cases(&PROBLEM, seed)) {
        let truth = truth(&PROBLEM, &inputs);
        assert!(worst(&planted(&PROBLEM, &inputs, &[]), &truth, 1e-9).is_none());
        let tol = (PROBLEM.tolerance)(&inputs);
        let place = worst(&PROBLEM.production.answer(&inputs), &truth, tol.value);
        assert!(place.is_none(), "{place:?} with {}", tol.formula);
    }
    let inputs = (PROBLEM.inputs)(&large(&PROBLEM, 0));
    let tol = (PROBLEM.tolerance)(&inputs).value;
    assert!(
        worst(
            &PROBLEM.production.answer(&inputs),
            &truth(&PROBLEM, &inputs),
            tol
        )
        .is_none()
    );
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    tests::bugs_stand_apart(&PROBLEM, 0..8);
}

#[test]
fn the_laws_hold_for_the_kernel_and_break_for_some_bug() {
    let broken = tests::broken_laws(&PROBLEM, 0..4);
    // Nothing that is planted depends on the order of the cases.
    let broken: Vec<_> = PROBLEM
        .laws
        .iter()
        .zip(broken)
        .filter(|(_, broken)| !broken)
        .collect();
    assert!(broken.iter().all(|(law, _)| law.id == "order-of-cases"));
}
