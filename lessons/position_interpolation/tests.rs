//! The lesson's own consistency: golden values, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use crate::check::all;
use crate::lessons::tests::{self, planted, truth};
use crate::problem::{Case, Deviation, Law, Variant};
use crate::tensor::{Inputs, Labels, Outputs, Tensor, Value};

fn cases(seed: u64) -> Vec<(&'static str, Inputs)> {
    let build = |case: Case| (case.kind, (PROBLEM.inputs)(&case));
    all(&PROBLEM, seed).into_iter().map(build).collect()
}

/// The largest difference in units of the tolerance.
fn distance(inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    Deviation::between(a, b, 0.0).err / (PROBLEM.tolerance)(inputs).value
}

/// (1, 0) at a position, head_dim 2.
fn unit(position: i64, trained: f64, target: f64) -> Inputs {
    let x = Tensor::from_shape_vec(vec![1, 1, 1, 2], vec![1.0, 0.0]).unwrap();
    Inputs::new()
        .with("q", Value::Float(x.clone()))
        .with("k", Value::Float(x))
        .with(
            "positions",
            Value::Int(Labels::from_elem(vec![1, 1], position)),
        )
        .with("rope_theta", Value::Number(1e4))
        .with("trained", Value::Number(trained))
        .with("target", Value::Number(target))
}

#[test]
fn position_32767_of_32k_stands_at_8191_75_of_8k() {
    let inputs = unit(32_767, 8192.0, 32_768.0);
    let got = &truth(&PROBLEM, &inputs)[0];
    let want = [8191.75_f64.cos(), 8191.75_f64.sin()];
    assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-9));
    // The notes' formula sends it to 131068.
    let notes = &planted(&PROBLEM, &inputs, &["inverted-scale"])[0];
    let far = [131_068_f64.cos(), 131_068_f64.sin()];
    assert!(notes.iter().zip(far).all(|(a, b)| (a - b).abs() < 1e-9));
}

#[test]
fn a_scale_that_is_no_whole_number_and_a_target_that_is_shorter() {
    for (position, trained, target, place) in [
        (3, 2048.0, 3072.0, 2.0),
        (5, 8.0, 20.0, 2.0),
        (5, 8.0, 4.0, 5.0),
    ] {
        let got = truth(&PROBLEM, &unit(position, trained, target))[0][[0, 0, 0, 1]];
        assert!((got - f64::sin(place)).abs() < 1e-12);
    }
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for seed in 0..4 {
        for (kind, inputs) in cases(seed) {
            let truth = truth(&PROBLEM, &inputs);
            let exact = Deviation::between(&truth, &planted(&PROBLEM, &inputs, &[]), 1e-9);
            assert!(exact.holds(), "{kind}: {exact:?}");
            let production = PROBLEM.production.answer(&inputs);
            assert!(distance(&inputs, &truth, &production) <= 1.0, "{kind}");
        }
    }
}

#[test]
fn layouts_are_those_of_rope() {
    // s = 1: the same function as the lesson `rope`.
    let rope = crate::lessons::rope::LESSON.problem;
    for (kind, inputs) in cases(1)
        .iter()
        .filter(|(kind, _)| *kind == "shorter-target")
    {
        for ids in [vec![], vec!["half-split"], vec!["pairs-to-halves"]] {
            let want = (rope.variant)(inputs, &Variant(ids.clone()));
            let same = Deviation::between(&want, &planted(&PROBLEM, inputs, &ids), 1e-12);
            assert!(same.holds(), "{kind} {ids:?}");
        }
    }
}

#[test]
fn every_bug_is_far_from_every_right_answer_and_from_every_other_bug() {
    let layouts = || std::iter::once(None).chain(PROBLEM.conventions.iter().map(|c| Some(c.id)));
    for seed in 0..2 {
        let cases = cases(seed);
        let outputs = |ids: &[&'static str]| -> Vec<Outputs> {
            cases
                .iter()
                .map(|(_, inputs)| planted(&PROBLEM, inputs, ids))
                .collect()
        };
        let mut all: Vec<(&'static str, Vec<Outputs>)> = Vec::new();
        for layout in layouts() {
            let with = |id: &'static str| outputs(&[id, layout.unwrap_or("interleaved")]);
            all.push(("right", with("right")));
            all.extend(PROBLEM.bugs.iter().map(|bug| (bug.id, with(bug.id))));
        }
        for (i, (id, a)) in all.iter().enumerate() {
            for (other, b) in all[i + 1..].iter().filter(|(other, _)| other != id) {
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
        for layout in PROBLEM.conventions {
            assert!(!fails(law, &[layout.id]), "{} {}", law.id, layout.id);
        }
        let broken = match law.id {
            "interpolates" => "inverted-scale",
            "shorter-is-plain" => "stretches-short",
            "tokens-are-alone" => "scale-by-length",
            "norm-preserved" => "table-divided",
            other => panic!("say which bug breaks the law {other}"),
        };
        assert!(fails(law, &[broken]), "{} should fail for {broken}", law.id);
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
