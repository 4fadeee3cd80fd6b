//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::{LESSON, PROBLEM};
use crate::check::{all, large, matches, worst};
use crate::problem::{Case, Variant};
use crate::tensor::{Inputs, Labels, Outputs, Value, max_abs};
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

#[test]
fn the_demo_shows_what_the_claim_says() {
    for lang in [Lang::En, Lang::Zh] {
        let text = LESSON.claims[0].demo.unwrap()(lang);
        println!("{text}");
        let rows: Vec<Vec<f64>> = text
            .lines()
            .map(|line| {
                let words = line.split_whitespace();
                words.filter_map(|word| word.parse().ok()).collect()
            })
            .filter(|row: &Vec<f64>| row.len() == 5)
            .collect();
        assert_eq!(rows.len(), 4);
        assert!(rows.windows(2).all(|pair| pair[0][3] < pair[1][3]));
        assert!(rows.iter().all(|row| row[4] < 1e-12));
    }
}

#[test]
fn lengths_that_do_not_fit_are_a_note_and_no_panic() {
    let mut inputs = cases(0).remove(0);
    let shape = inputs.int("lengths").raw_dim();
    inputs.set("lengths", Value::Int(Labels::from_elem(shape, 99)));
    let mut trace = Trace::new();
    let outputs = (PROBLEM.reference)(&inputs, &mut trace);
    assert!(outputs.iter().flatten().all(|x| x.is_nan()));
    let note = trace.steps().last().unwrap().note.clone().unwrap();
    assert!(note.contains("lengths must be"), "{note}");
    assert!(planted(&inputs, &[]).iter().flatten().all(|x| x.is_nan()));
}
