//! Observers for static ranges, step by step in f64 (Migacz 2017, 8-bit inference with TensorRT; Wu et
//! al. 2020, arXiv 2004.09602, §4).

use crate::lessons::affine_quantization::grid::Grid;
use crate::lessons::affine_quantization::histogram::histogram as bars;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Ix2, arr0};

/// The arguments with static ranks.
pub struct Arguments {
    /// `[k n]`: k batches.
    pub x: Array2<f64>,
    pub bits: f64,
    pub percentile: f64,
    pub averaging_constant: f64,
    pub bins: usize,
}

impl Arguments {
    pub fn of(inputs: &Inputs) -> Arguments {
        let x = inputs.f64("x").into_dimensionality::<Ix2>();
        let x = x.expect("the rank was checked against the problem's args");
        // Numbers beyond count as the nearest of these, and no data as one 0.
        let within = |name: &str, low: f64, high: f64| inputs.number(name).max(low).min(high);
        let bits = within("bits", 2.0, 16.0);
        Arguments {
            x: if x.is_empty() {
                Array2::zeros((1, 1))
            } else {
                x
            },
            bits,
            percentile: within("percentile", 0.0, 100.0),
            averaging_constant: inputs.number("averaging_constant"),
            bins: within("bins", 2f64.powf(bits - 1.0), 65536.0) as usize,
        }
    }

    /// Codes of one sign, 0 among them: 2^(bits−1).
    pub fn levels(&self) -> usize {
        2f64.powf(self.bits - 1.0) as usize
    }

    /// How many bins each candidate keeps.
    pub fn candidates(&self) -> std::ops::RangeInclusive<usize> {
        self.levels()..=self.bins
    }
}

/// `x [k n]` → `thresholds [5]` (maximum, moving average, percentile, least square error, least KL
/// divergence), and the curves that the last two minimise: `mse [t]` and `divergence [t]`.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let given = Arguments::of(inputs);
    let (x, bins, levels) = (&given.x, given.bins, given.levels());
    trace.given("k n", x.shape());

    // m_k = max |x| of each batch [k], and T_max = max m_k [].
    let batch_max = Array1::from_iter(x.rows().into_iter().map(|row| max_abs(row.iter())));
    let max = max_abs(&batch_max);
    trace.step("batch_max", "max |x| of a batch", "k n -> k", &batch_max);
    trace
        .step("max", "max over batches", "k -> ", &arr0(max))
        .note("grows with every outlier and never shrinks");

    // T ← T + c·(m_k − T), from T = m_0: the moving average [].
    let c = given.averaging_constant;
    let average = batch_max.iter().skip(1);
    let average = average.fold(batch_max[0], |t, m| t + c * (m - t));
    trace
        .step("moving_average", "T + c·(max − T)", "k -> ", &arr0(average))
        .note(format!("c = {c}: the last batches count most"));

    // The percentile of |x|, linear between neighbours [].
    let mut sizes: Vec<f64> = x.iter().map(|x| x.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let quantile = quantile(&sizes, given.percentile / 100.0);
    let above = sizes.iter().filter(|size| **size > quantile).count();
    trace
        .step("percentile", "quantile of |x|", "k n -> ", &arr0(quantile))
        .note(format!("{above} of {} saturate", sizes.len()));

    // h_j = how many |x| are in bin j of width w = max/bins [b].
    let counts = histogram(&sizes, max, bins);
    trace
        .step("counts", "histogram of |x|", "k n -> b", &counts)
        .note(bars(sizes.iter().copied(), [0.0, max], 24));

    // mse_t = mean (x − x̂)² with threshold T_t = (levels + t)·w [t].
    let width = max / bins as f64;
    let mse = given.candidates().map(|i| {
        let grid = Grid::symmetric(i as f64 * width, given.bits);
        let square = |x: &f64| (x - grid.nearest(*x)).powi(2);
        x.iter().map(square).sum::<f64>() / x.len() as f64
    });
    let mse = Array1::from_iter(mse);
    let best = levels + argmin(&mse);
    trace
        .step("mse", "mean (x − Q_T(x))²", "k n -> t", &mse)
        .note(format!(
            "least with {best} of {bins} bins; the maximum has {:.2} times as much",
            mse[mse.len() - 1] / mse[best - levels]
        ));

    // D_t = KL(P ‖ Q) of the first levels + t bins and their merged version [t].
    let divergence = given.candidates().map(|i| divergence(&counts, i, levels));
    let divergence = Array1::from_iter(divergence);
    let closest = levels + argmin(&divergence);
    let impossible = divergence.iter().filter(|d| d.is_infinite()).count();
    trace
        .step("divergence", "Σ p·ln(p/q)", "b -> t", &divergence)
        .note(format!(
            "least with {closest} of {bins} bins; infinite {impossible} times"
        ));

    // T = [max, average, percentile, w·argmin mse, w·argmin D] [5].
    let thresholds = [
        max,
        average,
        quantile,
        best as f64 * width,
        closest as f64 * width,
    ];
    let errors = thresholds.map(|t| {
        let grid = Grid::symmetric(t, given.bits);
        let square = |x: &f64| (x - grid.nearest(*x)).powi(2);
        format!(
            "{:.3}",
            (x.iter().map(square).sum::<f64>() / x.len() as f64).sqrt()
        )
    });
    let thresholds = Array1::from_iter(thresholds);
    trace
        .step("thresholds", "the five", "5", &thresholds)
        .note(format!("RMS errors {}", errors.join(" ")));
    vec![thresholds.into_dyn(), mse.into_dyn(), divergence.into_dyn()]
}

