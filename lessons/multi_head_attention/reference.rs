//! Multi-head attention, step by step in f64 (Vaswani et al. 2017, §3.2.2, arXiv 1706.03762), with
//! grouped keys and values (Ainslie et al. 2023, arXiv 2305.13245).

use crate::ops::{einsum, permute, softmax};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis, IxDyn};

/// What the shapes and `h` say together: d = h·dk, and w_k, w_v are `[d h_kv·dk]`.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub b: usize,
    pub n: usize,
    pub d: usize,
    pub h: usize,
    pub h_kv: usize,
    pub dk: usize,
}

impl Sizes {
    /// # Errors
    /// A sentence, when `h` does not divide d or the width of w_k is not that of a divisor of h.
    pub fn of(inputs: &Inputs) -> Result<Sizes, String> {
        let (x, h) = (inputs.float("x").shape(), inputs.number("h"));
        let (d, f) = (x[2], inputs.float("w_k").shape()[1]);
        if !(h >= 1.0 && h <= d as f64 && h.fract() == 0.0 && d.is_multiple_of(h as usize)) {
            return Err(format!("h = {h} does not divide d = {d}"));
        }
        let h = h as usize;
        let (dk, h_kv) = (d / h, f / (d / h));
        if h_kv == 0 || h_kv * dk != f || !h.is_multiple_of(h_kv) {
            return Err(format!(
                "w_k is {f} wide: no number of heads that divides h = {h} with dk = {dk}"
            ));
        }
        let (b, n) = (x[0], x[1]);
        Ok(Sizes {
            b,
            n,
            d,
            h,
            h_kv,
            dk,
        })
    }
}

/// `concat(softmax(q_i·k_iᵀ/√dk + mask)·v_i)·w_o` over h heads; query head i reads key and value
/// head ⌊i·h_kv/h⌋.
///
/// `x [b n d]`, `w_q [d d]`, `w_k [d f]`, `w_v [d f]`, `w_o [d d]`, the number `h` of query heads,
/// an optional additive `mask [n n]`; the output is `[b n d]`. dk = d/h, h_kv = f/dk. Sizes that do
/// not fit give NaN, and the step says why.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let [x, w_q, w_k, w_v, w_o] = ["x", "w_q", "w_k", "w_v", "w_o"].map(|name| inputs.f64(name));
    let sizes = match Sizes::of(inputs) {
        Ok(sizes) => sizes,
        Err(why) => {
            let nothing = ArrayD::from_elem(x.raw_dim(), f64::NAN);
            trace.step("out", "undefined", "b n d", &nothing).note(why);
            return vec![nothing];
        }
    };
    let Sizes { h, h_kv, dk, .. } = sizes;

    // q = x·w_q [b n e], e = h·dk: the queries of all heads, side by side.
    let q = einsum("b n d, d e -> b n e", &[&x, &w_q]);
    trace
        .step("q", "x·w_q", "b n d, d e -> b n e", &q)
        .note(format!("e = {h} heads × {dk}"));

    // k = x·w_k, v = x·w_v [b n f], f = h_kv·dk: narrower than q where heads share them.
    let k = einsum("b n d, d f -> b n f", &[&x, &w_k]);
    trace
        .step("k", "x·w_k", "b n d, d f -> b n f", &k)
        .note(format!("f = {h_kv} heads × {dk}"));
    let v = einsum("b n d, d f -> b n f", &[&x, &w_v]);
    trace.step("v", "x·w_v", "b n d, d f -> b n f", &v);

    // q_heads [b h n dk]: cut the last axis into h × dk, then bring h before n.
    let q_heads = split(&q, h);
    trace
        .step(
            "q_heads",
            "view(b, n, h, dk), n ↔ h",
            "b n e -> b h n dk",
            &q_heads,
        )
        .note("head i is columns i·dk .. (i+1)·dk");

    // k_heads, v_heads [b h m dk]: the same, and every key and value head serves h/h_kv queries.
    let k_heads = repeat(&split(&k, h_kv), h);
    trace
        .step(
            "k_heads",
            "the same, head ⌊i·h_kv/h⌋",
            "b n f -> b h m dk",
            &k_heads,
        )
        .note(match h / h_kv {
            1 => "one per query head".to_string(),
            group => format!("each of {h_kv} serves {group} query heads in a row"),
        });
    let v_heads = repeat(&split(&v, h_kv), h);
    trace.step(
        "v_heads",
        "the same, head ⌊i·h_kv/h⌋",
        "b n f -> b h m dk",
        &v_heads,
    );

    // scores = q·kᵀ/√dk + mask [b h n m]: every head has its own n × m scores.
    let mut scores =
        einsum("b h n k, b h m k -> b h n m", &[&q_heads, &k_heads]) / (dk as f64).sqrt();
    if let Some(mask) = inputs.optional("mask") {
        scores = scores + mask.mapv(f64::from);
    }
    trace
        .step(
            "scores",
            "q·kᵀ/√dk + mask",
            "b h n dk, b h m dk -> b h n m",
            &scores,
        )
        .note(format!("rank ≤ dk = {dk} per head before the mask"));

    // weights = softmax over the keys, in each head by itself [b h n m].
    let weights = softmax(&scores, 3);
    trace
        .step("weights", "softmax over m", "b h n m -> b h n m", &weights)
        .note("rows sum to 1 in every head");

    // heads = weights·v [b h n dk]: what each head read.
    let heads = einsum("b h n m, b h m k -> b h n k", &[&weights, &v_heads]);
    trace.step(
        "heads",
        "weights·v",
        "b h n m, b h m dk -> b h n dk",
        &heads,
    );

    // concat [b n e]: n before h again, then the heads side by side.
    let concat = merge(&heads);
    trace.step(
        "concat",
        "n ↔ h, view(b, n, h·dk)",
        "b h n dk -> b n e",
        &concat,
    );

    // out = concat·w_o [b n d]: the same as the sum of heads[i]·w_o[rows of head i].
    let out = einsum("b n e, e d -> b n d", &[&concat, &w_o]);
    trace
        .step("out", "concat·w_o", "b n e, e d -> b n d", &out)
        .note("= Σᵢ headᵢ·w_o[i·dk .. (i+1)·dk]");
    vec![out]
}

/// `[b n h·dk] → [b h n dk]`.
pub fn split(x: &ArrayD<f64>, heads: usize) -> ArrayD<f64> {
    let shape = x.shape();
    let shape = IxDyn(&[shape[0], shape[1], heads, shape[2] / heads]);
    let cut = x
        .to_shape(shape)
        .expect("heads divide the width")
        .into_owned();
    permute("b n h k -> b h n k", &cut)
}

/// `[b h n dk] → [b n h·dk]`.
pub fn merge(heads: &ArrayD<f64>) -> ArrayD<f64> {
    let rows = permute("b h n k -> b n h k", heads);
    let shape = rows.shape();
    let shape = IxDyn(&[shape[0], shape[1], shape[2] * shape[3]]);
    rows.into_shape_with_order(shape)
        .expect("the same elements")
}

/// Key or value heads for h query heads: head ⌊i·h_kv/h⌋ at place i.
pub fn repeat(heads: &ArrayD<f64>, h: usize) -> ArrayD<f64> {
    let h_kv = heads.shape()[1];
    let order: Vec<usize> = (0..h).map(|i| i * h_kv / h).collect();
    heads.select(Axis(1), &order)
}
