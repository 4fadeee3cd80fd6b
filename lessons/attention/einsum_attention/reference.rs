//! Multi-head attention in einsum, step by step in f64 (Vaswani et al. 2017, arXiv 1706.03762, §3.2.2,
//! with heads as an axis of the weights, as in Mesh TensorFlow, Shazeer et al. 2018, arXiv 1811.02084).

use crate::ops::{einsum, softmax};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;

/// `x [b n d]`, `memory [b m c]`, `w_q [d h k]`, `w_k [c h k]`, `w_v [c h e]`, `w_o [h e d]` and an
/// optional additive `mask`, which broadcasts to `[b h n m]` → `[b n d]`.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let [x, memory, w_q, w_k, w_v, w_o] =
        ["x", "memory", "w_q", "w_k", "w_v", "w_o"].map(|name| inputs.f64(name));
    for (axes, operand) in [
        ("b n d", &x),
        ("b m c", &memory),
        ("d h k", &w_q),
        ("c h e", &w_v),
    ] {
        trace.given(axes, operand.shape());
    }

    // q = Σ_d x·w_q [b n h k]: d is in both operands and not in the result, so it is summed.
    let spec = "b n d, d h k -> b n h k";
    let q = einsum(spec, &[&x, &w_q]);
    trace
        .step("q", "Σ_d x·w_q", spec, &q)
        .note("heads are an axis, not a reshape");

    // k = Σ_c memory·w_k [b m h k]: m names other tokens than n, though there may be as many.
    let spec = "b m c, c h k -> b m h k";
    let k = einsum(spec, &[&memory, &w_k]);
    trace.step("k", "Σ_c memory·w_k", spec, &k);

    // v = Σ_c memory·w_v [b m h e].
    let spec = "b m c, c h e -> b m h e";
    let v = einsum(spec, &[&memory, &w_v]);
    trace.step("v", "Σ_c memory·w_v", spec, &v);

    // scores = Σ_k q·k/√k + mask [b h n m]: b and h are in both operands and in the result.
    let spec = "b n h k, b m h k -> b h n m";
    let mut scores = einsum(spec, &[&q, &k]) / (q.shape()[3] as f64).sqrt();
    if let Some(mask) = inputs.optional("mask") {
        scores = scores + mask.mapv(f64::from);
    }
    trace
        .step("scores", "Σ_k q·k/√k + mask", spec, &scores)
        .note("n and m are both kept: every pair of tokens");

    // weights = softmax over m, the last axis [b h n m].
    let weights = softmax(&scores, 3);
    trace
        .step("weights", "softmax over m", "b h n m -> b h n m", &weights)
        .note("rows sum to 1");

    // heads = Σ_m weights·v [b n h e]: m disappears, and n comes back before h.
    let spec = "b h n m, b m h e -> b n h e";
    let heads = einsum(spec, &[&weights, &v]);
    trace.step("heads", "Σ_m weights·v", spec, &heads);

    // out = Σ_h Σ_e heads·w_o [b n d]: the concat and its projection in one sum.
    let spec = "b n h e, h e d -> b n d";
    let out = einsum(spec, &[&heads, &w_o]);
    trace
        .step("out", "Σ_h Σ_e heads·w_o", spec, &out)
        .note("two axes are summed: no concat");
    vec![out]
}
