use llmlab::prelude::*;

/// W4A16 by rounding to nearest: quantises w [n k] in groups of group_size along k (the last of a row may be short) with scale [n groups] = (max(0, max w) − min(0, min w))/15 (1 for a group of zeros), zero [n groups] = round(−min(0, min w)/scale) and codes round(w/scale) + zero from 0 to 15; packs codes 2j and 2j + 1 of a row into byte j, the first in the low four bits; returns (packed [n k/2], scale, zero, y [m n] = x·ŵᵀ) with ŵ = scale·(code − zero).
pub fn group_quant_int4(
    x: &Tensor,
    w: &Tensor,
    group_size: f64,
) -> (Tensor, Tensor, Tensor, Tensor) {
    let (n, k, g) = (w.shape()[0], w.shape()[1], group_size as usize);
    let groups = k.div_ceil(g);
    let mut packed = Tensor::zeros(IxDyn(&[n, k / 2]));
    let mut scale = Tensor::zeros(IxDyn(&[n, groups]));
    let mut zero = scale.clone();
    let mut w_hat = w.clone();
    for row in 0..n {
        for group in 0..groups {
            let columns = group * g..k.min((group + 1) * g);
            let (mut low, mut high) = (0f32, 0f32);
            for j in columns.clone() {
                low = low.min(w[[row, j]]);
                high = high.max(w[[row, j]]);
            }
            let s = if high > low { (high - low) / 15.0 } else { 1.0 };
            let z = (-low / s).round_ties_even();
            for j in columns {
                let q = ((w[[row, j]] / s).round_ties_even() + z).clamp(0.0, 15.0);
                packed[[row, j / 2]] += if j % 2 == 0 { q } else { 16.0 * q };
                w_hat[[row, j]] = s * (q - z);
            }
            scale[[row, group]] = s;
            zero[[row, group]] = z;
        }
    }
    let y = einsum("m k, n k -> m n", &[x, &w_hat]);
    (packed, scale, zero, y)
}
