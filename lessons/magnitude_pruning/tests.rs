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
fn bugs_and_conventions_stand_apart() {
    tests::bugs_and_conventions_stand_apart(&PROBLEM);
}

#[test]
fn the_laws_hold_for_the_kernel_and_break_for_some_bug() {
    tests::laws_tell(&PROBLEM, 0..4);
}

#[test]
fn the_demos_show_what_the_claims_say() {
    tests::demos_speak(&LESSON);
    let text = LESSON.claims[2].demo.unwrap()(Lang::En);
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| {
            let words = line.split_whitespace();
            words.filter_map(|word| word.parse().ok()).collect()
        })
        .filter(|row: &Vec<f64>| row.len() == 4)
        .collect();
    let [wide, narrow] = &rows[..] else {
        panic!("{text}")
    };
    // Width, error after training, after pruning, after retraining.
    assert!(wide[3] < 2.0 * wide[1] && wide[2] > 5.0 * wide[1], "{text}");
    assert!(narrow[3] > 4.0 * narrow[1], "{text}");
}
