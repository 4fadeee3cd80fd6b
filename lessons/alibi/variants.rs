//! The same computation with every mistake behind a switch.

use super::reference::soften;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array4, Axis, Ix4};

const DROP: f64 = f64::NEG_INFINITY;

/// ALiBi weights in f64 with planted bugs; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let scores = inputs.f64("scores").into_dimensionality::<Ix4>();
    let scores: Array4<f64> = scores.expect("scores have the axes b h n m");
    let (b, h, n, m) = scores.dim();
    let slopes = wrong_slopes(variant, h);
    let slope = |batch: usize, head: usize| match () {
        () if has("repeat-interleave") => slopes[(batch * h + head) / b],
        () => slopes[head],
    };
    // The position of a row's query, from which the mask is made.
    let place = |r: usize| match () {
        () if has("causal-top-left") => r as i64,
        () => r as i64 + m as i64 - n as i64,
    };
    let reach = i64::from(has("mask-off-by-one"));
    let seen = |r: usize, j: usize| j as i64 <= place(r) + reach;
    let bias = |[batch, head, r, j]: [usize; 4]| {
        let behind = match () {
            () if has("row-distance") => (r as i64 - j as i64).abs(),
            () if has("symmetric") => (place(r) - j as i64).abs(),
            () => place(r) - j as i64,
        };
        let mut distance = behind as f64;
        if has("distance-squared") {
            distance *= distance;
        }
        if has("distance-over-length") {
            distance /= m as f64;
        }
        let sign = if has("sign-flip") { 1.0 } else { -1.0 };
        sign * slope(batch, head) * distance
    };

    let late = has("bias-after-softmax");
    let unmasked = has("no-causal-mask") || has("symmetric");
    let open = unmasked || has("mask-after-softmax");
    let mut out = Array4::from_shape_fn((b, h, n, m), |at| {
        let at = [at.0, at.1, at.2, at.3];
        let score = scores[at];
        match () {
            () if !open && !seen(at[2], at[3]) => match has("masked-score-zero") {
                true => 0.0,
                false => DROP,
            },
            () if late => score,
            () if has("bias-multiplied") => score * bias(at),
            () => score + bias(at),
        }
    });
    if !has("no-softmax") {
        let axis = if has("softmax-queries") { 2 } else { 3 };
        out.lanes_mut(Axis(axis)).into_iter().for_each(soften);
    }
    for ((batch, head, r, j), w) in out.indexed_iter_mut() {
        let hidden = !unmasked && !seen(r, j);
        if hidden && has("mask-after-softmax") {
            *w = 0.0;
        }
        if late && !hidden {
            *w += bias([batch, head, r, j]);
        }
    }
    vec![out.into_dyn()]
}

/// The slope of every head.
fn wrong_slopes(variant: &Variant, h: usize) -> Vec<f64> {
    let has = |id: &str| variant.has(id);
    let below = 1_usize << h.max(1).ilog2();
    let slope = |k: usize, of: usize| {
        let exponent = -(k as f64) / of as f64;
        match () {
            () if has("base-e") => (8.0 * exponent).exp(),
            () if has("eight-missing") => exponent.exp2(),
            () => (8.0 * exponent).exp2(),
        }
    };
    let first = usize::from(!has("slopes-start-at-1"));
    let series = |count: usize, of: usize| (first..first + count).map(move |k| slope(k, of));
    let more = |k: fn(usize) -> usize| (0..h - below).map(move |i| slope(k(i), 2 * below));
    let mut all: Vec<f64> = match () {
        () if has("no-bias") => vec![0.0; h],
        () if has("slopes-linear") => (1..=h).map(|k| k as f64 / h as f64).collect(),
        () if has("exponent-minus-k") => (1..=h).map(|k| (-(k as f64)).exp2()).collect(),
        () if has("plain-formula") => series(h, h).collect(),
        () if has("next-power-truncated") && below < h => series(h, 2 * below).collect(),
        () if has("extra-not-skipped") => series(below, below).chain(more(|i| i + 1)).collect(),
        () if has("extra-from-second") => series(below, below).chain(more(|i| 2 * i + 2)).collect(),
        () => series(below, below).chain(more(|i| 2 * i + 1)).collect(),
    };
    if has("slopes-sorted") {
        all.sort_by(|a, b| b.total_cmp(a));
    }
    if has("heads-reversed") {
        all.reverse();
    }
    if has("one-slope") {
        all = vec![all[0]; h];
    }
    all
}
