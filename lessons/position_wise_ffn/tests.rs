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
fn one_unit_by_hand() {
    let value = |value: f32, rank: usize| Value::Float(Tensor::from_elem(vec![1; rank], value));
    // Both units see z = 1: Φ(1) = 0.8413447460685429, σ(2) = 0.8807970779778823.
    let inputs = Inputs::new()
        .with("x", value(2.0, 3))
        .with("w_up", value(0.25, 2))
        .with("b_up", value(0.5, 1))
        .with("w_gate", value(1.0, 2))
        .with("w_down", value(4.0, 2))
        .with("b_down", value(-1.0, 1));
    let got = (PROBLEM.reference)(&inputs, &mut Trace::new());
    let want = [
        4.0 * 0.8413447460685429 - 1.0,
        4.0 * 2.0 * 0.8807970779778823 * 0.5,
    ];
    for (got, want) in got.iter().zip(want) {
        assert!((got[[0, 0, 0]] - want).abs() < 1e-13, "{got} is not {want}");
    }
}

#[test]
fn erf_at_known_points() {
    let known = [
        (0.0, 0.0),
        (0.5, 0.5204998778130465),
        (1.0, 0.8427007929497149),
        (2.5, 0.999593047982555),
        (4.0, 0.9999999845827421),
    ];
    for (x, want) in known {
        for sign in [1.0, -1.0] {
            let err = (super::erf(sign * x) - sign * want).abs();
            assert!(err <= 1e-15, "erf({x}): {err}");
        }
    }
    assert_eq!(super::erf(1e3), 1.0);
    assert!(super::erf(f64::NAN).is_nan());
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
        for known in PROBLEM.conventions {
            assert!(
                !fails(law, &|inputs| planted(&PROBLEM, inputs, &[known.id])),
                "{}",
                law.id
            );
        }
        let broken: &[&str] = match law.id {
            "position-wise" => &["reshaped-not-permuted"],
            "units-unordered" => &[],
            "odd-part" => &[
                "no-activation",
                "cdf-without-x",
                "gelu-without-half",
                "no-up-bias",
            ],
            "gate-closed" => &["gate-sigmoid", "gate-added", "residual-included"],
            "linear-in-up" => &["gate-up-swapped", "silu-on-both", "gate-alone"],
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
