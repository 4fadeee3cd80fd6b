//! Right and wrong answers to W8A8, as learners write them.

use llmlab::lessons::w8a8_quantization::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/w8a8_quantization/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/w8a8_quantization/solution.rs"]
mod solution;

type Named = (&'static str, Box<dyn Candidate>);
type M = Vec<Vec<f32>>;

fn boxed<C: Candidate + 'static>(name: &'static str, solution: C) -> Named {
    (name, Box::new(solution))
}

fn rows(a: &Tensor) -> M {
    let lines = a.outer_iter();
    lines.map(|line| line.iter().copied().collect()).collect()
}

fn max_abs(values: &[f32]) -> f32 {
    values.iter().fold(0f32, |max, v| max.max(v.abs()))
}

fn times(rows: &M, by: &[f32]) -> M {
    let line = |row: &Vec<f32>| row.iter().zip(by).map(|(v, s)| v * s).collect();
    rows.iter().map(line).collect()
}

fn over(rows: &M, by: &[f32]) -> M {
    let line = |row: &Vec<f32>| row.iter().zip(by).map(|(v, s)| v / s).collect();
    rows.iter().map(line).collect()
}

/// Codes (as floats), scales and zero-points of rows.
struct Codes {
    q: M,
    scale: Vec<f32>,
    zero: Vec<f32>,
}

fn by_row(rows: &M) -> Codes {
    let scale = |row: &Vec<f32>| match max_abs(row) {
        0.0 => 1.0,
        max => max / 127.0,
    };
    with_scales(rows, rows.iter().map(scale).collect())
}

fn with_scales(rows: &M, scale: Vec<f32>) -> Codes {
    let line = |(row, s): (&Vec<f32>, &f32)| {
        row.iter()
            .map(|v| (v / s).round().clamp(-127.0, 127.0))
            .collect()
    };
    Codes {
        q: rows.iter().zip(&scale).map(line).collect(),
        zero: vec![0.0; rows.len()],
        scale,
    }
}

fn one_scale(rows: &M) -> Codes {
    let max = max_abs(&rows.concat());
    let scale = if max == 0.0 { 1.0 } else { max / 127.0 };
    with_scales(rows, vec![scale; rows.len()])
}

/// uint8 as int8: codes −128 … 127 over the row's range.
fn asymmetric(rows: &M) -> Codes {
    let mut codes = Codes {
        q: vec![],
        scale: vec![],
        zero: vec![],
    };
    for row in rows {
        let low = row.iter().fold(0f32, |a, b| a.min(*b));
        let high = row.iter().fold(0f32, |a, b| a.max(*b));
        let s = if high > low {
            (high - low) / 255.0
        } else {
            1.0
        };
        let z = (-low / s).round() - 128.0;
        let code = |v: &f32| ((v / s).round() + z).clamp(-128.0, 127.0);
        codes.q.push(row.iter().map(code).collect());
        codes.scale.push(s);
        codes.zero.push(z);
    }
    codes
}

fn smoothing(act_max: &[f32], w: &M, alpha: f32) -> Vec<f32> {
    let of = |j: usize| {
        let w = w.iter().fold(0f32, |max, row| max.max(row[j].abs()));
        match act_max[j] > 0.0 && w > 0.0 {
            true => act_max[j].powf(alpha) / w.powf(1.0 - alpha),
            false => 1.0,
        }
    };
    (0..act_max.len()).map(of).collect()
}

/// The product with every choice that one can get wrong.
struct Recipe {
    /// s for act_max, x, w, α.
    smooth: fn(&[f32], &M, &M, f32) -> Vec<f32>,
    x: fn(&M, &[f32]) -> M,
    w: fn(&M, &[f32]) -> M,
    x_codes: fn(&M) -> Codes,
    w_codes: fn(&M) -> Codes,
    /// What the accumulator makes of a sum.
    sum: fn(f64) -> f64,
    take_zero: bool,
    x_scale: bool,
    w_scale: bool,
}

fn right_recipe() -> Recipe {
    Recipe {
        smooth: |act_max, _, w, alpha| smoothing(act_max, w, alpha),
        x: over,
        w: times,
        x_codes: by_row,
        w_codes: by_row,
        sum: |sum| sum,
        take_zero: true,
        x_scale: true,
        w_scale: true,
    }
}

fn multiply(a: &Codes, b: &Codes, recipe: &Recipe) -> Tensor {
    Tensor::from_shape_fn(vec![a.q.len(), b.q.len()], |at| {
        let (t, r) = (at[0], at[1]);
        let zero = if recipe.take_zero { a.zero[t] } else { 0.0 };
        let pairs = a.q[t].iter().zip(&b.q[r]);
        let sum: f64 = pairs
            .map(|(a, b)| f64::from(a - zero) * f64::from(*b))
            .sum();
        let s_x = if recipe.x_scale { a.scale[t] } else { 1.0 };
        let s_w = if recipe.w_scale { b.scale[r] } else { 1.0 };
        (recipe.sum)(sum) as f32 * s_x * s_w
    })
}

