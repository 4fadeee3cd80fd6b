//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::PROBLEM;
use crate::lessons::tests;

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
