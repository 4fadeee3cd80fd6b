use llmlab::prelude::*;

/// Softmax, log_softmax and logsumexp over the last axis: `x [n m]` → `[n m]`, `[n m]`, `[n]`, without
/// overflow. A row of −∞ alone gives 0, −∞ and −∞; where k entries are +∞ they share the weight: 1/k
/// and −ln k, the others 0 and −∞, and logsumexp is +∞.
pub fn stable_softmax(x: &Tensor) -> (Tensor, Tensor, Tensor) {
    let low = f32::NEG_INFINITY;
    let mut softmax = x.clone();
    let mut log_softmax = x.clone();
    let mut logsumexp = Tensor::zeros(vec![x.shape()[0]]);
    for (i, row) in x.rows().into_iter().enumerate() {
        let max = row.fold(low, |a, &b| a.max(b));
        // ∞ − ∞ would be NaN: the maximum itself becomes 0, −∞ stays.
        let shift = |x: f32| {
            if x == low {
                low
            } else if x == max {
                0.0
            } else {
                x - max
            }
        };
        let sum: f32 = row.iter().map(|&x| shift(x).exp()).sum();
        for (j, &x) in row.iter().enumerate() {
            let x = shift(x);
            softmax[[i, j]] = if x == low { 0.0 } else { x.exp() / sum };
            log_softmax[[i, j]] = if x == low { low } else { x - sum.ln() };
        }
        logsumexp[i] = max + sum.ln();
    }
    (softmax, log_softmax, logsumexp)
}
