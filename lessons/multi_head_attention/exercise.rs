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
    todo!()
}
