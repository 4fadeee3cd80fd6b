//! The same computation, compactly, with every planted bug behind its id.

use super::reference::{IGNORED, arguments, class_weights};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2, ArrayView1, arr0};

/// One sample that takes part: its class, its weight and its loss.
struct Row {
    class: usize,
    weight: f64,
    nll: f64,
}

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let (mut logits, targets, given) = arguments(inputs);
    let (n, c) = logits.dim();
    let classes: Vec<Option<usize>> = targets.iter().map(|&y| class(y, c, v)).collect();
    let counts = if v.has("batch-counts") {
        let mut counts = Array1::zeros(c);
        classes.iter().flatten().for_each(|&y| counts[y] += 1.0);
        counts
    } else {
        given
    };
    let mut weights = weights(&counts, v);
    if v.has("weight-on-logits") {
        logits *= &weights;
        weights.fill(1.0);
    }
    let row = |i: usize| {
        let class = classes[i]?;
        let by = if v.has("weight-on-prediction") {
            let row = logits.row(i);
            (0..c).fold(0, |best, k| if row[k] > row[best] { k } else { best })
        } else {
            class
        };
        let weight = if v.has("weight-inside-log") {
            1.0
        } else if v.has("zero-count-nan") {
            // A product with a one-hot row, where 0·∞ is NaN.
            (0..c).map(|k| f64::from(k == by) * weights[k]).sum()
        } else {
            weights[by]
        };
        let nll = nll(&logits, i, class, weights[class], v);
        Some(Row { class, weight, nll })
    };
    let mean = |part: std::ops::Range<usize>| {
        let rows: Vec<Row> = part.clone().filter_map(row).collect();
        reduce(&rows, part.len() - rows.len(), &weights, v)
    };
    let loss = if v.has("ddp-mean-of-means") && n > 1 {
        let half = n.div_ceil(2);
        (mean(0..half) + mean(half..n)) / 2.0
    } else {
        mean(0..n)
    };
    vec![arr0(loss).into_dyn()]
}

/// The class that a target stands for; `None` where the target is ignored.
fn class(target: i64, c: usize, v: &Variant) -> Option<usize> {
    match target {
        IGNORED if v.has("ignored-as-class-0") => Some(0),
        IGNORED => None,
        // Python's index −1 is the last class.
        y if v.has("target-minus-one") => Some((y as usize + c - 1) % c),
        y => Some(y as usize),
    }
}

fn weights(counts: &Array1<f64>, v: &Variant) -> Array1<f64> {
    if v.has("unweighted") {
        return Array1::ones(counts.len());
    }
    let mut weights = class_weights(counts);
    if v.has("zero-count-nan") {
        weights.zip_mut_with(counts, |w, &n| {
            if n == 0.0 {
                *w = f64::INFINITY
            }
        });
    }
    if v.has("freq-not-inverse") {
        weights.mapv_inplace(|w| if w > 0.0 { 1.0 / w } else { 0.0 });
    }
    if v.has("inverse-not-sqrt") {
        weights.mapv_inplace(|w| w * w);
    }
    if v.has("min-over-n") {
        let max = weights.fold(0.0, |max: f64, &w| max.max(w));
        weights.mapv_inplace(|w| if max > 0.0 { w / max } else { w });
    }
    if v.has("normalised-over-n") {
        let mean = weights.sum() / weights.len() as f64;
        weights.mapv_inplace(|w| if mean > 0.0 { w / mean } else { w });
    }
    weights
}

/// −log p of one sample's class. Wrong ways to the logarithm are in f32, in which they fail.
fn nll(logits: &Array2<f64>, i: usize, class: usize, weight: f64, v: &Variant) -> f64 {
    let (lane, at) = if v.has("batch-axis") {
        (logits.column(class), i)
    } else {
        (logits.row(i), class)
    };
    let mut lane = lane.to_owned();
    if v.has("softmax-twice") {
        let log_sum = log_sum_exp(lane.view());
        lane.mapv_inplace(|z| (z - log_sum).exp());
    }
    let exp32 = |z: f64| f64::from((z as f32).exp());
    let stable = || (lane[at] - log_sum_exp(lane.view())).exp() as f32;
    let log_p = if v.has("no-softmax") {
        lane[at]
    } else if v.has("lse-no-max") {
        let sum = lane.fold(0.0, |sum: f64, &z| sum + exp32(z)) as f32;
        lane[at] - f64::from(sum).ln()
    } else if v.has("no-max") {
        let sum = lane.fold(0.0, |sum: f64, &z| sum + exp32(z)) as f32;
        (exp32(lane[at]) / f64::from(sum)).ln()
    } else if v.has("log-of-softmax") {
        f64::from(stable()).ln()
    } else if v.has("clamp-1e-7") {
        f64::from(stable()).max(1e-7).ln()
    } else if v.has("clamp-1e-12") {
        f64::from(stable()).max(1e-12).ln()
    } else if v.has("add-1e-8") {
        (f64::from(stable()) + 1e-8).ln()
    } else {
        lane[at] - log_sum_exp(lane.view())
    };
    let score = if v.has("no-log") {
        log_p.exp()
    } else if v.has("weight-inside-log") {
        log_p + weight.ln()
    } else {
        log_p
    };
    let score = score
        / if v.has("log2") {
            std::f64::consts::LN_2
        } else {
            1.0
        };
    if v.has("positive-sign") {
        score
    } else {
        -score
    }
}

fn log_sum_exp(lane: ArrayView1<f64>) -> f64 {
    let max = lane.fold(f64::NEG_INFINITY, |max, &z| max.max(z));
    max + lane.fold(0.0, |sum, &z| sum + (z - max).exp()).ln()
}

/// The average of the rows, of which `ignored` are left out.
fn reduce(rows: &[Row], ignored: usize, weights: &Array1<f64>, v: &Variant) -> f64 {
    let power = if v.has("weight-twice") { 2 } else { 1 };
    let numerator: f64 = rows
        .iter()
        .map(|row| row.weight.powi(power) * row.nll)
        .sum();
    let mut count = rows.len() as f64;
    let mut total: f64 = rows.iter().map(|row| row.weight).sum();
    if v.has("ignored-in-denominator") {
        count += ignored as f64;
        total += ignored as f64 * weights[0];
    }
    let ratio = |numerator: f64, denominator: f64| {
        if denominator == 0.0 && !v.has("all-ignored-nan") {
            0.0
        } else {
            numerator / denominator
        }
    };
    if v.has("sum-not-mean") {
        numerator
    } else if v.has("divide-by-c") {
        numerator / weights.len() as f64
    } else if v.has("divide-by-all-weights") {
        ratio(numerator, weights.sum())
    } else if v.has("macro-average") {
        let means: Vec<f64> = (0..weights.len())
            .filter_map(|class| {
                let own = rows.iter().filter(|row| row.class == class);
                let (count, sum) = own.fold((0.0, 0.0), |(n, sum), row| (n + 1.0, sum + row.nll));
                (count > 0.0).then(|| sum / count)
            })
            .collect();
        ratio(means.iter().sum(), means.len() as f64)
    } else if v.has("weights-after-mean") {
        let plain: f64 = rows.iter().map(|row| row.nll).sum();
        ratio(plain * total, count * count)
    } else if ["divide-by-n", "min-over-n", "normalised-over-n"]
        .iter()
        .any(|id| v.has(id))
    {
        ratio(numerator, count)
    } else {
        ratio(numerator, total)
    }
}
