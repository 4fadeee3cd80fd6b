//! The same computation with every mistake and every convention behind a switch.

use super::reference::BASE;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array3, Ix2, Ix3};

/// The sum in f64 with planted bugs and conventions; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let on = |id| variant.has(id);
    let embeddings = inputs.f64("embeddings").into_dimensionality::<Ix3>();
    let embeddings: Array3<f64> = embeddings.expect("axes b n d");
    let positions = inputs.int("positions").view();
    let positions = positions.into_dimensionality::<Ix2>().expect("axes b n");
    let d = embeddings.dim().2;
    let halves = on("halves") || on("tensor2tensor");
    let place = |b: usize, n: usize| {
        let m = match () {
            () if on("row-positions") => n as f64,
            () if on("batch-as-position") => b as f64,
            () if on("batch-row-0") => positions[[0, n]] as f64,
            () => positions[[b, n]] as f64,
        };
        m + f64::from(u8::from(on("positions-from-1")))
    };
    let out = Array3::from_shape_fn(embeddings.dim(), |(b, n, j)| {
        let (i, odd) = match halves {
            true => (j % (d / 2), j >= d / 2),
            false => (j / 2, j % 2 == 1),
        };
        let mut angle = place(b, n) * frequency(variant, i, j, d);
        if on("degrees") {
            angle = angle.to_radians();
        }
        let cosine = match () {
            () if on("sin-all") => false,
            () if on("cos-sin-swapped") => !odd,
            () => odd,
        };
        let wave = if cosine { angle.cos() } else { angle.sin() };
        let (x, root) = (embeddings[[b, n, j]], (d as f64).sqrt());
        match () {
            () if on("no-root") => x + wave,
            () if on("divided-by-root") => x / root + wave,
            () if on("root-on-the-sum") => (x + wave) * root,
            () if on("multiplied") => x * root * wave,
            () if on("encoding-only") => wave,
            () => x * root + wave,
        }
    });
    vec![out.into_dyn()]
}

/// ω of pair i, or of dimension j for those who give each its own.
fn frequency(variant: &Variant, i: usize, j: usize, d: usize) -> f64 {
    let on = |id| variant.has(id);
    let base: f64 = match () {
        () if on("base-1000") => 1e3,
        () if on("no-logarithm") => std::f64::consts::E,
        () => BASE,
    };
    let exponent = match on("tensor2tensor") {
        // The last wavelength is 10000·2π exactly.
        true => i as f64 / (d / 2 - 1).max(1) as f64,
        false => 2.0 * i as f64 / d as f64,
    };
    let exponent = match () {
        () if on("single-frequency") => 0.0,
        () if on("exponent-i-not-2i") => exponent / 2.0,
        () if on("exponent-half-dim") => exponent * 2.0,
        () if on("exponent-per-dim") => j as f64 / d as f64,
        () => exponent,
    };
    base.powf(if on("exponent-sign") {
        exponent
    } else {
        -exponent
    })
}
