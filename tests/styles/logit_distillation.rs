//! Right and wrong answers to distillation of logits, as learners write them.

use llmlab::lessons::logit_distillation::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/logit_distillation/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/logit_distillation/solution.rs"]
mod solution;

type Named = (&'static str, Box<dyn Candidate>);

fn boxed<C: Candidate + 'static>(name: &'static str, solution: C) -> Named {
    (name, Box::new(solution))
}

// ---- Pieces that learners reuse. -----------------------------------------------------------

fn rows(a: &Tensor) -> Vec<Vec<f32>> {
    let lines = a.outer_iter();
    lines.map(|line| line.iter().copied().collect()).collect()
}

fn log_softmax_of(row: &[f32]) -> Vec<f32> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let lse = row.iter().map(|z| (z - max).exp()).sum::<f32>().ln();
    row.iter().map(|z| z - max - lse).collect()
}

fn over(row: &[f32], t: f32) -> Vec<f32> {
    row.iter().map(|z| z / t).collect()
}

/// What one row gives: its loss and its gradient.
type Term = (f32, Vec<f32>);

/// Loops with every choice that one can get wrong.
struct Recipe {
    log: fn(&[f32]) -> Vec<f32>,
    /// Student, target, T.
    hard: fn(&Recipe, &[f32], usize, f32) -> Term,
    /// Student, teacher, T.
    soft: fn(&Recipe, &[f32], &[f32], f32) -> Term,
    /// The factor of the soft term for T, and that of its gradient beyond.
    factor: fn(f32) -> f32,
    swap: bool,
    /// The soft term's divisor for n, kept rows, classes.
    over: fn(f32, f32, f32) -> f32,
    /// The hard term's for n, kept rows.
    hard_over: fn(f32, f32) -> f32,
    padding: bool,
    summed_gradient: bool,
}

fn hard(recipe: &Recipe, student: &[f32], y: usize, _: f32) -> Term {
    let log = (recipe.log)(student);
    let mut grad: Vec<f32> = log.iter().map(|l| l.exp()).collect();
    grad[y] -= 1.0;
    (-log[y], grad)
}

/// KL(p ‖ q) and its gradient for z_s.
fn soft(recipe: &Recipe, student: &[f32], teacher: &[f32], t: f32) -> Term {
    let log_q = (recipe.log)(&over(student, t));
    let log_p = (recipe.log)(&over(teacher, t));
    let pairs = || log_p.iter().zip(&log_q);
    let loss = pairs().map(|(p, q)| p.exp() * (p - q)).sum();
    let grad = pairs().map(|(p, q)| (q.exp() - p.exp()) / t).collect();
    (loss, grad)
}

fn right_recipe() -> Recipe {
    Recipe {
        log: log_softmax_of,
        hard,
        soft,
        factor: |t| t * t,
        swap: false,
        over: |_, kept, _| kept,
        hard_over: |_, kept| kept,
        padding: false,
        summed_gradient: false,
    }
}

fn cook(recipe: Recipe) -> impl Fn(&Tensor, &Tensor, &Labels, f64, f64, f64) -> (f32, Tensor) {
    move |student, teacher, targets, temperature, alpha, beta| {
        let (t, mut alpha, mut beta) = (temperature as f32, alpha as f32, beta as f32);
        if recipe.swap {
            (alpha, beta) = (beta, alpha);
        }
        let (students, teachers) = (rows(student), rows(teacher));
        let (n, c) = (students.len(), students[0].len());
        let kept = targets.iter().filter(|y| **y >= 0).count().max(1) as f32;
        let over = (recipe.over)(n as f32, kept, c as f32);
        let hard_over = (recipe.hard_over)(n as f32, kept);
        let mut loss = 0.0;
        let mut grad = Tensor::zeros(student.raw_dim());
        for i in 0..n {
            if targets[i] >= 0 {
                let (l, g) = (recipe.hard)(&recipe, &students[i], targets[i] as usize, t);
                loss += alpha * l / hard_over;
                (0..c).for_each(|k| grad[[i, k]] += alpha * g[k] / hard_over);
            }
            if targets[i] >= 0 || recipe.padding {
                let (l, g) = (recipe.soft)(&recipe, &students[i], &teachers[i], t);
                let factor = (recipe.factor)(t) * beta / over;
                loss += factor * l;
                (0..c).for_each(|k| grad[[i, k]] += factor * g[k]);
            }
        }
        if recipe.summed_gradient {
            grad *= kept;
        }
        (loss, grad)
    }
}

// ---- Right answers. ------------------------------------------------------------------------

