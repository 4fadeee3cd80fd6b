use llmlab::prelude::*;

/// Quantises x [c n] with the range low … high [c] of each channel into scale [c], zero_point [c], codes q [c n] and x_hat [c n]: asymmetric codes 0 … 2^bits − 1 for a range widened to hold 0, or (symmetric = 1) codes ±(2^(bits−1) − 1) for ±max(|low|, |high|). Half rounds to even; an empty range has scale 1, zero_point 0.
pub fn affine_quantization(
    x: &Tensor,
    low: &Tensor,
    high: &Tensor,
    bits: f64,
    symmetric: f64,
) -> (Tensor, Tensor, Tensor, Tensor) {
    todo!()
}
