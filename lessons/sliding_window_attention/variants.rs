//! The same computation over all pairs, with every mistake behind a switch.

use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array4, Ix4};

/// One key of a query: its score, its values, and whether it is near (in the window).
struct Key {
    score: f64,
    values: Vec<f64>,
    near: bool,
    hidden: bool,
}

/// Windowed attention in f64 with planted bugs; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let array = |name: &str| -> Array4<f64> {
        let array = inputs.f64(name).into_dimensionality::<Ix4>();
        array.expect("q, k and v have four axes")
    };
    let [q, k, v] = ["q", "k", "v"].map(array);
    let ((b, h, n, d), m, dv) = (q.dim(), k.dim().2 as i64, v.dim().3);
    let number = |name: &str| inputs.number(name) as i64;
    let (w, g, causal) = (number("window"), number("globals"), number("causal") != 0);
    let divisor = if has("no-scale") {
        1.0
    } else {
        (d as f64).sqrt()
    };

    let near = |i: i64, j: i64| match () {
        () if has("off-by-one-window") => (i - j).abs() <= w,
        () if has("window-too-short") => (i - j).abs() < w - 1,
        () if has("half-window") => (i - j).abs() <= w / 2,
        () if has("blocks") => i.div_euclid(w) == j.div_euclid(w),
        () => (i - j).abs() < w,
    };
    let global = |at: i64| match () {
        () if has("globals-ignored") => false,
        () if has("globals-last") => (m - g..m).contains(&at),
        () => (0..g).contains(&at),
    };
    let past = |i: i64, j: i64| {
        let leak = has("globals-from-the-future") && global(j);
        !causal || has("two-sided-in-causal") || j <= i || leak
    };

    let mut out = Array4::zeros((b, h, n, dv));
    for (b, h, r) in ndarray::indices((b, h, n)) {
        let i = match () {
            () if has("row-for-position") => r as i64,
            () => r as i64 + m - n as i64,
        };
        let mut keys = Vec::new();
        for j in 0..m {
            let seen = near(i, j)
                || (global(j) && !has("global-one-way"))
                || (global(i) && !has("global-blind"));
            let at = j as usize;
            let dot: f64 = (0..d).map(|t| q[[b, h, r, t]] * k[[b, h, at, t]]).sum();
            let twice = has("global-twice") && near(i, j) && global(j) && past(i, j);
            for _ in 0..1 + usize::from(twice) {
                keys.push(Key {
                    score: dot / divisor,
                    values: (0..dv).map(|c| v[[b, h, at, c]]).collect(),
                    near: near(i, j),
                    hidden: !(seen && past(i, j)),
                });
            }
        }
        if has("padded-band") {
            // The window's places before the first key, and on two sides after the last.
            let before = (w - 1 - i).max(0);
            let after = if causal { 0 } else { (i + w - m).max(0) };
            for _ in 0..before + after {
                let values = vec![0.0; dv];
                keys.push(Key {
                    score: 0.0,
                    values,
                    near: true,
                    hidden: false,
                });
            }
        }
        for (c, x) in sum(variant, &keys, dv).into_iter().enumerate() {
            out[[b, h, r, c]] = x;
        }
    }
    vec![out.into_dyn()]
}

/// The weighted sum over the keys that are seen.
fn sum(variant: &Variant, keys: &[Key], dv: usize) -> Vec<f64> {
    let has = |id: &str| variant.has(id);
    let all = has("mask-after-softmax") || has("masked-score-zero");
    let counted = |key: &&Key| all || !key.hidden;
    let part = |keep: &dyn Fn(&Key) -> bool| {
        let keys: Vec<&Key> = keys
            .iter()
            .filter(counted)
            .filter(|key| keep(key))
            .collect();
        let score = |key: &Key| match key.hidden && has("masked-score-zero") {
            true => 0.0,
            false => key.score,
        };
        let max = keys
            .iter()
            .map(|key| score(key))
            .fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = keys.iter().map(|key| (score(key) - max).exp()).sum();
        let mut out = vec![0.0; dv];
        for key in keys {
            if key.hidden && has("mask-after-softmax") {
                continue;
            }
            let weight = (score(key) - max).exp() / total;
            for (x, value) in out.iter_mut().zip(&key.values) {
                *x += weight * value;
            }
        }
        out
    };
    if has("two-softmaxes") {
        let (near, far) = (part(&|key| key.near), part(&|key| !key.near));
        return near.into_iter().zip(far).map(|(a, b)| a + b).collect();
    }
    part(&|_| true)
}
