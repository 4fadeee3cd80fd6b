use llmlab::prelude::*;

/// W4A16 by rounding to nearest: quantises w [n k] in groups of group_size along k (the last of a row may be short) with scale [n groups] = (max(0, max w) − min(0, min w))/15 (1 for a group of zeros), zero [n groups] = round(−min(0, min w)/scale) and codes round(w/scale) + zero from 0 to 15; packs codes 2j and 2j + 1 of a row into byte j, the first in the low four bits; returns (packed [n k/2], scale, zero, y [m n] = x·ŵᵀ) with ŵ = scale·(code − zero).
pub fn group_quant_int4(
    x: &Tensor,
    w: &Tensor,
    group_size: f64,
) -> (Tensor, Tensor, Tensor, Tensor) {
    todo!()
}
