use llmlab::prelude::*;

/// Scaled dot-product attention, softmax(q·kᵀ/√d + mask)·v: `q [b h n d]`, `k [b h m d]`,
/// `v [b h m dv]`, `mask` broadcasts to `[b h n m]` and is added (0 keeps, −∞ drops); returns
/// `[b h n dv]`, with zeros for a query whose keys are all dropped.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let d = q.shape()[3] as f32;
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[q, k]) / d.sqrt();
    if let Some(mask) = mask {
        scores += mask;
    }
    let mut weights = softmax(&scores, 3);
    // A row of −∞ alone is 0/0 = NaN for softmax: by convention such a query gets zeros.
    for (mut row, scores) in weights.rows_mut().into_iter().zip(scores.rows()) {
        if scores.iter().all(|s| *s == f32::NEG_INFINITY) {
            row.fill(0.0);
        }
    }
    einsum("b h n m, b h m v -> b h n v", &[&weights, v])
}
