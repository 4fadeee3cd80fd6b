use llmlab::prelude::*;

/// The loss of a causal language model: `logits [b n v]`, whose row t predicts token t + 1, and
/// `labels [b n]`, the tokens themselves, or `ignore_index` where no loss is wanted. `bytes` is the
/// length of the text behind the tokens that count. Gives the mean loss in nats, the perplexity and
/// the bits per byte.
pub fn causal_lm_objective(
    logits: &Tensor,
    labels: &Labels,
    ignore_index: f64,
    bytes: f64,
) -> (f64, f64, f64) {
    todo!()
}
