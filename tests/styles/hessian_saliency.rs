//! Answers to `hessian-saliency` as people write them: right ones in many styles, and one wrong one for
//! every planted bug.

use llmlab::lessons::hessian_saliency::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/hessian_saliency/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/hessian_saliency/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Four = (Tensor, Tensor, Tensor, Tensor);
type Matrix = Array2<f64>;

/// The arguments of one call, in f64.
struct Call {
    w: Matrix,
    grad: Matrix,
    x: Matrix,
    mask: Matrix,
    percdamp: f64,
}

fn wide(x: &Tensor) -> Matrix {
    x.mapv(f64::from).into_dimensionality().unwrap()
}

fn single(x: Matrix) -> Tensor {
    x.mapv(|x| x as f32).into_dyn()
}

impl Call {
    fn k(&self) -> usize {
        self.w.ncols()
    }

    /// 2·XᵀX/t
    fn raw(&self) -> Matrix {
        self.x.t().dot(&self.x) * 2.0 / self.x.nrows() as f64
    }

    fn damped(&self) -> Matrix {
        let h = self.raw();
        let lambda = self.percdamp * h.diag().mean().unwrap();
        h + Matrix::eye(self.k()) * lambda
    }

    fn taylor(&self) -> Matrix {
        (&self.grad * &self.w).mapv(f64::abs)
    }

    fn squares(&self) -> Matrix {
        &self.w * &self.w
    }

    /// All of a right answer for this Hessian and its inverse.
    fn answer(&self, h: &Matrix, inv: &Matrix) -> [Matrix; 4] {
        let obd = self.squares() * h.diag() * 0.5;
        let obs = self.squares() / inv.diag() * 0.5;
        [
            self.taylor(),
            obd,
            obs,
            self.removed(inv, |w, pivot| w / pivot, true),
        ]
    }

    /// The right answer.
    fn right(&self) -> [Matrix; 4] {
        let h = self.damped();
        self.answer(&h, &cholesky_inverse(&h))
    }

    /// Removes what the mask says, with a factor for H⁻¹e_q, and H⁻¹ kept up to date or not.
    fn removed(&self, inv: &Matrix, factor: impl Fn(f64, f64) -> f64, update: bool) -> Matrix {
        let mut pruned = self.w.clone();
        for (mut row, mask) in pruned.rows_mut().into_iter().zip(self.mask.rows()) {
            let mut inv = inv.clone();
            for q in 0..self.k() {
                if mask[q] != 0.0 {
                    continue;
                }
                let column = inv.column(q).to_owned();
                let factor = factor(row[q], column[q]);
                row.scaled_add(-factor, &column);
                row[q] = 0.0;
                if update {
                    let outer = Matrix::from_shape_fn(inv.dim(), |(i, j)| {
                        column[i] * column[j] / column[q]
                    });
                    inv -= &outer;
                }
            }
            row.zip_mut_with(&mask, |w, mask| *w = if *mask == 0.0 { 0.0 } else { *w });
        }
        pruned
    }
}

/// A⁻¹ = L⁻ᵀ·L⁻¹ with A = L·Lᵀ.
fn cholesky_inverse(a: &Matrix) -> Matrix {
    let k = a.nrows();
    let mut l = Matrix::zeros((k, k));
    for i in 0..k {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|p| l[[i, p]] * l[[j, p]]).sum();
            l[[i, j]] = match i == j {
                true => (a[[i, i]] - sum).sqrt(),
                false => (a[[i, j]] - sum) / l[[j, j]],
            };
        }
    }
    let mut inv = Matrix::zeros((k, k));
    for j in 0..k {
        for i in j..k {
            let sum: f64 = (j..i).map(|p| l[[i, p]] * inv[[p, j]]).sum();
            let unit = if i == j { 1.0 } else { 0.0 };
            inv[[i, j]] = (unit - sum) / l[[i, i]];
        }
    }
    inv.t().dot(&inv)
}

fn with(run: impl Fn(&Call) -> [Matrix; 4] + 'static) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |w: &Tensor, grad: &Tensor, x: &Tensor, mask: &Tensor, percdamp: f64| -> Four {
            let [w, grad, x, mask] = [w, grad, x, mask].map(wide);
            let call = Call {
                w,
                grad,
                x,
                mask,
                percdamp,
            };
            run(&call).map(single).into()
        },
    ))
}

