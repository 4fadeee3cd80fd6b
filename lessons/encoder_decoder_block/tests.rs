//! The planted bugs tell themselves apart, and the kernel, the laws and the reference agree.

use super::{LESSON, PROBLEM};
use crate::lessons::tests::{self, cases, truth};
use crate::tensor::Inputs;
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
    let mut broken = tests::broken_laws(&PROBLEM, 0..4);
    // No planted bug lets the target into the encoder.
    let inputs = &cases(&PROBLEM, 0)[0];
    let mut leaking = |inputs: &Inputs| {
        let mut outputs = truth(&PROBLEM, inputs);
        outputs[0] += f64::from(inputs.float("tgt").sum());
        outputs
    };
    broken[0] |= !(PROBLEM.laws[0].check)(inputs, &mut leaking).holds();
    assert!(broken.iter().all(|broken| *broken), "{broken:?}");
}

#[test]
fn the_kernel_equals_the_reference_on_every_case() {
    tests::kernel_is_the_reference(&PROBLEM);
}

/// Two tokens by hand: with all weights 0 the norms alone are left.
#[test]
fn norms_alone_by_hand() {
    let case = crate::check::case(&PROBLEM, "post-norm", 0, &[]).unwrap();
    let mut inputs = (PROBLEM.inputs)(&case);
    for name in ["attn", "up", "down"] {
        let zeros = crate::tensor::Tensor::zeros(inputs.float(name).raw_dim());
        inputs.set(name, crate::tensor::Value::Float(zeros));
    }
    let ones = inputs.float("gamma").mapv(|_| 1.0);
    inputs.set("gamma", crate::tensor::Value::Float(ones));
    for output in truth(&PROBLEM, &inputs) {
        for row in output.rows() {
            let d = row.len() as f64;
            assert!(row.sum().abs() < 1e-9);
            assert!((row.mapv(|x| x * x).sum() / d - 1.0).abs() < 1e-3);
        }
    }
}

#[test]
fn the_demo_shows_a_triangle() {
    for lang in [Lang::En, Lang::Zh] {
        let text = LESSON.claims[0].demo.unwrap()(lang);
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
        let wanted = ["  1 · · · · ·", "  2 x · · · ·", "  3 x x · · ·"];
        assert_eq!(rows[..3], wanted, "{text}");
        assert_eq!(rows[5], "  1 x x x x ·", "{text}");
    }
}
