//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::{LESSON, PROBLEM};
use crate::lessons::tests;
use crate::text::Lang;

#[test]
fn variant_and_kernel_are_the_reference() {
    tests::variant_and_kernel_are_the_reference(&PROBLEM);
    tests::kernel_is_the_reference_in_the_large(&PROBLEM);
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
fn the_demo_shows_what_the_claim_says() {
    tests::demos_speak(&LESSON);
    let text = LESSON.claims[0].demo.unwrap()(Lang::En);
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| {
            let words = line.split_whitespace().rev();
            words.map_while(|word| word.parse().ok()).collect()
        })
        .filter(|row: &Vec<f64>| row.len() == 4)
        .collect();
    assert_eq!(rows.len(), 2, "{text}");
    for row in rows {
        // From the right: OBS, OBD adjusted, OBD, magnitude.
        assert!(row.windows(2).all(|pair| pair[0] < pair[1]), "{text}");
    }
}
