use llmlab::prelude::*;

/// Multi-head attention in einsum, with heads as an axis of the weights and without a reshape:
/// `x [b n d]` asks, `memory [b m c]` answers (the same tensor in self-attention); `w_q [d h k]`,
/// `w_k [c h k]`, `w_v [c h e]`, `w_o [h e d]`; scores are divided by √k, and `mask`, which broadcasts
/// to `[b h n m]`, is added to them (0 keeps, −∞ drops). Returns `[b n d]`.
pub fn einsum_attention(
    x: &Tensor,
    memory: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    let q = einsum("b n d, d h k -> b n h k", &[x, w_q]);
    let k = einsum("b m c, c h k -> b m h k", &[memory, w_k]);
    let v = einsum("b m c, c h e -> b m h e", &[memory, w_v]);
    let mut scores = einsum("b n h k, b m h k -> b h n m", &[&q, &k]);
    scores /= (q.shape()[3] as f32).sqrt();
    if let Some(mask) = mask {
        scores += mask;
    }
    let heads = einsum("b h n m, b m h e -> b n h e", &[&softmax(&scores, 3), &v]);
    einsum("b n h e, h e d -> b n d", &[&heads, w_o])
}
