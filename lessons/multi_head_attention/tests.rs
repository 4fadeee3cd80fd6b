//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::{LESSON, PROBLEM};
use crate::lessons::tests;

use crate::text::Lang;

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
fn the_demos_show_what_the_claims_say() {
    for lang in [Lang::En, Lang::Zh] {
        let shown = |id: &str| {
            let claim = LESSON.claims.iter().find(|claim| claim.id == id).unwrap();
            let text = claim.demo.unwrap()(lang);
            println!("{id}\n{text}\n");
            let numbers = |line: &str| -> Vec<f64> {
                let words = line.split_whitespace();
                words.filter_map(|word| word.parse().ok()).collect()
            };
            text.lines().map(numbers).collect::<Vec<_>>()
        };
        let left = shown("C031");
        assert!(left[1].last() < Some(&0.1) && left[2].last() > Some(&40.0));
        for row in &shown("C032")[2..] {
            // h, dk, rank of the scores, rank of the weights.
            assert_eq!(row[2], row[1].min(24.0));
            assert_eq!(row[3], 24.0);
        }
        assert_eq!(shown("C034").len(), 6);
        shown("C033");
        let facts = shown("C035");
        assert!(facts[3].last() > Some(&0.3) && facts[4].last() > Some(&0.2));
        let changes = shown("C036");
        let moved = |row: &[f64]| row.iter().rev().take(4).filter(|x| **x > 0.0).count();
        let moved: Vec<usize> = changes[1..].iter().map(|row| moved(row)).collect();
        assert_eq!(moved, [1, 1, 2, 4]);
    }
}
