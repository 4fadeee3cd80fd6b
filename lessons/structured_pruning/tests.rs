//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::{LESSON, PROBLEM};
use crate::lessons::tests;
use crate::problem::Case;
use crate::trace::Trace;

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
fn the_demo_speaks() {
    tests::demos_speak(&LESSON);
}

#[test]
fn more_units_than_there_are_is_all_of_them() {
    let sizes = [
        ("b", 2),
        ("d", 3),
        ("h", 4),
        ("o", 5),
        ("m", 9),
        ("bias", 1),
        ("peaked", 0),
    ];
    let case = Case {
        kind: "ordinary",
        seed: 0,
        settings: sizes.into_iter().collect(),
    };
    let inputs = (PROBLEM.inputs)(&case);
    let outputs = (PROBLEM.reference)(&inputs, &mut Trace::new());
    assert_eq!(outputs[0].shape(), [4, 3]);
    assert_eq!(PROBLEM.production.answer(&inputs)[2].shape(), [5, 4]);
}
