//! The same three outputs, one row after the other, with every planted bug behind its id.

use super::reference::matrix;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2, Axis};

const LOW: f64 = f64::NEG_INFINITY;
const HIGH: f64 = f64::INFINITY;

/// Bugs that are wrong by the range of f32 alone: what overflows or vanishes there must do so here.
const NARROW: [&str; 6] = [
    "no-max",
    "lse-no-max",
    "max-of-tensor",
    "max-of-column",
    "max-from-zero",
    "min-not-max",
];

/// What one row gives.
struct Row {
    softmax: Vec<f64>,
    log: Vec<f64>,
    lse: f64,
}

/// What a row is told about the rest of the tensor.
struct Around<'a> {
    max: f64,
    columns: &'a [f64],
}

/// The reference with the bugs of `v` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let mut x = matrix(inputs);
    if v.has("finite-fill") {
        x.mapv_inplace(|x| if x == LOW { -1e9 } else { x });
    }
    let (n, m) = x.dim();
    let largest = |values: ndarray::ArrayView1<f64>| values.fold(LOW, |a, &b| a.max(b));
    let columns: Vec<f64> = x.columns().into_iter().map(largest).collect();
    let around = Around {
        max: columns.iter().fold(LOW, |a, &b| a.max(b)),
        columns: &columns,
    };
    let (mut softmax, mut log, mut lse) = (
        Array2::zeros((n, m)),
        Array2::zeros((n, m)),
        Array1::zeros(n),
    );
    for (i, row) in x.rows().into_iter().enumerate() {
        let row = one(&row.to_vec(), v, &around);
        softmax.row_mut(i).assign(&Array1::from(row.softmax));
        log.row_mut(i).assign(&Array1::from(row.log));
        lse[i] = row.lse;
    }
    if v.has("wrong-axis") {
        for (j, column) in x.columns().into_iter().enumerate() {
            let across = Around {
                max: around.max,
                columns: &vec![around.max; n],
            };
            let column = one(&column.to_vec(), v, &across);
            softmax.column_mut(j).assign(&Array1::from(column.softmax));
            log.column_mut(j).assign(&Array1::from(column.log));
        }
    }
    if v.has("whole-matrix") {
        let flat: Vec<f64> = x.iter().copied().collect();
        let across = Around {
            max: around.max,
            columns: &vec![around.max; n * m],
        };
        let all = one(&flat, v, &across);
        let shaped = |flat| Array2::from_shape_vec((n, m), flat).expect("as many elements");
        (softmax, log) = (shaped(all.softmax), shaped(all.log));
    }
    for (log, softmax) in log.axis_iter_mut(Axis(0)).zip(softmax.axis_iter(Axis(0))) {
        relog(log, softmax, v);
    }
    vec![softmax.into_dyn(), log.into_dyn(), lse.into_dyn()]
}

/// Bugs that compute the logarithms from the probabilities.
fn relog(mut log: ndarray::ArrayViewMut1<f64>, softmax: ndarray::ArrayView1<f64>, v: &Variant) {
    if v.has("log-of-softmax") {
        log.assign(&softmax.mapv(|p| f64::from(p as f32).ln()));
    }
    if v.has("log-add-1e-9") {
        log.assign(&softmax.mapv(|p| (p + 1e-9).ln()));
    }
    if v.has("log-softmax-of-probs") {
        let sum = softmax.fold(0.0, |sum, p| sum + p.exp());
        log.assign(&softmax.mapv(|p| p - sum.ln()));
    }
}

