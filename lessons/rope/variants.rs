//! The same computation with every mistake and every convention behind a switch.

use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, Ix2, Ix4};

/// RoPE in f64 with planted bugs and conventions; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    ["q", "k"].map(|name| turn(inputs, name, variant)).to_vec()
}

fn turn(inputs: &Inputs, name: &str, variant: &Variant) -> ArrayD<f64> {
    let on = |id| variant.has(id);
    let x = inputs.f64(name);
    let x = x.into_dimensionality::<Ix4>().expect("axes b h n d");
    let is_k = name == "k";
    if on(if is_k { "only-q" } else { "only-k" }) {
        return x.into_dyn();
    }
    let positions = inputs.int("positions").view();
    let positions = positions.into_dimensionality::<Ix2>().expect("axes b n");
    let (batch, heads, rows, d) = x.dim();
    let other_layout = is_k && on("mixed-conventions");
    let half = on("half-split") != other_layout;
    let scattered = on("pairs-to-halves") && !half;
    // For each pair: its dimensions, where they go, and the frequency that each of them gets.
    let pairs: Vec<_> = (0..d / 2)
        .map(|i| {
            let apart = [i, i + d / 2];
            let from = if half { apart } else { [2 * i, 2 * i + 1] };
            let to = if scattered { apart } else { from };
            let theta = from.map(|j| {
                let pair = match () {
                    () if !on("table-layout") => i,
                    () if half => j / 2,
                    () => j % (d / 2),
                };
                frequency(inputs, variant, pair, j, heads, d)
            });
            (from, to, theta)
        })
        .collect();
    let (swapped, overwritten) = (on("sin-cos-swapped"), on("overwritten-first"));
    let minus = if on("rotate-half-no-minus") {
        1.0
    } else {
        -1.0
    };
    let mut out = x.clone();
    for (b, h, n) in ndarray::indices((batch, heads, rows)) {
        let mut m = match () {
            () if on("offset-ignored") => n as f64,
            () if on("head-as-position") => h as f64,
            () if on("batch-row-0") => positions[[0, n]] as f64,
            () => positions[[b, n]] as f64,
        };
        m += f64::from(u8::from(on("positions-from-1")));
        if on("bf16-positions") {
            m = bf16(m);
        }
        if on("sign-flip") != (is_k && on("k-opposite-sign")) {
            m = -m;
        }
        if is_k && on("k-rotated-twice") {
            m *= 2.0;
        }
        if on("degrees") {
            m = m.to_radians();
        }
        for (from, to, theta) in &pairs {
            let [x0, x1] = from.map(|j| x[[b, h, n, j]]);
            let [(sin0, cos0), (sin1, cos1)] = theta.map(|theta| {
                let (sin, cos) = (m * theta).sin_cos();
                if swapped { (cos, sin) } else { (sin, cos) }
            });
            let y0 = x0 * cos0 + minus * x1 * sin0;
            let y1 = x1 * cos1 + if overwritten { y0 } else { x0 } * sin1;
            out[[b, h, n, to[0]]] = y0;
            out[[b, h, n, to[1]]] = y1;
        }
    }
    if !is_k && on("q-scaled") {
        out /= (d as f64).sqrt();
    }
    out.into_dyn()
}

/// θ of a pair, or of dimension `j` for those who think that dimensions turn.
fn frequency(
    inputs: &Inputs,
    variant: &Variant,
    pair: usize,
    j: usize,
    heads: usize,
    d: usize,
) -> f64 {
    let on = |id| variant.has(id);
    let base = match () {
        () if on("exp-without-ln-base") => std::f64::consts::E,
        () if on("base-10000") => 1e4,
        () => inputs.number("rope_theta"),
    };
    let pair = if on("frequencies-reversed") {
        d / 2 - 1 - pair
    } else {
        pair
    };
    let pair = pair + usize::from(on("pairs-from-1"));
    let top = match () {
        () if on("single-theta") => 0,
        () if on("angle-per-dim") => j,
        () if on("angle-per-dim-not-pair") => pair,
        () => 2 * pair,
    };
    let bottom = match () {
        () if on("base-exponent-d-model") => heads * d,
        () if on("exponent-half-dim") => d / 2,
        () if on("exponent-endpoint") => (d - 2).max(1),
        () => d,
    };
    let exponent = top as f64 / bottom as f64;
    base.powf(if on("exponent-sign") {
        exponent
    } else {
        -exponent
    })
}

/// The nearest bfloat16: 8 significant bits, ties to even.
fn bf16(x: f64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let unit = (x.abs().log2().floor() - 7.0).exp2();
    (x / unit).round_ties_even() * unit
}
