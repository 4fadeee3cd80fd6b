use llmlab::prelude::*;

/// The cost of one attention layer for lengths n [c], and what measured `seconds` [c] of its core
/// (scores, softmax, weights·v) say. Gives (counts [c kind], rate [c], exponent). The kinds: GFLOP
/// (1e9) of the four projections, GFLOP of scores and weights·v, GiB (2^30) of q, k, v and out, GiB
/// of a stored matrix of scores. A number takes `width` bytes, a multiply-add is 2 FLOP, causal
/// attention (1) computes n(n+1)/2 pairs. rate: attention GFLOP a second. exponent: the slope of
/// ln seconds over ln n by least squares, 0 where all n are equal.
pub fn attention_complexity(
    n: &Labels,
    heads: f64,
    kv_heads: f64,
    head_dim: f64,
    width: f64,
    causal: f64,
    seconds: &Tensor,
) -> (Tensor, Tensor, f32) {
    todo!()
}
