use llmlab::prelude::*;

/// Cross-attention with h heads of size d/h: queries from the decoder's `x [b n d]`, keys and values
/// from the encoder's `memory [b m c]`; `w_q [d d]`, `w_k` and `w_v` `[c d]`, `w_o [d d]`, used as
/// x·w; `memory_mask [b m]` is 1 for a real source token, 0 for padding; returns `[b n d]`.
pub fn cross_attention(
    x: &Tensor,
    memory: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    h: f64,
    memory_mask: &Labels,
) -> Tensor {
    let (b, n, d) = (x.shape()[0], x.shape()[1], x.shape()[2]);
    let h = h as usize;
    let dk = d / h;
    let split = |flat: Tensor| {
        let tokens = flat.shape()[1];
        let cut = flat
            .into_shape_with_order(IxDyn(&[b, tokens, h, dk]))
            .unwrap();
        permute("b n h k -> b h n k", &cut)
    };
    let q = split(matmul(x, w_q));
    let (k, v) = (split(matmul(memory, w_k)), split(matmul(memory, w_v)));

    // [b m] → [b 1 1 m], so that it broadcasts over heads and target tokens.
    let drop = memory_mask.mapv(|keep| if keep == 0 { f32::NEG_INFINITY } else { 0.0 });
    let drop = drop.insert_axis(Axis(1)).insert_axis(Axis(1));
    let scores = einsum("b h n k, b h m k -> b h n m", &[&q, &k]) / (dk as f32).sqrt() + drop;
    let heads = einsum("b h n m, b h m k -> b n h k", &[&softmax(&scores, 3), &v]);
    let concat = heads.into_shape_with_order(IxDyn(&[b, n, d])).unwrap();
    matmul(&concat, w_o)
}
