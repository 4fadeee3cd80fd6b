//! The truth, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Ix2, arr0, s};

/// The exercise's arguments with static ranks.
pub struct Arguments {
    /// `[r c]`: one row for each output feature.
    pub weight: Array2<f64>,
    /// `[n c]`: calibration inputs of the layer.
    pub x: Array2<f64>,
    /// The largest code, 2^(bits − 1) − 1; the smallest is its negative.
    pub most: f64,
    pub bits: f64,
    pub group_size: usize,
    pub percdamp: f64,
    pub act_order: bool,
}

pub fn arguments(inputs: &Inputs) -> Arguments {
    const CHECKED: &str = "ranks were checked against the problem's args";
    let matrix = |name: &str| {
        let array = inputs.f64(name).into_dimensionality::<Ix2>();
        array.expect(CHECKED)
    };
    let bits = inputs.number("bits");
    Arguments {
        weight: matrix("weight"),
        x: matrix("x"),
        most: (bits - 1.0).exp2() - 1.0,
        bits,
        group_size: (inputs.number("group_size") as usize).max(1),
        percdamp: inputs.number("percdamp"),
        act_order: inputs.number("act_order") != 0.0,
    }
}

/// L with L·Lᵀ = a, lower triangular; NaN where `a` is not positive definite.
pub fn cholesky(a: &Array2<f64>) -> Array2<f64> {
    let c = a.nrows();
    let mut lower = Array2::zeros((c, c));
    for j in 0..c {
        for i in j..c {
            let done: f64 = lower.slice(s![i, ..j]).dot(&lower.slice(s![j, ..j]));
            let rest = a[[i, j]] - done;
            lower[[i, j]] = if i == j {
                rest.sqrt()
            } else {
                rest / lower[[j, j]]
            };
        }
    }
    lower
}

/// a⁻¹ of a symmetric positive definite matrix, from its Cholesky factor: L⁻ᵀ·L⁻¹.
pub fn inverse(a: &Array2<f64>) -> Array2<f64> {
    let lower = cholesky(a);
    let c = a.nrows();
    let mut inverse: Array2<f64> = Array2::eye(c);
    for i in 0..c {
        for k in 0..i {
            let (done, mut rest) = inverse.view_mut().split_at(Axis(0), i);
            rest.row_mut(0).scaled_add(-lower[[i, k]], &done.row(k));
        }
        inverse.row_mut(i).mapv_inplace(|x| x / lower[[i, i]]);
    }
    inverse.t().dot(&inverse)
}

/// The columns in the order of their diagonal entries, largest first.
pub fn descending(diagonal: &Array1<f64>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..diagonal.len()).collect();
    order.sort_by(|&i, &j| diagonal[j].total_cmp(&diagonal[i]));
    order
}

/// Where each column stands in `order`.
pub fn inverse_permutation(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, &column) in order.iter().enumerate() {
        places[column] = place;
    }
    places
}

/// max|w| / most of each row of a group `[r g]`; 1 where a row is all zeros.
pub fn scales(group: ArrayView2<'_, f64>, most: f64) -> Array1<f64> {
    group.map_axis(Axis(1), |row| {
        let max = row.fold(0.0, |max: f64, w| max.max(w.abs()));
        if max > 0.0 { max / most } else { 1.0 }
    })
}

/// Codes of a column: round(w / s), ties to even, between −most and most.
pub fn codes(column: ArrayView1<'_, f64>, scale: &Array1<f64>, most: f64) -> Array1<f64> {
    (&column / scale).mapv(|w| w.round_ties_even().clamp(-most, most))
}

/// ‖x·(w − ŵ)ᵀ‖ / ‖x·wᵀ‖: how much of the layer's output is lost.
pub fn output_error(x: &Array2<f64>, w: &Array2<f64>, w_hat: &Array2<f64>) -> f64 {
    let norm = |m: &Array2<f64>| x.dot(&m.t()).mapv(|y| y * y).sum().sqrt();
    norm(&(w - w_hat)) / norm(w)
}

/// Round-to-nearest on the same grid: what GPTQ is measured against.
pub fn round_to_nearest(w: &Array2<f64>, group_size: usize, most: f64) -> Array2<f64> {
    let mut w_hat = w.clone();
    for mut group in w_hat.axis_chunks_iter_mut(Axis(1), group_size) {
        let scale = scales(group.view(), most);
        for mut column in group.columns_mut() {
            let q = codes(column.view(), &scale, most);
            column.assign(&(q * &scale));
        }
    }
    w_hat
}

