use llmlab::prelude::*;

/// W8A16: quantises w [n k] to codes q [n k] from −127 to 127 with scale [n] = largest |w| of a row / 127 (1 for a row of zeros; half rounds to even), leaves x [m k] alone, and returns (y [m n] = x·ŵᵀ, q, scale).
pub fn weight_only_int8(x: &Tensor, w: &Tensor) -> (Tensor, Tensor, Tensor) {
    let scale = w.map_axis(Axis(1), |row| {
        match row.fold(0f32, |max, w| max.max(w.abs())) {
            0.0 => 1.0,
            max => max / 127.0,
        }
    });
    let q = (w / &scale.clone().insert_axis(Axis(1))).mapv(f32::round_ties_even);
    let y = einsum("m k, n k -> m n", &[x, &q]) * &scale;
    (y, q, scale)
}