fn cook(recipe: Recipe) -> impl Fn(&Tensor, &Tensor, &Tensor, f64) -> Tensor {
    move |x, weight, act_max, alpha| {
        let (x, w) = (rows(x), rows(weight));
        let act_max: Vec<f32> = act_max.iter().copied().collect();
        let smooth = (recipe.smooth)(&act_max, &x, &w, alpha as f32);
        let a = (recipe.x_codes)(&(recipe.x)(&x, &smooth));
        let b = (recipe.w_codes)(&(recipe.w)(&w, &smooth));
        multiply(&a, &b, &recipe)
    }
}

// ---- Right answers. ------------------------------------------------------------------------

/// Fake quantization: dequantise both and multiply in floats, in f64.
fn dequantised(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64) -> ArrayD<f64> {
    let (x, weight) = (x.mapv(f64::from), weight.mapv(f64::from));
    let smooth = Array1::from_shape_fn(act_max.len(), |j| {
        let column = weight.index_axis(Axis(1), j);
        let w = column.iter().fold(0.0, |max: f64, w| max.max(w.abs()));
        let a = f64::from(act_max[j]);
        if a == 0.0 || w == 0.0 {
            1.0
        } else {
            a.powf(alpha) * w.powf(alpha - 1.0)
        }
    });
    let fake = |values: ArrayD<f64>| {
        let mut values = values;
        for mut row in values.outer_iter_mut() {
            let max = row.iter().fold(0.0, |max: f64, v| max.max(v.abs()));
            if max > 0.0 {
                row.mapv_inplace(|v| (v / (max / 127.0)).round_ties_even() * (max / 127.0));
            }
        }
        values
    };
    let (a, b) = (fake(&x / &smooth), fake(&weight * &smooth));
    einsum("n c, r c -> n r", &[&a, &b])
}

/// Real bytes and a 32-bit sum.
fn bytes(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64) -> Tensor {
    let (x, w) = (rows(x), rows(weight));
    let act_max: Vec<f32> = act_max.iter().copied().collect();
    let smooth = smoothing(&act_max, &w, alpha as f32);
    let pack = |codes: &Codes| -> Vec<Vec<i8>> {
        let line = |row: &Vec<f32>| row.iter().map(|q| *q as i8).collect();
        codes.q.iter().map(line).collect()
    };
    let (a, b) = (by_row(&over(&x, &smooth)), by_row(&times(&w, &smooth)));
    let (q_a, q_b) = (pack(&a), pack(&b));
    let mut y = Tensor::zeros(vec![x.len(), w.len()]);
    for t in 0..x.len() {
        for r in 0..w.len() {
            let mut sum = 0i32;
            for j in 0..smooth.len() {
                sum += i32::from(q_a[t][j]) * i32::from(q_b[r][j]);
            }
            y[[t, r]] = sum as f32 * a.scale[t] * b.scale[r];
        }
    }
    y
}

fn traced(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64, trace: &mut Trace) -> Tensor {
    let y = solution::w8a8_quantization(x, weight, act_max, alpha);
    trace.step("y", "s_x·s_w·sums", "n r", &y);
    y
}

