use llmlab::prelude::*;

/// The tables (cos, sin), both [n p], of m·θ'ᵢ for the positions m [n] of one text and the
/// p = head_dim/2 pairs of a RoPE that was trained on `trained` tokens and is stretched by `method`:
/// 0 NTK-aware (another base, from `factor`), 1 dynamic NTK (from the last position),
/// 2 NTK-by-parts with α = 1 and β = 32, 3 YaRN (by parts, both tables times 0.1·ln(factor) + 1).
pub fn ntk_rope(
    positions: &Labels,
    head_dim: f64,
    rope_theta: f64,
    trained: f64,
    factor: f64,
    method: f64,
) -> (Tensor, Tensor) {
    todo!()
}
