//! How far attention reaches and how it collapses, step by step in f64.

use crate::ops::{einsum, matmul, softmax};
use crate::tensor::{Inputs, Labels, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis, IxDyn};

/// x `[n d]`, w `[l p d d]` (p = 3: w_q, w_k, w_v of every layer), sees `[n n]` (1 where query i reads
/// key j; every token reads itself), skip (1: x + attention(x), 0: attention(x)) → layers `[n n]`,
/// the layers after which token j has reached token i, −1 for never; and collapse `[l]`,
/// ‖X − 1·x̄ᵀ‖/‖X‖ after every layer. Vaswani et al. 2017, arXiv 1706.03762, section 4; Dong et al.
/// 2021, arXiv 2103.03404.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (mut x, w, sees) = (inputs.f64("x"), inputs.f64("w"), inputs.int("sees"));
    let skip = inputs.number("skip") != 0.0;
    let (depth, n) = (w.shape()[0], sees.shape()[0]);
    let root = (x.shape()[1] as f64).sqrt();

    // Layers: a token knows itself after none, what it reads after one, what these know after two …
    let mut layers =
        Labels::from_shape_fn(IxDyn(&[n, n]), |at| if at[0] == at[1] { 0 } else { -1 });
    for step in 1..n as i64 {
        let known = layers.mapv(|layer| layer >= 0);
        for (at, layer) in layers.indexed_iter_mut() {
            let through = |k: usize| sees[[at[0], k]] != 0 && known[[k, at[1]]];
            if *layer < 0 && (0..n).any(through) {
                *layer = step;
            }
        }
    }
    let layers = layers.mapv(|layer| layer as f64);
    let farthest = layers.iter().fold(0.0, |top: f64, layer| top.max(*layer));
    trace
        .step("layers", "shortest path j → i over sees", "n n'", &layers)
        .note(format!(
            "every token that can be reached is after {farthest} layers; −1 never"
        ));

    // The mask: −∞ where query i does not read key j.   [n n]
    let mask = sees.mapv(|sees| if sees == 0 { f64::NEG_INFINITY } else { 0.0 });
    let start = spread(&x);
    let mut collapse = Vec::with_capacity(depth);
    for layer in 0..depth {
        // One head without output projection and FFN: softmax(x·w_q·(x·w_k)ᵀ/√d + mask)·x·w_v.
        let project = |i| {
            matmul(
                &x,
                &w.index_axis(Axis(0), layer)
                    .index_axis(Axis(0), i)
                    .to_owned(),
            )
        };
        let (q, k, v) = (project(0), project(1), project(2));
        let scores = einsum("n d, m d -> n m", &[&q, &k]) / root + &mask;
        let read = matmul(&softmax(&scores, 1), &v);
        x = if skip { x + read } else { read };
        collapse.push(spread(&x));
        let formula = if skip {
            "x + attention(x)"
        } else {
            "attention(x)"
        };
        trace
            .step(&format!("x{}", layer + 1), formula, "n d", &x)
            .note(format!("‖X − 1·x̄ᵀ‖/‖X‖ = {:.4}", spread(&x)));
    }

    // Collapse: what is left of the differences between tokens.   [l]
    let collapse = ArrayD::from_shape_vec(IxDyn(&[depth]), collapse).expect("one for each layer");
    trace
        .step("collapse", "‖X − 1·x̄ᵀ‖ / ‖X‖", "l", &collapse)
        .note(format!(
            "{start:.4} before the first layer; 0 when all tokens are the same"
        ));

    vec![layers, collapse]
}

/// ‖X − 1·x̄ᵀ‖/‖X‖ (Frobenius): the part of X that is not the mean of its tokens.
pub fn spread(x: &ArrayD<f64>) -> f64 {
    let mean = x.sum_axis(Axis(0)) / x.shape()[0] as f64;
    norm(&(x - &mean)) / norm(x)
}

pub fn norm(x: &ArrayD<f64>) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}
