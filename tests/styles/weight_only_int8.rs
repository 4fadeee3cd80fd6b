//! Right and wrong answers to weight-only INT8, as learners write them.

use llmlab::lessons::weight_only_int8::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/weight_only_int8/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/weight_only_int8/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Three = (Tensor, Tensor, Tensor);

fn boxed<T, C: Candidate + 'static>(name: T, solution: C) -> (T, Box<dyn Candidate>) {
    (name, Box::new(solution))
}

// ---- Right answers. ------------------------------------------------------------------------

/// Integers and loops; scale after the sum.
fn loops(x: &Tensor, w: &Tensor) -> Three {
    let (m, n, k) = (x.shape()[0], w.shape()[0], w.shape()[1]);
    let mut y = Tensor::zeros(IxDyn(&[m, n]));
    let mut codes = vec![0i8; n * k];
    let mut scale = Tensor::ones(IxDyn(&[n]));
    for i in 0..n {
        let mut max = 0f32;
        for j in 0..k {
            max = max.max(w[[i, j]].abs());
        }
        if max > 0.0 {
            scale[i] = max / 127.0;
        }
        for j in 0..k {
            codes[i * k + j] = (w[[i, j]] / scale[i]).round_ties_even() as i8;
        }
        for t in 0..m {
            let mut sum = 0f32;
            for j in 0..k {
                sum += x[[t, j]] * f32::from(codes[i * k + j]);
            }
            y[[t, i]] = sum * scale[i];
        }
    }
    let q = Tensor::from_shape_vec(IxDyn(&[n, k]), codes.into_iter().map(f32::from).collect());
    (y, q.unwrap(), scale)
}

/// Weights are read back before the product; rounds half away from 0; divides by hand.
fn read_back(x: &Tensor, w: &Tensor) -> Three {
    let scale = scales(w, |row| largest(row) / 127.0);
    let s = scale.clone().insert_axis(Axis(1));
    let q = (w * &s.mapv(|s| 1.0 / s)).mapv(|q| q.round().clamp(-127.0, 127.0));
    let back = &q * &s;
    let y = matmul(x, &back.t().to_owned());
    (y, q, scale)
}

pub fn right() -> Named<&'static str> {
    vec![
        boxed("solution", candidate(solution::weight_only_int8)),
        boxed("loops", candidate(loops)),
        boxed("read back first", candidate(read_back)),
        boxed(
            "pieces",
            candidate(with(|row| largest(row) / 127.0, code, after)),
        ),
    ]
}

// ---- Pieces, right and wrong. --------------------------------------------------------------

fn largest(row: &[f32]) -> f32 {
    row.iter().fold(0.0, |max, w| w.abs().max(max))
}

fn greatest(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn least(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::INFINITY, f32::min)
}

fn scales(w: &Tensor, of: impl Fn(&[f32]) -> f32) -> Tensor {
    let scale = w.map_axis(Axis(1), |row| of(&row.to_vec()));
    scale.mapv(|s| if s == 0.0 { 1.0 } else { s })
}

fn code(steps: f32) -> f32 {
    steps.round_ties_even().clamp(-127.0, 127.0)
}

fn after(x: &Tensor, q: &Tensor, scale: &Tensor) -> Tensor {
    einsum("m k, n k -> m n", &[x, q]) * scale
}

fn with(
    scale: impl Fn(&[f32]) -> f32,
    code: impl Fn(f32) -> f32,
    product: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor,
) -> impl Fn(&Tensor, &Tensor) -> Three {
    move |x, w| {
        let scale = scales(w, &scale);
        let q = (w / &scale.clone().insert_axis(Axis(1))).mapv(&code);
        (product(x, &q, &scale), q, scale)
    }
}

fn per_row(row: &[f32]) -> f32 {
    largest(row) / 127.0
}

