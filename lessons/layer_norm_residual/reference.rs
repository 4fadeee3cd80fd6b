//! Residual sum, LayerNorm and RMSNorm, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array3, Axis, Ix1, Ix3};

/// x, sublayer `[b n d]`, gamma, beta `[d]`, eps → sum, LayerNorm(sum), RMSNorm(sum), each
/// `[b n d]`. Ba, Kiros, Hinton 2016, arXiv 1607.06450; Zhang, Sennrich 2019, arXiv 1910.07467.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let three = |name| inputs.f64(name).into_dimensionality::<Ix3>();
    let one = |name| inputs.f64(name).into_dimensionality::<Ix1>();
    let x: Array3<f64> = three("x").expect("axes b n d");
    let sublayer: Array3<f64> = three("sublayer").expect("axes b n d");
    let gamma: Array1<f64> = one("gamma").expect("axis d");
    let beta: Array1<f64> = one("beta").expect("axis d");
    let eps = inputs.number("eps");
    let features = Axis(2);
    let d = x.len_of(features) as f64;

    // h = x + f(x): the residual stream.   [b n d]
    let sum = &x + &sublayer;
    trace
        .step("sum", "h = x + f(x)", "b n d, b n d -> b n d", &sum)
        .note("the residual stream; it goes on as it is");

    // μ = Σⱼ hⱼ / d: one mean for each token.   [b n]
    let mean = sum.sum_axis(features) / d;
    trace
        .step("mean", "μ = Σⱼ hⱼ / d", "b n d -> b n", &mean)
        .note("one for each token, over its own features only");

    // h − μ   [b n d]
    let centred = &sum - &mean.view().insert_axis(features);
    trace.step("centred", "h − μ", "b n d, b n -> b n d", &centred);

    // σ² = Σⱼ (hⱼ − μ)² / d, divided by d and not by d − 1.   [b n]
    let variance = centred.mapv(|c| c * c).sum_axis(features) / d;
    trace.step(
        "variance",
        "σ² = Σⱼ (hⱼ − μ)² / d",
        "b n d -> b n",
        &variance,
    );

    // x̂ = (h − μ) / √(σ² + ε)   [b n d]
    let std = variance.mapv(|v| (v + eps).sqrt()).insert_axis(features);
    let normed = &centred / &std;
    let unit = normed.mapv(|z| z * z).sum_axis(features) / d;
    trace
        .step(
            "normed",
            "x̂ = (h − μ) / √(σ² + ε)",
            "b n d, b n -> b n d",
            &normed,
        )
        .note(format!(
            "every row: mean 0, variance σ²/(σ² + ε) ≥ {:.4}",
            unit.iter().copied().fold(f64::INFINITY, f64::min)
        ));

    // LayerNorm = γ⊙x̂ + β   [b n d]
    let layer_norm = &normed * &gamma + &beta;
    trace.step("layer_norm", "γ⊙x̂ + β", "b n d, d -> b n d", &layer_norm);

    // mean(h²) = Σⱼ hⱼ² / d: no mean is subtracted.   [b n]
    let mean_square = sum.mapv(|h| h * h).sum_axis(features) / d;
    trace
        .step(
            "mean_square",
            "mean(h²) = Σⱼ hⱼ² / d",
            "b n d -> b n",
            &mean_square,
        )
        .note("equals σ² + μ²");

    // RMSNorm = γ⊙h / √(mean(h²) + ε): no β.   [b n d]
    let rms = mean_square.mapv(|m| (m + eps).sqrt()).insert_axis(features);
    let rms_norm = &sum / &rms * &gamma;
    trace.step(
        "rms_norm",
        "γ⊙h / √(mean(h²) + ε)",
        "b n d, b n, d -> b n d",
        &rms_norm,
    );

    vec![sum.into_dyn(), layer_norm.into_dyn(), rms_norm.into_dyn()]
}
