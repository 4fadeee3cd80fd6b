use llmlab::prelude::*;

/// Exact attention, one tile of keys at a time, with an online softmax: Dao et al. 2022
/// (arXiv 2205.14135), in the form of FlashAttention-2, which divides once at the end.
pub fn flash_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    causal: f64,
    block: f64,
) -> (Tensor, Tensor) {
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let (m, dv) = (k.shape()[2], v.shape()[3]);
    let block = block as usize;
    let scale = 1.0 / (d as f32).sqrt();
    let mut out = Tensor::zeros(IxDyn(&[b, h, n, dv]));
    let mut lse = Tensor::from_elem(IxDyn(&[b, h, n]), f32::NEG_INFINITY);
    for (b, h, i) in ndarray::indices((b, h, n)) {
        let q = q.slice(s![b, h, i, ..]);
        // Keys that this query sees: all, or those up to its own position.
        let seen = if causal == 0.0 {
            m
        } else {
            (i + 1 + m).saturating_sub(n)
        };
        let (mut max, mut sum, mut acc) = (f32::NEG_INFINITY, 0.0, Array1::<f32>::zeros(dv));
        for first in (0..seen).step_by(block) {
            let end = seen.min(first + block);
            let scores = k.slice(s![b, h, first..end, ..]).dot(&q) * scale;
            let new = scores.fold(max, |a, &s| a.max(s));
            // What is summed so far was made with the old maximum.
            let keep = (max - new).exp();
            let weights = scores.mapv(|s| (s - new).exp());
            sum = sum * keep + weights.sum();
            acc = acc * keep + weights.dot(&v.slice(s![b, h, first..end, ..]));
            max = new;
        }
        if sum > 0.0 {
            out.slice_mut(s![b, h, i, ..]).assign(&(acc / sum));
            lse[[b, h, i]] = max + sum.ln();
        }
    }
    (out, lse)
}
