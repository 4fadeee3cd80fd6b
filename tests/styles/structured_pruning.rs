//! Answers to `structured-pruning` as people write them: right ones in many styles, and one wrong one for
//! every planted bug.

use llmlab::lessons::structured_pruning::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/structured_pruning/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/structured_pruning/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Four = (Tensor, Tensor, Tensor, Tensor);

/// The arguments of one call.
struct Call {
    x: Tensor,
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
    keep: usize,
}

impl Call {
    fn units(&self) -> usize {
        self.b1.len()
    }

    /// Units by falling score.
    fn ranked(&self, score: impl Fn(&[f32]) -> f32) -> Vec<usize> {
        let rows = self.w1.outer_iter();
        let scores: Vec<f32> = rows
            .map(|row| score(&row.iter().copied().collect::<Vec<_>>()))
            .collect();
        best(&scores, self.keep)
    }

    fn right_units(&self) -> Vec<usize> {
        sorted(self.ranked(norm))
    }

    /// These units cut out, and the outputs with them.
    fn cut(&self, units: &[usize]) -> Four {
        self.cut_apart(units, units, units)
    }

    /// The same with rows, biases and columns of different units.
    fn cut_apart(&self, rows: &[usize], biases: &[usize], columns: &[usize]) -> Four {
        let w1 = self.w1.select(Axis(0), rows);
        let b1 = self.b1.select(Axis(0), biases);
        let w2 = self.w2.select(Axis(1), columns);
        let y = run(&self.x, &w1, &b1, &w2, &self.b2);
        (w1, b1, w2, y)
    }
}

fn norm(row: &[f32]) -> f32 {
    row.iter().map(|w| w * w).sum::<f32>().sqrt()
}

fn best(scores: &[f32], keep: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.truncate(keep);
    order
}

fn sorted(mut units: Vec<usize>) -> Vec<usize> {
    units.sort_unstable();
    units
}

fn run(x: &Tensor, w1: &Tensor, b1: &Tensor, w2: &Tensor, b2: &Tensor) -> Tensor {
    let z = einsum("b d, m d -> b m", &[x, w1]) + b1;
    let hidden = z.mapv(|z| z / (1.0 + (-z).exp()));
    einsum("b m, o m -> b o", &[&hidden, w2]) + b2
}

fn with(run: impl Fn(&Call) -> Four + 'static) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |x: &Tensor, w1: &Tensor, b1: &Tensor, w2: &Tensor, b2: &Tensor, keep: f64| -> Four {
            run(&Call {
                x: x.clone(),
                w1: w1.clone(),
                b1: b1.clone(),
                w2: w2.clone(),
                b2: b2.clone(),
                keep: keep as usize,
            })
        },
    ))
}

// ---- Right answers. --------------------------------------------------------------------------

/// A threshold and a mask of booleans.
fn mask(call: &Call) -> Four {
    let norms: Vec<f32> = call
        .w1
        .outer_iter()
        .map(|row| row.iter().map(|w| w * w).sum())
        .collect();
    let mut falling = norms.clone();
    falling.sort_by(|a, b| b.total_cmp(a));
    let threshold = falling[call.keep - 1];
    let units: Vec<usize> = (0..norms.len())
        .filter(|&i| norms[i] >= threshold)
        .collect();
    call.cut(&units)
}

/// The outputs in f64, with loops.
fn in_f64(call: &Call) -> Four {
    let (w1, b1, w2, _) = call.cut(&call.right_units());
    let y = Tensor::from_shape_fn(vec![call.x.shape()[0], call.b2.len()], |at| {
        let mut y = f64::from(call.b2[at[1]]);
        for i in 0..b1.len() {
            let mut z = f64::from(b1[i]);
            for j in 0..w1.shape()[1] {
                z += f64::from(w1[[i, j]]) * f64::from(call.x[[at[0], j]]);
            }
            y += f64::from(w2[[at[1], i]]) * z / (1.0 + (-z).exp());
        }
        y as f32
    });
    (w1, b1, w2, y)
}

/// Outputs from the whole network, with everything of the pruned units at 0.
fn masked_everywhere(call: &Call) -> Four {
    let units = call.right_units();
    let (small1, small_b, small2, _) = call.cut(&units);
    let mut wide = (call.w1.clone(), call.b1.clone(), call.w2.clone());
    for i in (0..call.units()).filter(|i| !units.contains(i)) {
        wide.0.index_axis_mut(Axis(0), i).fill(0.0);
        wide.1[i] = 0.0;
        wide.2.index_axis_mut(Axis(1), i).fill(0.0);
    }
    let y = run(&call.x, &wide.0, &wide.1, &wide.2, &call.b2);
    (small1, small_b, small2, y)
}

