//! Scaled dot-product attention, step by step in f64 (Vaswani et al. 2017, §3.2.1, arXiv 1706.03762).

use crate::ops::{einsum, softmax};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis};

/// `softmax(q·kᵀ/√d + mask)·v`; a query that may see no key gives zeros.
///
/// `q [b h n d]`, `k [b h m d]`, `v [b h m dv]`, an optional additive `mask` that broadcasts to
/// `[b h n m]`; the output is `[b h n dv]`.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (q, k, v) = (inputs.f64("q"), inputs.f64("k"), inputs.f64("v"));
    let d = q.shape()[3] as f64;

    // scores = q·kᵀ/√d [b h n m]: how well each key answers each query.
    let scores = einsum("b h n d, b h m d -> b h n m", &[&q, &k]) / d.sqrt();
    trace
        .step("scores", "q·kᵀ/√d", "b h n d, b h m d -> b h n m", &scores)
        .note(format!(
            "÷ {:.4}: keeps the variance of q·k near 1",
            d.sqrt()
        ));

    // masked = scores + mask [b h n m]: 0 keeps a key, −∞ drops it, other numbers are a bias.
    let masked = match inputs.optional("mask") {
        Some(mask) => &scores + &mask.mapv(f64::from),
        None => scores.clone(),
    };
    let dropped = masked.iter().filter(|s| **s == f64::NEG_INFINITY).count();
    trace
        .step("masked", "scores + mask", "b h n m -> b h n m", &masked)
        .note(match inputs.optional("mask") {
            Some(mask) => format!(
                "mask {:?} broadcasts; {dropped} of {} scores dropped",
                mask.shape(),
                masked.len()
            ),
            None => "no mask".to_string(),
        });

    // weights = softmax over the keys [b h n m]: each row sums to 1, or is all 0 without a key.
    let (weights, empty) = softmax_or_zero(&masked);
    trace
        .step("weights", "softmax over m", "b h n m -> b h n m", &weights)
        .note(match empty {
            0 => "rows sum to 1".to_string(),
            _ => format!("rows sum to 1; {empty} fully masked rows are 0"),
        });

    // out = weights·v [b h n dv]: a weighted mean of the values.
    let out = einsum("b h n m, b h m dv -> b h n dv", &[&weights, &v]);
    trace
        .step("out", "weights·v", "b h n m, b h m dv -> b h n dv", &out)
        .note("each row is a weighted mean of the rows of v");
    vec![out]
}

/// Softmax over the last axis; a row of −∞ alone gives zeros where softmax would give 0/0. Also
/// says how many such rows there are.
fn softmax_or_zero(scores: &ArrayD<f64>) -> (ArrayD<f64>, usize) {
    let last = Axis(scores.ndim() - 1);
    let mut weights = softmax(scores, last.0);
    let mut empty = 0;
    for (mut row, scores) in weights.lanes_mut(last).into_iter().zip(scores.lanes(last)) {
        if scores.iter().all(|s| *s == f64::NEG_INFINITY) {
            row.fill(0.0);
            empty += 1;
        }
    }
    (weights, empty)
}
