//! The truth, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Ix2};

/// A float input `[a b]` in f64.
pub fn matrix(inputs: &Inputs, name: &str) -> Array2<f64> {
    let array = inputs.f64(name).into_dimensionality::<Ix2>();
    array.expect("ranks were checked against the problem's args")
}

/// The inverse of a positive definite matrix `[k k]`, by Gauss and Jordan; NaN where it has none.
pub fn inverse(a: &Array2<f64>) -> Array2<f64> {
    let k = a.nrows();
    let (mut a, mut inverse) = (a.clone(), Array2::<f64>::eye(k));
    for p in 0..k {
        let pivot = a[[p, p]];
        for j in 0..k {
            a[[p, j]] /= pivot;
            inverse[[p, j]] /= pivot;
        }
        for i in (0..k).filter(|i| *i != p) {
            let factor = a[[i, p]];
            for j in 0..k {
                a[[i, j]] -= factor * a[[p, j]];
                inverse[[i, j]] -= factor * inverse[[p, j]];
            }
        }
    }
    inverse
}

/// Removes weight q of `w` `[k]`: the others take over what they can, and H⁻¹ becomes that of the
/// remaining weights. Gives the increase of the loss.
pub fn remove(w: &mut Array1<f64>, inv: &mut Array2<f64>, q: usize) -> f64 {
    let (pivot, column) = (inv[[q, q]], inv.column(q).to_owned());
    let increase = w[q] * w[q] / (2.0 * pivot);
    let factor = w[q] / pivot;
    w.scaled_add(-factor, &column);
    w[q] = 0.0;
    for (i, mut row) in inv.rows_mut().into_iter().enumerate() {
        row.scaled_add(-column[i] / pivot, &column);
    }
    // Up to rounding they are 0 already.
    inv.row_mut(q).fill(0.0);
    inv.column_mut(q).fill(0.0);
    increase
}

/// Scores of the weights `w` `[n k]` of a linear layer that reads `x` `[t k]`, and the weights after
/// those with mask 0 are removed by OBS. Gives taylor, obd, obs and pruned, `[n k]`.
///
/// OBD: LeCun, Denker and Solla 1989; OBS: Hassibi and Stork 1992; Taylor: Molchanov et al. 2016, arXiv
/// 1611.06440.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let [w, grad, x, mask] = ["w", "grad", "x", "mask"].map(|name| matrix(inputs, name));
    let (t, k) = x.dim();
    trace.given("n k", w.shape());
    trace.given("t k", x.shape());

    // 1. Hessian of ‖X·δwᵀ‖²/t, the same for each row of w: 2·XᵀX/t             [k k]
    let hessian = x.t().dot(&x) * (2.0 / t as f64);
    trace
        .step("hessian", "2·XᵀX/t", "t k, t k -> k k", &hessian)
        .note("second derivatives: they need inputs, not labels");

    // 2. Damping, so that it has an inverse: H + percdamp·mean(diag H)·I        [k k]
    let mean = hessian.diag().sum() / k as f64;
    let lambda = inputs.number("percdamp") * mean;
    let damped = &hessian + &(Array2::<f64>::eye(k) * lambda);
    trace
        .step("damped", "H + λI", "k k -> k k", &damped)
        .note(format!(
            "λ {lambda:.4}, {} of the mean diagonal",
            inputs.number("percdamp")
        ));

    // 3. Its inverse                                                            [k k]
    let inverse = inverse(&damped);
    trace
        .step("inverse", "(H + λI)⁻¹", "k k -> k k", &inverse)
        .note("1/[H⁻¹]_qq ≤ H_qq: what others can take over is taken off");

    // 4. First order: |g·w|                                                     [n k]
    let taylor = (&grad * &w).mapv(f64::abs);
    trace
        .step("taylor", "|g·w|", "n k, n k -> n k", &taylor)
        .note("0 at an optimum, where g is 0");

    // 5. OBD, second order without the terms off the diagonal: ½·H_qq·w_q²       [n k]
    let obd = &w * &w * damped.diag() * 0.5;
    trace.step("obd", "½·H_qq·w_q²", "n k, k -> n k", &obd);

    // 6. OBS, the others adjusted: w_q²/(2·[H⁻¹]_qq)                            [n k]
    let obs = &w * &w / inverse.diag() * 0.5;
    trace
        .step("obs", "w_q²/(2·[H⁻¹]_qq)", "n k, k -> n k", &obs)
        .note("never above OBD");

    // 7. Weights with mask 0 go, one after the other:
    //    w −= w_q/[H⁻¹]_qq·H⁻¹e_q,  H⁻¹ −= H⁻¹e_q·e_qᵀH⁻¹/[H⁻¹]_qq                [n k]
    let mut pruned = w.clone();
    let mut increases = Vec::new();
    for (mut row, mask) in pruned.rows_mut().into_iter().zip(mask.rows()) {
        let (mut left, mut inv, mut total) = (row.to_owned(), inverse.clone(), 0.0);
        for q in (0..k).filter(|&q| mask[q] == 0.0) {
            total += remove(&mut left, &mut inv, q);
            increases.push(total);
        }
        row.assign(&left);
    }
    let plain = loss(&(&w * &mask), &w, &damped);
    let shown: Vec<String> = increases
        .iter()
        .take(8)
        .map(|x| format!("{x:.3}"))
        .collect();
    trace
        .step("pruned", "w − w_q/[H⁻¹]_qq·H⁻¹e_q", "n k, k k, n k -> n k", &pruned)
        .note(format!(
            "loss of each row after each removal: {}{}; all together {:.3}, without adjusting the others {plain:.3}",
            shown.join(" "),
            if increases.len() > 8 { " …" } else { "" },
            loss(&pruned, &w, &damped),
        ));
    let outputs = [taylor, obd, obs, pruned];
    outputs.map(|output| output.into_dyn()).to_vec()
}

/// Σ over rows of ½·δᵀHδ, with δ the change of the row: the increase of the loss.
pub fn loss(changed: &Array2<f64>, w: &Array2<f64>, hessian: &Array2<f64>) -> f64 {
    let delta = changed - w;
    0.5 * (delta.dot(hessian) * &delta).sum()
}