// ---- Right answers. --------------------------------------------------------------------------

/// Everything in f32.
fn in_f32(w: &Tensor, grad: &Tensor, x: &Tensor, mask: &Tensor, percdamp: f64) -> Four {
    let (t, k) = (x.shape()[0], x.shape()[1]);
    let mut h: Array2<f32> = einsum("t k, t j -> k j", &[x, x])
        .into_dimensionality()
        .unwrap();
    h *= 2.0 / t as f32;
    let lambda = percdamp as f32 * h.diag().sum() / k as f32;
    h.diag_mut().mapv_inplace(|h| h + lambda);
    let (mut a, mut inv) = (h.clone(), Array2::<f32>::eye(k));
    for p in 0..k {
        let pivot = a[[p, p]];
        a.row_mut(p).mapv_inplace(|x| x / pivot);
        inv.row_mut(p).mapv_inplace(|x| x / pivot);
        let (line, other) = (a.row(p).to_owned(), inv.row(p).to_owned());
        for i in (0..k).filter(|&i| i != p) {
            let factor = a[[i, p]];
            a.row_mut(i).scaled_add(-factor, &line);
            inv.row_mut(i).scaled_add(-factor, &other);
        }
    }
    let square = w * w * 0.5;
    let mut pruned = w.clone();
    for (mut row, mask) in pruned.outer_iter_mut().zip(mask.outer_iter()) {
        let mut inv = inv.clone();
        for q in (0..k).filter(|&q| mask[q] == 0.0) {
            let column = inv.column(q).to_owned();
            let factor = row[q] / column[q];
            for j in 0..k {
                row[j] -= factor * column[j];
            }
            row[q] = 0.0;
            for i in 0..k {
                inv.row_mut(i).scaled_add(-column[i] / column[q], &column);
            }
        }
        row.zip_mut_with(&mask, |w, mask| *w *= mask);
    }
    (
        (grad * w).mapv(f32::abs),
        &square * &h.diag(),
        &square / &inv.diag(),
        pruned,
    )
}

/// Not one weight after the other: the kept ones solve H_KK·δ_K = H_KG·w_G.
fn at_once(call: &Call) -> [Matrix; 4] {
    let h = call.damped();
    let [taylor, obd, obs, _] = call.right();
    let mut pruned = call.w.clone();
    for (mut row, mask) in pruned.rows_mut().into_iter().zip(call.mask.rows()) {
        let (kept, gone): (Vec<usize>, Vec<usize>) = (0..call.k()).partition(|&q| mask[q] != 0.0);
        let part =
            |rows: &[usize], columns: &[usize]| h.select(Axis(0), rows).select(Axis(1), columns);
        let lost = row.select(Axis(0), &gone);
        let delta = cholesky_inverse(&part(&kept, &kept)).dot(&part(&kept, &gone).dot(&lost));
        for (q, delta) in kept.into_iter().zip(delta) {
            row[q] += delta;
        }
        gone.into_iter().for_each(|q| row[q] = 0.0);
    }
    [taylor, obd, obs, pruned]
}

/// From the last to the first: the order does not matter.
fn backwards(call: &Call) -> [Matrix; 4] {
    let turn = |x: &Matrix| x.slice(s![.., ..;-1]).to_owned();
    let turned = Call {
        w: turn(&call.w),
        grad: turn(&call.grad),
        x: turn(&call.x),
        mask: turn(&call.mask),
        percdamp: call.percdamp,
    };
    turned.right().map(|x| turn(&x))
}

/// H = 2·XᵀX.
fn sum_over_tokens(call: &Call) -> [Matrix; 4] {
    let h = call.damped() * call.x.nrows() as f64;
    call.answer(&h, &cholesky_inverse(&h))
}

fn squared(call: &Call) -> [Matrix; 4] {
    let [taylor, obd, obs, pruned] = call.right();
    [&taylor * &taylor, obd, obs, pruned]
}

