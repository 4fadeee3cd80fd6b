use llmlab::prelude::*;

/// Multi-head attention of `x [b n d]` with h heads of size dk = d/h: `w_q [d d]`, `w_k` and `w_v`
/// `[d f]` with f = h_kv·dk (query head i reads key/value head ⌊i·h_kv/h⌋), `w_o [d d]`, all used
/// as x·w, head i in columns i·dk .. (i+1)·dk; `mask [n n]` is added to the scores; returns `[b n d]`.
pub fn multi_head_attention(
    x: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    h: f64,
    mask: Option<&Tensor>,
) -> Tensor {
    let (b, n, d) = (x.shape()[0], x.shape()[1], x.shape()[2]);
    let h = h as usize;
    let dk = d / h;
    let h_kv = w_k.shape()[1] / dk;
    // Cut the last axis into heads, then bring the heads before the tokens.
    let split = |flat: Tensor, heads: usize| {
        let cut = flat
            .into_shape_with_order(IxDyn(&[b, n, heads, dk]))
            .unwrap();
        permute("b n h k -> b h n k", &cut)
    };
    // Each key/value head serves h/h_kv query heads in a row.
    let shared: Vec<usize> = (0..h).map(|i| i * h_kv / h).collect();
    let q = split(matmul(x, w_q), h);
    let k = split(matmul(x, w_k), h_kv).select(Axis(1), &shared);
    let v = split(matmul(x, w_v), h_kv).select(Axis(1), &shared);

    let mut scores = einsum("b h n k, b h m k -> b h n m", &[&q, &k]) / (dk as f32).sqrt();
    if let Some(mask) = mask {
        scores += mask;
    }
    let heads = einsum("b h n m, b h m k -> b n h k", &[&softmax(&scores, 3), &v]);
    let concat = heads.into_shape_with_order(IxDyn(&[b, n, d])).unwrap();
    matmul(&concat, w_o)
}
