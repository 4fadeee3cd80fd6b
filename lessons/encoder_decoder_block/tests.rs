//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::{LESSON, PROBLEM};
use crate::check::{all, large, matches, worst};
use crate::problem::{Case, Variant};
use crate::tensor::{Inputs, Outputs, max_abs};
use crate::text::Lang;
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
fn without_bugs_the_variant_is_the_reference() {
    for inputs in (0..8).flat_map(cases) {
        assert!(worst(&planted(&inputs, &[]), &truth(&inputs), 1e-9).is_none());
    }
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    for seed in 0..4 {
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
    // No planted bug lets the target into the encoder.
    let inputs = &cases(0)[0];
    let mut leaking = |inputs: &Inputs| {
        let mut outputs = truth(inputs);
        outputs[0] += f64::from(inputs.float("tgt").sum());
        outputs
    };
    broken[0] |= !(PROBLEM.laws[0].check)(inputs, &mut leaking).holds();
    assert!(broken.iter().all(|broken| *broken), "{broken:?}");
}

#[test]
fn the_kernel_equals_the_reference_on_every_case() {
    for inputs in (0..32).flat_map(cases) {
        let tol = (PROBLEM.tolerance)(&inputs);
        let place = worst(
            &PROBLEM.production.answer(&inputs),
            &truth(&inputs),
            tol.value,
        );
        assert!(place.is_none(), "{place:?} with {}", tol.formula);
    }
    let inputs = (PROBLEM.inputs)(&large(&PROBLEM, 0));
    let tol = (PROBLEM.tolerance)(&inputs).value;
    assert!(worst(&PROBLEM.production.answer(&inputs), &truth(&inputs), tol).is_none());
}

/// Two tokens by hand: with all weights 0 the norms alone are left.
#[test]
fn norms_alone_by_hand() {
    let case = crate::check::case(&PROBLEM, "post-norm", 0, &[]).unwrap();
    let mut inputs = (PROBLEM.inputs)(&case);
    for name in ["attn", "up", "down"] {
        let zeros = crate::tensor::Tensor::zeros(inputs.float(name).raw_dim());
        inputs.set(name, crate::tensor::Value::Float(zeros));
    }
    let ones = inputs.float("gamma").mapv(|_| 1.0);
    inputs.set("gamma", crate::tensor::Value::Float(ones));
    for output in truth(&inputs) {
        for row in output.rows() {
            let d = row.len() as f64;
            assert!(row.sum().abs() < 1e-9);
            assert!((row.mapv(|x| x * x).sum() / d - 1.0).abs() < 1e-3);
        }
    }
}

#[test]
fn the_demo_shows_a_triangle() {
    for lang in [Lang::En, Lang::Zh] {
        let text = LESSON.claims[0].demo.unwrap()(lang);
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
        let wanted = ["  1 · · · · ·", "  2 x · · · ·", "  3 x x · · ·"];
        assert_eq!(rows[..3], wanted, "{text}");
        assert_eq!(rows[5], "  1 x x x x ·", "{text}");
    }
}
