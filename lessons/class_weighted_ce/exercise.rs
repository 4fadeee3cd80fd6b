use llmlab::prelude::*;

/// Weighted mean cross-entropy of logits [n c] and targets [n] (−100 = ignored), with class weights √(n_max/n_k) from class_counts [c]; 0 if nothing is left.
pub fn class_weighted_ce(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    todo!()
}
