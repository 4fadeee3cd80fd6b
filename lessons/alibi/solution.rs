use llmlab::prelude::*;

/// Causal attention weights with linear biases, Press et al. 2021 (arXiv 2108.12409).
pub fn alibi(scores: &Tensor) -> Tensor {
    let [h, n, m] = [1, 2, 3].map(|axis| scores.shape()[axis]);
    let slopes = slopes(h);
    let biased = Tensor::from_shape_fn(scores.raw_dim(), |at| {
        let (i, j) = (at[2] + m - n, at[3]);
        if j <= i {
            scores[&at] - slopes[at[1]] * (i - j) as f32
        } else {
            f32::NEG_INFINITY
        }
    });
    softmax(&biased, 3)
}

/// One fixed slope for each head.
fn slopes(h: usize) -> Vec<f32> {
    let below = 1 << h.ilog2();
    let slope = |k: usize, of: usize| 2f32.powf(-8.0 * k as f32 / of as f32);
    let own = (1..=below).map(|k| slope(k, below));
    let between = (1..).step_by(2).map(|k| slope(k, 2 * below));
    own.chain(between).take(h).collect()
}
