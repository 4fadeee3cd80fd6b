use llmlab::prelude::*;

/// Turns every pair of dimensions of q and k, both [b h n d], by its token's position, [b n],
/// times the pair's frequency; rope_theta is the base of the frequencies. Gives (q_rot, k_rot).
pub fn rope(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> (Tensor, Tensor) {
    todo!()
}
