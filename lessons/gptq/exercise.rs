use llmlab::prelude::*;

/// GPTQ: ŵ [r c] of weight [r c] for calibration inputs x [n c]. H = 2·xᵀx/n; dead inputs (H_jj = 0): H_jj ← 1, w_·j ← 0; λ = percdamp·mean of the measured diagonal. Symmetric grid: scale = max|w|/(2^(bits−1) − 1) of a row's group, taken when the group begins (1 for zeros). act_order = 1: largest H_jj first, groups in that order.
pub fn gptq(
    weight: &Tensor,
    x: &Tensor,
    bits: f64,
    group_size: f64,
    percdamp: f64,
    act_order: f64,
) -> Tensor {
    todo!()
}
