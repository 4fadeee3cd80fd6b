//! Right and wrong answers to distillation of hidden states, as learners write them.

use llmlab::lessons::hidden_state_distillation::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/hidden_state_distillation/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/hidden_state_distillation/solution.rs"]
mod solution;

type Named = (&'static str, Box<dyn Candidate>);

fn boxed<C: Candidate + 'static>(name: &'static str, solution: C) -> Named {
    (name, Box::new(solution))
}

/// Σ of squares of one token and its derivative for W [p q], for W, h_s and h_t.
type Term = fn(&Tensor, &[f32], &[f32]) -> (f32, Vec<f32>);

fn project(w: &Tensor, student: &[f32]) -> Vec<f32> {
    let (p, q) = (w.shape()[0], w.shape()[1]);
    let of = |k: usize| (0..p).map(|i| student[i] * w[[i, k]]).sum();
    (0..q).map(of).collect()
}

fn outer(a: &[f32], b: &[f32], factor: f32) -> Vec<f32> {
    a.iter()
        .flat_map(|a| b.iter().map(move |b| factor * a * b))
        .collect()
}

fn square(w: &Tensor, student: &[f32], teacher: &[f32]) -> (f32, Vec<f32>) {
    let y = project(w, student);
    let gap: Vec<f32> = y.iter().zip(teacher).map(|(y, t)| y - t).collect();
    (gap.iter().map(|d| d * d).sum(), outer(student, &gap, 2.0))
}

/// Loops with every choice that one can get wrong.
struct Recipe {
    /// Pairs of layers for l and m states.
    pairs: fn(usize, usize) -> Vec<(usize, usize)>,
    term: Term,
    counts: fn(i64) -> bool,
    /// The divisor for tokens that count, all tokens, p, q.
    over: fn(f32, f32, f32, f32) -> f32,
    /// What becomes of a layer's mean and the factor of its gradient.
    layer: fn(f32) -> (f32, f32),
    /// The gradient's factor for the divisor.
    factor: fn(f32) -> f32,
    mean_of_layers: bool,
}

fn uniform(l: usize, m: usize) -> Vec<(usize, usize)> {
    let of = |i: usize| if l == 1 { 0 } else { i * (m - 1) / (l - 1) };
    (0..l).map(|i| (i, of(i))).collect()
}

fn right_recipe() -> Recipe {
    Recipe {
        pairs: uniform,
        term: square,
        counts: |mask| mask == 1,
        over: |count, _, _, q| (count * q).max(1.0),
        layer: |mse| (mse, 1.0),
        factor: |_| 1.0,
        mean_of_layers: false,
    }
}

fn cook(recipe: Recipe) -> impl Fn(&Tensor, &Tensor, &Tensor, &Labels) -> (f32, Tensor) {
    move |student, teacher, w, mask| {
        let state = |states: &Tensor, layer: usize, token: usize| -> Vec<f32> {
            let layer = states.index_axis(Axis(0), layer);
            layer.index_axis(Axis(0), token).iter().copied().collect()
        };
        let n = mask.len();
        let kept: Vec<usize> = (0..n).filter(|&i| (recipe.counts)(mask[i])).collect();
        let (p, q) = (w.shape()[0] as f32, w.shape()[1] as f32);
        let over = (recipe.over)(kept.len() as f32, n as f32, p, q);
        let mut loss = 0.0;
        let mut grad = Tensor::zeros(w.raw_dim());
        for (layer, of) in (recipe.pairs)(student.shape()[0], teacher.shape()[0]) {
            let (mut sum, mut slope) = (0.0, vec![0.0; w.len()]);
            for &i in &kept {
                let (s, g) = (recipe.term)(w, &state(student, layer, i), &state(teacher, of, i));
                sum += s;
                slope.iter_mut().zip(g).for_each(|(slope, g)| *slope += g);
            }
            let (mse, factor) = (recipe.layer)(sum / over);
            loss += mse;
            let factor = factor * (recipe.factor)(over) / over;
            grad.iter_mut()
                .zip(slope)
                .for_each(|(grad, slope)| *grad += factor * slope);
        }
        if recipe.mean_of_layers {
            let l = student.shape()[0] as f32;
            return (loss / l, grad / l);
        }
        (loss, grad)
    }
}