fn in_f64(
    student: &Tensor,
    teacher: &Tensor,
    targets: &Labels,
    t: f64,
    alpha: f64,
    beta: f64,
) -> (f64, ArrayD<f64>) {
    let (student, teacher) = (student.mapv(f64::from), teacher.mapv(f64::from));
    let mut mask: ArrayD<f64> = targets.mapv(|y| if y == -100 { 0.0 } else { 1.0 });
    mask /= mask.sum().max(1.0);
    let mut hot = ArrayD::zeros(student.raw_dim());
    for (i, &y) in targets.iter().enumerate() {
        if y >= 0 {
            hot[[i, y as usize]] = 1.0;
        }
    }
    let log_hard = log_softmax(&student, 1);
    let (log_q, log_p) = (
        log_softmax(&(&student / t), 1),
        log_softmax(&(&teacher / t), 1),
    );
    let p = log_p.mapv(f64::exp);
    let kl = (&p * &(&log_p - &log_q)).sum_axis(Axis(1));
    let nll = -(&hot * &log_hard).sum_axis(Axis(1));
    let loss = einsum("n, n -> ", &[&mask, &(nll * alpha + kl * (beta * t * t))]);
    let slope = (log_hard.mapv(f64::exp) - &hot) * alpha + (log_q.mapv(f64::exp) - &p) * (beta * t);
    (loss.sum(), einsum("n, n c -> n c", &[&mask, &slope]))
}

/// PyTorch's order of things: softmax of the prelude, terms with p = 0 left out.
fn masked_terms(
    student: &Tensor,
    teacher: &Tensor,
    targets: &Labels,
    t: f64,
    alpha: f64,
    beta: f64,
) -> (f32, Tensor) {
    let t = t as f32;
    let q = log_softmax(&student.mapv(|z| z / t), 1);
    let p = softmax(&teacher.mapv(|z| z / t), 1);
    let hard = log_softmax(student, 1);
    let kept: Vec<usize> = (0..targets.len()).filter(|&i| targets[i] != -100).collect();
    let count = kept.len().max(1) as f32;
    let (mut ce, mut kl) = (0.0, 0.0);
    let mut grad = Tensor::zeros(student.raw_dim());
    for &i in &kept {
        ce -= hard[[i, targets[i] as usize]];
        for k in 0..student.shape()[1] {
            let weight = p[[i, k]];
            if weight > 0.0 {
                kl += weight * (weight.ln() - q[[i, k]]);
            }
            let label = f32::from(u8::from(targets[i] as usize == k));
            grad[[i, k]] = alpha as f32 * (hard[[i, k]].exp() - label) / count
                + beta as f32 * t * (q[[i, k]].exp() - weight) / count;
        }
    }
    ((alpha as f32 * ce + beta as f32 * t * t * kl) / count, grad)
}

fn traced(
    student: &Tensor,
    teacher: &Tensor,
    targets: &Labels,
    t: f64,
    alpha: f64,
    beta: f64,
    trace: &mut Trace,
) -> (f32, Tensor) {
    let p = softmax(&(teacher / t as f32), 1);
    trace.step("p_teacher", "softmax(z_t/T)", "n c", &p);
    solution::logit_distillation(student, teacher, targets, t, alpha, beta)
}

/// Hinton's own: the cross-entropy with the soft targets.
fn cross_entropy(recipe: &Recipe, student: &[f32], teacher: &[f32], t: f32) -> Term {
    let (_, grad) = soft(recipe, student, teacher, t);
    let log_q = log_softmax_of(&over(student, t));
    let log_p = log_softmax_of(&over(teacher, t));
    let loss = log_p.iter().zip(&log_q).map(|(p, q)| -p.exp() * q).sum();
    (loss, grad)
}

