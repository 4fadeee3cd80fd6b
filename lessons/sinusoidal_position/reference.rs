//! Sinusoidal position encoding, step by step in f64.

use crate::lessons::rope::inv_freq;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array3, Ix2, Ix3};
use std::f64::consts::TAU;

/// The base of the wavelengths.
pub(super) const BASE: f64 = 1e4;

/// embeddings `[b n d]`, positions `[b n]` → √d·embeddings + encoding `[b n d]`, sine and cosine
/// interleaved. Vaswani et al. 2017, arXiv 1706.03762, sections 3.4 and 3.5.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let embeddings = inputs.f64("embeddings").into_dimensionality::<Ix3>();
    let embeddings: Array3<f64> = embeddings.expect("axes b n d");
    let positions = inputs.int("positions").view();
    let positions = positions.into_dimensionality::<Ix2>().expect("axes b n");
    let (b, n, d) = embeddings.dim();

    // One frequency for each pair of dimensions, from 1 to nearly 1/10000.   [p], p = d/2
    let inv_freq = inv_freq(d, BASE);
    let pairs = inv_freq.len();
    trace
        .step("inv_freq", "ωᵢ = 10000^(−2i/d)", "p", &inv_freq)
        .note(format!(
            "wavelengths {:.1} … {:.0} tokens",
            TAU / inv_freq[0],
            TAU / inv_freq[pairs - 1],
        ));

    // m·ωᵢ, with m the absolute position.   [b n p]
    let angles = Array3::from_shape_fn((b, n, pairs), |(b, n, i)| {
        positions[[b, n]] as f64 * inv_freq[i]
    });
    trace.step("angles", "m·ωᵢ", "b n, p -> b n p", &angles);

    // sin in the even dimensions, cos in the odd ones.   [b n d]
    let encoding = Array3::from_shape_fn((b, n, d), |(b, n, j)| match j % 2 {
        0 => angles[[b, n, j / 2]].sin(),
        _ => angles[[b, n, j / 2]].cos(),
    });
    let squares = encoding.mapv(|x| x * x).sum() / (b * n) as f64;
    trace
        .step(
            "encoding",
            "(sin, cos)(m·ωᵢ), interleaved",
            "b n p -> b n d",
            &encoding,
        )
        .note(format!(
            "every row has the length √(d/2) = {:.3}",
            squares.sqrt()
        ));

    // So that the words outweigh the positions: embeddings start with a size of about 1/√d.   [b n d]
    let scaled = embeddings * (d as f64).sqrt();
    trace.step("scaled", "√d·E", "b n d -> b n d", &scaled);

    // Added once, below the first layer.   [b n d]
    let out = scaled + encoding;
    trace.step("out", "√d·E + PE", "b n d, b n d -> b n d", &out);

    vec![out.into_dyn()]
}