// ---- Right answers. ------------------------------------------------------------------------

/// Layer by layer with matrix products in f64.
fn in_f64(
    student: &Tensor,
    teacher: &Tensor,
    projection: &Tensor,
    mask: &Labels,
) -> (f64, ArrayD<f64>) {
    let (s, t) = (student.mapv(f64::from), teacher.mapv(f64::from));
    let w = projection.mapv(f64::from);
    let mask = mask.mapv(|counts| counts as f64);
    let count = (mask.sum() * t.shape()[2] as f64).max(1.0);
    let (mut loss, mut grad) = (0.0, ArrayD::zeros(w.raw_dim()));
    for (i, g) in uniform(s.shape()[0], t.shape()[0]) {
        let h = s.index_axis(Axis(0), i).to_owned();
        let gap = matmul(&h, &w) - t.index_axis(Axis(0), g);
        let gap = einsum("n, n q -> n q", &[&mask, &gap]);
        loss += (&gap * &gap).sum() / count;
        grad = grad + einsum("n p, n q -> p q", &[&h, &gap]) * (2.0 / count);
    }
    (loss, grad)
}

fn traced(
    student: &Tensor,
    teacher: &Tensor,
    projection: &Tensor,
    mask: &Labels,
    trace: &mut Trace,
) -> (f32, Tensor) {
    let projected = einsum("l n p, p q -> l n q", &[student, projection]);
    trace.step("projected", "H_s·W", "l n q", &projected);
    solution::hidden_state_distillation(student, teacher, projection, mask)
}

