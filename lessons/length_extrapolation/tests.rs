//! The lesson's own consistency: golden values, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use crate::check::all;
use crate::lessons::tests::{self, planted, truth};
use crate::problem::{Case, Deviation, Law};
use crate::tensor::{Inputs, Labels, Outputs, Tensor, Value};

fn cases(seed: u64) -> Vec<(&'static str, Inputs)> {
    let build = |case: Case| (case.kind, (PROBLEM.inputs)(&case));
    all(&PROBLEM, seed).into_iter().map(build).collect()
}

/// The largest difference in units of the tolerance; NaN is infinitely far.
fn distance(inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    let err = Deviation::between(a, b, 0.0).err;
    let err = if err.is_nan() { f64::INFINITY } else { err };
    err / (PROBLEM.tolerance)(inputs).value
}

fn given(losses: &[&[f32]], stride: f64, trained: f64) -> Inputs {
    let shape = vec![losses.len(), losses[0].len()];
    let losses = Tensor::from_shape_vec(shape.clone(), losses.concat()).unwrap();
    Inputs::new()
        .with("losses", Value::Float(losses))
        .with("counted", Value::Int(Labels::ones(shape)))
        .with("stride", Value::Number(stride))
        .with("trained", Value::Number(trained))
}

#[test]
fn three_windows_by_hand() {
    // Stride 1, k = 2: blocks 1 and 2 are seen with both contexts.
    let inputs = given(&[&[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0]], 1.0, 1.0);
    let got = truth(&PROBLEM, &inputs);
    // Short: windows 1 and 2, first column. Long: windows 0 and 1, second column.
    let want = [(3.0 + 5.0) / 2.0, (2.0 + 4.0) / 2.0].map(f64::exp);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-12 * b;
    assert!(near(got[0][[0]], want[0]) && near(got[0][[1]], want[1]));
    // Every token once: window 0, then the second column.
    assert!(near(
        got[1].sum(),
        ((1.0 + 2.0 + 4.0 + 6.0) / 4.0_f64).exp()
    ));
    assert!(near(got[2].sum(), want[1] / want[0]));
}

#[test]
fn the_toy_models_of_the_table_give_their_ratios() {
    // RoPE, trained on 64: cross-entropy 1.481 at 64, 3.109 at 128, as buckets of 64.
    let rope: &[f32] = &[1.481, 3.109];
    let ratio = truth(&PROBLEM, &given(&[rope, rope, rope], 1.0, 1.0))[2].sum();
    assert!((ratio - 1.628_f64.exp()).abs() < 1e-5, "{ratio}");
}

#[test]
fn sizes_that_do_not_fit_give_numbers_or_nan_and_no_panic() {
    for (stride, trained) in [(0.0, 0.0), (5.0, 1e9), (f64::NAN, 2.0), (1.0, -3.0)] {
        let row: &[f32] = &[1.0, 2.0, 3.0];
        assert_eq!(truth(&PROBLEM, &given(&[row], stride, trained)).len(), 3);
    }
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for seed in 0..4 {
        for (kind, inputs) in cases(seed) {
            let truth = truth(&PROBLEM, &inputs);
            assert!(truth.iter().flatten().all(|x| x.is_finite()), "{kind}");
            let exact = Deviation::between(&truth, &planted(&PROBLEM, &inputs, &[]), 1e-9);
            assert!(exact.holds(), "{kind}: {exact:?}");
            let production = PROBLEM.production.answer(&inputs);
            assert!(distance(&inputs, &truth, &production) <= 1.0, "{kind}");
        }
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
        let mut all = vec![("right", outputs(&[]))];
        all.extend(PROBLEM.bugs.iter().map(|bug| (bug.id, outputs(&[bug.id]))));
        for (i, (id, a)) in all.iter().enumerate() {
            for (other, b) in &all[i + 1..] {
                let each = cases.iter().zip(a.iter().zip(b));
                let gap = each
                    .map(|((_, inputs), (a, b))| distance(inputs, a, b))
                    .fold(0.0, f64::max);
                assert!(gap > 100.0, "seed {seed}: {id} {other}: {gap}");
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
            "same-targets" => "different-targets",
            "padding-is-ignored" => "padding-counted",
            "a-nat-is-a-factor-e" => "base-2",
            "the-far-end-counts" => "overlap-counted",
            other => panic!("say which bug breaks the law {other}"),
        };
        assert!(fails(law, &[broken]), "{} should fail for {broken}", law.id);
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
