use llmlab::prelude::*;

/// Residual sum, LayerNorm (arXiv 1607.06450) and RMSNorm (arXiv 1910.07467) over the last axis.
pub fn layer_norm_residual(
    x: &Tensor,
    sublayer: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
) -> (Tensor, Tensor, Tensor) {
    let sum = x + sublayer;
    let (mut layer, mut rms) = (sum.clone(), sum.clone());
    let last = Axis(sum.ndim() - 1);
    for mut h in layer.lanes_mut(last) {
        let d = h.len() as f32;
        let mean = h.sum() / d;
        let variance = h.fold(0.0, |total, h| total + (h - mean) * (h - mean)) / d;
        let std = (variance + eps as f32).sqrt();
        for (i, h) in h.iter_mut().enumerate() {
            *h = (*h - mean) / std * gamma[i] + beta[i];
        }
    }
    for mut h in rms.lanes_mut(last) {
        let mean_square = h.fold(0.0, |total, h| total + h * h) / h.len() as f32;
        let rms = (mean_square + eps as f32).sqrt();
        for (i, h) in h.iter_mut().enumerate() {
            *h = *h / rms * gamma[i];
        }
    }
    (sum, layer, rms)
}
