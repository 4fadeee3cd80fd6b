//! The same computation, compactly, with every planted bug behind its id.

use super::reference::{Arguments, IGNORED, arguments};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2, arr0};

/// Loss of one row and its gradient.
type Term = (f64, Array1<f64>);

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let args = arguments(inputs);
    let (n, c) = args.student.dim();
    let used = args.targets.iter().filter(|y| **y != IGNORED).count();
    let all = v.has("divide-by-all-rows");
    let count = if all { n } else { used.max(1) } as f64;
    let (mut alpha, mut beta) = (args.alpha, args.beta);
    if v.has("weights-swapped") {
        std::mem::swap(&mut alpha, &mut beta);
    }
    let mut loss = 0.0;
    let mut grad = Array2::zeros((n, c));
    for i in 0..n {
        let ignored = args.targets[i] == IGNORED;
        if !ignored {
            let (nll, slope) = hard(&args, i, v);
            loss += alpha * nll / count;
            grad.row_mut(i).scaled_add(alpha / count, &slope);
        }
        if !ignored || v.has("padding-in-soft-term") {
            let (kl, slope) = soft(&args, i, v);
            let over = match () {
                () if v.has("reduction-sum") => 1.0,
                () if v.has("reduction-mean") => count * c as f64,
                () if v.has("padding-in-soft-term") => n as f64,
                () => count,
            };
            loss += beta * kl / over;
            grad.row_mut(i).scaled_add(beta / over, &slope);
        }
    }
    if v.has("gradient-not-averaged") {
        grad *= count;
    }
    vec![arr0(loss).into_dyn(), grad.into_dyn()]
}

/// Logarithms of the softmax of a row. Wrong ways to them are in f32, in which they fail.
fn log_softmax(row: &Array1<f64>, v: &Variant) -> Array1<f64> {
    let max = row.fold(f64::NEG_INFINITY, |max, &z| max.max(z));
    if v.has("no-max") {
        let e = row.mapv(|z| f64::from((z as f32).exp()));
        let sum = f64::from(e.sum() as f32);
        return e.mapv(|e| f64::from((e / sum) as f32).ln());
    }
    let sum = row.mapv(|z| (z - max).exp()).sum().ln();
    let log = row.mapv(|z| z - max - sum);
    match v.has("log-of-softmax") {
        true => log.mapv(|log| f64::from(log.exp() as f32).ln()),
        false => log,
    }
}

fn hard(args: &Arguments, i: usize, v: &Variant) -> Term {
    let y = args.targets[i] as usize;
    let t = if v.has("hard-with-t") {
        args.temperature
    } else {
        1.0
    };
    let log = log_softmax(&(&args.student.row(i) / t), v);
    let mut slope = log.mapv(f64::exp);
    slope[y] -= 1.0;
    (-log[y], slope / t)
}

fn soft(args: &Arguments, i: usize, v: &Variant) -> Term {
    let t = args.temperature;
    let cooled = |row: ndarray::ArrayView1<'_, f64>, t: f64| match v.has("multiply-t") {
        true => &row * t,
        false => &row / t,
    };
    let own = if v.has("t-only-on-teacher") { 1.0 } else { t };
    let given = if v.has("t-only-on-student") { 1.0 } else { t };
    let z_teacher = cooled(args.teacher.row(i), given);
    let z_student = cooled(args.student.row(i), own);
    let (mut log_p, log_q) = (log_softmax(&z_teacher, v), log_softmax(&z_student, v));
    if v.has("argmax-of-teacher") {
        let best =
            (0..log_p.len()).fold(0, |best, k| if log_p[k] > log_p[best] { k } else { best });
        log_p.fill(f64::NEG_INFINITY);
        log_p[best] = 0.0;
    }
    let (p, q) = (log_p.mapv(f64::exp), log_q.mapv(f64::exp));
    // Σ a·(ln a − ln b) and the part of it that does not depend on b.
    let divergence = |a: &Array1<f64>, log_a: &Array1<f64>, log_b: &Array1<f64>| -> f64 {
        let term = |k: usize| {
            let own = match () {
                () if v.has("soft-cross-entropy") => 0.0,
                // 0·ln 0 in f32.
                () if v.has("zero-times-log-zero") => {
                    let a = f64::from(a[k] as f32);
                    a * a.ln()
                }
                () if a[k] == 0.0 && !v.has("log-of-softmax") && !v.has("no-max") => 0.0,
                () => a[k] * log_a[k],
            };
            let other = match a[k] == 0.0 && !v.has("log-of-softmax") && !v.has("no-max") {
                true => 0.0,
                false => a[k] * log_b[k],
            };
            own - other
        };
        (0..a.len()).map(term).sum()
    };
    // The derivative with respect to z_s/T.
    let (mut loss, mut slope) = match () {
        () if v.has("direction-swapped") => {
            let loss = divergence(&q, &log_q, &log_p);
            let each = |k: usize| match q[k] == 0.0 {
                true => 0.0,
                false => q[k] * (log_q[k] - log_p[k] - loss),
            };
            (loss, Array1::from_shape_fn(q.len(), each))
        }
        () if v.has("kl-on-logits") => {
            // F.kl_div(z_s/T, z_t/T): the target's logarithm is NaN where a logit is negative.
            let loss = |k: usize| z_teacher[k] * (z_teacher[k].ln() - z_student[k]);
            ((0..p.len()).map(loss).sum(), -&z_teacher)
        }
        () => (divergence(&p, &log_p, &log_q), &q - &p),
    };
    let inner = match () {
        () if v.has("multiply-t") => own,
        () if v.has("chain-rule-missed") => 1.0,
        () => 1.0 / own,
    };
    let factor = match () {
        () if v.has("missing-t2") => 1.0,
        () if v.has("t-not-squared") => t,
        () => t * t,
    };
    loss *= factor;
    slope *= factor * inner;
    (loss, slope)
}
