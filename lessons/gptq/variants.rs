//! The same computation, compactly, with every planted bug behind its id.

use super::reference::{
    Arguments, arguments, cholesky, codes, descending, inverse, inverse_permutation, scales,
};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2, Axis, s};

/// Ŵ, and what rounding could do to it.
pub struct Run {
    pub w_hat: Array2<f64>,
    /// How near to a tie a row's weights come before they are rounded, in units of w.
    pub margins: Vec<f64>,
    /// How far errors of f32 may grow, in units of ε: see `problem::tolerance`.
    pub growth: f64,
}

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    vec![quantize(&arguments(inputs), v).w_hat.into_dyn()]
}

pub fn quantize(args: &Arguments, v: &Variant) -> Run {
    let (most, group_size) = (args.most, args.group_size);
    let mut w = args.weight.clone();
    let (r, c) = w.dim();
    let factor = factor(args, v);
    let nearest = v.has("no-hessian");
    if !nearest && !v.has("dead-not-zeroed") {
        for &j in &factor.dead {
            w.column_mut(j).fill(0.0);
        }
    }
    let order = match nearest {
        true => (0..c).collect(),
        false => factor.order,
    };
    let places = inverse_permutation(&order);

    // Scales of whole groups of the given weights, in the given order.
    let fixed: Vec<Array1<f64>> = {
        let whole = if v.has("groups-ignored") {
            c
        } else {
            group_size
        };
        let groups = w.axis_chunks_iter(Axis(1), whole);
        groups.map(|group| group_scales(group, most, v)).collect()
    };
    let mut w = w.select(Axis(1), &order);
    let mut scale = Array1::ones(r);
    let mut margins = vec![f64::INFINITY; r];
    let mut largest = 0.0_f64;
    for i in 0..c {
        if v.has("groups-ignored") {
            scale = fixed[0].clone();
        } else if v.has("static-groups") {
            scale = fixed[order[i] / group_size].clone();
        } else if i % group_size == 0 {
            scale = group_scales(w.slice(s![.., i..c.min(i + group_size)]), most, v);
        }
        let column = w.column(i).to_owned();
        for (row, (w, s)) in column.iter().zip(&scale).enumerate() {
            let ratio = w / s;
            largest = largest.max(w.abs());
            // Beyond the ends of the grid a tie decides nothing, unless nobody clamps.
            if ratio.is_finite() && (ratio.abs() < most || v.has("no-clamp")) {
                let gap = (ratio - ratio.floor() - 0.5).abs();
                // A weight that outgrew the grid has lost digits.
                let margin = gap * s / (ratio.abs() / most).max(1.0);
                margins[row] = margins[row].min(margin);
            }
        }
        let q = match v.has("no-clamp") {
            true => (&column / &scale).mapv(f64::round_ties_even),
            false => codes(column.view(), &scale, most),
        } * &scale;
        let error = &column - &q;
        for j in i + 1..c {
            let within = i / group_size == j / group_size;
            if within || !v.has("no-compensation-beyond-group") {
                w.column_mut(j).scaled_add(-factor.shares[[i, j]], &error);
            }
        }
        w.column_mut(i).assign(&q);
    }
    let back = match v.has("forgot-inverse-perm") {
        true => (0..c).collect(),
        false => places,
    };
    Run {
        w_hat: w.select(Axis(1), &back),
        margins,
        growth: factor.growth * largest,
    }
}

fn group_scales(group: ndarray::ArrayView2<'_, f64>, most: f64, v: &Variant) -> Array1<f64> {
    let mut scale = scales(group, most);
    if v.has("scale-of-all-rows") {
        let used = group.rows().into_iter().zip(&scale);
        let used = used.filter(|(row, _)| row.iter().any(|w| *w != 0.0));
        let max = used.fold(0.0, |max: f64, (_, s)| max.max(*s));
        scale.fill(if max > 0.0 { max } else { 1.0 });
    }
    if v.has("zero-group-nan") {
        for (s, row) in scale.iter_mut().zip(group.rows()) {
            if row.iter().all(|w| *w == 0.0) {
                *s = 0.0;
            }
        }
    }
    scale
}

struct Factor {
    dead: Vec<usize>,
    order: Vec<usize>,
    /// The share of column i's error that column j > i takes: U_ij/U_ii.
    shares: Array2<f64>,
    growth: f64,
}

fn factor(args: &Arguments, v: &Variant) -> Factor {
    let mut x = args.x.clone();
    let (n, c) = x.dim();
    if v.has("centred")
        && let Some(mean) = x.mean_axis(Axis(0))
    {
        x -= &mean;
    }
    let mut hessian = x.t().dot(&x) * (2.0 / n as f64);
    let measured = hessian.diag().to_owned();
    let dead: Vec<usize> = (0..c)
        .filter(|&j| args.x.column(j).iter().all(|x| *x == 0.0))
        .collect();
    dead.iter().for_each(|&j| hessian[[j, j]] = 1.0);
    let diagonal = match v.has("dead-in-mean") {
        true => hessian.diag().to_owned(),
        false => measured,
    };
    let lambda = if v.has("no-damping") {
        0.0
    } else if v.has("damp-absolute") {
        args.percdamp
    } else {
        args.percdamp * diagonal.sum() / c as f64
    };
    hessian.diag_mut().mapv_inplace(|h| h + lambda);
    let mut order: Vec<usize> = match args.act_order && !v.has("act-order-ignored") {
        true => descending(&diagonal),
        false => (0..c).collect(),
    };
    if args.act_order && v.has("act-order-ascending") {
        order = descending(&diagonal.mapv(|h| -h));
    }
    let mut hessian = hessian.select(Axis(0), &order).select(Axis(1), &order);
    if v.has("no-damping") && singular(&hessian) {
        hessian.fill(f64::NAN);
    }
    let upper = if v.has("chol-of-h") {
        cholesky(&hessian).reversed_axes()
    } else if v.has("stale-inverse") {
        inverse(&hessian)
    } else {
        cholesky(&inverse(&hessian)).reversed_axes()
    };
    let mut shares = upper.clone();
    for (mut row, &u) in shares.rows_mut().into_iter().zip(upper.diag()) {
        let by = if v.has("not-divided") {
            1.0
        } else if v.has("divided-by-square") {
            u * u
        } else {
            u
        };
        row /= by;
    }
    if v.has("wrong-sign") {
        shares.mapv_inplace(|share| -share);
    }
    if v.has("no-hessian") || v.has("lower-cholesky") {
        shares.fill(0.0);
    }
    // Variance inflation: what of input i the later ones do not explain is 1/U_ii² of H_ii.
    let inflation = (0..c).map(|i| hessian[[i, i]] * upper[[i, i]].powi(2));
    let inflation = inflation.fold(1.0, f64::max);
    let spread = (0..c).map(|i| shares.slice(s![i, i..]).fold(0.0, |sum, u| sum + u.abs()));
    let spread = spread.fold(1.0, f64::max);
    Factor {
        dead,
        order,
        shares,
        growth: inflation * spread,
    }
}

/// Whether f32 would find no factor.
fn singular(hessian: &Array2<f64>) -> bool {
    let lower = cholesky(hessian);
    let (diagonal, pivots) = (hessian.diag(), lower.diag());
    let mut ends = diagonal.iter().zip(pivots);
    ends.any(|(h, l)| !(l * l > 1e-6 * h))
}
