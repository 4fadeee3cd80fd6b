use llmlab::prelude::*;

/// Sinusoidal position encoding, Vaswani et al. 2017 (arXiv 1706.03762), section 3.5.
pub fn sinusoidal_position(embeddings: &Tensor, positions: &Labels) -> Tensor {
    let d = embeddings.shape()[2];
    let scale = (d as f32).sqrt();
    Tensor::from_shape_fn(embeddings.raw_dim(), |at| {
        let (m, j) = (positions[[at[0], at[1]]] as f64, at[2]);
        let angle = m / 10_000f64.powf((j / 2 * 2) as f64 / d as f64);
        let wave = if j % 2 == 0 { angle.sin() } else { angle.cos() };
        embeddings[&at] * scale + wave as f32
    })
}
