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
    todo!()
}
