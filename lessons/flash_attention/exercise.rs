use llmlab::prelude::*;

/// Exact attention by tiles of `block` keys: q [b h n d], k [b h m d], v [b h m dv]; gives
/// (out [b h n dv], lse [b h n]), lse = ln Σ_j e^(q·k_j/√d). With `causal` 1 query r sees the keys
/// j ≤ r + m − n (0: all keys); a query without a key gives out 0 and lse −∞. Hold no n×m matrix:
/// in the large case the judge measures what you allocate.
pub fn flash_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    causal: f64,
    block: f64,
) -> (Tensor, Tensor) {
    todo!()
}
