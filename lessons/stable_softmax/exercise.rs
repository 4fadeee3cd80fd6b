use llmlab::prelude::*;

/// Softmax, log_softmax and logsumexp over the last axis: `x [n m]` → `[n m]`, `[n m]`, `[n]`, without
/// overflow. A row of −∞ alone gives 0, −∞ and −∞; where k entries are +∞ they share the weight: 1/k
/// and −ln k, the others 0 and −∞, and logsumexp is +∞.
pub fn stable_softmax(x: &Tensor) -> (Tensor, Tensor, Tensor) {
    todo!()
}
