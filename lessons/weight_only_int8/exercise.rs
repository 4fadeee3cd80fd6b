use llmlab::prelude::*;

/// W8A16: quantises w [n k] to codes q [n k] from −127 to 127 with scale [n] = largest |w| of a row / 127 (1 for a row of zeros; half rounds to even), leaves x [m k] alone, and returns (y [m n] = x·ŵᵀ, q, scale).
pub fn weight_only_int8(x: &Tensor, w: &Tensor) -> (Tensor, Tensor, Tensor) {
    todo!()
}
