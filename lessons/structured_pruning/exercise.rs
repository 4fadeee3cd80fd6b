use llmlab::prelude::*;

/// Removes hidden units of y = w2·silu(w1·x + b1) + b2: `x [b d]`, `w1 [h d]`, `b1 [h]`, `w2 [o h]`,
/// `b2 [o]`. The `keep` units whose rows of w1 have the largest Euclidean norm stay, in their old order.
/// Gives the smaller `(w1 [m d], b1 [m], w2 [o m])` and the outputs `[b o]` with them, m = keep.
pub fn structured_pruning(
    x: &Tensor,
    w1: &Tensor,
    b1: &Tensor,
    w2: &Tensor,
    b2: &Tensor,
    keep: f64,
) -> (Tensor, Tensor, Tensor, Tensor) {
    todo!()
}
