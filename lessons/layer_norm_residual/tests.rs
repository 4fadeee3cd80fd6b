//! The lesson's own consistency: variants, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use crate::lessons::tests::{self, one_of_each, planted};
use crate::problem::Deviation;
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::trace::Trace;

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    tests::variant_and_kernel_are_the_reference(&PROBLEM);
}

#[test]
fn a_row_by_hand() {
    let row = |values: [f32; 4]| {
        let row = Tensor::from_shape_vec(vec![1, 1, 4], values.to_vec());
        Value::Float(row.unwrap())
    };
    let vector = |values: [f32; 4]| Value::Float(ndarray::arr1(&values).into_dyn());
    // h = (1, 3, 5, 7): μ = 4, σ² = 5, mean(h²) = 21; with ε = 4 the roots are 3 and 5.
    let inputs = Inputs::new()
        .with("x", row([1.0, 2.0, 3.0, 4.0]))
        .with("sublayer", row([0.0, 1.0, 2.0, 3.0]))
        .with("gamma", vector([1.0, 1.0, 1.0, 2.0]))
        .with("beta", vector([0.0, 0.0, 10.0, 0.0]))
        .with("eps", Value::Number(4.0));
    let got = (PROBLEM.reference)(&inputs, &mut Trace::new());
    let want = [
        [1.0, 3.0, 5.0, 7.0],
        [-1.0, -1.0 / 3.0, 10.0 + 1.0 / 3.0, 2.0],
        [0.2, 0.6, 1.0, 2.8],
    ];
    for (got, want) in got.iter().zip(want) {
        let far = got.iter().zip(want).any(|(a, b)| !((a - b).abs() < 1e-12));
        assert!(!far, "{got:?} is not {want:?}");
    }
}

#[test]
fn every_bug_is_far_from_every_right_answer_and_from_every_other_bug() {
    tests::bugs_and_conventions_stand_apart(&PROBLEM);
}

#[test]
fn laws_hold_for_right_answers_and_fail_for_wrong_ones() {
    let fails = |law: &crate::problem::Law, run: &dyn Fn(&Inputs) -> Outputs| {
        one_of_each(&PROBLEM, 2)
            .iter()
            .zip(PROBLEM.kinds)
            .any(|(inputs, kind)| {
                law.kinds.contains(&kind.id)
                    && !(law.check)(inputs, &mut |inputs| run(inputs)).holds()
            })
    };
    for law in PROBLEM.laws {
        assert!(
            !fails(law, &|inputs| planted(&PROBLEM, inputs, &[])),
            "{}",
            law.id
        );
        for known in PROBLEM.conventions {
            assert!(
                !fails(law, &|inputs| planted(&PROBLEM, inputs, &[known.id])),
                "{}",
                law.id
            );
        }
        let broken: &[&str] = match law.id {
            "exchange" => &["no-residual", "norm-of-x", "residual-after-norm"],
            "standardised" => &["unbiased-var", "eps-outside", "no-mean-subtraction"],
            "shift" => &["no-mean-subtraction", "var-not-centred"],
            "scale" => &["no-sqrt", "eps-hardcoded"],
            "token-alone" => &["axis-0", "time-axis", "batch-norm", "whole-sequence"],
            other => panic!("say which bug breaks the law {other}"),
        };
        for bug in PROBLEM.bugs.iter().filter(|bug| broken.contains(&bug.id)) {
            let wrong = |inputs: &Inputs| planted(&PROBLEM, inputs, &[bug.id]);
            assert!(fails(law, &wrong), "{} on {}", law.id, bug.id);
        }
    }
}

/// mean(h²) − μ² in f32: right near 0, and without any right digit far from it.
#[test]
fn a_one_pass_variance_passes_the_cases_and_breaks_the_law() {
    let one_pass = |inputs: &Inputs| -> Outputs {
        let mut outputs = (PROBLEM.reference)(inputs, &mut Trace::new());
        let sum = inputs.float("x") + inputs.float("sublayer");
        let (gamma, beta) = (inputs.float("gamma"), inputs.float("beta"));
        let d = gamma.len();
        for (row, h) in sum.rows().into_iter().enumerate() {
            let mean = h.sum() / d as f32;
            let square = h.iter().map(|h| h * h).sum::<f32>() / d as f32;
            let std = (square - mean * mean + inputs.number("eps") as f32).sqrt();
            let n = sum.shape()[1];
            for i in 0..d {
                let value = (h[i] - mean) / std * gamma[i] + beta[i];
                outputs[1][[row / n, row % n, i]] = f64::from(value);
            }
        }
        outputs
    };
    let shift = PROBLEM.laws.iter().find(|law| law.id == "shift").unwrap();
    for seed in 0..50 {
        let cases = one_of_each(&PROBLEM, seed);
        for (inputs, kind) in cases.iter().zip(PROBLEM.kinds) {
            let truth = (PROBLEM.reference)(inputs, &mut Trace::new());
            let tol = (PROBLEM.tolerance)(inputs).value;
            let gap = Deviation::between(&truth, &one_pass(inputs), tol);
            assert!(gap.holds(), "seed {seed}, {}: {gap:?}", kind.id);
        }
        let broken = (shift.check)(&cases[0], &mut |inputs| one_pass(inputs));
        assert!(!broken.holds(), "seed {seed}: {broken:?}");
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
