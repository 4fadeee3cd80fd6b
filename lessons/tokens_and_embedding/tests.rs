//! The lesson's own consistency: variants, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use crate::lessons::tests::{self, one_of_each, planted};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::trace::Trace;

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    tests::variant_and_kernel_are_the_reference(&PROBLEM);
}

#[test]
fn a_text_by_hand() {
    let ints = |shape: [usize; 2], values: Vec<i64>| {
        let array = crate::tensor::Labels::from_shape_vec(shape.to_vec(), values);
        Value::Int(array.unwrap())
    };
    let floats = |shape: &[usize], values: Vec<f32>| {
        Value::Float(Tensor::from_shape_vec(shape.to_vec(), values).unwrap())
    };
    // Space 0, a 1, b 2; (a, b) is 3, (3, a) is 4. «aba ab bab» is 4, [0 3], [0 2 3].
    let inputs = Inputs::new()
        .with("text", ints([1, 10], vec![1, 2, 1, 0, 1, 2, 0, 2, 1, 2]))
        .with("merges", ints([2, 2], vec![1, 2, 3, 1]))
        .with("table", floats(&[5, 1], vec![10.0, 11.0, 12.0, 13.0, 14.0]))
        .with("hidden", floats(&[1, 10, 1], vec![2.0; 10]));
    let got = (PROBLEM.reference)(&inputs, &mut Trace::new());
    let ids: Vec<f64> = got[0].iter().copied().collect();
    assert_eq!(
        ids,
        [14.0, 10.0, 13.0, 10.0, 12.0, 13.0, 0.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(got[1][[0, 9, 3]], 26.0);
    // An id that the table lacks is no number, and no panic.
    let outside = inputs.with("text", ints([1, 10], vec![7; 10]));
    assert!((PROBLEM.reference)(&outside, &mut Trace::new())[0][[0, 0, 0]].is_nan());
}

#[test]
fn every_bug_is_far_from_every_right_answer_and_from_every_other_bug() {
    tests::bugs_and_conventions_stand_apart(&PROBLEM);
}

#[test]
fn laws_hold_for_right_answers_and_fail_for_wrong_ones() {
    let fails = |law: &crate::problem::Law, run: &dyn Fn(&Inputs) -> Outputs| {
        one_of_each(&PROBLEM, 2)
            .iter()
            .zip(PROBLEM.kinds)
            .any(|(inputs, kind)| {
                law.kinds.contains(&kind.id)
                    && !(law.check)(inputs, &mut |inputs| run(inputs)).holds()
            })
    };
    for law in PROBLEM.laws {
        assert!(
            !fails(law, &|inputs| planted(&PROBLEM, inputs, &[])),
            "{}",
            law.id
        );
        let kept = |id: &str| !law.except.contains(&id);
        for known in PROBLEM.conventions.iter().filter(|known| kept(known.id)) {
            assert!(
                !fails(law, &|inputs| planted(&PROBLEM, inputs, &[known.id])),
                "{}",
                law.id
            );
        }
        let broken: &[&str] = match law.id {
            "lossless" => &[
                "padding-looked-up",
                "padding-is-last",
                "merge-ids-without-offset",
            ],
            "words-apart" => &["merge-across-words"],
            "linear-head" => &["head-softmax"],
            other => panic!("say which bug breaks the law {other}"),
        };
        for bug in PROBLEM.bugs.iter().filter(|bug| broken.contains(&bug.id)) {
            let wrong = |inputs: &Inputs| planted(&PROBLEM, inputs, &[bug.id]);
            assert!(fails(law, &wrong), "{} on {}", law.id, bug.id);
        }
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
