use llmlab::prelude::*;

/// Position interpolation, Chen et al. 2023 (arXiv 2306.15595), on interleaved pairs.
pub fn position_interpolation(
    q: &Tensor,
    k: &Tensor,
    positions: &Labels,
    rope_theta: f64,
    trained: f64,
    target: f64,
) -> (Tensor, Tensor) {
    let scale = (target / trained).max(1.0);
    let rotate = |x: &Tensor| {
        let d = x.shape()[3];
        Tensor::from_shape_fn(x.raw_dim(), |at| {
            let [b, h, n, j] = [at[0], at[1], at[2], at[3]];
            let i = j / 2;
            let m = positions[[b, n]] as f64 / scale;
            let (sin, cos) = (m * rope_theta.powf(-2.0 * i as f64 / d as f64)).sin_cos();
            let (x0, x1) = (x[[b, h, n, 2 * i]], x[[b, h, n, 2 * i + 1]]);
            if j % 2 == 0 {
                x0 * cos as f32 - x1 * sin as f32
            } else {
                x0 * sin as f32 + x1 * cos as f32
            }
        })
    };
    (rotate(q), rotate(k))
}
