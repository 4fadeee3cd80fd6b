//! The additive attention mask, step by step (Vaswani et al. 2017, §3.2.3, arXiv 1706.03762).

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Array3, ArrayD, Axis, Ix2, IxDyn};

/// `keep [b m]`, the number of queries n and the window w (0: none).
pub struct Given {
    pub keep: Array2<bool>,
    pub n: usize,
    pub window: i64,
}

impl Given {
    pub fn new(inputs: &Inputs) -> Given {
        let keep = inputs.int("keep").mapv(|keep| keep != 0);
        Given {
            keep: keep
                .into_dimensionality::<Ix2>()
                .expect("the shape was checked"),
            n: inputs.number("queries") as usize,
            window: inputs.number("window") as i64,
        }
    }
}

/// `mask [b 1 n m]`: 0 where query i may see key j, −∞ where not.
///
/// The n queries are the last n of the m positions. A key is seen if it is not padding, not later
/// than the query, and, with a window w > 0, one of the w positions that end at the query.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let Given { keep, n, window } = Given::new(inputs);
    let (b, m) = keep.dim();
    let yes = |keep: bool| f64::from(u8::from(keep));

    // position = i + (m − n) [n]: the queries are the last n of m positions.
    let position = Array1::from_shape_fn(n, |i| i as i64 + m as i64 - n as i64);
    trace
        .step("position", "i + (m − n)", "n", &position)
        .note("aligned at the end: the last query is the last key");

    // causal = j ≤ position [n m]: a key is not later than its query.
    let causal = Array2::from_shape_fn((n, m), |(i, j)| yes(j as i64 <= position[i]));
    trace
        .step("causal", "j ≤ position", "n -> n m", &causal)
        .note(format!("{} of {} pairs kept", causal.sum(), n * m));

    // near = position − j < w [n m]: inside the window, or everything where w is 0.
    let near = Array2::from_shape_fn((n, m), |(i, j)| {
        yes(window == 0 || position[i] - (j as i64) < window)
    });
    trace
        .step("near", "position − j < window", "n -> n m", &near)
        .note(match window {
            0 => "no window".to_string(),
            w => format!("window {w}: the query itself and {} before it", w - 1),
        });

    // real = keep [b m]: the key is a token, not padding.
    let real = keep.mapv(yes);
    trace
        .step("real", "keep", "b m -> b m", &real)
        .note(format!("{} of {} keys are tokens", real.sum(), b * m));

    // seen = causal AND near AND real [b n m]: all three must allow it.
    let seen = Array3::from_shape_fn((b, n, m), |(s, i, j)| {
        causal[[i, j]] * near[[i, j]] * real[[s, j]]
    });
    let empty = seen.map_axis(Axis(2), |row| row.sum() == 0.0);
    let empty = empty.iter().filter(|empty| **empty).count();
    trace
        .step(
            "seen",
            "causal ∧ near ∧ real",
            "n m, n m, b m -> b n m",
            &seen,
        )
        .note(format!("{empty} of {} queries see no key", b * n));

    // mask = 0 where seen, else −∞ [b 1 n m]: the axis of size 1 broadcasts over the heads.
    let mask = ArrayD::from_shape_fn(IxDyn(&[b, 1, n, m]), |at| {
        if seen[[at[0], at[2], at[3]]] == 1.0 {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    });
    trace
        .step("mask", "seen ? 0 : −∞", "b n m -> b 1 n m", &mask)
        .note("broadcasts over the heads; added to the scores");
    vec![mask]
}
