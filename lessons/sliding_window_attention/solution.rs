use llmlab::prelude::*;

/// Attention over a window and global tokens, Beltagy et al. 2020 (arXiv 2004.05150): each query
/// looks at the list of its keys and at nothing else.
pub fn sliding_window_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    window: f64,
    globals: f64,
    causal: f64,
) -> Tensor {
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let (m, dv) = (k.shape()[2], v.shape()[3]);
    let (w, g) = (window as usize, globals as usize);
    let mut out = Tensor::zeros(IxDyn(&[b, h, n, dv]));
    for (b, h, r) in ndarray::indices((b, h, n)) {
        let i = r + m - n;
        let end = if causal == 1.0 { i + 1 } else { m };
        // Globals first, then what the window holds beyond them; a global query sees everything.
        let (first, last) = match i < g {
            true => (0, end),
            false => ((i + 1).saturating_sub(w), end.min(i + w)),
        };
        let keys: Vec<usize> = (0..g.min(end)).chain(first.max(g.min(end))..last).collect();
        let q = q.slice(s![b, h, r, ..]);
        let score = |j: &usize| q.dot(&k.slice(s![b, h, *j, ..])) / (d as f32).sqrt();
        let scores: Vec<f32> = keys.iter().map(score).collect();
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|s| (s - max).exp()).collect();
        let sum: f32 = weights.iter().sum();
        let mut row = out.slice_mut(s![b, h, r, ..]);
        for (j, w) in keys.into_iter().zip(weights) {
            row.scaled_add(w / sum, &v.slice(s![b, h, j, ..]));
        }
    }
    out
}
