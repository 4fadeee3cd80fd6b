use llmlab::prelude::*;

/// FLOP and bytes of an attention layer (Vaswani et al. 2017, arXiv 1706.03762, table 1), and the
/// exponent of measured times.
pub fn attention_complexity(
    n: &Labels,
    heads: f64,
    kv_heads: f64,
    head_dim: f64,
    width: f64,
    causal: f64,
    seconds: &Tensor,
) -> (Tensor, Tensor, f32) {
    let c = n.len();
    let (model, kv) = (heads * head_dim, kv_heads * head_dim);
    let gib = width / (1u64 << 30) as f64;
    let mut counts = Tensor::zeros(IxDyn(&[c, 4]));
    let mut rate = Tensor::zeros(IxDyn(&[c]));
    for i in 0..c {
        let n = n[[i]] as f64;
        let pairs = if causal == 1.0 {
            n * (n + 1.0) / 2.0
        } else {
            n * n
        };
        // q and out are n·D·D each, k and v n·D·D_kv each.
        let projections = 4.0 * n * model * (model + kv);
        // Scores and weights·v: d multiply-adds for each pair and head, twice.
        let attention = 4.0 * pairs * model;
        let operands = 2.0 * n * (model + kv) * gib;
        let scores = heads * n * n * gib;
        for (at, x) in [projections / 1e9, attention / 1e9, operands, scores]
            .into_iter()
            .enumerate()
        {
            counts[[i, at]] = x as f32;
        }
        rate[[i]] = (attention / 1e9) as f32 / seconds[[i]];
    }
    let x: Vec<f64> = n.iter().map(|n| (*n as f64).ln()).collect();
    let y: Vec<f64> = seconds.iter().map(|t| f64::from(*t).ln()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / c as f64;
    let (x_mean, y_mean) = (mean(&x), mean(&y));
    let together: f64 = x
        .iter()
        .zip(&y)
        .map(|(x, y)| (x - x_mean) * (y - y_mean))
        .sum();
    let spread: f64 = x.iter().map(|x| (x - x_mean).powi(2)).sum();
    let exponent = if spread > 0.0 { together / spread } else { 0.0 };
    (counts, rate, exponent as f32)
}
