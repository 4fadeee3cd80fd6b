use llmlab::prelude::*;

/// x and sublayer are [b n d], gamma and beta [d]. Gives the residual sum x + sublayer, the
/// LayerNorm of that sum (with gamma and beta), and the RMSNorm of the same sum (with gamma only).
pub fn layer_norm_residual(
    x: &Tensor,
    sublayer: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
) -> (Tensor, Tensor, Tensor) {
    todo!()
}
