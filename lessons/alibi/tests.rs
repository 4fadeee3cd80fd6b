//! The lesson's own consistency: golden values, bugs that differ, laws, production.

use super::problem::PROBLEM;
use super::{LESSON, slopes};
use crate::check::all;
use crate::lessons::tests::{self, planted, truth};
use crate::problem::{Deviation, Law};
use crate::tensor::{Inputs, Outputs, Tensor, Value};

fn cases(seed: u64) -> Vec<(&'static str, Inputs)> {
    let build = |case: crate::problem::Case| (case.kind, (PROBLEM.inputs)(&case));
    all(&PROBLEM, seed).into_iter().map(build).collect()
}

/// The largest difference in units of the tolerance.
fn distance(inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    Deviation::between(a, b, 0.0).err / (PROBLEM.tolerance)(inputs).value
}

#[test]
fn slopes_are_those_of_the_paper() {
    assert_eq!(slopes(1), [1.0 / 256.0]);
    let eight: Vec<f64> = (1..=8).map(|k| 0.5_f64.powi(k)).collect();
    assert_eq!(slopes(8), eight);
    let twelve = slopes(12);
    assert_eq!(twelve[..8], eight);
    // 2^(−0.5), 2^(−1.5) …: every second slope of 16 heads.
    let more = [-0.5, -1.5, -2.5, -3.5].map(f64::exp2);
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 5e-6;
    assert!(twelve[8..].iter().zip(&more).all(near), "{twelve:?}");
    for h in 1..100 {
        assert_eq!(slopes(h).len(), h);
    }
}

#[test]
fn equal_scores_decay_by_the_slope() {
    // 2 heads: slopes 1/16 and 1/256.
    let scores = Tensor::zeros(vec![1, 2, 1, 3]);
    let inputs = Inputs::new().with("scores", Value::Float(scores));
    let weights = &truth(&PROBLEM, &inputs)[0];
    for (head, slope) in [(0, 1.0_f64 / 16.0), (1, 1.0 / 256.0)] {
        let ratio = weights[[0, head, 0, 0]] / weights[[0, head, 0, 2]];
        assert!((ratio - (-2.0 * slope).exp()).abs() < 1e-12);
    }
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for seed in 0..4 {
        for (kind, inputs) in cases(seed) {
            let truth = truth(&PROBLEM, &inputs);
            let exact = Deviation::between(&truth, &planted(&PROBLEM, &inputs, &[]), 1e-12);
            assert!(exact.holds(), "{kind}: {exact:?}");
            let production = PROBLEM.production.answer(&inputs);
            assert!(distance(&inputs, &truth, &production) <= 1.0, "{kind}");
        }
    }
}

#[test]
fn a_query_before_every_key_gets_zeros() {
    let scores = Tensor::ones(vec![1, 1, 3, 2]);
    let inputs = Inputs::new().with("scores", Value::Float(scores));
    for weights in [truth(&PROBLEM, &inputs), PROBLEM.production.answer(&inputs)] {
        let sums: Vec<f64> = weights[0].rows().into_iter().map(|row| row.sum()).collect();
        let near = |(a, b): (&f64, f64)| (a - b).abs() < 1e-6;
        assert!(sums.iter().zip([0.0, 1.0, 1.0]).all(near), "{sums:?}");
    }
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    for seed in 0..3 {
        let cases = cases(seed);
        let outputs = |ids: &[&'static str]| -> Vec<Outputs> {
            cases
                .iter()
                .map(|(_, inputs)| planted(&PROBLEM, inputs, ids))
                .collect()
        };
        let right = outputs(&[]);
        let wrong: Vec<_> = PROBLEM.bugs.iter().map(|bug| outputs(&[bug.id])).collect();
        let apart = |a: &[Outputs], b: &[Outputs]| {
            let each = cases.iter().zip(a.iter().zip(b));
            let gaps = each.map(|((_, inputs), (a, b))| distance(inputs, a, b));
            gaps.map(|gap| if gap.is_nan() { f64::INFINITY } else { gap })
                .fold(0.0, f64::max)
        };
        for (i, bug) in PROBLEM.bugs.iter().enumerate() {
            let gap = apart(&wrong[i], &right);
            assert!(gap > 100.0, "seed {seed}: {} is {gap} off", bug.id);
            for (j, other) in PROBLEM.bugs.iter().enumerate().skip(i + 1) {
                let gap = apart(&wrong[i], &wrong[j]);
                assert!(gap > 100.0, "seed {seed}: {} {}: {gap}", bug.id, other.id);
            }
        }
    }
}

#[test]
fn laws_hold_for_right_answers_and_fail_for_wrong_ones() {
    let cases = cases(2);
    let fails = |law: &Law, ids: &[&'static str]| {
        cases.iter().any(|(kind, inputs)| {
            law.kinds.contains(kind)
                && !(law.check)(inputs, &mut |inputs: &Inputs| {
                    planted(&PROBLEM, inputs, ids)
                })
                .holds()
        })
    };
    for law in PROBLEM.laws {
        assert!(!fails(law, &[]), "{}", law.id);
        let broken = match law.id {
            "rows-sum-to-one" => "mask-after-softmax",
            "future-is-unseen" => "no-causal-mask",
            "row-shift" => "bias-multiplied",
            "decode-is-the-last-row" => "row-distance",
            "one-step-one-factor" => "sign-flip",
            other => panic!("say which bug breaks the law {other}"),
        };
        assert!(fails(law, &[broken]), "{} should fail for {broken}", law.id);
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
