use llmlab::prelude::*;

/// Rotary position embedding with interleaved pairs, Su et al. 2021 (arXiv 2104.09864).
pub fn rope(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> (Tensor, Tensor) {
    let rotate = |x| rotate(x, positions, rope_theta);
    (rotate(q), rotate(k))
}

fn rotate(x: &Tensor, positions: &Labels, rope_theta: f64) -> Tensor {
    let [batch, heads, rows, d] = [0, 1, 2, 3].map(|axis| x.shape()[axis]);
    let mut out = x.clone();
    for b in 0..batch {
        for n in 0..rows {
            let m = positions[[b, n]] as f64;
            for i in 0..d / 2 {
                let angle = m * rope_theta.powf(-2.0 * i as f64 / d as f64);
                let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
                for h in 0..heads {
                    let (x0, x1) = (x[[b, h, n, 2 * i]], x[[b, h, n, 2 * i + 1]]);
                    out[[b, h, n, 2 * i]] = x0 * cos - x1 * sin;
                    out[[b, h, n, 2 * i + 1]] = x0 * sin + x1 * cos;
                }
            }
        }
    }
    out
}