pub fn max_abs<'a>(x: impl IntoIterator<Item = &'a f64>) -> f64 {
    x.into_iter().fold(0.0, |max, x| x.abs().max(max))
}

/// The quantile of sorted numbers, linear between neighbours: place (N − 1)·q.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * q;
    let [below, above] = [at.floor(), at.ceil()].map(|at| sorted[at as usize]);
    below + (above - below) * at.fract()
}

/// Counts of sizes in `bins` bins of one width up to `max`; larger ones are in the last.
pub fn histogram(sizes: &[f64], max: f64, bins: usize) -> Array1<f64> {
    let mut counts = Array1::zeros(bins);
    for size in sizes {
        counts[((size / max * bins as f64) as usize).min(bins - 1)] += 1.0;
    }
    counts
}

/// KL(P ‖ Q) in nats. P is the first `kept` counts, with all others added to the last; Q the first
/// `kept` merged into `levels` and spread evenly over those that are not empty.
fn divergence(counts: &Array1<f64>, kept: usize, levels: usize) -> f64 {
    let inside: Vec<f64> = counts.iter().take(kept).copied().collect();
    let mut p = inside.clone();
    p[kept - 1] += counts.iter().skip(kept).sum::<f64>();
    let (mut sums, mut used) = (vec![0.0; levels], vec![0.0; levels]);
    for (j, count) in inside.iter().enumerate() {
        sums[j * levels / kept] += count;
        used[j * levels / kept] += f64::from(u8::from(*count > 0.0));
    }
    let q = |j: usize| match inside[j] > 0.0 {
        true => sums[j * levels / kept] / used[j * levels / kept],
        false => 0.0,
    };
    let [all_p, all_q] = [&p, &inside].map(|counts| counts.iter().sum::<f64>());
    let terms = p.iter().enumerate().filter(|(_, p)| **p > 0.0);
    terms
        .map(|(j, p)| p / all_p * ((p / all_p) / (q(j) / all_q)).ln())
        .sum()
}

/// The first place with the least value.
pub fn argmin(values: &Array1<f64>) -> usize {
    let least = values.iter().enumerate();
    let (at, _) = least.fold((0, f64::INFINITY), |(at, least), (i, value)| {
        if *value < least {
            (i, *value)
        } else {
            (at, least)
        }
    });
    at
}
