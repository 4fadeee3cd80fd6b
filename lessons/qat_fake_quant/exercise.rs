use llmlab::prelude::*;

/// Fake quantization, forward and backward: x̂ = s·(clamp(round(x/s) + z, qmin, qmax) − z) [n c]; the straight-through gradient of x, which passes where the rounded code is within the range; and the gradient of the scale, Σ grad_out·∂x̂/∂s divided by √(N·qmax) (LSQ).
pub fn qat_fake_quant(
    x: &Tensor,
    grad_out: &Tensor,
    scale: f64,
    zero_point: f64,
    qmin: f64,
    qmax: f64,
) -> (Tensor, Tensor, f32) {
    todo!()
}
