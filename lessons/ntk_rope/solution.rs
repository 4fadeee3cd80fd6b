use llmlab::prelude::*;
use std::f64::consts::TAU;

/// NTK-aware, dynamic, by parts and YaRN: Peng et al. 2023 (arXiv 2309.00071).
pub fn ntk_rope(
    positions: &Labels,
    head_dim: f64,
    rope_theta: f64,
    trained: f64,
    factor: f64,
    method: f64,
) -> (Tensor, Tensor) {
    let d = head_dim;
    let length = positions.iter().max().map_or(0, |last| last + 1) as f64;
    let stretch = if method == 1.0 {
        length / trained
    } else {
        factor
    };
    let s = stretch.max(1.0);
    let base = if method < 2.0 {
        rope_theta * s.powf(d / (d - 2.0))
    } else {
        rope_theta
    };
    let mut inv_freq = Vec::new();
    for i in 0..head_dim as usize / 2 {
        let theta = base.powf(-2.0 * i as f64 / d);
        let turns = trained * theta / TAU;
        let ramp = ((turns - 1.0) / 31.0).clamp(0.0, 1.0);
        inv_freq.push(if method < 2.0 {
            theta
        } else {
            (1.0 - ramp) * theta / s + ramp * theta
        });
    }
    let heat = if method == 3.0 {
        0.1 * s.ln() + 1.0
    } else {
        1.0
    };
    let table = |f: fn(f64) -> f64| {
        Tensor::from_shape_fn(vec![positions.len(), inv_freq.len()], |at| {
            (heat * f(positions[at[0]] as f64 * inv_freq[at[1]])) as f32
        })
    };
    (table(f64::cos), table(f64::sin))
}