pub fn right() -> Vec<Named> {
    vec![
        boxed(
            "the lesson's solution",
            candidate(solution::hidden_state_distillation),
        ),
        boxed("loops", candidate(cook(right_recipe()))),
        boxed("f64", candidate(in_f64)),
        boxed("traced", candidate(traced)),
        boxed(
            "mean of layers",
            candidate(cook(Recipe {
                mean_of_layers: true,
                ..right_recipe()
            })),
        ),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

fn cut(w: &Tensor, student: &[f32], teacher: &[f32]) -> (f32, Vec<f32>) {
    let pairs = student.iter().zip(teacher);
    (
        pairs.map(|(s, t)| (s - t) * (s - t)).sum(),
        vec![0.0; w.len()],
    )
}

fn other_side(w: &Tensor, student: &[f32], teacher: &[f32]) -> (f32, Vec<f32>) {
    let of = |i: usize| -> f32 { (0..teacher.len()).map(|k| w[[i, k]] * teacher[k]).sum() };
    let gap: Vec<f32> = (0..student.len()).map(|i| student[i] - of(i)).collect();
    (gap.iter().map(|d| d * d).sum(), outer(&gap, teacher, -2.0))
}

fn unit_length(w: &Tensor, student: &[f32], teacher: &[f32]) -> (f32, Vec<f32>) {
    let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
    let y = project(w, student);
    let (a, b) = (norm(&y), norm(teacher));
    let y: Vec<f32> = y.iter().map(|y| y / a).collect();
    let gap: Vec<f32> = y.iter().zip(teacher).map(|(y, t)| y - t / b).collect();
    let along: f32 = y.iter().zip(&gap).map(|(y, d)| y * d).sum();
    let slope: Vec<f32> = gap
        .iter()
        .zip(&y)
        .map(|(d, y)| (d - y * along) / a)
        .collect();
    (gap.iter().map(|d| d * d).sum(), outer(student, &slope, 2.0))
}

fn last_of(l: usize, m: usize) -> Vec<(usize, usize)> {
    (0..l)
        .map(|i| (i, (m + i).saturating_sub(l).min(m - 1)))
        .collect()
}

pub fn wrong() -> Vec<Named> {
    let with = |name, recipe| boxed(name, candidate(cook(recipe)));
    vec![
        with(
            "no-projection",
            Recipe {
                term: cut,
                over: |count, _, p, q| (count * p.min(q)).max(1.0),
                ..right_recipe()
            },
        ),
        with(
            "teacher-projected",
            Recipe {
                term: other_side,
                over: |count, _, p, _| (count * p).max(1.0),
                ..right_recipe()
            },
        ),
        with(
            "normalised",
            Recipe {
                term: unit_length,
                ..right_recipe()
            },
        ),
        with(
            "layer-map-off-by-one",
            Recipe {
                pairs: |l, m| {
                    let step = if l == 1 { 0 } else { (m - 1) / (l - 1) };
                    let of = |i: usize| ((i + 1) * step).saturating_sub(1).min(m - 1);
                    (0..l).map(|i| (i, of(i))).collect()
                },
                ..right_recipe()
            },
        ),
        with(
            "first-layers",
            Recipe {
                pairs: |l, m| (0..l).map(|i| (i, i.min(m - 1))).collect(),
                ..right_recipe()
            },
        ),
        with(
            "last-layers",
            Recipe {
                pairs: last_of,
                ..right_recipe()
            },
        ),
        with(
            "only-last-layer",
            Recipe {
                pairs: |l, m| uniform(l, m).split_off(l - 1),
                ..right_recipe()
            },
        ),
        with(
            "embedding-skipped",
            Recipe {
                pairs: |l, m| uniform(l, m).split_off(1),
                ..right_recipe()
            },
        ),
        with(
            "mse-over-pads",
            Recipe {
                counts: |_| true,
                ..right_recipe()
            },
        ),
        with(
            "pads-in-denominator",
            Recipe {
                over: |_, all, _, q| all * q,
                ..right_recipe()
            },
        ),
        with(
            "mask-inverted",
            Recipe {
                counts: |mask| mask == 0,
                ..right_recipe()
            },
        ),
        with(
            "not-over-dims",
            Recipe {
                over: |count, _, _, _| count.max(1.0),
                ..right_recipe()
            },
        ),
        with(
            "sum-not-mean",
            Recipe {
                over: |_, _, _, _| 1.0,
                ..right_recipe()
            },
        ),
        with(
            "root",
            Recipe {
                layer: |mse| (mse.sqrt(), 0.5 / mse.sqrt()),
                ..right_recipe()
            },
        ),
        with(
            "gradient-half",
            Recipe {
                factor: |_| 0.5,
                ..right_recipe()
            },
        ),
        with(
            "gradient-sign",
            Recipe {
                factor: |_| -1.0,
                ..right_recipe()
            },
        ),
        with(
            "gradient-not-averaged",
            Recipe {
                factor: |over| over,
                ..right_recipe()
            },
        ),
    ]
}

// ---- Two mistakes at once. -----------------------------------------------------------------

pub fn pairs() -> Vec<([&'static str; 2], Box<dyn Candidate>)> {
    vec![
        (
            ["first-layers", "mse-over-pads"],
            Box::new(candidate(cook(Recipe {
                pairs: |l, m| (0..l).map(|i| (i, i.min(m - 1))).collect(),
                counts: |_| true,
                ..right_recipe()
            }))),
        ),
        (
            ["last-layers", "gradient-half"],
            Box::new(candidate(cook(Recipe {
                pairs: last_of,
                factor: |_| 0.5,
                ..right_recipe()
            }))),
        ),
        (
            ["embedding-skipped", "not-over-dims"],
            Box::new(candidate(cook(Recipe {
                pairs: |l, m| uniform(l, m).split_off(1),
                over: |count, _, _, _| count.max(1.0),
                ..right_recipe()
            }))),
        ),
    ]
}
