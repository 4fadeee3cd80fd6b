//! The same computation with every mistake and every layout behind a switch.

use super::reference::scale;
use crate::lessons::rope::{inv_freq, turn_as};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array3, Array4, ArrayD, Ix2, Ix4};

/// Interpolated RoPE in f64 with planted bugs and layouts; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    ["q", "k"]
        .map(|name| turned(inputs, name, variant))
        .to_vec()
}

fn turned(inputs: &Inputs, name: &str, variant: &Variant) -> ArrayD<f64> {
    let on = |id| variant.has(id);
    let x = inputs.f64(name).into_dimensionality::<Ix4>();
    let x: Array4<f64> = x.expect("axes b h n d");
    let positions = inputs.int("positions").view();
    let positions = positions.into_dimensionality::<Ix2>().expect("axes b n");
    let (b, _, n, d) = x.dim();
    let trained = inputs.number("trained");
    let s = wrong_scale(inputs, variant);
    let left_out = on(match name {
        "q" => "scale-only-k",
        _ => "scale-only-q",
    });
    let by_base = on("base-over-s") || on("base-times-s");
    let untouched = left_out || by_base || on("no-scale") || on("table-divided");
    let place = |m: f64| match () {
        () if untouched || (on("only-beyond") && m < trained) => m,
        () if on("clamped") => m.min(trained - 1.0),
        () if on("wrapped") => m.rem_euclid(trained),
        () if on("inverted-scale") => m * s,
        () if on("scale-twice") => m / s / s,
        () => m / s,
    };
    let whole = |m: f64| match () {
        () if on("floored") => m.floor(),
        () if on("rounded") => m.round(),
        () => m,
    };
    let base = inputs.number("rope_theta");
    let theta = inv_freq(
        d,
        match () {
            () if on("base-over-s") => base / s,
            () if on("base-times-s") => base * s,
            () => base,
        },
    );
    let angles = Array3::from_shape_fn((b, n, d / 2), |(b, n, i)| {
        let m = match on("row-positions") {
            true => n as f64,
            false => positions[[b, n]] as f64,
        };
        whole(place(m)) * theta[i]
    });
    let (mut cos, mut sin) = (angles.mapv(f64::cos), angles.mapv(f64::sin));
    if on("table-divided") {
        cos /= s;
        sin /= s;
    }
    turn_as(variant, &x, &cos, &sin).into_dyn()
}

fn wrong_scale(inputs: &Inputs, variant: &Variant) -> f64 {
    let on = |id| variant.has(id);
    let [trained, target] = ["trained", "target"].map(|name| inputs.number(name));
    let longest = inputs.int("positions").iter().fold(0, |max, m| max.max(*m));
    match () {
        () if on("stretches-short") => target / trained,
        () if on("integer-ratio") => (target / trained).floor().max(1.0),
        () if on("ratio-of-last") => ((target - 1.0) / (trained - 1.0)).max(1.0),
        () if on("scale-by-length") => ((longest as f64 + 1.0) / trained).max(1.0),
        () if on("square-root") => scale(inputs).sqrt(),
        () => scale(inputs),
    }
}