fn one(x: &[f64], v: &Variant, around: &Around<'_>) -> Row {
    let m = x.len();
    let max = x.iter().fold(LOW, |a, &b| a.max(b));
    let all = |softmax, log, lse| Row {
        softmax: vec![softmax; m],
        log: vec![log; m],
        lse,
    };
    if max == LOW && v.has("torch-on-masked-row") {
        return all(f64::NAN, f64::NAN, LOW);
    }
    if max == LOW && v.has("zeros-on-masked-row") {
        return all(0.0, 0.0, 0.0);
    }
    if max == LOW && !v.has("nan-on-masked-row") && !v.has("no-guard") {
        return all(0.0, LOW, LOW);
    }
    if max == HIGH && !v.has("nan-on-infinity") && !v.has("no-guard") {
        let first = x.iter().position(|x| *x == HIGH).unwrap_or(0);
        let wins = |j: usize| x[j] == HIGH && (j == first || !v.has("infinity-one-hot"));
        let count = (0..m).filter(|j| wins(*j)).count() as f64;
        let pick = |yes: f64, no: f64| (0..m).map(|j| if wins(j) { yes } else { no }).collect();
        return Row {
            softmax: pick(1.0 / count, 0.0),
            log: pick(-count.ln(), LOW),
            lse: HIGH,
        };
    }
    unguarded(x, max, v, around)
}

/// The arithmetic as it comes, infinities included.
fn unguarded(x: &[f64], max: f64, v: &Variant, around: &Around<'_>) -> Row {
    let m = x.len();
    let narrow = NARROW.iter().any(|id| v.has(id));
    let round = |x: f64| if narrow { f64::from(x as f32) } else { x };
    let ln = |x: f64| if v.has("log2") { x.log2() } else { x.ln() };
    let min = x.iter().fold(HIGH, |a, &b| a.min(b));
    let shift = match () {
        () if v.has("no-max") => 0.0,
        () if v.has("max-of-tensor") => around.max,
        () if v.has("max-from-zero") => max.max(0.0),
        () if v.has("min-not-max") => min,
        () => max,
    };
    let shifted: Vec<f64> = x.iter().map(|x| x - shift).collect();
    let exp: Vec<f64> = shifted.iter().map(|x| round(x.exp())).collect();
    let total = |exp: &[f64]| {
        let used = if v.has("sum-misses-last") { m - 1 } else { m };
        // From 0: the empty sum of an iterator is −0, and 1/−0 is −∞.
        round(exp[..used].iter().fold(0.0, |sum, e| sum + e))
    };
    let sum = if v.has("online-no-rescale") {
        stale_sum(x)
    } else {
        total(&exp)
    };
    let mut row = Row {
        softmax: exp.iter().map(|e| e / sum).collect(),
        log: shifted.iter().map(|x| x - ln(sum)).collect(),
        lse: shift + ln(sum),
    };
    if v.has("max-of-column") {
        let shifted: Vec<f64> = x.iter().zip(around.columns).map(|(x, c)| x - c).collect();
        let exp: Vec<f64> = shifted.iter().map(|x| round(x.exp())).collect();
        let sum = total(&exp);
        row.softmax = exp.iter().map(|e| e / sum).collect();
        row.log = shifted.iter().map(|x| x - ln(sum)).collect();
    }
    if v.has("no-normalise") {
        row.softmax = exp;
    }
    if v.has("lse-no-max") {
        let exp: Vec<f64> = x.iter().map(|x| round(x.exp())).collect();
        row.lse = ln(total(&exp));
        row.log = x.iter().map(|x| x - row.lse).collect();
    }
    if v.has("log-max-not-subtracted") {
        row.log = x.iter().map(|x| x - ln(sum)).collect();
    }
    if v.has("max-not-added-back") {
        row.lse = ln(sum);
    }
    if v.has("log-mean-exp") {
        row.lse -= (m as f64).ln();
    }
    row
}

/// Σ of one pass in which the sum so far is not rescaled when the maximum grows.
fn stale_sum(x: &[f64]) -> f64 {
    let (mut max, mut sum) = (LOW, 0.0);
    for &x in x.iter().filter(|x| **x != LOW) {
        max = x.max(max);
        sum += (x - max).exp();
    }
    sum
}
