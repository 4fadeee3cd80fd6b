//! The lesson's own consistency: golden values, bugs that differ, laws, production.

use super::{LESSON, PROBLEM};
use crate::check::{large, worst};
use crate::lessons::tests::{self, cases, truth};
use crate::ops::{einsum, softmax};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Lang;

#[test]
fn tiles_give_softmax_attention_and_its_lse() {
    for inputs in cases(&PROBLEM, 1)
        .into_iter()
        .filter(|inputs| inputs.number("causal") == 0.0)
    {
        let (q, k, v) = (inputs.f64("q"), inputs.f64("k"), inputs.f64("v"));
        let scores =
            einsum("b h n d, b h m d -> b h n m", &[&q, &k]) / (q.shape()[3] as f64).sqrt();
        let out = einsum("b h n m, b h m v -> b h n v", &[&softmax(&scores, 3), &v]);
        let lse = scores.map_axis(ndarray::Axis(3), |row| {
            let max = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            max + row.fold(0.0, |sum, s| sum + (s - max).exp()).ln()
        });
        assert!(worst(&truth(&PROBLEM, &inputs), &vec![out, lse], 1e-9).is_none());
    }
}

#[test]
fn three_keys_by_hand() {
    // Scores 0, ln 2, ln 4: weights 1/7, 2/7, 4/7.
    let float =
        |shape: &[usize], x: Vec<f32>| Value::Float(Tensor::from_shape_vec(shape, x).unwrap());
    let ln2 = std::f32::consts::LN_2;
    let inputs = Inputs::new()
        .with("q", float(&[1, 1, 1, 1], vec![1.0]))
        .with("k", float(&[1, 1, 3, 1], vec![0.0, ln2, 2.0 * ln2]))
        .with("v", float(&[1, 1, 3, 1], vec![7.0, 14.0, 21.0]))
        .with("causal", Value::Number(0.0))
        .with("block", Value::Number(2.0));
    for got in [truth(&PROBLEM, &inputs), PROBLEM.production.answer(&inputs)] {
        assert!((got[0].sum() - 17.0).abs() < 1e-5, "{got:?}");
        assert!((got[1].sum() - 7_f64.ln()).abs() < 1e-6, "{got:?}");
    }
}

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
    tests::laws_tell(&PROBLEM, 0..3);
}

#[test]
fn the_kernel_equals_the_reference_on_the_large_case() {
    tests::kernel_is_the_reference_in_the_large(&PROBLEM);
}

#[test]
fn the_allowance_is_below_any_matrix_and_above_copies_in_f64() {
    let memory = PROBLEM.memory.expect("this lesson is about memory");
    let case = large(&PROBLEM, 0);
    let (allowed, scores) = ((memory.allowed)(&case), (memory.usual_bytes)(&case));
    assert_eq!(scores, 16_777_216);
    // A mask of one byte an element is too much; q, k, v and out in f64 are not.
    assert!(
        4 * allowed < scores && allowed > 8 * 4 * 2048 * 32,
        "{allowed}"
    );
}

#[test]
fn the_demos_show_what_the_claims_say() {
    for lang in [Lang::En, Lang::Zh] {
        for claim in LESSON.claims {
            let text = claim.demo.expect("a demo")(lang);
            println!("{}\n{text}\n", claim.id);
            assert!(text.lines().count() >= 3);
        }
    }
    let exact = super::claims::CLAIMS[0].demo.unwrap()(Lang::En);
    assert_eq!(exact.matches("98304 FLOP").count(), 4, "{exact}");
    let serving = super::claims::CLAIMS[2].demo.unwrap()(Lang::En);
    assert!(
        serving.contains("512 KiB a token") && serving.contains("32.0 GiB"),
        "{serving}"
    );
}