fn traced(
    x: &Tensor,
    w1: &Tensor,
    b1: &Tensor,
    w2: &Tensor,
    b2: &Tensor,
    keep: f64,
    trace: &mut Trace,
) -> Four {
    let answer = solution::structured_pruning(x, w1, b1, w2, b2, keep);
    trace.step("kept_w1", "rows", "m d", &answer.0);
    trace.step("kept_b1", "biases", "m", &answer.1);
    trace.step("kept_w2", "columns", "o m", &answer.2);
    trace.step("y", "outputs", "b o", &answer.3);
    answer
}

fn l1(row: &[f32]) -> f32 {
    row.iter().map(|w| w.abs()).sum()
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::structured_pruning)),
        ),
        ("select", with(|call| call.cut(&call.right_units()))),
        ("mask", with(mask)),
        ("f64", with(in_f64)),
        ("masked everywhere", with(masked_everywhere)),
        ("by-rank", with(|call| call.cut(&call.ranked(norm)))),
        ("l1", with(|call| call.cut(&sorted(call.ranked(l1))))),
        ("traced", Box::new(candidate(traced))),
    ]
}

// ---- Wrong answers. --------------------------------------------------------------------------

fn first(call: &Call) -> Vec<usize> {
    (0..call.keep).collect()
}

pub fn wrong() -> Named<&'static str> {
    vec![
        (
            "next-layer-not-sliced",
            with(|call| {
                let units = call.right_units();
                call.cut_apart(&units, &units, &first(call))
            }),
        ),
        (
            "bias-not-sliced",
            with(|call| {
                let units = call.right_units();
                call.cut_apart(&units, &first(call), &units)
            }),
        ),
        (
            "order-mixed",
            with(|call| {
                let ranked = call.ranked(norm);
                call.cut_apart(&ranked, &ranked, &sorted(ranked.clone()))
            }),
        ),
        (
            "bias-leaks",
            with(|call| {
                let units = call.right_units();
                let (w1, b1, w2, _) = call.cut(&units);
                let mut zeroed = call.w1.clone();
                for (i, mut row) in zeroed.outer_iter_mut().enumerate() {
                    if !units.contains(&i) {
                        row.fill(0.0);
                    }
                }
                let y = run(&call.x, &zeroed, &call.b1, &call.w2, &call.b2);
                (w1, b1, w2, y)
            }),
        ),
        (
            "dense-output",
            with(|call| {
                let (w1, b1, w2, _) = call.cut(&call.right_units());
                let y = run(&call.x, &call.w1, &call.b1, &call.w2, &call.b2);
                (w1, b1, w2, y)
            }),
        ),
        (
            "outgoing-norm",
            with(|call| {
                let columns = call.w2.axis_iter(Axis(1));
                let scores: Vec<f32> = columns
                    .map(|column| column.iter().map(|w| w * w).sum::<f32>())
                    .collect();
                call.cut(&sorted(best(&scores, call.keep)))
            }),
        ),
        (
            "per-weight-score",
            with(|call| {
                let largest = |row: &[f32]| row.iter().fold(0f32, |max, w| max.max(w.abs()));
                call.cut(&sorted(call.ranked(largest)))
            }),
        ),
        (
            "signed-sum",
            with(|call| {
                let sum = |row: &[f32]| row.iter().sum::<f32>().abs();
                call.cut(&sorted(call.ranked(sum)))
            }),
        ),
        (
            "keeps-weakest",
            with(|call| call.cut(&sorted(call.ranked(|row| -norm(row))))),
        ),
        (
            "rescaled-like-dropout",
            with(|call| {
                let (w1, b1, w2, _) = call.cut(&call.right_units());
                let w2 = w2 * (call.units() as f32 / call.keep as f32);
                let y = run(&call.x, &w1, &b1, &w2, &call.b2);
                (w1, b1, w2, y)
            }),
        ),
        (
            "output-bias-lost",
            with(|call| {
                let (w1, b1, w2, y) = call.cut(&call.right_units());
                (w1, b1, w2, y - &call.b2)
            }),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["keeps-weakest", "output-bias-lost"],
            with(|call| {
                let (w1, b1, w2, y) = call.cut(&sorted(call.ranked(|row| -norm(row))));
                (w1, b1, w2, y - &call.b2)
            }),
        ),
        (
            ["next-layer-not-sliced", "bias-not-sliced"],
            with(|call| call.cut_apart(&call.right_units(), &first(call), &first(call))),
        ),
    ]
}
