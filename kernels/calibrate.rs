//! Thresholds for static quantisation: the largest number, a percentile, and two searches over the
//! thresholds that a histogram's edges offer (Migacz 2017, 8-bit inference with TensorRT; Wu et al.
//! 2020, arXiv 2004.09602).

use super::cpu::split;
use std::fmt;

/// Why a histogram cannot be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There are fewer bins than levels, or no level.
    Bins { bins: usize, levels: usize },
    /// A slice has the wrong length.
    Length { want: usize, got: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Bins { bins, levels } => write!(
                f,
                "{bins} bins cannot be merged into {levels} levels: give as many bins as levels or more, and at least one level"
            ),
            Error::Length { want, got } => write!(
                f,
                "the errors have {got} places; give {want}, one for each edge from `levels` to `bins`"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// max |x|; 0 of nothing.
pub fn max_abs(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |max, x| x.abs().max(max))
}

/// The percentile (0 to 100) of |x|, interpolated linearly between neighbours, as `torch.quantile`
/// does; 0 of nothing.
pub fn percentile_abs(x: &[f32], percentile: f64) -> f32 {
    let mut sizes: Vec<f32> = x.iter().map(|x| x.abs()).collect();
    if sizes.is_empty() {
        return 0.0;
    }
    let at = (sizes.len() - 1) as f64 * (percentile / 100.0).clamp(0.0, 1.0);
    let (_, below, above) = sizes.select_nth_unstable_by(at as usize, f32::total_cmp);
    let next = above.iter().copied().fold(f32::INFINITY, f32::min);
    match at.fract() > 0.0 && next.is_finite() {
        true => *below + (next - *below) * at.fract() as f32,
        false => *below,
    }
}

/// How many |x| are in each of `bins` bins of one width up to `max`; larger ones are in the last.
pub fn histogram(x: &[f32], max: f32, bins: usize) -> Vec<u64> {
    let mut counts = vec![0; bins];
    let by = bins as f32 / max;
    for x in x {
        let bin = (x.abs() * by) as usize;
        if let Some(count) = counts.get_mut(bin.min(bins.saturating_sub(1))) {
            *count += 1;
        }
    }
    counts
}

/// 1.5·2²³: to add and subtract it rounds to the nearest integer, half to even.
const ROUND: f32 = 12_582_912.0;

/// Writes, for each threshold T = i·max/bins with i from `levels` to `bins`, the mean square error of
/// `x` in symmetric codes ±(levels − 1) for ±T.
///
/// # Errors
/// [`Error`], where levels and bins or the length of `errors` do not fit.
pub fn square_errors(
    errors: &mut [f32],
    x: &[f32],
    max: f32,
    levels: usize,
    bins: usize,
) -> Result<(), Error> {
    fits(errors.len(), levels, bins)?;
    let most = (levels - 1) as f32;
    split(errors, 1, |items, errors| {
        for (item, error) in items.zip(errors) {
            let threshold = (levels + item) as f32 * (max / bins as f32);
            let scale = threshold / most;
            let square = |x: &f32| {
                let code = (x / scale).clamp(-most, most) + ROUND - ROUND;
                (x - code * scale).powi(2)
            };
            // In runs, so that a long sum keeps its digits.
            let runs = x
                .chunks(256)
                .map(|x| f64::from(x.iter().map(square).sum::<f32>()));
            *error = (runs.sum::<f64>() / x.len() as f64) as f32;
        }
    });
    Ok(())
}

/// Writes, for each i from `levels` to the number of bins, KL(P ‖ Q) in nats: P is the first i
/// `counts` with all others added to the last, Q the first i merged into `levels` and spread evenly
/// over those that are not empty. Infinite where Q is 0 and P is not.
///
/// # Errors
/// [`Error`], where levels and bins or the length of `divergences` do not fit.
pub fn divergences(divergences: &mut [f32], counts: &[u64], levels: usize) -> Result<(), Error> {
    let bins = counts.len();
    fits(divergences.len(), levels, bins)?;
    split(divergences, 1, |items, divergences| {
        for (item, divergence) in items.zip(divergences) {
            *divergence = one_divergence(counts, levels + item, levels) as f32;
        }
    });
    Ok(())
}

fn one_divergence(counts: &[u64], kept: usize, levels: usize) -> f64 {
    let (inside, outside) = counts.split_at(kept);
    let mut merged = vec![(0u64, 0u64); levels];
    for (j, &count) in inside.iter().enumerate().filter(|(_, count)| **count > 0) {
        let level = &mut merged[j * levels / kept];
        *level = (level.0 + count, level.1 + 1);
    }
    let (all_inside, all_outside) = (inside.iter().sum::<u64>(), outside.iter().sum::<u64>());
    let term = |(j, &count): (usize, &u64)| {
        let extra = if j + 1 == kept { all_outside } else { 0 };
        if count + extra == 0 {
            return 0.0;
        }
        let p = (count + extra) as f64 / (all_inside + all_outside) as f64;
        let (sum, used) = merged[j * levels / kept];
        let q = match count {
            0 => 0.0,
            _ => sum as f64 / used as f64 / all_inside as f64,
        };
        p * (p / q).ln()
    };
    inside.iter().enumerate().map(term).sum()
}

fn fits(got: usize, levels: usize, bins: usize) -> Result<(), Error> {
    if levels < 2 || levels > bins {
        return Err(Error::Bins { bins, levels });
    }
    let want = bins - levels + 1;
    match got == want {
        true => Ok(()),
        false => Err(Error::Length { want, got }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_torch() {
        let x = [-4.0, 1.0, 2.0, -3.0, 0.0];
        assert_eq!(percentile_abs(&x, 100.0), 4.0);
        assert_eq!(percentile_abs(&x, 50.0), 2.0);
        assert_eq!(percentile_abs(&x, 90.0), 3.6);
        assert_eq!(percentile_abs(&[], 90.0), 0.0);
        assert_eq!(max_abs(&x), 4.0);
    }

    #[test]
    fn a_distribution_that_fits_its_levels_loses_nothing() {
        assert_eq!(histogram(&[0.1, -0.6, 1.0, 0.4], 1.0, 2), [2, 2]);
        let mut out = [9.0; 3];
        divergences(&mut out, &[3, 1, 2, 2], 2).unwrap();
        // i = 2: outliers move P away; i = 4: [3 1][2 2] becomes [2 2][2 2].
        let p = [3.0 / 8.0, 5.0 / 8.0];
        let want: f64 = p[0] * (p[0] / 0.75f64).ln() + p[1] * (p[1] / 0.25f64).ln();
        assert!((f64::from(out[0]) - want).abs() < 1e-7);
        let want = 0.375 * 1.5f64.ln() + 0.125 * 0.5f64.ln();
        assert!((f64::from(out[2]) - want).abs() < 1e-7);
        // The last bin that is kept is empty, and the outliers go there.
        divergences(&mut out, &[3, 1, 0, 2], 2).unwrap();
        assert_eq!(out[1], f32::INFINITY);
    }

    #[test]
    fn errors_are_sentences_and_exact_grids_have_none() {
        let x = [-3.0, -1.0, 0.0, 2.0, 3.0];
        let mut out = [9.0; 1];
        square_errors(&mut out, &x, 3.0, 4, 4).unwrap();
        assert_eq!(out, [0.0]);
        let few = square_errors(&mut out, &x, 3.0, 8, 4).unwrap_err();
        assert!(
            few.to_string()
                .contains("4 bins cannot be merged into 8 levels")
        );
        let short = divergences(&mut out, &[1, 2, 3, 4], 2).unwrap_err();
        assert!(short.to_string().contains("give 3"));
    }
}
