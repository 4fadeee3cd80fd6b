use crate::trace::Trace;
use ndarray::{ArrayD, IxDyn};

/// `softmax(q·kᵀ/√d + mask)·v`, in f64.
///
/// Shapes: `q [b h n d]`, `k [b h m d]`, `v [b h m dv]`, `mask [n m]` added to the scores
/// (0 keeps a key, −inf hides it); the result is `[b h n dv]`. A query that sees no key gives
/// zeros, as FlashAttention does.
///
/// # Errors
/// A sentence, when the shapes do not fit together.
pub fn attention(
    q: &ArrayD<f64>,
    k: &ArrayD<f64>,
    v: &ArrayD<f64>,
    mask: Option<&ArrayD<f64>>,
    trace: &mut Trace,
) -> Result<ArrayD<f64>, String> {
    for (name, array) in [("q", q), ("k", k), ("v", v)] {
        if array.ndim() != 4 {
            return Err(format!("{name} must have 4 axes, got {:?}", array.shape()));
        }
    }
    trace.step("q", "queries", "b h n d", q)?;
    trace.step("k", "keys", "b h m d", k)?;
    trace.step("v", "values", "b h m dv", v)?;
    let (b, h, n, d) = (q.shape()[0], q.shape()[1], q.shape()[2], q.shape()[3]);
    let (m, dv) = (k.shape()[2], v.shape()[3]);

    // scores = q·kᵀ/√d   [b h n m]: dividing by √d keeps the variance of a score at 1
    let scale = (d as f64).sqrt();
    let mut scores = ArrayD::from_shape_fn(IxDyn(&[b, h, n, m]), |x| {
        let dot = |c| q[[x[0], x[1], x[2], c]] * k[[x[0], x[1], x[3], c]];
        (0..d).map(dot).sum::<f64>() / scale
    });
    trace.step("scores", "q·kᵀ/√d", "b h n m", &scores)?;

    // scores + mask   [b h n m]
    if let Some(mask) = mask {
        trace.step("mask", "0 keep, −inf hide", "n m", mask)?;
        scores += mask; // [n m] is the same for every batch and head
        trace.step("masked", "scores + mask", "b h n m", &scores)?;
    }

    // weights = softmax over m   [b h n m]: minus the row maximum, so that exp cannot overflow
    let mut weights = scores;
    for mut row in weights.lanes_mut(ndarray::Axis(3)) {
        let max = row.fold(f64::NEG_INFINITY, |a, &x| a.max(x));
        if max == f64::NEG_INFINITY {
            row.fill(0.0);
            continue;
        }
        row.mapv_inplace(|x| (x - max).exp());
        let sum = row.sum();
        row.mapv_inplace(|x| x / sum);
    }
    trace.step("weights", "softmax over m", "b h n m", &weights)?;

    // out = weights·v   [b h n dv]
    let out = ArrayD::from_shape_fn(IxDyn(&[b, h, n, dv]), |x| {
        let term = |j| weights[[x[0], x[1], x[2], j]] * v[[x[0], x[1], j, x[3]]];
        (0..m).map(term).sum()
    });
    trace.step("out", "weights·v", "b h n dv", &out)?;
    Ok(out)
}
