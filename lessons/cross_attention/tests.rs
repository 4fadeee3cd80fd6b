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
fn the_demo_shows_what_the_claim_says() {
    for lang in [Lang::En, Lang::Zh] {
        let claim = LESSON.claims.iter().find(|claim| claim.id == "C023");
        let text = claim.unwrap().demo.unwrap()(lang);
        println!("{text}");
        let numbers: Vec<f64> = text
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|word| word.parse().ok())
            .collect();
        // 4·512² parameters too many per layer, six layers.
        assert!(numbers.contains(&1_048_576.0) && numbers.contains(&6_291_456.0));
        assert!(numbers.contains(&0.0), "{text}");
    }
}
