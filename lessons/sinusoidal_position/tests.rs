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

/// The largest difference in units of the tolerance.
fn distance(inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    Deviation::between(a, b, 0.0).err / (PROBLEM.tolerance)(inputs).value
}

/// Embeddings of zeros at these positions of one text.
fn bare(positions: &[i64], d: usize) -> Inputs {
    let n = positions.len();
    let positions = Labels::from_shape_vec(vec![1, n], positions.to_vec()).unwrap();
    Inputs::new()
        .with("embeddings", Value::Float(Tensor::zeros(vec![1, n, d])))
        .with("positions", Value::Int(positions))
}

#[test]
fn known_vectors_by_hand() {
    let got = &truth(&PROBLEM, &bare(&[0, 1, 2], 4))[0];
    let want = [
        [0.0, 1.0, 0.0, 1.0],
        [1f64.sin(), 1f64.cos(), 0.01f64.sin(), 0.01f64.cos()],
        [2f64.sin(), 2f64.cos(), 0.02f64.sin(), 0.02f64.cos()],
    ];
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
    assert!(got.iter().zip(want.iter().flatten()).all(near));
    // √4·3 + PE.
    let threes = bare(&[1], 4).with(
        "embeddings",
        Value::Float(Tensor::from_elem(vec![1, 1, 4], 3.0)),
    );
    let sum = &truth(&PROBLEM, &threes)[0];
    assert!((sum[[0, 0, 0]] - 6.0 - 1f64.sin()).abs() < 1e-12);
}

#[test]
fn a_shift_is_one_linear_map_for_all_positions() {
    // PE(m + 5) = M·PE(m): each pair turns by 5·ω.
    let (d, shift) = (16, 5);
    let at = |m: i64| {
        truth(&PROBLEM, &bare(&[m], d))[0]
            .iter()
            .copied()
            .collect::<Vec<f64>>()
    };
    for m in [0, 3, 400] {
        let (here, there) = (at(m), at(m + shift));
        for i in 0..d / 2 {
            let (sin, cos) = (shift as f64 * 1e4f64.powf(-2.0 * i as f64 / d as f64)).sin_cos();
            let (s, c) = (here[2 * i], here[2 * i + 1]);
            assert!((there[2 * i] - (s * cos + c * sin)).abs() < 1e-12);
            assert!((there[2 * i + 1] - (c * cos - s * sin)).abs() < 1e-12);
        }
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
fn halves_are_the_same_numbers_in_another_order() {
    let inputs = bare(&[3, 50], 8);
    let (pairs, halves) = (
        &truth(&PROBLEM, &inputs)[0],
        &planted(&PROBLEM, &inputs, &["halves"])[0],
    );
    for n in 0..2 {
        for i in 0..4 {
            assert_eq!(pairs[[0, n, 2 * i]], halves[[0, n, i]]);
            assert_eq!(pairs[[0, n, 2 * i + 1]], halves[[0, n, i + 4]]);
        }
    }
    // tensor2tensor ends at 10000 exactly.
    let end = planted(&PROBLEM, &inputs, &["tensor2tensor"])[0][[0, 0, 3]];
    assert!((end - 3e-4f64.sin()).abs() < 1e-15);
}

#[test]
fn every_bug_is_far_from_every_right_answer_and_from_every_other_bug() {
    let conventions =
        || std::iter::once(None).chain(PROBLEM.conventions.iter().map(|c| Some(c.id)));
    for seed in 0..2 {
        let cases = cases(seed);
        let outputs = |ids: &[&'static str]| -> Vec<Outputs> {
            cases
                .iter()
                .map(|(_, inputs)| planted(&PROBLEM, inputs, ids))
                .collect()
        };
        let mut all: Vec<(&'static str, Vec<Outputs>)> = Vec::new();
        for convention in conventions() {
            let with = |id: &'static str| outputs(&[id, convention.unwrap_or("interleaved")]);
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
        for convention in PROBLEM.conventions {
            assert!(
                !fails(law, &[convention.id]),
                "{} {}",
                law.id,
                convention.id
            );
        }
        let broken = match law.id {
            "constant-length" => "sin-all",
            "offset-only" => "exponent-per-dim",
            "embeddings-come-scaled" => "no-root",
            "tokens-are-alone" => "row-positions",
            other => panic!("say which bug breaks the law {other}"),
        };
        assert!(fails(law, &[broken]), "{} should fail for {broken}", law.id);
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
