//! The same computation, compactly, with every planted bug behind its id.

use super::reference::{Arguments, MOST, arguments, largest, smoothing};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2, Axis};

/// The product, and how near its rounding came to ties.
pub struct Run {
    pub y: Array2<f64>,
    /// The least distance to a tie in each token, in units of a code.
    pub tokens: Vec<f64>,
    /// In each row of weights.
    pub rows: Vec<f64>,
}

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    vec![product(&arguments(inputs), v).y.into_dyn()]
}

/// Codes of a matrix's rows, with their scales and what is added to each code.
struct Codes {
    /// With the zero-point in them.
    q: Array2<f64>,
    /// `[rows]`, or one for each column.
    scale: Array1<f64>,
    zero: Array1<f64>,
    ties: Vec<f64>,
}

pub fn product(args: &Arguments, v: &Variant) -> Run {
    let (n, c) = args.x.dim();
    let r = args.weight.nrows();
    let smooth = factors(args, v);
    let mut x = &args.x / &smooth;
    let mut w = match v.has("smooth-one-side") || v.has("weights-quantised-first") {
        true => args.weight.clone(),
        false => &args.weight * &smooth,
    };
    if v.has("smooth-inverted") {
        x = &args.x * &smooth;
        w = &args.weight / &smooth;
    }
    let zeros = |rows: usize| match v.has("zero-row-nan") {
        true => vec![f64::NAN; rows],
        false => vec![1.0; rows],
    };

    // Activations.
    let mut x_scale = row_scales(&x, &zeros(n), v);
    if v.has("per-tensor-activation") {
        x_scale.fill(top(&x, v));
    }
    if v.has("static-activation") {
        x_scale.fill(largest((&args.act_max / &smooth).iter()) / MOST);
    }
    let shift = ["zero-point-forgotten", "asymmetric-activations"];
    let x_codes = match shift.iter().any(|id| v.has(id)) {
        true => asymmetric(&x, v),
        false => symmetric(&x, x_scale, v),
    };

    // Weights.
    let mut w_scale = row_scales(&w, &zeros(r), v);
    if v.has("per-tensor-weight") {
        w_scale.fill(top(&w, v));
    }
    let w_codes = symmetric(&w, w_scale, v);

    let mut y = Array2::zeros((n, r));
    for t in 0..n {
        for o in 0..r {
            let term = |j: usize| {
                let q_x = match v.has("weights-only") {
                    true => x[[t, j]],
                    false => x_codes.q[[t, j]],
                };
                let q_w = match v.has("activations-only") {
                    true => w[[o, j]],
                    false => w_codes.q[[o, j]],
                };
                let zero = match v.has("asymmetric-activations") && !v.has("weights-only") {
                    true => x_codes.zero[t],
                    false => 0.0,
                };
                let late = if v.has("weights-quantised-first") {
                    smooth[j]
                } else {
                    1.0
                };
                (q_x - zero) * q_w * late
            };
            let sum: f64 = (0..c).map(term).sum();
            let sum = match () {
                () if v.has("int8-accumulator") => f64::from(sum as i64 as i8),
                () if v.has("int16-accumulator") => f64::from(sum as i64 as i16),
                () => sum,
            };
            let s_x = match v.has("weights-only") || v.has("activation-scale-forgotten") {
                true => 1.0,
                false => x_codes.scale[t],
            };
            let s_w = match v.has("activations-only") || v.has("weight-scale-forgotten") {
                true => 1.0,
                false => w_codes.scale[o],
            };
            y[[t, o]] = s_x * s_w * sum;
        }
    }
    Run {
        y,
        tokens: x_codes.ties,
        rows: w_codes.ties,
    }
}

fn factors(args: &Arguments, v: &Variant) -> Array1<f64> {
    if v.has("no-smoothing") {
        return Array1::ones(args.act_max.len());
    }
    let alpha = match v.has("alpha-swapped") {
        true => 1.0 - args.alpha,
        false => args.alpha,
    };
    let own = args.x.map_axis(Axis(0), |column| largest(column.iter()));
    let sizes = match v.has("smooth-from-this-batch") {
        true => &own,
        false => &args.act_max,
    };
    smoothing(sizes, &args.weight, alpha)
}

fn most(v: &Variant) -> f64 {
    if v.has("divide-by-128") { 128.0 } else { MOST }
}

fn top(rows: &Array2<f64>, v: &Variant) -> f64 {
    match largest(rows.iter()) {
        0.0 => 1.0,
        max => max / most(v),
    }
}

fn row_scales(rows: &Array2<f64>, zeros: &[f64], v: &Variant) -> Array1<f64> {
    let scale = |(row, zero): (ndarray::ArrayView1<'_, f64>, &f64)| match largest(row.iter()) {
        0.0 => *zero,
        max => max / most(v),
    };
    rows.rows().into_iter().zip(zeros).map(scale).collect()
}

fn tie(ratio: f64) -> f64 {
    // Far beyond the ends it is clamped either way.
    match ratio.abs() < 128.6 {
        true => (ratio - ratio.floor() - 0.5).abs(),
        false => f64::INFINITY,
    }
}

fn symmetric(rows: &Array2<f64>, scale: Array1<f64>, v: &Variant) -> Codes {
    let ratios = rows / &scale.view().insert_axis(Axis(1));
    let low = if v.has("divide-by-128") {
        -128.0
    } else {
        -MOST
    };
    Codes {
        q: ratios.mapv(|ratio| match ratio.is_nan() {
            true => ratio,
            false => ratio.round_ties_even().clamp(low, MOST),
        }),
        zero: Array1::zeros(rows.nrows()),
        ties: ties(&ratios),
        scale,
    }
}

fn ties(ratios: &Array2<f64>) -> Vec<f64> {
    let least = |row: ndarray::ArrayView1<'_, f64>| {
        row.iter()
            .map(|ratio| tie(*ratio))
            .fold(f64::INFINITY, f64::min)
    };
    ratios.rows().into_iter().map(least).collect()
}

/// Codes from −128 to 127 over each token's own range, 0 in it.
fn asymmetric(rows: &Array2<f64>, v: &Variant) -> Codes {
    let n = rows.nrows();
    let (mut scale, mut zero) = (Array1::ones(n), Array1::zeros(n));
    let mut ratios = rows.clone();
    let mut ends = vec![f64::INFINITY; n];
    for (i, mut row) in ratios.rows_mut().into_iter().enumerate() {
        let (low, high) = row.fold((0.0, 0.0), |(low, high): (f64, f64), &x| {
            (low.min(x), high.max(x))
        });
        scale[i] = match high - low {
            0.0 if v.has("zero-row-nan") => f64::NAN,
            0.0 => 1.0,
            range => range / 255.0,
        };
        ends[i] = tie(-low / scale[i] - 128.0);
        zero[i] = (-low / scale[i]).round_ties_even() - 128.0;
        row.mapv_inplace(|x| x / scale[i]);
    }
    let near = ratios.rows().into_iter().zip(&ends).map(|(row, end)| {
        let row = row.iter().map(|ratio| (ratio - ratio.floor() - 0.5).abs());
        row.fold(*end, f64::min)
    });
    let ties = near.collect();
    let shift = zero.view().insert_axis(Axis(1));
    let q = (ratios.mapv(f64::round_ties_even) + shift).mapv(|q| match q.is_nan() {
        true => q,
        false => q.clamp(-128.0, 127.0),
    });
    Codes {
        q,
        scale,
        zero,
        ties,
    }
}
