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
    let norms: Vec<f32> = w1
        .outer_iter()
        .map(|row| row.iter().map(|w| w * w).sum())
        .collect();
    let mut kept: Vec<usize> = (0..norms.len()).collect();
    kept.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
    kept.truncate(keep as usize);
    kept.sort();

    // The row and the bias of a unit, and the column of the next layer that reads it.
    let w1 = w1.select(Axis(0), &kept);
    let b1 = b1.select(Axis(0), &kept);
    let w2 = w2.select(Axis(1), &kept);

    let z = einsum("b d, m d -> b m", &[x, &w1]) + &b1;
    let hidden = z.mapv(|z| z / (1.0 + (-z).exp()));
    let y = einsum("b m, o m -> b o", &[&hidden, &w2]) + b2;
    (w1, b1, w2, y)
}
