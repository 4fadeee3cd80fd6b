use llmlab::prelude::*;

/// Attention [b h n dv] of q [b h n d] on k [b h m d], v [b h m dv], where the query at position
/// i = r + m − n sees key j if |i − j| < window, or j < globals, or i < globals; with `causal` 1
/// only if j ≤ i as well. Hold no n×m matrix: in the large case the judge measures what you allocate.
pub fn sliding_window_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    window: f64,
    globals: f64,
    causal: f64,
) -> Tensor {
    todo!()
}
