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
fn two_tokens_by_hand() {
    let floats = |shape: &[usize], values: Vec<f32>| {
        Value::Float(Tensor::from_shape_vec(shape.to_vec(), values).unwrap())
    };
    let ints = |values: Vec<i64>| {
        let array = crate::tensor::Labels::from_shape_vec(vec![2, 2], values);
        Value::Int(array.unwrap())
    };
    // w_q = 0: token 1 takes the mean of both, token 0 keeps itself. 3 and 1 become 3 and 2.
    let inputs = Inputs::new()
        .with("x", floats(&[2, 1], vec![3.0, 1.0]))
        .with("w", floats(&[1, 3, 1, 1], vec![0.0, 1.0, 1.0]))
        .with("sees", ints(vec![1, 0, 1, 1]))
        .with("skip", Value::Number(0.0));
    let got = (PROBLEM.reference)(&inputs, &mut Trace::new());
    let paths: Vec<f64> = got[0].iter().copied().collect();
    assert_eq!(paths, [0.0, -1.0, 1.0, 0.0]);
    let want = (0.5 / 13.0f64).sqrt();
    assert!((got[1][[0]] - want).abs() < 1e-12, "{}", got[1]);
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
        let broken: &[&str] = match law.id {
            "equivariance" => &["path-length-n"],
            "equal-tokens" => &["residual-relative-to-zero", "mean-over-features"],
            "triangle" => &["direct-only", "counts-tokens", "unreachable-zero"],
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
