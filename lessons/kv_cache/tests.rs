//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::{LESSON, PROBLEM};
use crate::lessons::tests::{self, cases, planted};
use crate::tensor::{Labels, Value};
use crate::text::Lang;
use crate::trace::Trace;

#[test]
fn without_bugs_the_variant_is_the_reference() {
    tests::variant_is_the_reference(&PROBLEM);
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    tests::bugs_stand_apart(&PROBLEM, 0..4);
}

#[test]
fn the_laws_hold_for_the_kernel_and_break_for_some_bug() {
    tests::laws_tell(&PROBLEM, 0..4);
}

#[test]
fn the_kernel_equals_the_reference_on_every_case() {
    tests::kernel_is_the_reference(&PROBLEM);
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
    let mut inputs = cases(&PROBLEM, 0).remove(0);
    let shape = inputs.int("lengths").raw_dim();
    inputs.set("lengths", Value::Int(Labels::from_elem(shape, 99)));
    let mut trace = Trace::new();
    let outputs = (PROBLEM.reference)(&inputs, &mut trace);
    assert!(outputs.iter().flatten().all(|x| x.is_nan()));
    let note = trace.steps().last().unwrap().note.clone().unwrap();
    assert!(note.contains("lengths must be"), "{note}");
    assert!(
        planted(&PROBLEM, &inputs, &[])
            .iter()
            .flatten()
            .all(|x| x.is_nan())
    );
}
