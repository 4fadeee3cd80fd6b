//! The same counts with every mistake behind a switch.

use super::reference::slope;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2, arr0};

/// Costs in f64 with planted bugs and conventions; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let n: Array1<f64> = inputs.int("n").iter().map(|n| *n as f64).collect();
    let seconds: Array1<f64> = inputs
        .float("seconds")
        .iter()
        .map(|t| f64::from(*t))
        .collect();
    let number = |name: &str| inputs.number(name);
    let (h, d, causal) = (number("heads"), number("head_dim"), number("causal") != 0.0);
    let kv_heads = if has("gqa-ignored") {
        h
    } else {
        number("kv_heads")
    };
    let (model, kv) = (h * d, kv_heads * d);
    let width = if has("numbers-for-bytes") {
        1.0
    } else {
        number("width")
    };
    let unit = if has("gb-for-gib") {
        1e9
    } else {
        f64::from(1 << 30)
    };
    let flop = if has("mac-as-flop") { 0.5e-9 } else { 1e-9 };

    let counts = |n: f64| {
        let pairs = match () {
            () if !causal || has("causal-not-halved") => n * n,
            () if has("half-of-n2") => n * n / 2.0,
            () => n * (n + 1.0) / 2.0,
        };
        let matrices = match () {
            () if has("out-projection-missing") => model * (model + 2.0 * kv),
            () if has("n2-projections") => 2.0 * n * (model + kv),
            () => 2.0 * model * (model + kv),
        };
        let products = if has("counts-one-matmul") { 1.0 } else { 2.0 };
        let wide = if has("one-head-flop") { d } else { model };
        let operands = match () {
            () if has("out-not-counted") => model + 2.0 * kv,
            () => 2.0 * (model + kv),
        };
        let mut scores = match () {
            () if has("forget-heads") => n * n,
            () if has("gqa-shrinks-scores") => kv_heads * n * n,
            () => h * n * n,
        };
        for (id, factor) in [("memory-n2d", d), ("scores-and-weights", 2.0)] {
            scores *= if has(id) { factor } else { 1.0 };
        }
        if has("causal-halves-scores") {
            scores *= pairs / (n * n);
        }
        [
            2.0 * n * matrices * flop,
            2.0 * products * pairs * wide * flop,
            n * operands * width / unit,
            scores * width / unit,
        ]
    };
    let rows: Vec<[f64; 4]> = n.iter().map(|n| counts(*n)).collect();
    let rate = Array1::from_shape_fn(n.len(), |i| {
        let more = if has("rate-with-projections") {
            rows[i][0]
        } else {
            0.0
        };
        let done = rows[i][1] + more;
        match has("rate-inverted") {
            true => seconds[i] / done,
            false => done / seconds[i],
        }
    });
    let table = Array2::from_shape_fn((n.len(), 4), |(i, kind)| rows[i][kind]);
    let exponent = exponent(variant, &n, &seconds);
    vec![table.into_dyn(), rate.into_dyn(), arr0(exponent).into_dyn()]
}

fn exponent(variant: &Variant, n: &Array1<f64>, seconds: &Array1<f64>) -> f64 {
    let has = |id: &str| variant.has(id);
    if has("exponent-without-logs") {
        return slope(n, seconds);
    }
    let (mut x, mut y) = (n.mapv(f64::ln), seconds.mapv(f64::ln));
    if has("exponent-mixed-logs") {
        x /= std::f64::consts::LN_2;
    }
    if has("exponent-inverted") {
        std::mem::swap(&mut x, &mut y);
    }
    let (Some(last), true) = (n.len().checked_sub(1), slope(&x, &y) != 0.0) else {
        return 0.0;
    };
    match () {
        () if has("exponent-endpoints") => (y[last] - y[0]) / (x[last] - x[0]),
        () if has("exponent-through-origin") => (&x * &y).sum() / (&x * &x).sum(),
        () => slope(&x, &y),
    }
}
