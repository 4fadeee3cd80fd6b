use llmlab::prelude::*;

/// Weighted mean cross-entropy of logits [n c] and targets [n] (−100 = ignored), with class weights √(n_max/n_k) from class_counts [c]; 0 if nothing is left.
pub fn class_weighted_ce(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let n_max = class_counts.iter().copied().max().unwrap_or(0) as f32;
    let weight = |&n_k: &i64| match n_k {
        0 => 0.0,
        n_k => (n_max / n_k as f32).sqrt(),
    };
    let weights: Vec<f32> = class_counts.iter().map(weight).collect();

    let log_probs = log_softmax(logits, 1);
    let (mut numerator, mut denominator) = (0.0, 0.0);
    for (row, &target) in log_probs.outer_iter().zip(targets) {
        if target == -100 {
            continue;
        }
        let target = target as usize;
        numerator -= weights[target] * row[target];
        denominator += weights[target];
    }
    if denominator == 0.0 {
        return 0.0;
    }
    numerator / denominator
}
