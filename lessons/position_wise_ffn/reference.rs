//! Position-wise feed-forward networks, step by step in f64.

use crate::ops::einsum;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;

/// x `[b n d]`, w_up, w_gate `[d f]`, b_up `[f]`, w_down `[f d]`, b_down `[d]` → the network with
/// GELU and the one with SwiGLU, each `[b n d]`. Vaswani et al. 2017, arXiv 1706.03762, section 3.3;
/// Hendrycks and Gimpel 2016, arXiv 1606.08415; Shazeer 2020, arXiv 2002.05202.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let [x, w_up, w_gate, w_down] = ["x", "w_up", "w_gate", "w_down"].map(|name| inputs.f64(name));
    let [b_up, b_down] = ["b_up", "b_down"].map(|name| inputs.f64(name));

    // u = x·W_up: every token by itself, from d features to f.   [b n f]
    let up = einsum("b n d, d f -> b n f", &[&x, &w_up]);
    trace.step("up", "u = x·W_up", "b n d, d f -> b n f", &up);

    // h = GELU(u + b_up), GELU(z) = z·Φ(z).   [b n f]
    let hidden = (&up + &b_up).mapv(gelu);
    let off = hidden.iter().filter(|h| h.abs() < 0.2).count();
    trace
        .step("hidden", "h = GELU(u + b_up)", "b n f, f -> b n f", &hidden)
        .note(format!(
            "{off} of {} units nearly off (|h| < 0.2)",
            hidden.len()
        ));

    // FFN(x) = h·W_down + b_down: back to d features.   [b n d]
    let ffn = einsum("b n f, f d -> b n d", &[&hidden, &w_down]) + &b_down;
    trace.step("ffn", "h·W_down + b_down", "b n f, f d -> b n d", &ffn);

    // g = x·W_gate   [b n f]
    let gate = einsum("b n d, d f -> b n f", &[&x, &w_gate]);
    trace.step("gate", "g = x·W_gate", "b n d, d f -> b n f", &gate);

    // SiLU(g)⊙u, SiLU(z) = z·σ(z): the gate scales u, unit by unit.   [b n f]
    let gated = gate.mapv(silu) * &up;
    trace
        .step("gated", "SiLU(g)⊙u", "b n f, b n f -> b n f", &gated)
        .note("no bias; the activation is on the gate");

    // SwiGLU(x) = (SiLU(g)⊙u)·W_down   [b n d]
    let swiglu = einsum("b n f, f d -> b n d", &[&gated, &w_down]);
    trace.step(
        "swiglu",
        "(SiLU(g)⊙u)·W_down",
        "b n f, f d -> b n d",
        &swiglu,
    );

    vec![ffn, swiglu]
}

/// z·Φ(z), with Φ the distribution function of the standard normal.
pub fn gelu(z: f64) -> f64 {
    z * 0.5 * (1.0 + erf(z / 2f64.sqrt()))
}

/// z·σ(z)
pub fn silu(z: f64) -> f64 {
    z / (1.0 + (-z).exp())
}

/// The error function. Its series with a factor e^(−x²) has positive terms only, so that nothing
/// cancels: erf x = 2/√π · e^(−x²) · Σ 2ᵏ·x^(2k+1)/(1·3·5…(2k+1)).
pub fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > f64::EPSILON * 0.1 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}
