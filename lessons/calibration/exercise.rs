use llmlab::prelude::*;

/// Thresholds for |x| of k batches x [k n], and the curves that the last two minimise: thresholds [5] = largest |x|; T + averaging_constant·(max − T) over the batches' maxima, from the first; the percentile (0 … 100) of |x|, linear; and i·max/bins, i from levels = 2^(bits−1) to bins, with the least mse [t] in codes ±(levels − 1) and with the least divergence [t] KL(P ‖ Q), where P is the first i counts of |x| in `bins` bins with the rest added to the last, Q the first i merged into levels (bin j to level j·levels/i) and spread over their non-empty bins.
pub fn calibration(
    x: &Tensor,
    bits: f64,
    percentile: f64,
    averaging_constant: f64,
    bins: f64,
) -> (Tensor, Tensor, Tensor) {
    todo!()
}
