//! RoPE at interpolated positions, step by step in f64.

use crate::lessons::rope::{inv_freq, norms, turn};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array3, Array4, Ix2, Ix4, arr0};

/// RoPE with positions m/s, s = max(1, target/trained), on interleaved pairs: q, k `[b h n d]`,
/// positions `[b n]` → q_rot, k_rot `[b h n d]`.
/// Chen, Wong, Chen, Tian 2023, arXiv 2306.15595: f'(x, m) = f(x, m·L/L').
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let four = "q and k have the axes b h n d";
    let q: Array4<f64> = inputs.f64("q").into_dimensionality::<Ix4>().expect(four);
    let k: Array4<f64> = inputs.f64("k").into_dimensionality::<Ix4>().expect(four);
    let positions = inputs.int("positions").mapv(|m| m as f64);
    let positions = positions.into_dimensionality::<Ix2>().expect("axes b n");
    let (b, _, n, d) = q.dim();

    // s = L'/L: how many times longer the text may become. A shorter one is left as it is.   []
    let s = scale(inputs);
    trace
        .step("scale", "s = max(1, L'/L)", "", &arr0(s))
        .note(format!(
            "L = {}, L' = {}; the same for every text",
            inputs.number("trained"),
            inputs.number("target"),
        ));

    // Where the tokens would stand in a text of the trained length: between the whole numbers.   [b n]
    let places = &positions / s;
    trace
        .step("places", "m/s", "b n -> b n", &places)
        .note(reach(&positions, &places, inputs.number("trained")));

    // θᵢ = base^(−2i/d), as in plain RoPE.   [p], p = d/2
    let inv_freq = inv_freq(d, inputs.number("rope_theta"));
    trace.step("inv_freq", "θᵢ = base^(−2i/d)", "p", &inv_freq);

    // φ = (m/s)·θᵢ, which is m·(θᵢ/s): one may divide either, not both.   [b n p]
    let angles = Array3::from_shape_fn((b, n, d / 2), |(b, n, i)| places[[b, n]] * inv_freq[i]);
    trace
        .step("angles", "(m/s)·θᵢ", "b n, p -> b n p", &angles)
        .note(format!(
            "neighbours differ by {:.4} rad in pair 0, not by 1",
            inv_freq[0] / s
        ));

    // The real part of e^{iφ}.   [b n p]
    let cos = angles.mapv(f64::cos);
    trace.step("cos", "cos φ", "b n p", &cos);

    // Its imaginary part.   [b n p]
    let sin = angles.mapv(f64::sin);
    trace.step("sin", "sin φ", "b n p", &sin);

    // The pairs (x₀, x₁), (x₂, x₃) … turned by φ.   [b h n d]
    let formula = "(x₀·cos − x₁·sin, x₀·sin + x₁·cos)";
    let q_rot = turn(&q, &cos, &sin);
    trace
        .step("q_rot", formula, "b h n d -> b h n d", &q_rot)
        .note(norms(&q, &q_rot));

    // The same for k.   [b h n d]
    let k_rot = turn(&k, &cos, &sin);
    trace
        .step("k_rot", formula, "b h n d -> b h n d", &k_rot)
        .note(norms(&k, &k_rot));

    vec![q_rot.into_dyn(), k_rot.into_dyn()]
}

/// s = max(1, L'/L).
pub(super) fn scale(inputs: &Inputs) -> f64 {
    (inputs.number("target") / inputs.number("trained")).max(1.0)
}

/// Which positions training has seen, before and after.
fn reach(positions: &ndarray::Array2<f64>, places: &ndarray::Array2<f64>, trained: f64) -> String {
    let last = |x: &ndarray::Array2<f64>| x.iter().fold(0.0_f64, |max, x| max.max(*x));
    let (before, after) = (last(positions), last(places));
    format!(
        "the last is {before} → {after:.2}; training saw 0 … {}",
        trained - 1.0
    )
}
