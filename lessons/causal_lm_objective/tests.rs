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
fn the_demo_counts_targets() {
    for lang in [Lang::En, Lang::Zh] {
        let claim = LESSON.claims.iter().find(|claim| claim.id == "C019");
        let text = claim.unwrap().demo.unwrap()(lang);
        println!("{text}");
        assert!(text.contains("19999"), "{text}");
    }
}

#[test]
fn a_label_that_is_no_token_is_a_note_and_no_panic() {
    let mut inputs = cases(&PROBLEM, 0).remove(0);
    let shape = inputs.int("labels").raw_dim();
    inputs.set("labels", Value::Int(Labels::from_elem(shape, 99)));
    let mut trace = Trace::new();
    let outputs = (PROBLEM.reference)(&inputs, &mut trace);
    assert!(outputs.iter().flatten().all(|x| x.is_nan()));
    let note = trace.steps().last().unwrap().note.clone().unwrap();
    assert!(note.contains("label 99 is neither"), "{note}");
    assert!(
        planted(&PROBLEM, &inputs, &[])
            .iter()
            .flatten()
            .all(|x| x.is_nan())
    );
}
