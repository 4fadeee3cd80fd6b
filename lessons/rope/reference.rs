//! Rotary position embedding, step by step in f64.

use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array3, Array4, ArrayD, Axis, Ix2, Ix4};

/// RoPE with interleaved pairs (x₀,x₁), (x₂,x₃) …: q, k `[b h n d]`, positions `[b n]` → q_rot,
/// k_rot `[b h n d]`. Su et al. 2021, arXiv 2104.09864, eq. 34.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let four = "q and k have the axes b h n d";
    let q: Array4<f64> = inputs.f64("q").into_dimensionality::<Ix4>().expect(four);
    let k: Array4<f64> = inputs.f64("k").into_dimensionality::<Ix4>().expect(four);
    let positions = inputs.int("positions").view();
    let positions = positions.into_dimensionality::<Ix2>().expect("axes b n");
    let base = inputs.number("rope_theta");
    let (b, _, n, d) = q.dim();
    let pairs = d / 2;

    // θᵢ = base^(−2i/d): how far pair i turns per token, in radians.   [p], p = d/2
    let inv_freq = inv_freq(d, base);
    trace
        .step("inv_freq", "θᵢ = base^(−2i/d)", "p", &inv_freq)
        .note(format!(
            "one turn takes {:.1} tokens for pair 0, {:.0} for pair {}",
            std::f64::consts::TAU / inv_freq[0],
            std::f64::consts::TAU / inv_freq[pairs - 1],
            pairs - 1,
        ));

    // φ = m·θᵢ, with m the absolute position of the token.   [b n p]
    let angles = Array3::from_shape_fn((b, n, pairs), |(b, n, i)| {
        positions[[b, n]] as f64 * inv_freq[i]
    });
    trace
        .step("angles", "m·θᵢ", "b n, p -> b n p", &angles)
        .note("radians; the same for every head");

    // The real part of e^{iφ}.   [b n p]
    let cos = angles.mapv(f64::cos);
    trace.step("cos", "cos φ", "b n p", &cos);

    // Its imaginary part.   [b n p]
    let sin = angles.mapv(f64::sin);
    trace.step("sin", "sin φ", "b n p", &sin);

    // (x₂ᵢ + i·x₂ᵢ₊₁)·e^{iφ}, the complex product written out.   [b h n d]
    let formula = "(x₀·cos − x₁·sin, x₀·sin + x₁·cos)";
    let q_rot = turn(&q, &cos, &sin);
    trace
        .step("q_rot", formula, "b h n d -> b h n d", &q_rot)
        .note(norms(&q, &q_rot));

    // The same for k. v is not turned.   [b h n d]
    let k_rot = turn(&k, &cos, &sin);
    trace
        .step("k_rot", formula, "b h n d -> b h n d", &k_rot)
        .note(norms(&k, &k_rot));

    vec![q_rot.into_dyn(), k_rot.into_dyn()]
}

/// θᵢ = base^(−2i/d) of the d/2 pairs, in radians per token.
pub fn inv_freq(d: usize, base: f64) -> Array1<f64> {
    Array1::from_shape_fn(d / 2, |i| base.powf(-2.0 * i as f64 / d as f64))
}

/// Multiplies the pair (x₂ᵢ, x₂ᵢ₊₁), read as a complex number, by cos + i·sin: x `[b h n d]`, cos and
/// sin `[b n p]` with p = d/2, the same for every head.
pub fn turn(x: &Array4<f64>, cos: &Array3<f64>, sin: &Array3<f64>) -> Array4<f64> {
    Array4::from_shape_fn(x.dim(), |(b, h, n, j)| {
        let i = j / 2;
        let (x0, x1) = (x[[b, h, n, 2 * i]], x[[b, h, n, 2 * i + 1]]);
        let (c, s) = (cos[[b, n, i]], sin[[b, n, i]]);
        if j % 2 == 0 {
            x0 * c - x1 * s
        } else {
            x0 * s + x1 * c
        }
    })
}

/// [`turn`] in the layout of a convention: `half-split`, `pairs-to-halves`, or interleaved.
pub fn turn_as(
    variant: &Variant,
    x: &Array4<f64>,
    cos: &Array3<f64>,
    sin: &Array3<f64>,
) -> Array4<f64> {
    let d = x.dim().3;
    // The place of dimension j among pairs, and among halves.
    let order = |place: &dyn Fn(usize) -> usize| (0..d).map(place).collect::<Vec<_>>();
    let to_pairs = order(&|j| j / 2 + j % 2 * (d / 2));
    let to_halves = order(&|j| 2 * (j % (d / 2)) + j / (d / 2));
    let split = variant.has("half-split");
    let x = match split {
        true => &x.select(Axis(3), &to_pairs),
        false => x,
    };
    let turned = turn(x, cos, sin);
    match split || variant.has("pairs-to-halves") {
        true => turned.select(Axis(3), &to_halves),
        false => turned,
    }
}

/// How far the turn changed the length of any vector.
pub fn norms(before: &Array4<f64>, after: &Array4<f64>) -> String {
    let lengths = |x: &Array4<f64>| -> ArrayD<f64> {
        let squares = x.mapv(|x| x * x).sum_axis(Axis(3));
        squares.mapv(f64::sqrt).into_dyn()
    };
    let gap = (lengths(before) - lengths(after)).mapv(f64::abs);
    let gap = gap.iter().fold(0.0_f64, |a, &b| a.max(b));
    format!("lengths unchanged (within {gap:.0e})")
}
