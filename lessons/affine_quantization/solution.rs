use llmlab::prelude::*;

/// Quantises x [c n] with the range low … high [c] of each channel into scale [c], zero_point [c], codes q [c n] and x_hat [c n]: asymmetric codes 0 … 2^bits − 1 for a range widened to hold 0, or (symmetric = 1) codes ±(2^(bits−1) − 1) for ±max(|low|, |high|). Half rounds to even; an empty range has scale 1, zero_point 0.
pub fn affine_quantization(
    x: &Tensor,
    low: &Tensor,
    high: &Tensor,
    bits: f64,
    symmetric: f64,
) -> (Tensor, Tensor, Tensor, Tensor) {
    let symmetric = symmetric != 0.0;
    let (least, most) = match symmetric {
        true => (
            1.0 - 2f32.powf(bits as f32 - 1.0),
            2f32.powf(bits as f32 - 1.0) - 1.0,
        ),
        false => (0.0, 2f32.powf(bits as f32) - 1.0),
    };
    let (mut scale, mut zero_point) = (low.clone(), low.clone());
    let (mut q, mut x_hat) = (x.clone(), x.clone());
    for c in 0..low.len() {
        let (alpha, beta) = (low[c].min(0.0), high[c].max(0.0));
        let mut s = match symmetric {
            true => beta.max(-alpha) / most,
            false => (beta - alpha) / most,
        };
        if s == 0.0 {
            s = 1.0;
        }
        let z = match symmetric {
            true => 0.0,
            false => (-alpha / s).round_ties_even(),
        };
        for i in 0..x.shape()[1] {
            q[[c, i]] = ((x[[c, i]] / s).round_ties_even() + z).clamp(least, most);
            x_hat[[c, i]] = s * (q[[c, i]] - z);
        }
        (scale[c], zero_point[c]) = (s, z);
    }
    (scale, zero_point, q, x_hat)
}