pub fn right() -> Vec<Named> {
    vec![
        boxed(
            "the lesson's solution",
            candidate(solution::w8a8_quantization),
        ),
        boxed("dequantised, f64", candidate(dequantised)),
        boxed("bytes", candidate(bytes)),
        boxed("pieces", candidate(cook(right_recipe()))),
        boxed("traced", candidate(traced)),
        boxed(
            "asymmetric activations",
            candidate(cook(Recipe {
                x_codes: asymmetric,
                ..right_recipe()
            })),
        ),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

/// max/128, in both.
fn of_128(rows: &M) -> Codes {
    let scale = |row: &Vec<f32>| match max_abs(row) {
        0.0 => 1.0,
        max => max / 128.0,
    };
    let scale: Vec<f32> = rows.iter().map(scale).collect();
    let line = |(row, s): (&Vec<f32>, &f32)| {
        row.iter()
            .map(|v| (v / s).round().clamp(-128.0, 127.0))
            .collect()
    };
    Codes {
        q: rows.iter().zip(&scale).map(line).collect(),
        zero: vec![0.0; rows.len()],
        scale,
    }
}

/// No codes at all.
fn floats(rows: &M) -> Codes {
    Codes {
        q: rows.clone(),
        scale: vec![1.0; rows.len()],
        zero: vec![0.0; rows.len()],
    }
}

fn unguarded(rows: &M) -> Codes {
    with_scales(rows, rows.iter().map(|row| max_abs(row) / 127.0).collect())
}

fn static_scale(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64) -> Tensor {
    let (x, w) = (rows(x), rows(weight));
    let act_max: Vec<f32> = act_max.iter().copied().collect();
    let smooth = smoothing(&act_max, &w, alpha as f32);
    let smoothed: Vec<f32> = act_max.iter().zip(&smooth).map(|(a, s)| a / s).collect();
    let scale = max_abs(&smoothed) / 127.0;
    let a = with_scales(&over(&x, &smooth), vec![scale; x.len()]);
    multiply(&a, &by_row(&times(&w, &smooth)), &right_recipe())
}

/// Codes of w itself; s is multiplied into the sum.
fn quantised_first(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64) -> Tensor {
    let (x, w) = (rows(x), rows(weight));
    let act_max: Vec<f32> = act_max.iter().copied().collect();
    let smooth = smoothing(&act_max, &w, alpha as f32);
    let a = by_row(&over(&x, &smooth));
    let b = by_row(&w);
    let late = Codes {
        q: times(&b.q, &smooth),
        ..b
    };
    multiply(&a, &late, &right_recipe())
}

pub fn wrong() -> Vec<Named> {
    let with = |name, recipe| boxed(name, candidate(cook(recipe)));
    vec![
        with(
            "no-smoothing",
            Recipe {
                smooth: |act_max, _, _, _| vec![1.0; act_max.len()],
                ..right_recipe()
            },
        ),
        with(
            "smooth-one-side",
            Recipe {
                w: |w, _| w.clone(),
                ..right_recipe()
            },
        ),
        with(
            "smooth-inverted",
            Recipe {
                x: times,
                w: over,
                ..right_recipe()
            },
        ),
        with(
            "alpha-swapped",
            Recipe {
                smooth: |act_max, _, w, alpha| smoothing(act_max, w, 1.0 - alpha),
                ..right_recipe()
            },
        ),
        with(
            "smooth-from-this-batch",
            Recipe {
                smooth: |act_max, x, w, alpha| {
                    let of = |j: usize| x.iter().fold(0f32, |max, row| max.max(row[j].abs()));
                    let own: Vec<f32> = (0..act_max.len()).map(of).collect();
                    smoothing(&own, w, alpha)
                },
                ..right_recipe()
            },
        ),
        boxed("weights-quantised-first", candidate(quantised_first)),
        with(
            "per-tensor-activation",
            Recipe {
                x_codes: one_scale,
                ..right_recipe()
            },
        ),
        boxed("static-activation", candidate(static_scale)),
        with(
            "per-tensor-weight",
            Recipe {
                w_codes: one_scale,
                ..right_recipe()
            },
        ),
        with(
            "divide-by-128",
            Recipe {
                x_codes: of_128,
                w_codes: of_128,
                ..right_recipe()
            },
        ),
        with(
            "activation-scale-forgotten",
            Recipe {
                x_scale: false,
                ..right_recipe()
            },
        ),
        with(
            "weight-scale-forgotten",
            Recipe {
                w_scale: false,
                ..right_recipe()
            },
        ),
        with(
            "zero-row-nan",
            Recipe {
                x_codes: unguarded,
                w_codes: unguarded,
                ..right_recipe()
            },
        ),
        with(
            "weights-only",
            Recipe {
                x_codes: floats,
                ..right_recipe()
            },
        ),
        with(
            "activations-only",
            Recipe {
                w_codes: floats,
                ..right_recipe()
            },
        ),
        with(
            "zero-point-forgotten",
            Recipe {
                x_codes: asymmetric,
                take_zero: false,
                ..right_recipe()
            },
        ),
        with(
            "int8-accumulator",
            Recipe {
                sum: |sum| f64::from(sum as i64 as i8),
                ..right_recipe()
            },
        ),
        with(
            "int16-accumulator",
            Recipe {
                sum: |sum| f64::from(sum as i64 as i16),
                ..right_recipe()
            },
        ),
    ]
}

// ---- Two mistakes at once. -----------------------------------------------------------------

pub fn pairs() -> Vec<([&'static str; 2], Box<dyn Candidate>)> {
    vec![
        (
            ["no-smoothing", "per-tensor-weight"],
            Box::new(candidate(cook(Recipe {
                smooth: |act_max, _, _, _| vec![1.0; act_max.len()],
                w_codes: one_scale,
                ..right_recipe()
            }))),
        ),
        (
            ["smooth-one-side", "activation-scale-forgotten"],
            Box::new(candidate(cook(Recipe {
                w: |w, _| w.clone(),
                x_scale: false,
                ..right_recipe()
            }))),
        ),
    ]
}
