//! The lessons' references against implementations that this project did not write: the node tests
//! of the ONNX standard (NumPy), and PyTorch's values in `golden.json`, which `golden.py` made.
//!
//! `tests/oracles/fetch` downloads the node tests. Without them these tests say that they are
//! skipped, and fail where `CI=true`.

mod attention;
mod cross_entropy;
mod ffn;
mod golden;
mod kv_cache;
mod multi_head;
mod norms;
mod onnx;
mod operands;
mod rope;
mod softmax;
mod wheel;

use llmlab::trace::Trace;
use ndarray::ArrayD;
use onnx::{Kind, Tensor};
use std::collections::BTreeMap;
use std::io::Write;
use wheel::{Case, Wheel};

/// An adapter's result: what is compared, the reference's values, ONNX's values.
type Pairs = Vec<(&'static str, ArrayD<f64>, Tensor)>;

/// Feeds a node test to the reference, or says why that cannot be done.
type Adapter = fn(&mut Case) -> Result<Pairs, &'static str>;

#[test]
fn attention_agrees_with_onnx() {
    compare("attention", "attention_", 54, attention::run);
}

#[test]
fn rope_agrees_with_onnx() {
    compare("rope", "rotary_embedding", 8, rope::run);
}

#[test]
fn cross_entropy_agrees_with_onnx() {
    compare("class-weighted-ce", "sce_", 34, cross_entropy::run);
}

#[test]
fn multi_head_attention_agrees_with_onnx() {
    compare("multi-head-attention", "attention_", 40, multi_head::run);
}

#[test]
fn kv_cache_agrees_with_onnx() {
    compare("kv-cache", "attention_", 52, kv_cache::run);
}

#[test]
fn softmax_agrees_with_onnx() {
    compare("stable-softmax", "softmax_", 7, softmax::softmax);
    compare("stable-softmax", "logsoftmax_", 7, softmax::log_softmax);
}

#[test]
fn norms_agree_with_onnx() {
    compare(
        "layer-norm-residual",
        "layer_normalization_",
        19,
        norms::layer_norm,
    );
    compare(
        "layer-norm-residual",
        "rms_normalization_",
        19,
        norms::rms_norm,
    );
}

#[test]
fn ffn_agrees_with_onnx() {
    compare("position-wise-ffn", "gelu_", 4, ffn::gelu);
    compare("position-wise-ffn", "swish", 1, ffn::swish);
}

/// Compares a lesson with the node tests whose names start with `prefix`, of which at least
/// `known` must agree and none may disagree.
fn compare(lesson: &str, prefix: &str, known: usize, adapter: Adapter) {
    let Some(mut wheel) = Wheel::find() else {
        let missing = "the ONNX node tests are not here; run tests/oracles/fetch";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
        return say(&format!("skipped: {lesson}: {missing}"));
    };
    let mut agree = 0;
    let mut skipped: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
    for name in wheel.names(prefix) {
        let mut case = wheel.case(&name);
        match adapter(&mut case) {
            Ok(pairs) => {
                assert!(
                    case.left().is_empty(),
                    "{name}: the adapter overlooks {:?}",
                    case.left()
                );
                for (what, ours, theirs) in pairs {
                    let (precision, gap) = deviation(&ours, &theirs)
                        .unwrap_or_else(|sentence| panic!("{name}: {what}: {sentence}"));
                    let worst = worst.entry(precision).or_default();
                    *worst = worst.max(gap);
                }
                agree += 1;
            }
            Err(reason) => skipped.entry(reason).or_default().push(name),
        }
    }
    let worst = worst
        .iter()
        .map(|(precision, gap)| format!("{gap:.1e} in {precision}"));
    let worst = worst.collect::<Vec<_>>().join(", ");
    say(&format!(
        "{lesson}: {agree} ONNX node tests {prefix}* agree, largest deviation {worst}"
    ));
    for (reason, names) in skipped {
        say(&format!(
            "{lesson}: {} skipped, {reason}: {}",
            names.len(),
            names.join(", ")
        ));
    }
    assert!(
        agree >= known,
        "{agree} node tests agree, {known} did before"
    );
}

/// max |ours − theirs| and the precision in which ONNX's values were computed; a sentence where
/// that is more than its rounding explains.
fn deviation(ours: &ArrayD<f64>, theirs: &Tensor) -> Result<(&'static str, f64), String> {
    let (precision, eps) = match theirs.kind {
        Kind::F16 => ("f16", 2f64.powi(-10)),
        _ => ("f32", f64::from(f32::EPSILON)),
    };
    let theirs = &theirs.values;
    if ours.shape() != theirs.shape() {
        return Err(format!(
            "shape {:?}, ONNX has {:?}",
            ours.shape(),
            theirs.shape()
        ));
    }
    // −∞ − (−∞) is NaN, which would fail.
    let gap = |(a, b): (&f64, &f64)| if a == b { 0.0 } else { (a - b).abs() };
    let worst = |worst: f64, gap: f64| {
        if gap > worst || gap.is_nan() {
            gap
        } else {
            worst
        }
    };
    let gap = ours.iter().zip(theirs).map(gap).fold(0.0, worst);
    let tolerance = 4.0 * eps * llmlab::tensor::max_abs(theirs).max(1.0);
    if gap <= tolerance {
        Ok((precision, gap))
    } else {
        Err(format!("off by {gap:.3e}, more than {tolerance:.3e}"))
    }
}

/// The value of a step of the reference.
fn step(trace: &Trace, name: &str) -> ArrayD<f64> {
    let step = trace.steps().iter().find(|step| step.name == name);
    let step = step.unwrap_or_else(|| panic!("the reference traces no step `{name}`"));
    step.value.clone()
}

/// Prints past the test harness, which would keep it back while the test passes.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr is open");
}

#[test]
fn only_values_within_the_rounding_agree() {
    let ours = |values: [f64; 3]| ndarray::Array1::from_iter(values).into_dyn();
    let theirs = Tensor {
        kind: Kind::F32,
        values: ours([f64::NEG_INFINITY, 1.0, 0.0]),
    };
    assert!(deviation(&ours([f64::NEG_INFINITY, 1.0, 1e-7]), &theirs).is_ok());
    assert!(deviation(&ours([f64::NEG_INFINITY, 1.0, 1e-6]), &theirs).is_err());
    assert!(deviation(&ours([f64::NEG_INFINITY, f64::NAN, 0.0]), &theirs).is_err());
    assert!(deviation(&ours([0.0, 1.0, 0.0]), &theirs).is_err());
    assert!(deviation(&ndarray::arr0(1.0).into_dyn(), &theirs).is_err());
}
