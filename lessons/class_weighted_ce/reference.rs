//! The truth, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Ix1, Ix2, arr0};

/// A target of this value takes no part in the loss (PyTorch's default `ignore_index`).
pub const IGNORED: i64 = -100;

/// `w_k = √(n_max / n_k)` `[c]`; 0 for a class that was never seen.
///
/// Square-root inverse frequency, as in square-root sampling (Mahajan et al. 2018, arXiv
/// 1805.00932).
pub fn class_weights(counts: &Array1<f64>) -> Array1<f64> {
    let n_max = counts.fold(0.0, |max: f64, &n| max.max(n));
    counts.mapv(|n| if n > 0.0 { (n_max / n).sqrt() } else { 0.0 })
}

/// Logits `[n c]`, targets `[n]` and class counts `[c]` with static ranks.
pub fn arguments(inputs: &Inputs) -> (Array2<f64>, Array1<i64>, Array1<f64>) {
    const CHECKED: &str = "ranks were checked against the problem's args";
    let logits = inputs.f64("logits").into_dimensionality::<Ix2>();
    let targets = inputs.int("targets").clone().into_dimensionality::<Ix1>();
    let counts = inputs.int("class_counts").mapv(|n| n as f64);
    (
        logits.expect(CHECKED),
        targets.expect(CHECKED),
        counts.into_dimensionality::<Ix1>().expect(CHECKED),
    )
}

/// `Σ w_y·ℓ / Σ w_y` of logits `[n c]`, targets `[n]` and class_counts `[c]`: the weighted mean of
/// `torch.nn.CrossEntropyLoss(weight=w, ignore_index=-100)`, but 0 where nothing is left to
/// average.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (logits, targets, counts) = arguments(inputs);
    let used = targets.iter().filter(|y| **y != IGNORED).count();

    // 1. Class weights: w_k = √(n_max / n_k)                                   [c]
    let weights = class_weights(&counts);
    let n_max = counts.fold(0.0, |max: f64, &n| max.max(n));
    trace
        .step("weights", "√(n_max / n_k)", "c -> c", &weights)
        .note(format!("n_max {n_max}; the most frequent class weighs 1"));

    // 2. Log-probabilities: log p = z − max − ln Σ_k exp(z_k − max)            [n c]
    let mut log_probs = logits;
    for mut row in log_probs.rows_mut() {
        let max = row.fold(f64::NEG_INFINITY, |max, &z| max.max(z));
        let log_sum = row.mapv(|z| (z - max).exp()).sum().ln();
        row.mapv_inplace(|z| z - max - log_sum);
    }
    trace
        .step("log_probs", "log_softmax_k(z)", "n c -> n c", &log_probs)
        .note("exp of each row sums to 1");

    // 3. Negative log-likelihood of the target: ℓ_i = −log p[i, y_i]           [n]
    let nll = Array1::from_shape_fn(targets.len(), |i| match targets[i] {
        IGNORED => 0.0,
        y => -log_probs[[i, y as usize]],
    });
    trace
        .step("nll", "−log p[i, y_i]", "n c -> n", &nll)
        .note(format!(
            "{} of {} targets ignored",
            targets.len() - used,
            targets.len()
        ));

    // 4. The weight of each sample's own class: w_{y_i}, 0 where ignored       [n]
    let row_weights = targets.mapv(|y| {
        if y == IGNORED {
            0.0
        } else {
            weights[y as usize]
        }
    });
    let total = row_weights.sum();
    trace
        .step("row_weights", "w[y_i]", "n -> n", &row_weights)
        .note(format!("Σ {total:.4}"));

    // 5. Weighted losses: w_{y_i}·ℓ_i                                          [n]
    let weighted = &row_weights * &nll;
    trace
        .step("weighted", "w[y_i]·ℓ_i", "n, n -> n", &weighted)
        .note(format!("Σ {:.4}", weighted.sum()));

    // 6. Their mean by weight: Σ w·ℓ / Σ w; 0 where every target is ignored    []
    let mean = |total: f64| {
        if total > 0.0 {
            weighted.sum() / total
        } else {
            0.0
        }
    };
    let loss = arr0(mean(total));
    trace
        .step("loss", "Σ w·ℓ / Σ w", "n, n -> ", &loss)
        .note(format!("divided by N instead: {:.4}", mean(used as f64)));
    vec![loss.into_dyn()]
}
