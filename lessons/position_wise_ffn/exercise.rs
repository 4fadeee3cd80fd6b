use llmlab::prelude::*;

/// x is [b n d], w_up and w_gate [d f], b_up [f], w_down [f d], b_down [d]. Gives the network with
/// GELU and both biases, and the one with SwiGLU, which has no biases; GELU exact or as tanh.
pub fn position_wise_ffn(
    x: &Tensor,
    w_up: &Tensor,
    b_up: &Tensor,
    w_gate: &Tensor,
    w_down: &Tensor,
    b_down: &Tensor,
) -> (Tensor, Tensor) {
    todo!()
}
