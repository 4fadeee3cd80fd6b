use llmlab::prelude::*;

/// Saliency of the weights `w [n k]` of a linear layer with gradients `grad [n k]` and inputs `x [t k]`,
/// whose Hessian is H = 2·XᵀX/t + λI with λ = percdamp·(mean of the diagonal of 2·XᵀX/t), for each row of w
/// alike. Gives `(taylor, obd, obs, pruned)`, all `[n k]`: the scores |g·w|, ½·H_qq·w_q² and
/// w_q²/(2·[H⁻¹]_qq), and the weights after those with `mask [n k]` 0 were removed by OBS: they are 0, and
/// the others of their row adjusted so that the loss ½·δᵀHδ is least.
pub fn hessian_saliency(
    w: &Tensor,
    grad: &Tensor,
    x: &Tensor,
    mask: &Tensor,
    percdamp: f64,
) -> (Tensor, Tensor, Tensor, Tensor) {
    todo!()
}
