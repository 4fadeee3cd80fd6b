//! The lesson's own consistency: variants, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use crate::lessons::tests::{self, planted};
use crate::problem::{Case, Deviation};
use crate::tensor::{Inputs, Outputs, max_abs};
use crate::trace::Trace;
use std::collections::BTreeMap;

fn cases(seed: u64) -> Vec<Inputs> {
    let build = |kind: &crate::problem::Kind| {
        let mut case = Case {
            kind: kind.id,
            seed,
            settings: BTreeMap::new(),
        };
        for setting in PROBLEM.settings {
            case.settings.insert(setting.name, setting.default);
        }
        case.settings.extend(kind.settings.iter().copied());
        if kind.ragged {
            let drawn = [
                ("b", 3),
                ("h", 2),
                ("n", 7),
                ("d", 10 + 2 * (seed as usize)),
            ];
            case.settings.extend(drawn);
        }
        (PROBLEM.inputs)(&case)
    };
    PROBLEM.kinds.iter().map(build).collect()
}

/// The largest difference in units of the tolerance.
fn distance(inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    Deviation::between(a, b, 0.0).err / (PROBLEM.tolerance)(inputs).value
}

/// Every bug in every layout.
fn suspects() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut all = Vec::new();
    for bug in PROBLEM.bugs {
        all.push((bug.id, vec![bug.id]));
        for convention in PROBLEM.conventions {
            all.push((bug.id, vec![bug.id, convention.id]));
        }
    }
    all
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for seed in 0..4 {
        for inputs in cases(seed) {
            let truth = (PROBLEM.reference)(&inputs, &mut Trace::new());
            let exact = Deviation::between(&truth, &planted(&PROBLEM, &inputs, &[]), 1e-9);
            assert!(exact.holds(), "{exact:?}");
            let production = PROBLEM.production.answer(&inputs);
            assert!(distance(&inputs, &truth, &production) <= 1.0);
        }
    }
}

#[test]
fn an_odd_position_and_a_known_angle_by_hand() {
    use ndarray::arr1;
    let q = arr1(&[1.0_f32, 0.0, 0.0, 2.0]).into_shape_with_order(vec![1, 1, 1, 4]);
    let inputs = Inputs::new()
        .with("q", crate::tensor::Value::Float(q.clone().unwrap()))
        .with("k", crate::tensor::Value::Float(q.unwrap()))
        .with(
            "positions",
            crate::tensor::Value::Int(crate::tensor::Labels::from_elem(vec![1, 1], 3)),
        )
        .with("rope_theta", crate::tensor::Value::Number(100.0));
    // θ = (1, 0.1): angles 3 and 0.3.
    let got = (PROBLEM.reference)(&inputs, &mut Trace::new());
    let want = [
        3f64.cos(),
        3f64.sin(),
        -2.0 * 0.3f64.sin(),
        2.0 * 0.3f64.cos(),
    ];
    assert!(
        got[0].iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12),
        "{:?}",
        got[0]
    );
}

#[test]
fn half_split_is_interleaved_after_the_permutation() {
    for inputs in cases(1) {
        let q = inputs.float("q");
        let d = q.shape()[3];
        let order: Vec<usize> = (0..d).step_by(2).chain((1..d).step_by(2)).collect();
        let permuted = |name| inputs.float(name).select(ndarray::Axis(3), &order);
        let moved = inputs
            .clone()
            .with("q", crate::tensor::Value::Float(permuted("q")))
            .with("k", crate::tensor::Value::Float(permuted("k")));
        let plain = planted(&PROBLEM, &inputs, &[]);
        let want: Outputs = plain
            .iter()
            .map(|x| x.select(ndarray::Axis(3), &order))
            .collect();
        assert!(
            Deviation::between(&planted(&PROBLEM, &moved, &["half-split"]), &want, 1e-9).holds()
        );
        assert!(
            Deviation::between(
                &planted(&PROBLEM, &inputs, &["pairs-to-halves"]),
                &want,
                1e-9
            )
            .holds()
        );
    }
}

#[test]
fn every_bug_is_far_from_every_right_answer_and_from_every_other_bug() {
    let right: Vec<Vec<&'static str>> = std::iter::once(vec![])
        .chain(
            PROBLEM
                .conventions
                .iter()
                .map(|convention| vec![convention.id]),
        )
        .collect();
    for seed in 0..3 {
        let cases = cases(seed);
        let all: Vec<_> = suspects()
            .into_iter()
            .map(|(bug, ids)| {
                let outputs: Vec<Outputs> =
                    cases.iter().map(|c| planted(&PROBLEM, c, &ids)).collect();
                (bug, ids, outputs)
            })
            .collect();
        let apart = |a: &[Outputs], b: &[Outputs]| {
            let pairs = cases.iter().zip(a.iter().zip(b));
            pairs
                .map(|(c, (a, b))| distance(c, a, b))
                .fold(0.0, f64::max)
        };
        for (i, (bug, ids, outputs)) in all.iter().enumerate() {
            for ids_right in &right {
                let truth: Vec<Outputs> = cases
                    .iter()
                    .map(|c| planted(&PROBLEM, c, ids_right))
                    .collect();
                let gap = apart(outputs, &truth);
                assert!(
                    gap > 60.0,
                    "seed {seed}: {ids:?} is only {gap} tolerances from {ids_right:?}"
                );
            }
            for (other, other_ids, other_outputs) in &all[i + 1..] {
                let gap = apart(outputs, other_outputs);
                assert!(
                    bug == other || gap > 60.0,
                    "seed {seed}: {ids:?} and {other_ids:?}: {gap}"
                );
            }
        }
    }
}

#[test]
fn laws_hold_for_right_answers_and_fail_for_wrong_ones() {
    let fails = |law: &crate::problem::Law, ids: &[&'static str]| {
        cases(2).iter().zip(PROBLEM.kinds).any(|(inputs, kind)| {
            law.kinds.contains(&kind.id)
                && !(law.check)(inputs, &mut |inputs: &Inputs| {
                    planted(&PROBLEM, inputs, ids)
                })
                .holds()
        })
    };
    for law in PROBLEM.laws {
        assert!(!fails(law, &[]), "{}", law.id);
        for convention in PROBLEM.conventions {
            let excepted = law.except.contains(&convention.id);
            assert_eq!(
                fails(law, &[convention.id]),
                excepted,
                "{} {}",
                law.id,
                convention.id
            );
        }
        let broken = match law.id {
            "norm-preserved" => "rotate-half-no-minus",
            "identity-at-0" => "positions-from-1",
            "relative" => "k-opposite-sign",
            "turns-add" => "overwritten-first",
            "same-for-q-and-k" => "only-q",
            other => panic!("say which bug breaks the law {other}"),
        };
        assert!(fails(law, &[broken]), "{} should fail for {broken}", law.id);
    }
}

#[test]
fn the_trace_shows_the_angles_and_lengths() {
    let mut trace = Trace::new();
    (PROBLEM.reference)(&cases(0)[0], &mut trace);
    let names: Vec<&str> = trace
        .steps()
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["inv_freq", "angles", "cos", "sin", "q_rot", "k_rot"]
    );
    assert!(
        trace
            .steps()
            .iter()
            .all(|step| step.flops == 0 && max_abs(&step.value) > 0.0)
    );
    let note = trace.steps()[4].note.clone().unwrap();
    assert!(note.starts_with("lengths unchanged"), "{note}");
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