/// Ŵ `[r c]` of weight `[r c]` and calibration inputs x `[n c]` (Frantar et al. 2022, arXiv
/// 2210.17323, algorithm 1).
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let args = arguments(inputs);
    let (x, most, group_size) = (&args.x, args.most, args.group_size);
    let mut w = args.weight.clone();
    let c = w.ncols();

    // 1. Second derivative of the output error, one for all rows: H = 2·xᵀx/n          [c k]
    let mut hessian = x.t().dot(x) * (2.0 / x.nrows() as f64);
    let diagonal = hessian.diag().to_owned();
    let dead: Vec<usize> = (0..c).filter(|&j| diagonal[j] == 0.0).collect();
    trace
        .step("hessian", "2·xᵀx/n", "n c, n k -> c k", &hessian)
        .note(format!("{} of {c} inputs are dead (always 0)", dead.len()));

    // 2. Dead inputs decide nothing: H_jj ← 1, w_·j ← 0                                 [r c]
    for &j in &dead {
        hessian[[j, j]] = 1.0;
        w.column_mut(j).fill(0.0);
    }
    trace.step("live", "w_·j ← 0 where H_jj = 0", "r c -> r c", &w);

    // 3. Damping, so that H can be inverted: λ = percdamp·mean(diag H)                  [c k]
    let lambda = args.percdamp * diagonal.sum() / c as f64;
    hessian.diag_mut().mapv_inplace(|h| h + lambda);
    trace
        .step("damped", "H + λI", "c k -> c k", &hessian)
        .note(format!("λ {lambda:.4}"));

    // 4. The order of the columns: as they stand, or the largest H_jj first             [c]
    let order = match args.act_order {
        true => descending(&diagonal),
        false => (0..c).collect(),
    };
    let mut w = w.select(Axis(1), &order);
    let hessian = hessian.select(Axis(0), &order).select(Axis(1), &order);
    let shown = Array1::from(order.clone());
    trace.step("order", "argsort(−diag H), or 0 … c − 1", "c -> c", &shown);

    // 5. The Hessian of the columns that are still free, for every column at once:
    //    H⁻¹ = UᵀU, U upper triangular                                                  [c k]
    let upper = cholesky(&inverse(&hessian)).reversed_axes();
    trace
        .step("U", "cholesky(H⁻¹)ᵀ", "c k -> c k", &upper)
        .note("1/U_ii² = variance of input i that later ones do not explain");

    // 6. Column by column: the scale where a group begins, the code, the error, the spread.
    let mut scale = Array1::ones(w.nrows());
    let mut losses = Array1::zeros(c);
    let stride = c.div_ceil(16);
    for i in 0..c {
        if i % group_size == 0 {
            // From weights that already carry the errors of the columns before.        [r]
            scale = scales(w.slice(s![.., i..c.min(i + group_size)]), most);
        }
        let q = codes(w.column(i), &scale, most) * &scale;
        // What column i could not represent, in units of its own freedom:  e = (w − q)/U_ii
        let error = (&w.column(i) - &q) / upper[[i, i]];
        // Every later column takes its part:  w_j ← w_j − e·U_ij                     [r c]
        for j in i + 1..c {
            w.column_mut(j).scaled_add(-upper[[i, j]], &error);
        }
        w.column_mut(i).assign(&q);
        losses[i] = error.dot(&error);
        if (i + 1) % stride == 0 || i + 1 == c {
            let total = losses.sum();
            let spread = spread(&upper, i, &order);
            let name = format!("column {}", order[i]);
            trace
                .step(&name, "q; w_j −= (w − q)/U_ii·U_ij", "r c -> r c", &w)
                .note(format!("Σe² {:.4}, so far {total:.4}{spread}", losses[i]));
        }
    }

    // 7. The loss after each column: after the last it is tr(Δ(H + λI)Δᵀ) exactly       [c]
    let so_far = Array1::from_iter(losses.iter().scan(0.0, |sum, loss| {
        *sum += loss;
        Some(*sum)
    }));
    trace.step("loss", "Σ_{i ≤ c} Σ_r e²", "c -> c", &so_far);

    // 8. Back to the order in which the inputs come                                     [r c]
    let w_hat = w.select(Axis(1), &inverse_permutation(&order));
    let weight = &args.weight;
    let nearest = round_to_nearest(weight, group_size, most);
    let lost = |w_hat: &Array2<f64>| {
        let change = (weight - w_hat).mapv(|d| d * d).sum() / weight.mapv(|w| w * w).sum();
        (output_error(x, weight, w_hat), change.sqrt())
    };
    let (ours, theirs) = (lost(&w_hat), lost(&nearest));
    trace
        .step("w_hat", "inverse permutation", "r c -> r c", &w_hat)
        .note(format!(
            "weights are off by {:.1} %, by {:.1} % if rounded to nearest",
            100.0 * ours.1,
            100.0 * theirs.1
        ));

    // 9. What it was for: ‖x(w − ŵ)ᵀ‖/‖xwᵀ‖                                             []
    let per_group = 16.0 / group_size.min(c) as f64;
    trace
        .step(
            "output_error",
            "‖x(w − ŵ)ᵀ‖/‖xwᵀ‖",
            "n c, r c -> ",
            &arr0(ours.0),
        )
        .note(format!(
            "round-to-nearest {:.4}; {:.2} bits per weight with f16 scales",
            theirs.0,
            args.bits + per_group
        ));
    vec![w_hat.into_dyn()]
}

/// The two columns that take most of column i's error, in words.
fn spread(upper: &Array2<f64>, i: usize, order: &[usize]) -> String {
    let mut shares: Vec<(usize, f64)> = (i + 1..order.len())
        .map(|j| (order[j], -upper[[i, j]] / upper[[i, i]]))
        .collect();
    shares.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let shown: Vec<String> = shares
        .iter()
        .take(2)
        .map(|(column, share)| format!("{share:+.2} of it to {column}"))
        .collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!("; {}", shown.join(", ")),
    }
}
