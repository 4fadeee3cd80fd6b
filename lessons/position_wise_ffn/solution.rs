use llmlab::prelude::*;

/// GELU network (arXiv 1706.03762, section 3.3, with arXiv 1606.08415) and SwiGLU (arXiv 2002.05202).
pub fn position_wise_ffn(
    x: &Tensor,
    w_up: &Tensor,
    b_up: &Tensor,
    w_gate: &Tensor,
    w_down: &Tensor,
    b_down: &Tensor,
) -> (Tensor, Tensor) {
    let up = matmul(x, w_up);
    let hidden = (&up + b_up).mapv(gelu);
    let gated = matmul(x, w_gate).mapv(silu) * &up;
    (matmul(&hidden, w_down) + b_down, matmul(&gated, w_down))
}

/// GELU in the tanh form, as in GPT-2.
fn gelu(z: f32) -> f32 {
    let inner = (2.0 / std::f32::consts::PI).sqrt() * (z + 0.044715 * z * z * z);
    0.5 * z * (1.0 + inner.tanh())
}

fn silu(z: f32) -> f32 {
    z / (1.0 + (-z).exp())
}
