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
    let (b, n) = (logits.shape()[0], logits.shape()[1]);
    let log_p = log_softmax(logits, 2);
    let (mut sum, mut count) = (0.0, 0.0);
    for i in 0..b {
        for t in 0..n - 1 {
            let next = labels[[i, t + 1]];
            if next != ignore_index as i64 {
                sum -= f64::from(log_p[[i, t, next as usize]]);
                count += 1.0;
            }
        }
    }
    let loss = sum / count;
    (loss, loss.exp(), sum / (bytes * std::f64::consts::LN_2))
}
