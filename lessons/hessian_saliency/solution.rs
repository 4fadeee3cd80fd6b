use llmlab::prelude::*;

/// Saliency of the weights `w [n k]` of a linear layer with gradients `grad [n k]` and inputs `x [t k]`,
/// whose Hessian is H = 2·XᵀX/t + λI with λ = percdamp·(mean of the diagonal of 2·XᵀX/t), for each row of w
/// alike. Gives `(taylor, obd, obs, pruned)`, all `[n k]`: the scores |g·w|, ½·H_qq·w_q² and
/// w_q²/(2·[H⁻¹]_qq), and the weights after those with `mask [n k]` 0 were removed by OBS: they are 0, and
/// the others of their row adjusted so that the loss ½·δᵀHδ is least.
pub fn hessian_saliency(
    w: &Tensor,
    grad: &Tensor,
    x: &Tensor,
    mask: &Tensor,
    percdamp: f64,
) -> (Tensor, Tensor, Tensor, Tensor) {
    let (t, k) = (x.shape()[0], x.shape()[1]);
    let mut h: Array2<f64> = Array2::zeros((k, k));
    for (i, j) in (0..k).flat_map(|i| (0..k).map(move |j| (i, j))) {
        let pairs = x.outer_iter().map(|x| f64::from(x[i]) * f64::from(x[j]));
        h[[i, j]] = 2.0 * pairs.sum::<f64>() / t as f64;
    }
    let lambda = percdamp * h.diag().sum() / k as f64;
    h.diag_mut().mapv_inplace(|h| h + lambda);

    // Gauss–Jordan: what turns H into I turns I into H⁻¹.
    let (mut a, mut inverse) = (h.clone(), Array2::<f64>::eye(k));
    for p in 0..k {
        let pivot = a[[p, p]];
        for j in 0..k {
            a[[p, j]] /= pivot;
            inverse[[p, j]] /= pivot;
        }
        for i in (0..k).filter(|&i| i != p) {
            let factor = a[[i, p]];
            for j in 0..k {
                a[[i, j]] -= factor * a[[p, j]];
                inverse[[i, j]] -= factor * inverse[[p, j]];
            }
        }
    }

    let taylor = (grad * w).mapv(f32::abs);
    let square = |at: &[usize]| 0.5 * f64::from(w[at]) * f64::from(w[at]);
    let score = |of: &dyn Fn(usize) -> f64| {
        Tensor::from_shape_fn(w.raw_dim(), |at| {
            (square(&[at[0], at[1]]) * of(at[1])) as f32
        })
    };
    let obd = score(&|q| h[[q, q]]);
    let obs = score(&|q| 1.0 / inverse[[q, q]]);

    let mut pruned = w.clone();
    for (mut row, mask) in pruned.outer_iter_mut().zip(mask.outer_iter()) {
        let mut left: Vec<f64> = row.iter().map(|&w| f64::from(w)).collect();
        let mut inv = inverse.clone();
        for q in (0..k).filter(|&q| mask[q] == 0.0) {
            let (pivot, column) = (inv[[q, q]], inv.column(q).to_owned());
            let factor = left[q] / pivot;
            for j in 0..k {
                left[j] -= factor * column[j];
            }
            left[q] = 0.0;
            for (i, j) in (0..k).flat_map(|i| (0..k).map(move |j| (i, j))) {
                inv[[i, j]] -= column[i] * column[j] / pivot;
            }
        }
        for (to, w) in row.iter_mut().zip(left) {
            *to = w as f32;
        }
    }
    (taylor, obd, obs, pruned)
}
