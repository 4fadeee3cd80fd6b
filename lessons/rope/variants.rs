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
        for i in 0..d / 2 {
            let (first, second) = if half {
                (i, i + d / 2)
            } else {
                (2 * i, 2 * i + 1)
            };
            let (to_first, to_second) = if scattered {
                (i, i + d / 2)
            } else {
                (first, second)
            };
            // What pair's frequency the table has for dimension j.
            let pair = |j: usize| match () {
                () if !on("table-layout") => i,
                () if half => j / 2,
                () => j % (d / 2),
            };
            let phase = |j: usize| {
                let angle = m * frequency(inputs, variant, pair(j), j, heads, d);
                let (sin, cos) = angle.sin_cos();
                if on("sin-cos-swapped") {
                    (cos, sin)
                } else {
                    (sin, cos)
                }
            };
            let (x0, x1) = (x[[b, h, n, first]], x[[b, h, n, second]]);
            let (sin, cos) = phase(first);
            let minus = if on("rotate-half-no-minus") {
                1.0
            } else {
                -1.0
            };
            let y0 = x0 * cos + minus * x1 * sin;
            let (sin, cos) = phase(second);
            let y1 = x1 * cos + if on("overwritten-first") { y0 } else { x0 } * sin;
            out[[b, h, n, to_first]] = y0;
            out[[b, h, n, to_second]] = y1;
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
