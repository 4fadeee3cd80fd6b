//! One encoder layer and one decoder layer, step by step in f64.

use crate::ops::{causal_mask, einsum, matmul, softmax};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis, Slice, concatenate};

/// What every norm adds to the variance.
pub const EPS: f64 = 1e-5;

/// src `[b m d]`, tgt `[b n d]`, src_mask `[b m]` (1 real, 0 padding), bos `[d]`, attn `[3 4 d d]`
/// (encoder, decoder, cross; q, k, v, o), up `[2 d f]`, down `[2 f d]` (encoder, decoder),
/// gamma `[5 d]` (two norms of the encoder, three of the decoder), norm_first → the encoder's
/// output `[b m d]` and the decoder's `[b n d]`. Vaswani et al. 2017, arXiv 1706.03762, section 3.1;
/// pre-LN: Xiong et al. 2020, arXiv 2002.04745.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let [src, tgt, bos] = ["src", "tgt", "bos"].map(|name| inputs.f64(name));
    let [attn, up, down, gamma] = ["attn", "up", "down", "gamma"].map(|name| inputs.f64(name));
    let pre = inputs.number("norm_first") != 0.0;
    let norm = |x: &ArrayD<f64>, i: usize| layer_norm(x, &row(&gamma, i));
    // Pre-LN: x + f(LN(x)). Post-LN: LN(x + f(x)).
    let before = |x: &ArrayD<f64>, i| if pre { norm(x, i) } else { x.clone() };
    let after = |sum: ArrayD<f64>, i| if pre { sum } else { norm(&sum, i) };
    let shown = |f: &str| match pre {
        true => format!("x + {f}(LN(x))"),
        false => format!("LN(x + {f}(x))"),
    };
    let attend = |i, q: &_, kv: &_, mask: &_| attention(&row(&attn, i), q, kv, mask);
    let ffn = |x: &_, i| {
        matmul(
            &matmul(x, &row(&up, i)).mapv(|z| z.max(0.0)),
            &row(&down, i),
        )
    };

    // Source tokens that are padding are not to be read, by whomever.   [b 1 m]
    let drop = |keep: i64| if keep == 0 { f64::NEG_INFINITY } else { 0.0 };
    let padding = inputs.int("src_mask").mapv(drop).insert_axis(Axis(1));

    // Encoder, sublayer 1: the source reads itself, in both directions.   [b m d]
    let y = before(&src, 0);
    let (change, weights) = attend(0, &y, &y, &padding);
    trace
        .step(
            "enc_weights",
            "softmax(q·kᵀ/√d + padding)",
            "b m m'",
            &weights,
        )
        .note("only padding is masked");
    let x = after(&src + &change, 0);
    trace.step("enc_self", &shown("attention"), "b m d", &x);

    // Encoder, sublayer 2: FFN. That is all: the output is called memory.   [b m d]
    let memory = after(&x + &ffn(&before(&x, 1), 0), 1);
    trace
        .step("memory", &shown("FFN"), "b m d", &memory)
        .note("the encoder's output; it knows nothing of the target");

    // The decoder's input: begin, then the target without its last token.   [b n d]
    let shifted = shift_right(&tgt, &bos);
    trace
        .step("shifted", "bos, tgt₁ … tgtₙ₋₁", "b n d", &shifted)
        .note("position i predicts tgtᵢ from the tokens before it");

    // Decoder, sublayer 1: the target reads what is before it.   [b n d]
    let n = shifted.shape()[1];
    let y = before(&shifted, 2);
    let (change, weights) = attend(1, &y, &y, &causal_mask(n, n));
    trace
        .step(
            "dec_weights",
            "softmax(q·kᵀ/√d + causal)",
            "b n n'",
            &weights,
        )
        .note("0 above the diagonal");
    let x = after(&shifted + &change, 2);
    trace.step("dec_self", &shown("masked attention"), "b n d", &x);

    // Decoder, sublayer 2: the target reads the source. Only q is normed: memory comes as it is.
    let (change, weights) = attend(2, &before(&x, 3), &memory, &padding);
    trace
        .step(
            "cross_weights",
            "softmax(q·kᵀ/√d + padding)",
            "b n m",
            &weights,
        )
        .note("q from the decoder, k and v from memory");
    let x = after(&x + &change, 3);
    trace.step("dec_cross", &shown("cross-attention"), "b n d", &x);

    // Decoder, sublayer 3: FFN with weights of its own.   [b n d]
    let out = after(&x + &ffn(&before(&x, 4), 1), 4);
    trace.step("decoder", &shown("FFN"), "b n d", &out);

    vec![memory, out]
}

/// Entry i of the first axis.
pub fn row(stacked: &ArrayD<f64>, i: usize) -> ArrayD<f64> {
    stacked.index_axis(Axis(0), i).to_owned()
}

/// γ⊙(x − μ)/√(σ² + ε), over the features of each token.
fn layer_norm(x: &ArrayD<f64>, gamma: &ArrayD<f64>) -> ArrayD<f64> {
    let last = Axis(x.ndim() - 1);
    let d = x.len_of(last) as f64;
    let centred = x - &(x.sum_axis(last).insert_axis(last) / d);
    let variance = (&centred * &centred).sum_axis(last).insert_axis(last) / d;
    centred / variance.mapv(|v| (v + EPS).sqrt()) * gamma
}

/// One head as wide as the model: the output and the weights; w `[4 d d]` holds q, k, v and o.
fn attention(
    w: &ArrayD<f64>,
    q: &ArrayD<f64>,
    kv: &ArrayD<f64>,
    mask: &ArrayD<f64>,
) -> (ArrayD<f64>, ArrayD<f64>) {
    let root = (q.shape()[2] as f64).sqrt();
    let [q, k, v] = [(q, 0), (kv, 1), (kv, 2)].map(|(x, i)| matmul(x, &row(w, i)));
    let weights = softmax(
        &(einsum("b n d, b m d -> b n m", &[&q, &k]) / root + mask),
        2,
    );
    let read = einsum("b n m, b m d -> b n d", &[&weights, &v]);
    (matmul(&read, &row(w, 3)), weights)
}

/// bos before the first token, the last token dropped.
pub fn shift_right(tgt: &ArrayD<f64>, bos: &ArrayD<f64>) -> ArrayD<f64> {
    let (b, n, d) = (tgt.shape()[0], tgt.shape()[1], tgt.shape()[2]);
    let start = bos.broadcast(vec![b, 1, d]).expect("bos has d features");
    let rest = tgt.slice_axis(Axis(1), Slice::from(..n - 1));
    concatenate(Axis(1), &[start, rest]).expect("both have b rows and d features")
}
