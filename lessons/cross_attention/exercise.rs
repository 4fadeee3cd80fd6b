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
    todo!()
}