fn one_scale(x: &Tensor, w: &Tensor) -> Three {
    let max = w.iter().fold(0f32, |max, w| w.abs().max(max));
    with(move |_| max / 127.0, code, after)(x, w)
}

fn per_column(x: &Tensor, w: &Tensor) -> Three {
    let columns = w.map_axis(Axis(0), |column| {
        let max = largest(&column.to_vec());
        if max == 0.0 { 1.0 } else { max / 127.0 }
    });
    let q = (w / &columns.insert_axis(Axis(0))).mapv(code);
    let scale = scales(w, per_row);
    (after(x, &q, &scale), q, scale)
}

fn no_guard(x: &Tensor, w: &Tensor) -> Three {
    let scale = w.map_axis(Axis(1), |row| per_row(&row.to_vec()));
    let q = (w / &scale.clone().insert_axis(Axis(1))).mapv(code);
    (after(x, &q, &scale), q, scale)
}

fn in_eight_bits(x: &[f32]) -> impl Fn(f32) -> f32 + use<> {
    let scale = largest(x) / 127.0;
    move |x| {
        if scale > 0.0 {
            (x / scale).round_ties_even() * scale
        } else {
            x
        }
    }
}

fn tokens(x: &Tensor, w: &Tensor) -> Three {
    let mut x = x.clone();
    for mut row in x.outer_iter_mut() {
        let back = in_eight_bits(&row.iter().copied().collect::<Vec<_>>());
        row.mapv_inplace(back);
    }
    solution::weight_only_int8(&x, w)
}

fn all_tokens(x: &Tensor, w: &Tensor) -> Three {
    let back = in_eight_bits(&x.iter().copied().collect::<Vec<_>>());
    solution::weight_only_int8(&x.mapv(back), w)
}

fn floats(x: &Tensor, w: &Tensor) -> Three {
    let (_, q, scale) = solution::weight_only_int8(x, w);
    (matmul(x, &w.t().to_owned()), q, scale)
}

pub fn wrong() -> Named<&'static str> {
    vec![
        boxed("per-tensor", candidate(one_scale)),
        boxed("scale-on-input-axis", candidate(per_column)),
        boxed(
            "signed-max",
            candidate(with(|row| greatest(row) / 127.0, code, after)),
        ),
        boxed(
            "range-without-zero-point",
            candidate(with(
                |row| (greatest(row) - least(row)) / 255.0,
                code,
                after,
            )),
        ),
        boxed(
            "steps-128",
            candidate(with(|row| largest(row) / 128.0, code, after)),
        ),
        boxed(
            "wraps-around",
            candidate(with(
                |row| largest(row) / 128.0,
                |steps| f32::from(steps.round_ties_even() as i64 as i8),
                after,
            )),
        ),
        boxed("zero-row-nan", candidate(no_guard)),
        boxed("truncates", candidate(with(per_row, f32::trunc, after))),
        boxed("activations-per-token", candidate(tokens)),
        boxed("activations-per-tensor", candidate(all_tokens)),
        boxed(
            "scale-missing",
            candidate(with(per_row, code, |x, q, _| {
                einsum("m k, n k -> m n", &[x, q])
            })),
        ),
        boxed(
            "scale-twice",
            candidate(with(per_row, code, |x, q, s| after(x, q, s) * s)),
        ),
        boxed(
            "scale-divided",
            candidate(with(per_row, code, |x, q, s| {
                einsum("m k, n k -> m n", &[x, q]) / s
            })),
        ),
        boxed("product-of-floats", candidate(floats)),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        boxed(
            ["signed-max", "truncates"],
            candidate(with(
                |row| greatest(row) / 127.0,
                |steps| steps.trunc().clamp(-127.0, 127.0),
                after,
            )),
        ),
        boxed(
            ["steps-128", "scale-missing"],
            candidate(with(
                |row| largest(row) / 128.0,
                code,
                |x, q, _| einsum("m k, n k -> m n", &[x, q]),
            )),
        ),
    ]
}
