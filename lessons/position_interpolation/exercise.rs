use llmlab::prelude::*;

/// RoPE with position interpolation: turns every pair of dimensions of q and k, both [b h n d], by
/// its token's position, [b n], shrunk from the length `target` to the length `trained` (not at all
/// where target ≤ trained), times the pair's frequency. Gives (q_rot, k_rot).
pub fn position_interpolation(
    q: &Tensor,
    k: &Tensor,
    positions: &Labels,
    rope_theta: f64,
    trained: f64,
    target: f64,
) -> (Tensor, Tensor) {
    todo!()
}
