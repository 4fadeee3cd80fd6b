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
    let shown = |id: &str, lang| {
        let claim = LESSON.claims.iter().find(|claim| claim.id == id).unwrap();
        let text = claim.demo.unwrap()(lang);
        println!("{id}\n{text}\n");
        text
    };
    for lang in [Lang::En, Lang::Zh] {
        for claim in LESSON.claims.iter().filter(|claim| claim.demo.is_some()) {
            assert!(!shown(claim.id, lang).is_empty());
        }
        let memory = shown("C047", lang);
        let row = memory
            .lines()
            .find(|line| line.trim().starts_with("8192  128"));
        let numbers: Vec<&str> = row.unwrap().split_whitespace().skip(2).collect();
        assert_eq!(numbers, ["4096", "256"]);
        let masked = shown("C046", lang);
        assert!(
            masked.contains("NaN NaN") && masked.contains("0.00 0.00"),
            "{masked}"
        );
        let saturation = shown("C040", lang);
        let last = saturation.lines().last().unwrap().split_whitespace();
        let peaks: Vec<f64> = last.skip(1).map(|x| x.parse().unwrap()).collect();
        assert!(peaks[0] > 0.9 && peaks[1] < 0.15, "{saturation}");
        let leaks = shown("C043", lang);
        let shares = leaks
            .lines()
            .skip(1)
            .take(3)
            .map(|line| line.trim().split(' ').next().unwrap());
        let shares: Vec<f64> = shares.map(|share| share.parse().unwrap()).collect();
        assert!(
            shares[0] == 0.0 && shares[1] > 15.0 && shares[2] > 40.0,
            "{leaks}"
        );
    }
}