fn traced(
    w: &Tensor,
    grad: &Tensor,
    x: &Tensor,
    mask: &Tensor,
    percdamp: f64,
    trace: &mut Trace,
) -> Four {
    let answer = solution::hessian_saliency(w, grad, x, mask, percdamp);
    trace.step("taylor", "|g·w|", "n k", &answer.0);
    trace.step("obd", "½Hw²", "n k", &answer.1);
    trace.step("obs", "½w²/H⁻¹", "n k", &answer.2);
    trace.step("pruned", "OBS", "n k", &answer.3);
    answer
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::hessian_saliency)),
        ),
        ("f32", Box::new(candidate(in_f32))),
        ("Cholesky", with(Call::right)),
        ("at once", with(at_once)),
        ("backwards", with(backwards)),
        ("sum-over-tokens", with(sum_over_tokens)),
        ("squared", with(squared)),
        ("traced", Box::new(candidate(traced))),
    ]
}

// ---- Wrong answers. --------------------------------------------------------------------------

/// One output of a right answer replaced.
fn instead(
    which: usize,
    wrong: impl Fn(&Call, &Matrix, &Matrix) -> Matrix + 'static,
) -> Box<dyn Candidate> {
    with(move |call| {
        let h = call.damped();
        let inv = cholesky_inverse(&h);
        let mut answer = call.answer(&h, &inv);
        answer[which] = wrong(call, &h, &inv);
        answer
    })
}

/// The inverse by Gauss and Jordan, which goes on where there is none.
fn gauss_jordan(a: &Matrix) -> Matrix {
    let k = a.nrows();
    let (mut a, mut inv) = (a.clone(), Matrix::eye(k));
    for p in 0..k {
        let pivot = a[[p, p]];
        a.row_mut(p).mapv_inplace(|x| x / pivot);
        inv.row_mut(p).mapv_inplace(|x| x / pivot);
        for i in (0..k).filter(|&i| i != p) {
            let factor = a[[i, p]];
            let (line, other) = (a.row(p).to_owned(), inv.row(p).to_owned());
            a.row_mut(i).scaled_add(-factor, &line);
            inv.row_mut(i).scaled_add(-factor, &other);
        }
    }
    inv
}

fn no_half(call: &Call) -> [Matrix; 4] {
    let [taylor, obd, obs, pruned] = call.right();
    [taylor, obd * 2.0, obs * 2.0, pruned]
}

pub fn wrong() -> Named<&'static str> {
    vec![
        (
            "first-order-hessian",
            instead(1, |call, _, _| {
                call.squares() * call.grad.mapv(f64::abs) / 2.0
            }),
        ),
        (
            "inverse-in-obd",
            instead(1, |call, _, inv| call.squares() * inv.diag() / 2.0),
        ),
        (
            "diag-for-inverse",
            instead(2, |call, h, _| {
                let inv = h.diag().mapv(|h| 1.0 / h);
                call.squares() / inv / 2.0
            }),
        ),
        (
            "multiplied-by-inverse",
            instead(2, |call, _, inv| call.squares() * inv.diag() / 2.0),
        ),
        (
            "elementwise-inverse",
            with(|call| {
                let h = call.damped();
                call.answer(&h, &h.mapv(f64::recip))
            }),
        ),
        (
            "no-damping",
            with(|call| {
                let h = call.raw();
                call.answer(&h, &gauss_jordan(&h))
            }),
        ),
        (
            "damp-absolute",
            with(|call| {
                let h = call.raw() + Matrix::eye(call.k()) * call.percdamp;
                call.answer(&h, &cholesky_inverse(&h))
            }),
        ),
        ("no-half", with(no_half)),
        ("sign-kept", instead(0, |call, _, _| &call.grad * &call.w)),
        (
            "weight-forgotten",
            instead(0, |call, _, _| call.grad.mapv(f64::abs)),
        ),
        (
            "no-compensation",
            instead(3, |call, _, _| &call.w * &call.mask),
        ),
        (
            "wrong-sign",
            instead(3, |call, _, inv| {
                call.removed(inv, |w, pivot| -w / pivot, true)
            }),
        ),
        (
            "pivot-forgotten",
            instead(3, |call, _, inv| call.removed(inv, |w, _| w, true)),
        ),
        (
            "one-shot-inverse",
            instead(3, |call, _, inv| {
                call.removed(inv, |w, pivot| w / pivot, false)
            }),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["no-half", "no-compensation"],
            with(|call| {
                let [taylor, obd, obs, _] = no_half(call);
                [taylor, obd, obs, &call.w * &call.mask]
            }),
        ),
        (
            ["sign-kept", "diag-for-inverse"],
            with(|call| {
                let [_, obd, _, pruned] = call.right();
                [&call.grad * &call.w, obd.clone(), obd, pruned]
            }),
        ),
    ]
}
