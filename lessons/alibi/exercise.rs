use llmlab::prelude::*;

/// Attention weights [b h n m] of causal attention with ALiBi, from scores [b h n m] that are
/// scaled and not yet masked. The n queries are the last of the m positions (n ≤ m).
pub fn alibi(scores: &Tensor) -> Tensor {
    todo!()
}
