//! Cross-attention, step by step in f64 (Vaswani et al. 2017, §3.2.3, arXiv 1706.03762).

use crate::lessons::multi_head_attention::{merge, split};
use crate::ops::{einsum, softmax};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis};

/// The number of heads, when it divides the model width.
///
/// # Errors
/// A sentence, when it does not.
pub fn heads(inputs: &Inputs) -> Result<usize, String> {
    let (d, h) = (inputs.float("x").shape()[2], inputs.number("h"));
    match h >= 1.0 && h <= d as f64 && h.fract() == 0.0 && d.is_multiple_of(h as usize) {
        true => Ok(h as usize),
        false => Err(format!("h = {h} does not divide d = {d}")),
    }
}

/// `concat(softmax(q_i·k_iᵀ/√dk + mask)·v_i)·w_o` with q from the decoder and k, v from the encoder.
///
/// `x [b n d]` (decoder), `memory [b m c]` (encoder's output), `w_q [d d]`, `w_k [c d]`,
/// `w_v [c d]`, `w_o [d d]`, the number `h` of heads, `memory_mask [b m]` with 1 for a real source
/// token and 0 for padding (every sequence has a real one); the output is `[b n d]`. An `h` that
/// does not divide d gives NaN, and the step says why.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let [x, memory, w_q, w_k, w_v, w_o] =
        ["x", "memory", "w_q", "w_k", "w_v", "w_o"].map(|name| inputs.f64(name));
    let h = match heads(inputs) {
        Ok(h) => h,
        Err(why) => {
            let nothing = ArrayD::from_elem(x.raw_dim(), f64::NAN);
            trace.step("out", "undefined", "b n d", &nothing).note(why);
            return vec![nothing];
        }
    };
    let dk = x.shape()[2] / h;

    // q = x·w_q [b n e], e = h·dk: the decoder asks.
    let q = einsum("b n d, d e -> b n e", &[&x, &w_q]);
    trace
        .step("q", "x·w_q", "b n d, d e -> b n e", &q)
        .note("from the decoder: n target tokens");

    // k = memory·w_k, v = memory·w_v [b m e]: the encoder answers. Computed once per source.
    let k = einsum("b m c, c e -> b m e", &[&memory, &w_k]);
    trace
        .step("k", "memory·w_k", "b m c, c e -> b m e", &k)
        .note("from the encoder: m source tokens, the same at every decoding step");
    let v = einsum("b m c, c e -> b m e", &[&memory, &w_v]);
    trace.step("v", "memory·w_v", "b m c, c e -> b m e", &v);

    // q_heads [b h n dk], k_heads and v_heads [b h m dk].
    let (q_heads, k_heads, v_heads) = (split(&q, h), split(&k, h), split(&v, h));
    trace.step(
        "q_heads",
        "split e into h × dk",
        "b n e -> b h n dk",
        &q_heads,
    );
    trace.step(
        "k_heads",
        "split e into h × dk",
        "b m e -> b h m dk",
        &k_heads,
    );
    trace.step(
        "v_heads",
        "split e into h × dk",
        "b m e -> b h m dk",
        &v_heads,
    );

    // scores = q·kᵀ/√dk [b h n m]: every target token against every source token.
    let scores = einsum("b h n k, b h m k -> b h n m", &[&q_heads, &k_heads]) / (dk as f64).sqrt();
    trace
        .step(
            "scores",
            "q·kᵀ/√dk",
            "b h n dk, b h m dk -> b h n m",
            &scores,
        )
        .note("n × m: not square");

    // masked [b h n m]: −∞ at the padding of the source. No causal mask: the source is all there.
    let keep = inputs.int("memory_mask");
    let drop = keep.mapv(|keep| if keep == 0 { f64::NEG_INFINITY } else { 0.0 });
    let masked = &scores + &drop.insert_axis(Axis(1)).insert_axis(Axis(1));
    let padding = keep.iter().filter(|keep| **keep == 0).count();
    trace
        .step(
            "masked",
            "−∞ where memory_mask is 0",
            "b h n m -> b h n m",
            &masked,
        )
        .note(format!(
            "{padding} of {} source tokens are padding",
            keep.len()
        ));

    // weights = softmax over the source tokens [b h n m].
    let weights = softmax(&masked, 3);
    trace
        .step("weights", "softmax over m", "b h n m -> b h n m", &weights)
        .note("each target token spreads 1 over the source");

    // heads = weights·v [b h n dk], side by side [b n e], then out = concat·w_o [b n d].
    let heads = einsum("b h n m, b h m k -> b h n k", &[&weights, &v_heads]);
    trace.step(
        "heads",
        "weights·v",
        "b h n m, b h m dk -> b h n dk",
        &heads,
    );
    let concat = merge(&heads);
    trace.step(
        "concat",
        "n ↔ h, view(b, n, h·dk)",
        "b h n dk -> b n e",
        &concat,
    );
    let out = einsum("b n e, e d -> b n d", &[&concat, &w_o]);
    trace
        .step("out", "concat·w_o", "b n e, e d -> b n d", &out)
        .note("as long as the target, whatever the source");
    vec![out]
}
