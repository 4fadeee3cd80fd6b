use llmlab::prelude::*;

/// Attention of n new tokens over a cache with m slots: `q [b h n d]`, `k` and `v` `[b g n d]` (query
/// head i reads head ⌊i·g/h⌋), `past_k` and `past_v` `[b g m d]`. Row i continues cache row
/// `beam_idx[i]`, which holds `lengths[beam_idx[i]]` tokens, keys rotated; the slots after them are
/// free. Token r of the row stands at position length + r: q and k are rotated (RoPE, pairs
/// (x₀,x₁) …, base `rope_theta`), k and v go into the slot of that number, and it sees the slots up
/// to its own. Gives `(out [b h n d], present_k, present_v)`.
pub fn kv_cache(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    past_k: &Tensor,
    past_v: &Tensor,
    lengths: &Labels,
    beam_idx: &Labels,
    rope_theta: f64,
) -> (Tensor, Tensor, Tensor) {
    todo!()
}
