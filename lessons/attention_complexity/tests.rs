//! The lesson's own consistency: golden values, bugs that differ, laws, production.

use super::PROBLEM;
use crate::check::{all, large, matches, worst};
use crate::problem::{Case, Variant};
use crate::tensor::{Inputs, Labels, Outputs, Tensor, Value, max_abs};
use crate::trace::Trace;

fn truth(inputs: &Inputs) -> Outputs {
    (PROBLEM.reference)(inputs, &mut Trace::new())
}

fn planted(inputs: &Inputs, bugs: &[&'static str]) -> Outputs {
    (PROBLEM.variant)(inputs, &Variant(bugs.to_vec()))
}

/// The judge's own slack when it compares an answer with a planted bug.
fn loose(inputs: &Inputs, planted: &Outputs) -> f64 {
    let scale = planted.iter().map(max_abs).fold(0.0, f64::max);
    (32.0 * (PROBLEM.tolerance)(inputs).value).max(1e-5 * scale)
}

fn cases(seed: u64) -> Vec<Inputs> {
    let cases: Vec<Case> = all(&PROBLEM, seed);
    cases.iter().map(PROBLEM.inputs).collect()
}

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
    let got = truth(&inputs);
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
    for inputs in (0..20).flat_map(cases) {
        let truth = truth(&inputs);
        assert!(worst(&planted(&inputs, &[]), &truth, 1e-9).is_none());
        let tol = (PROBLEM.tolerance)(&inputs);
        let place = worst(&PROBLEM.production.answer(&inputs), &truth, tol.value);
        assert!(place.is_none(), "{place:?} with {}", tol.formula);
    }
    let inputs = (PROBLEM.inputs)(&large(&PROBLEM, 0));
    let tol = (PROBLEM.tolerance)(&inputs).value;
    assert!(worst(&PROBLEM.production.answer(&inputs), &truth(&inputs), tol).is_none());
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    for seed in 0..8 {
        let cases = cases(seed);
        let mut outputs: Vec<(&str, Vec<Outputs>)> =
            vec![("the truth", cases.iter().map(truth).collect())];
        for bug in PROBLEM.bugs {
            let of = |inputs| planted(inputs, &[bug.id]);
            outputs.push((bug.id, cases.iter().map(of).collect()));
        }
        for (i, (first, a)) in outputs.iter().enumerate() {
            for (second, b) in &outputs[i + 1..] {
                let apart = cases.iter().zip(a).zip(b).any(|((inputs, a), b)| {
                    let tol = loose(inputs, a).max(loose(inputs, b));
                    !matches(a, b, tol)
                });
                assert!(apart, "{first} and {second} are the same at seed {seed}");
            }
        }
    }
}

#[test]
fn the_laws_hold_for_the_kernel_and_break_for_some_bug() {
    let mut broken = vec![false; PROBLEM.laws.len()];
    for seed in 0..4 {
        for case in all(&PROBLEM, seed) {
            let inputs = (PROBLEM.inputs)(&case);
            for (law, broken) in PROBLEM.laws.iter().zip(&mut broken) {
                if !law.kinds.contains(&case.kind) {
                    continue;
                }
                let right = (law.check)(&inputs, &mut |inputs| PROBLEM.production.answer(inputs));
                assert!(right.holds(), "{} on {case:?}: {right:?}", law.id);
                *broken |= PROBLEM.bugs.iter().any(|bug| {
                    !(law.check)(&inputs, &mut |inputs| planted(inputs, &[bug.id])).holds()
                });
            }
        }
    }
    // Nothing that is planted depends on the order of the cases.
    let broken: Vec<_> = PROBLEM
        .laws
        .iter()
        .zip(broken)
        .filter(|(_, broken)| !broken)
        .collect();
    assert!(broken.iter().all(|(law, _)| law.id == "order-of-cases"));
}
