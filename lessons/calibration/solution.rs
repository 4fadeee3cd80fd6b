use llmlab::prelude::*;

/// Thresholds for |x| of k batches x [k n], and the curves that the last two minimise: thresholds [5] = largest |x|; T + averaging_constant·(max − T) over the batches' maxima, from the first; the percentile (0 … 100) of |x|, linear; and i·max/bins, i from levels = 2^(bits−1) to bins, with the least mse [t] in codes ±(levels − 1) and with the least divergence [t] KL(P ‖ Q), where P is the first i counts of |x| in `bins` bins with the rest added to the last, Q the first i merged into levels (bin j to level j·levels/i) and spread over their non-empty bins.
pub fn calibration(
    x: &Tensor,
    bits: f64,
    percentile: f64,
    averaging_constant: f64,
    bins: f64,
) -> (Tensor, Tensor, Tensor) {
    let (levels, bins) = (1usize << (bits as u32 - 1), bins as usize);
    let mut sizes: Vec<f32> = x.iter().map(|x| x.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let max = sizes[sizes.len() - 1];

    // Moving average of the batches' maxima.
    let largest = |batch: ndarray::ArrayViewD<f32>| batch.fold(0f32, |max, x| max.max(x.abs()));
    let mut maxima = x.outer_iter().map(largest);
    let first = maxima.next().unwrap_or(max);
    let average = maxima.fold(first, |t, m| t + averaging_constant as f32 * (m - t));

    // Percentile.
    let at = (sizes.len() - 1) as f64 * percentile / 100.0;
    let (below, above) = (sizes[at.floor() as usize], sizes[at.ceil() as usize]);
    let quantile = below + (above - below) * at.fract() as f32;

    // Histogram.
    let width = max / bins as f32;
    let mut counts = vec![0f32; bins];
    for size in &sizes {
        counts[((size / width) as usize).min(bins - 1)] += 1.0;
    }
    let total = sizes.len() as f32;

    // One candidate after the other.
    let (mut mse, mut divergence) = (Vec::new(), Vec::new());
    for i in levels..=bins {
        let most = (levels - 1) as f32;
        let scale = i as f32 * width / most;
        let square =
            |x: &f32| (x - scale * (x / scale).round_ties_even().clamp(-most, most)).powi(2);
        mse.push(x.iter().map(square).sum::<f32>() / total);

        let inside: f32 = counts[..i].iter().sum();
        let (mut sums, mut used) = (vec![0f32; levels], vec![0f32; levels]);
        for j in 0..i {
            sums[j * levels / i] += counts[j];
            used[j * levels / i] += if counts[j] > 0.0 { 1.0 } else { 0.0 };
        }
        let mut sum = 0f32;
        for j in 0..i {
            let mut p = counts[j];
            if j + 1 == i {
                p += total - inside;
            }
            let level = j * levels / i;
            let q = if counts[j] > 0.0 {
                sums[level] / used[level]
            } else {
                0.0
            };
            if p > 0.0 {
                sum += p / total * ((p / total) / (q / inside)).ln();
            }
        }
        divergence.push(sum);
    }
    let edge = |curve: &[f32]| {
        let best =
            (0..curve.len()).fold(0, |best, i| if curve[i] < curve[best] { i } else { best });
        (levels + best) as f32 * width
    };
    let thresholds = vec![max, average, quantile, edge(&mse), edge(&divergence)];
    (
        Array1::from(thresholds).into_dyn(),
        Array1::from(mse).into_dyn(),
        Array1::from(divergence).into_dyn(),
    )
}
