use llmlab::prelude::*;

/// L with L·Lᵀ = a.
fn cholesky(a: &Array2<f32>) -> Array2<f32> {
    let c = a.nrows();
    let mut l = Array2::zeros((c, c));
    for j in 0..c {
        for i in j..c {
            let done: f32 = (0..j).map(|k| l[[i, k]] * l[[j, k]]).sum();
            let rest: f32 = a[[i, j]] - done;
            l[[i, j]] = if i == j {
                rest.sqrt()
            } else {
                rest / l[[j, j]]
            };
        }
    }
    l
}

/// a⁻¹ from its Cholesky factor: solve L·Lᵀ·x = e for every unit vector e.
fn inverse(a: &Array2<f32>) -> Array2<f32> {
    let (c, l) = (a.nrows(), cholesky(a));
    let mut x = Array2::eye(c);
    for e in 0..c {
        for i in 0..c {
            let done: f32 = (0..i).map(|k| l[[i, k]] * x[[k, e]]).sum();
            x[[i, e]] = (x[[i, e]] - done) / l[[i, i]];
        }
        for i in (0..c).rev() {
            let done: f32 = (i + 1..c).map(|k| l[[k, i]] * x[[k, e]]).sum();
            x[[i, e]] = (x[[i, e]] - done) / l[[i, i]];
        }
    }
    x
}

/// GPTQ: ŵ [r c] of weight [r c] for calibration inputs x [n c].
pub fn gptq(
    weight: &Tensor,
    x: &Tensor,
    bits: f64,
    group_size: f64,
    percdamp: f64,
    act_order: f64,
) -> Tensor {
    let mut w = weight
        .clone()
        .into_dimensionality::<ndarray::Ix2>()
        .unwrap();
    let x = x.view().into_dimensionality::<ndarray::Ix2>().unwrap();
    let (most, group_size) = (2f32.powf(bits as f32 - 1.0) - 1.0, group_size as usize);
    let (r, c) = w.dim();

    // The Hessian: dead inputs, damping, order.
    let mut h = x.t().dot(&x) * (2.0 / x.nrows() as f32);
    let diagonal = h.diag().to_owned();
    let lambda = percdamp as f32 * diagonal.sum() / c as f32;
    for j in 0..c {
        if diagonal[j] == 0.0 {
            h[[j, j]] = 1.0;
            w.column_mut(j).fill(0.0);
        }
        h[[j, j]] += lambda;
    }
    let mut order: Vec<usize> = (0..c).collect();
    if act_order != 0.0 {
        order.sort_by(|&i, &j| diagonal[j].total_cmp(&diagonal[i]));
    }
    let mut w = w.select(Axis(1), &order);
    let h = h.select(Axis(0), &order).select(Axis(1), &order);
    let l = cholesky(&inverse(&h)); // U = Lᵀ

    let mut scale = vec![1.0; r];
    let mut w_hat = Tensor::zeros(weight.raw_dim());
    for i in 0..c {
        for row in 0..r {
            if i % group_size == 0 {
                let group = w.slice(s![row, i..c.min(i + group_size)]);
                let max = group.fold(0.0f32, |max, w| max.max(w.abs()));
                scale[row] = if max > 0.0 { max / most } else { 1.0 };
            }
            let q = (w[[row, i]] / scale[row]).round().clamp(-most, most) * scale[row];
            let error = (w[[row, i]] - q) / l[[i, i]];
            for j in i + 1..c {
                w[[row, j]] -= error * l[[j, i]];
            }
            w_hat[[row, order[i]]] = q;
        }
    }
    w_hat
}
