//! The same computation, compactly, with every planted bug behind its id.

use super::reference::{Arguments, arguments, layer_map};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2, ArrayView1, Axis, arr0};

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let args = arguments(inputs);
    let (l, n, p) = args.student.dim();
    let q = args.teacher.dim().2;
    let counts = |i: usize| match args.mask[i] != 0.0 {
        _ if v.has("mse-over-pads") => true,
        counts => counts != v.has("mask-inverted"),
    };
    let kept: Vec<usize> = (0..n).filter(|&i| counts(i)).collect();
    let tokens = if v.has("pads-in-denominator") {
        n
    } else {
        kept.len()
    };
    let width = match () {
        () if v.has("no-projection") => p.min(q),
        () if v.has("teacher-projected") => p,
        () => q,
    };
    let over = match () {
        () if v.has("sum-not-mean") => 1.0,
        () if v.has("not-over-dims") => tokens.max(1) as f64,
        () => (tokens * width).max(1) as f64,
    };
    let mut loss = 0.0;
    let mut grad: Array2<f64> = Array2::zeros((p, q));
    for (layer, of) in pairs(&args, v) {
        let student = args.student.index_axis(Axis(0), layer);
        let teacher = args.teacher.index_axis(Axis(0), of);
        let (mut square, mut slope) = (0.0, Array2::zeros((p, q)));
        for &i in &kept {
            let (s, t) = term(&args.projection, student.row(i), teacher.row(i), v);
            square += s;
            slope += &t;
        }
        square /= over;
        slope /= over;
        if v.has("root") {
            square = square.sqrt();
            slope /= 2.0 * square;
        }
        loss += square;
        grad += &slope;
    }
    if v.has("mean-of-layers") {
        loss /= l as f64;
        grad /= l as f64;
    }
    grad *= match () {
        () if v.has("gradient-half") => 0.5,
        () if v.has("gradient-sign") => -1.0,
        () if v.has("gradient-not-averaged") => over,
        () => 1.0,
    };
    vec![arr0(loss).into_dyn(), grad.into_dyn()]
}

/// Layers of the student and of the teacher that are compared.
fn pairs(args: &Arguments, v: &Variant) -> Vec<(usize, usize)> {
    let (l, m) = (args.student.len_of(Axis(0)), args.teacher.len_of(Axis(0)));
    let map = layer_map(l, m);
    let of = |i: usize| match () {
        // As if layer 0 were the first that computes.
        () if v.has("layer-map-off-by-one") => {
            let step = (m - 1).checked_div(l - 1).unwrap_or(0);
            ((i + 1) * step).saturating_sub(1).min(m - 1)
        }
        () if v.has("first-layers") => i.min(m - 1),
        () if v.has("nearest-layer") => (2 * i * (m - 1) + (l - 1))
            .checked_div(2 * (l - 1))
            .unwrap_or(0),
        () if v.has("last-layers") => (m + i).saturating_sub(l).min(m - 1),
        () => map[i],
    };
    let first = match () {
        () if v.has("only-last-layer") => l - 1,
        () if v.has("embedding-skipped") => 1,
        () => 0,
    };
    (first..l).map(|i| (i, of(i))).collect()
}

/// Σ of squares of one token, and its derivative for W.
fn term(
    w: &Array2<f64>,
    student: ArrayView1<'_, f64>,
    teacher: ArrayView1<'_, f64>,
    v: &Variant,
) -> (f64, Array2<f64>) {
    let outer = |a: ArrayView1<'_, f64>, b: &Array1<f64>| {
        let (a, b) = (a.insert_axis(Axis(1)), b.view().insert_axis(Axis(0)));
        a.dot(&b)
    };
    if v.has("no-projection") {
        let square = student.iter().zip(&teacher).map(|(s, t)| (s - t).powi(2));
        return (square.sum(), Array2::zeros(w.raw_dim()));
    }
    if v.has("teacher-projected") {
        let gap = &student - &w.dot(&teacher);
        let square = gap.dot(&gap);
        return (square, outer(gap.view(), &teacher.to_owned()) * -2.0);
    }
    let projected = student.dot(w);
    if v.has("normalised") {
        let unit = |x: &Array1<f64>| {
            let norm = x.dot(x).sqrt();
            (x / norm, norm)
        };
        let ((y, norm), (t, _)) = (unit(&projected), unit(&teacher.to_owned()));
        let gap = &y - &t;
        let along = &gap - &(&y * y.dot(&gap));
        return (gap.dot(&gap), outer(student, &(along * (2.0 / norm))));
    }
    let gap = &projected - &teacher;
    (gap.dot(&gap), outer(student, &(&gap * 2.0)))
}
