//! Attention weights with linear biases, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Array3, Array4, Axis, Ix4};

/// Causal ALiBi: scaled scores `[b h n m]` → weights `[b h n m]`. The n queries are the last of
/// the m positions; a query that comes before every key has weights 0.
/// Press, Smith, Lewis 2021, arXiv 2108.12409.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let scores = inputs.f64("scores").into_dimensionality::<Ix4>();
    let scores: Array4<f64> = scores.expect("scores have the axes b h n m");
    let (_, h, n, m) = scores.dim();

    // One fixed slope for each head, a geometric series.   [h]
    let slopes = Array1::from(slopes(h));
    let formula = if h.is_power_of_two() {
        "2^(−8k/h), k = 1 … h"
    } else {
        "2^(−8k/c), c = 2^⌊log₂h⌋; then those of 2c heads, k odd"
    };
    trace.step("slopes", formula, "h", &slopes).note(format!(
        "head 0 loses 1 after {:.0} tokens, head {} after {:.0}",
        1.0 / slopes[0],
        h - 1,
        1.0 / slopes[h - 1],
    ));

    // How far key j lies behind the query of row r, at position i = r + m − n.   [n m]
    let distance = Array2::from_shape_fn((n, m), |(r, j)| (r + m) as f64 - (j + n) as f64);
    trace
        .step("distance", "i − j, i = r + m − n", "n m", &distance)
        .note("negative: keys that come after the query");

    // Linear in the distance; −∞ for the future.   [h n m]
    let bias = Array3::from_shape_fn((h, n, m), |(h, r, j)| match distance[[r, j]] {
        d if d < 0.0 => f64::NEG_INFINITY,
        d => -slopes[h] * d,
    });
    trace
        .step(
            "bias",
            "−m_h·(i − j); −∞ where j > i",
            "h, n m -> h n m",
            &bias,
        )
        .note("never positive, 0 for the query's own key");

    // Added after the scale 1/√d, the same for the whole batch.   [b h n m]
    let biased = &scores + &bias;
    trace.step(
        "biased",
        "scores + bias",
        "b h n m, h n m -> b h n m",
        &biased,
    );

    // Softmax over the keys.   [b h n m]
    let mut weights = biased;
    weights.lanes_mut(Axis(3)).into_iter().for_each(soften);
    let by_head = mean_distance(&weights, &distance);
    trace
        .step("weights", "softmax over m", "b h n m -> b h n m", &weights)
        .note(format!(
            "mean distance: head 0 {:.2}, head {} {:.2}",
            by_head[0],
            h - 1,
            by_head[h - 1],
        ));

    vec![weights.into_dyn()]
}

/// The paper's slopes: 2^(−8k/h) for k = 1 … h where h is a power of two. Otherwise those of the
/// power of two c below, then every second one of 2c heads, beginning with the first.
pub fn slopes(h: usize) -> Vec<f64> {
    let below = 1_usize << h.max(1).ilog2();
    let slope = |k: usize, of: usize| 2f64.powf(-8.0 * k as f64 / of as f64);
    let own = (1..=below).map(|k| slope(k, below));
    let between = (1..).step_by(2).map(|k| slope(k, 2 * below));
    own.chain(between).take(h).collect()
}

/// Softmax of one row; zeros where no key may be seen.
pub(super) fn soften(mut row: ndarray::ArrayViewMut1<'_, f64>) {
    let max = row.fold(f64::NEG_INFINITY, |max, &x| max.max(x));
    if max == f64::NEG_INFINITY {
        row.fill(0.0);
        return;
    }
    row.mapv_inplace(|x| (x - max).exp());
    let sum = row.sum();
    row.mapv_inplace(|x| x / sum);
}

/// Σ weight·distance for each head, the mean over sequences and queries.
pub(super) fn mean_distance(weights: &Array4<f64>, distance: &Array2<f64>) -> Vec<f64> {
    let (b, _, n, _) = weights.dim();
    let head = |weights: ndarray::ArrayView3<'_, f64>| (&weights * distance).sum() / (b * n) as f64;
    weights.axis_iter(Axis(1)).map(head).collect()
}
