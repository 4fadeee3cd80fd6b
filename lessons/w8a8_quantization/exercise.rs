use llmlab::prelude::*;

/// x·weightᵀ [n r] through 8-bit integers: x [n c], weight [r c]. Smooth first: x/s and weight·s with s_j = act_max_j^α/max|weight_j|^(1−α), 1 where either is 0. Then symmetric codes round(v/scale), scale = max|v|/127 for each token of x and each row of weight (1 for zeros), an integer product, and both scales.
pub fn w8a8_quantization(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64) -> Tensor {
    todo!()
}
