//! The same computation with every mistake and every convention behind a switch.

use super::reference::{Ask, FAST, SLOW, ramp};
use crate::lessons::rope::inv_freq;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, ArrayD, IxDyn};
use std::f64::consts::TAU;

/// The tables in f64 with planted bugs and conventions; with none they equal the reference's.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let on = |id| variant.has(id);
    let ask = Ask::of(inputs);
    let positions = inputs.int("positions");
    let s = stretch(ask, variant, positions.len());
    let theta = frequencies(ask, variant, s);
    let stale = ask.method == 1 && on("stale-cache");
    let heat = heat(ask, variant, s);
    let table = |wave: fn(f64) -> f64| {
        let mut out = ArrayD::zeros(IxDyn(&[positions.len(), theta.len()]));
        for (m, mut row) in positions.iter().zip(out.rows_mut()) {
            let m = *m as f64;
            let mut then = ask;
            then.length = m + 1.0;
            let own = stale.then(|| frequencies(then, variant, stretch(then, variant, 1)));
            let theta = own.as_ref().unwrap_or(&theta);
            for (cell, theta) in row.iter_mut().zip(theta) {
                *cell = heat * wave(m * theta);
            }
        }
        out
    };
    vec![table(f64::cos), table(f64::sin)]
}

/// s, for a text of which `rows` tokens are given.
fn stretch(ask: Ask, variant: &Variant, rows: usize) -> f64 {
    let on = |id| variant.has(id);
    if on("no-scale") {
        return 1.0;
    }
    if ask.method != 1 || on("dynamic-is-static") {
        let factor = ask.factor.max(1.0);
        return if on("factor-inverted") {
            1.0 / factor
        } else {
            factor
        };
    }
    let length = match () {
        () if on("length-of-rows") => rows as f64,
        () if on("length-too-short") => ask.length - 1.0,
        () => ask.length,
    };
    let ratio = length / ask.trained;
    let beyond = on("dynamic-below-trained") || ratio > 1.0;
    match () {
        () if !beyond => 1.0,
        () if on("factor-times-length") => ask.factor * ratio,
        () if on("hugging-face") || on("dynamic-factor") => ask.factor * ratio - (ask.factor - 1.0),
        () => ratio,
    }
}

/// The stretched frequencies.
pub(super) fn frequencies(ask: Ask, variant: &Variant, s: f64) -> Array1<f64> {
    let on = |id| variant.has(id);
    let plain = inv_freq(ask.head_dim, ask.base);
    if ask.method < 2 {
        let d = ask.head_dim as f64;
        let exponent = match () {
            () if on("base-times-s") => 1.0,
            () if on("exponent-inverted") => (d - 2.0) / d,
            () if on("exponent-of-pairs") => d / (d - 4.0),
            () if on("base-divided") => -ask.exponent(),
            () => ask.exponent(),
        };
        return match () {
            () if on("linear") => plain / s,
            () if on("base-and-positions") => {
                inv_freq(ask.head_dim, ask.base * s.powf(exponent)) / s
            }
            () => inv_freq(ask.head_dim, ask.base * s.powf(exponent)),
        };
    }
    let by_index = on("hugging-face") || on("index-ramp");
    let (low, high) = correction_range(ask);
    let gamma = |i: usize, theta: f64| {
        let r = match () {
            () if on("turns-without-tau") => ask.trained * theta,
            () if on("turns-of-target") => ask.trained * s * theta / TAU,
            () => ask.trained * theta / TAU,
        };
        let kept = match () {
            () if on("ramp-step") => f64::from(u8::from(r >= SLOW)),
            () if on("ramp-unclamped") => (r - SLOW) / (FAST - SLOW),
            () if by_index && !on("turns-without-tau") && !on("turns-of-target") => {
                1.0 - ((i as f64 - low) / (high - low)).clamp(0.0, 1.0)
            }
            () => ramp(r),
        };
        if on("ramp-reversed") {
            1.0 - kept
        } else {
            kept
        }
    };
    let mut scaled = plain;
    for (i, theta) in scaled.iter_mut().enumerate() {
        let gamma = gamma(i, *theta);
        *theta = match on("blends-wavelengths") {
            true => *theta / ((1.0 - gamma) * s + gamma),
            false => (1.0 - gamma) * *theta / s + gamma * *theta,
        };
    }
    scaled
}

/// Between which pairs YaRN's code and transformers ramp: those with β and α turns, rounded outward.
fn correction_range(ask: Ask) -> (f64, f64) {
    let d = ask.head_dim as f64;
    let pair = |turns: f64| d * (ask.trained / (turns * TAU)).ln() / (2.0 * ask.base.ln());
    let low = pair(FAST).floor().max(0.0);
    let high = pair(SLOW).ceil().min(d - 1.0);
    (low, if low == high { high + 0.001 } else { high })
}

/// What both tables are multiplied by.
fn heat(ask: Ask, variant: &Variant, s: f64) -> f64 {
    let on = |id| variant.has(id);
    if ask.method != 3 && !(ask.method == 2 && on("heat-in-parts")) {
        return 1.0;
    }
    let heat = match on("heat-log10") {
        true => 0.1 * s.log10() + 1.0,
        false => 0.1 * s.ln() + 1.0,
    };
    match () {
        () if on("no-heat") => 1.0,
        () if on("heat-inverted") => 1.0 / heat,
        () if on("heat-squared") => heat * heat,
        () => heat,
    }
}
