//! The same computation, compactly, with every planted bug behind its id.

use super::reference::{Arguments, argmin, histogram, max_abs, quantile};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::Array1;

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let given = Arguments::of(inputs);
    let (x, bins, levels) = (&given.x, given.bins, given.levels());
    let largest = |row: ndarray::ArrayView1<f64>| match v.has("signed-max") {
        true => row.fold(f64::NEG_INFINITY, |max, x| x.max(max)),
        false => max_abs(row.iter()),
    };
    let batches: Vec<f64> = x.rows().into_iter().map(largest).collect();
    let max = if v.has("last-batch") {
        batches[batches.len() - 1]
    } else if v.has("mean-of-maxima") {
        batches.iter().sum::<f64>() / batches.len() as f64
    } else {
        batches.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b))
    };

    let c = match v.has("average-swapped") {
        true => 1.0 - given.averaging_constant,
        false => given.averaging_constant,
    };
    let start = if v.has("average-from-zero") {
        0.0
    } else {
        batches[0]
    };
    let average = batches.iter().fold(start, |t, m| t + c * (m - t));

    let absolute = |x: &f64| {
        if v.has("percentile-of-signed") {
            *x
        } else {
            x.abs()
        }
    };
    let mut sorted: Vec<f64> = x.iter().map(absolute).collect();
    sorted.sort_by(f64::total_cmp);
    let q = match v.has("percentile-other-tail") {
        true => 1.0 - given.percentile / 100.0,
        false => given.percentile / 100.0,
    };
    let percentile = match v.has("nearest-rank") {
        true => sorted[((q * sorted.len() as f64).ceil() as usize).max(1) - 1],
        false => quantile(&sorted, q),
    };

    let width = max / bins as f64;
    let finer = if v.has("bits-not-halved") {
        2 * levels
    } else {
        levels
    };
    let errors = given.candidates().map(|i| {
        let (threshold, most) = (i as f64 * width, (finer - 1) as f64);
        let error = |x: &f64| error(*x, threshold, most, v);
        x.iter().map(error).sum::<f64>() / x.len() as f64
    });
    let mse = Array1::from_iter(errors);

    let sizes: Vec<f64> = x.iter().map(|x| x.abs()).collect();
    let counts = histogram(&sizes, max, bins);
    let divergences = given.candidates().map(|i| divergence(&counts, i, finer, v));
    let divergence = Array1::from_iter(divergences);

    let centre = if v.has("bin-centre") { 0.5 } else { 0.0 };
    let thresholds = Array1::from_vec(vec![
        max,
        average,
        percentile,
        (levels + argmin(&mse)) as f64 * width,
        ((levels + argmin(&divergence)) as f64 + centre) * width,
    ]);
    vec![thresholds.into_dyn(), mse.into_dyn(), divergence.into_dyn()]
}

/// What one number adds to the error at a threshold.
fn error(x: f64, threshold: f64, most: f64, v: &Variant) -> f64 {
    if v.has("error-inside-only") && x.abs() > threshold {
        return 0.0;
    }
    let scale = threshold / most;
    let back = match v.has("error-of-clipping-only") {
        true => x.clamp(-threshold, threshold),
        false => scale * (x / scale).round_ties_even().clamp(-most, most),
    };
    match v.has("mean-absolute-error") {
        true => (x - back).abs(),
        false => (x - back).powi(2),
    }
}

fn divergence(counts: &Array1<f64>, kept: usize, levels: usize, v: &Variant) -> f64 {
    let inside: Vec<f64> = counts.iter().take(kept).copied().collect();
    let mut p = inside.clone();
    if !v.has("outliers-dropped") {
        p[kept - 1] += counts.iter().skip(kept).sum::<f64>();
    }
    let merged = if v.has("outliers-in-candidate") {
        p.clone()
    } else {
        inside
    };
    let mut sums = vec![(0.0, 0.0); levels];
    for (j, &count) in merged.iter().enumerate() {
        let counted = count > 0.0 || v.has("empty-bins-filled");
        let level = &mut sums[j * levels / kept];
        *level = (level.0 + count, level.1 + f64::from(u8::from(counted)));
    }
    let spread = |(j, count): (usize, &f64)| {
        let (sum, used) = sums[j * levels / kept];
        match *count > 0.0 || v.has("empty-bins-filled") {
            true => sum / used,
            false => 0.0,
        }
    };
    let q: Vec<f64> = merged.iter().enumerate().map(spread).collect();
    let total = |counts: &[f64]| match v.has("counts-not-normalised") {
        true => 1.0,
        false => counts.iter().sum::<f64>(),
    };
    let [all_p, all_q] = [&p, &q].map(|counts| total(counts));
    let pairs = p.iter().zip(&q).map(|(p, q)| (p / all_p, q / all_q));
    let terms = pairs.map(|(p, q)| match v.has("kl-reversed") {
        true => (q, p),
        false => (p, q),
    });
    let terms = terms.filter(|(p, _)| *p > 0.0);
    terms.map(|(p, q)| p * (p / q).ln()).sum()
}