pub fn right() -> Vec<Named> {
    vec![
        boxed(
            "the lesson's solution",
            candidate(solution::logit_distillation),
        ),
        boxed("f64 and einsum", candidate(in_f64)),
        boxed("masked terms", candidate(masked_terms)),
        boxed("loops", candidate(cook(right_recipe()))),
        boxed("traced", candidate(traced)),
        boxed(
            "soft cross-entropy",
            candidate(cook(Recipe {
                soft: cross_entropy,
                ..right_recipe()
            })),
        ),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

fn reverse(_: &Recipe, student: &[f32], teacher: &[f32], t: f32) -> Term {
    let log_q = log_softmax_of(&over(student, t));
    let log_p = log_softmax_of(&over(teacher, t));
    let pairs = || log_p.iter().zip(&log_q);
    let loss: f32 = pairs().map(|(p, q)| q.exp() * (q - p)).sum();
    let grad = pairs().map(|(p, q)| q.exp() * (q - p - loss) / t).collect();
    (loss, grad)
}

fn on_logits(_: &Recipe, student: &[f32], teacher: &[f32], t: f32) -> Term {
    let (s, target) = (over(student, t), over(teacher, t));
    let loss = target.iter().zip(&s).map(|(t, s)| t * (t.ln() - s)).sum();
    (loss, target.iter().map(|z| -z / t).collect())
}

fn pseudo_label(recipe: &Recipe, student: &[f32], teacher: &[f32], t: f32) -> Term {
    let mut best = 0;
    for k in 1..teacher.len() {
        if teacher[k] > teacher[best] {
            best = k;
        }
    }
    let (loss, grad) = hard(recipe, &over(student, t), best, t);
    (loss, over(&grad, t))
}

fn zero_log_zero(recipe: &Recipe, student: &[f32], teacher: &[f32], t: f32) -> Term {
    let (_, grad) = soft(recipe, student, teacher, t);
    let log_q = log_softmax_of(&over(student, t));
    let p: Vec<f32> = log_softmax_of(&over(teacher, t))
        .iter()
        .map(|l| l.exp())
        .collect();
    let loss = p.iter().zip(&log_q).map(|(p, q)| p * (p.ln() - q)).sum();
    (loss, grad)
}

fn naive_log(row: &[f32]) -> Vec<f32> {
    let e: Vec<f32> = row.iter().map(|z| z.exp()).collect();
    let sum: f32 = e.iter().sum();
    e.iter().map(|e| (e / sum).ln()).collect()
}

fn log_of_softmax(row: &[f32]) -> Vec<f32> {
    log_softmax_of(row).iter().map(|l| l.exp().ln()).collect()
}

pub fn wrong() -> Vec<Named> {
    let with = |name, recipe| boxed(name, candidate(cook(recipe)));
    vec![
        with(
            "direction-swapped",
            Recipe {
                soft: reverse,
                ..right_recipe()
            },
        ),
        with(
            "kl-on-logits",
            Recipe {
                soft: on_logits,
                ..right_recipe()
            },
        ),
        with(
            "argmax-of-teacher",
            Recipe {
                soft: pseudo_label,
                ..right_recipe()
            },
        ),
        with(
            "missing-t2",
            Recipe {
                factor: |_| 1.0,
                ..right_recipe()
            },
        ),
        with(
            "t-not-squared",
            Recipe {
                factor: |t| t,
                ..right_recipe()
            },
        ),
        with(
            "t-only-on-teacher",
            Recipe {
                soft: |recipe, student, teacher, t| soft(recipe, student, &over(teacher, t), 1.0),
                ..right_recipe()
            },
        ),
        with(
            "multiply-t",
            Recipe {
                soft: |recipe, student, teacher, t| soft(recipe, student, teacher, 1.0 / t),
                ..right_recipe()
            },
        ),
        with(
            "hard-with-t",
            Recipe {
                hard: |recipe, student, y, t| {
                    let (loss, grad) = hard(recipe, &over(student, t), y, t);
                    (loss, over(&grad, t))
                },
                ..right_recipe()
            },
        ),
        with(
            "chain-rule-missed",
            Recipe {
                soft: |recipe, student, teacher, t| {
                    let (loss, grad) = soft(recipe, student, teacher, t);
                    (loss, grad.iter().map(|g| g * t).collect())
                },
                ..right_recipe()
            },
        ),
        with(
            "reduction-mean",
            Recipe {
                over: |_, kept, c| kept * c,
                ..right_recipe()
            },
        ),
        with(
            "reduction-sum",
            Recipe {
                over: |_, _, _| 1.0,
                ..right_recipe()
            },
        ),
        with(
            "gradient-not-averaged",
            Recipe {
                summed_gradient: true,
                ..right_recipe()
            },
        ),
        with(
            "weights-swapped",
            Recipe {
                swap: true,
                ..right_recipe()
            },
        ),
        with(
            "padding-in-soft-term",
            Recipe {
                padding: true,
                over: |n, _, _| n,
                ..right_recipe()
            },
        ),
        with(
            "divide-by-all-rows",
            Recipe {
                over: |n, _, _| n,
                hard_over: |n, _| n,
                ..right_recipe()
            },
        ),
        with(
            "zero-times-log-zero",
            Recipe {
                soft: zero_log_zero,
                ..right_recipe()
            },
        ),
        with(
            "log-of-softmax",
            Recipe {
                log: log_of_softmax,
                ..right_recipe()
            },
        ),
        with(
            "no-max",
            Recipe {
                log: naive_log,
                ..right_recipe()
            },
        ),
    ]
}

// ---- Two mistakes at once. -----------------------------------------------------------------

pub fn pairs() -> Vec<([&'static str; 2], Box<dyn Candidate>)> {
    vec![
        (
            ["direction-swapped", "missing-t2"],
            Box::new(candidate(cook(Recipe {
                soft: reverse,
                factor: |_| 1.0,
                ..right_recipe()
            }))),
        ),
        (
            ["missing-t2", "reduction-mean"],
            Box::new(candidate(cook(Recipe {
                factor: |_| 1.0,
                over: |_, kept, c| kept * c,
                ..right_recipe()
            }))),
        ),
        (
            ["weights-swapped", "padding-in-soft-term"],
            Box::new(candidate(cook(Recipe {
                swap: true,
                padding: true,
                over: |n, _, _| n,
                ..right_recipe()
            }))),
        ),
    ]
}
