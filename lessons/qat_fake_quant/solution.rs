use llmlab::prelude::*;

/// Fake quantization: x̂, the straight-through gradient of x, and LSQ's gradient of the scale.
pub fn qat_fake_quant(
    x: &Tensor,
    grad_out: &Tensor,
    scale: f64,
    zero_point: f64,
    qmin: f64,
    qmax: f64,
) -> (Tensor, Tensor, f32) {
    let (s, z) = (scale as f32, zero_point as f32);
    let (qmin, qmax) = (qmin as f32, qmax as f32);
    let mut x_hat = x.clone();
    let mut grad_x = grad_out.clone();
    let mut sum = 0.0;
    for ((x_hat, grad_x), &x) in x_hat.iter_mut().zip(&mut grad_x).zip(x) {
        let code = (x / s).round() + z;
        let q = code.clamp(qmin, qmax);
        *x_hat = s * (q - z);
        if q == code {
            sum += *grad_x * (q - z - x / s);
        } else {
            sum += *grad_x * (q - z);
            *grad_x = 0.0;
        }
    }
    let grad_scale = sum / (x.len() as f32 * qmax).sqrt();
    (x_hat, grad_x, grad_scale)
}
