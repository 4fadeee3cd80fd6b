//! Answers to `causal-lm-objective` as people write them: right ones in many styles, and one wrong
//! one for every planted bug.

use llmlab::lessons::causal_lm_objective::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/causal_lm_objective/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/causal_lm_objective/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::causal_lm_objective)),
        ),
        ("plain f32 loops", plain(PLAIN)),
        ("shift, flatten, select", Box::new(candidate(flattened))),
        ("one-hot targets and einsum", Box::new(candidate(one_hot))),
        ("online log-sum-exp, f64", Box::new(candidate(online))),
        ("product of probabilities", Box::new(candidate(product))),
        (
            "labels shifted with an ignored end, traced",
            Box::new(candidate(shifted)),
        ),
        ("row sums and row counts", Box::new(candidate(by_rows))),
    ]
}

/// A straightforward answer with its choices.
#[derive(Clone, Copy)]
struct Plain {
    /// From logits to log-probabilities.
    logs: fn(&Tensor) -> Tensor,
    /// The label for row t of sequence i.
    target: fn(&Labels, usize, usize) -> Option<i64>,
    /// Whether an ignored label is scored all the same, as token 0 or as what it is.
    scores_ignored: bool,
    loss: fn(&Tally) -> f32,
    perplexity: fn(f32, &Tally) -> f32,
    /// From loss, tokens and bytes.
    bits: fn(f32, f32, f32) -> f32,
}

/// What was added up.
struct Tally {
    /// Losses of each sequence.
    rows: Vec<Vec<f32>>,
    /// Predictions, the ignored ones too.
    pairs: f32,
    /// Labels that are not ignored, before any shift.
    labelled: f32,
}

impl Tally {
    fn sum(&self) -> f32 {
        self.rows.iter().flatten().sum()
    }

    fn count(&self) -> f32 {
        self.rows.iter().flatten().count() as f32
    }

    fn row_means(&self) -> Vec<f32> {
        let mean = |row: &Vec<f32>| row.iter().sum::<f32>() / row.len() as f32;
        self.rows.iter().map(mean).collect()
    }
}

fn next(labels: &Labels, i: usize, t: usize) -> Option<i64> {
    labels.get([i, t + 1]).copied()
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

const LN_2: f32 = std::f32::consts::LN_2;

const PLAIN: Plain = Plain {
    logs: |logits| log_softmax(logits, 2),
    target: next,
    scores_ignored: false,
    loss: |tally| tally.sum() / tally.count(),
    perplexity: |loss, _| loss.exp(),
    bits: |loss, tokens, bytes| loss * tokens / bytes / LN_2,
};

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |logits: &Tensor, labels: &Labels, ignore: f64, bytes: f64| -> (f32, f32, f32) {
            let logs = (choices.logs)(logits);
            let ignore = ignore as i64;
            let mut tally = Tally {
                rows: Vec::new(),
                pairs: 0.0,
                labelled: labels.iter().filter(|y| **y != ignore).count() as f32,
            };
            for i in 0..logits.shape()[0] {
                let mut row = Vec::new();
                for t in 0..logits.shape()[1] {
                    let Some(y) = (choices.target)(labels, i, t) else {
                        continue;
                    };
                    tally.pairs += 1.0;
                    if y != ignore {
                        row.push(-logs[[i, t, y as usize]]);
                    } else if choices.scores_ignored {
                        row.push(-logs[[i, t, y.max(0) as usize]]);
                    }
                }
                tally.rows.push(row);
            }
            let loss = (choices.loss)(&tally);
            let perplexity = (choices.perplexity)(loss, &tally);
            (
                loss,
                perplexity,
                (choices.bits)(loss, tally.count(), bytes as f32),
            )
        },
    ))
}

fn flattened(logits: &Tensor, labels: &Labels, ignore: f64, bytes: f64) -> (f64, f64, f64) {
    let v = logits.shape()[2];
    let rows = logits.slice(s![.., ..-1, ..]).to_owned();
    let count = rows.len() / v;
    let rows = rows.into_shape_with_order((count, v)).unwrap();
    let targets: Vec<i64> = labels.slice(s![.., 1..]).iter().copied().collect();
    let kept: Vec<usize> = (0..count)
        .filter(|&i| targets[i] as f64 != ignore)
        .collect();
    let rows = rows.select(Axis(0), &kept);
    let mut total = 0.0;
    for (row, &i) in rows.rows().into_iter().zip(&kept) {
        let max = row.fold(f32::MIN, |a, b| a.max(*b));
        let sum: f32 = row.iter().map(|z| (z - max).exp()).sum();
        total += f64::from(max - row[targets[i] as usize] + sum.ln());
    }
    let loss = total / kept.len() as f64;
    (loss, loss.exp(), total / bytes / std::f64::consts::LN_2)
}

fn one_hot(logits: &Tensor, labels: &Labels, ignore: f64, bytes: f64) -> (f32, f32, f32) {
    let wanted = Tensor::from_shape_fn(logits.raw_dim(), |at| {
        let next = labels.get([at[0], at[1] + 1]);
        match next {
            Some(&y) if y as f64 != ignore && y as usize == at[2] => 1.0,
            _ => 0.0,
        }
    });
    let total = einsum("b n v, b n v -> ", &[&wanted, &log_softmax(logits, 2)]).sum();
    let loss = -total / wanted.sum();
    let bits_per_token = loss / 2f32.ln();
    (
        loss,
        loss.exp(),
        bits_per_token * wanted.sum() / bytes as f32,
    )
}

fn online(
    logits: &Tensor,
    labels: &Labels,
    ignore: f64,
    bytes: f64,
) -> (Array<f64, ndarray::Ix0>, f64, f64) {
    let (mut total, mut count) = (0.0, 0);
    for (i, row) in logits.outer_iter().enumerate() {
        for (t, z) in row.outer_iter().enumerate() {
            let Some(&y) = labels.get([i, t + 1]) else {
                break;
            };
            if y as f64 == ignore {
                continue;
            }
            let (mut max, mut sum) = (f64::NEG_INFINITY, 0.0);
            for &z in &z {
                let larger = f64::from(z).max(max);
                sum = sum * (max - larger).exp() + (f64::from(z) - larger).exp();
                max = larger;
            }
            total += max + sum.ln() - f64::from(z[y as usize]);
            count += 1;
        }
    }
    let loss = total / f64::from(count);
    (ndarray::arr0(loss), loss.exp(), total / (bytes * 2f64.ln()))
}

/// Perplexity first: the inverse geometric mean of the probabilities.
fn product(logits: &Tensor, labels: &Labels, ignore: f64, bytes: f64) -> (f64, f64, f64) {
    let p = softmax(logits, 2).mapv(f64::from);
    let (b, n) = (labels.shape()[0], labels.shape()[1]);
    let (mut all, mut count) = (1.0_f64, 0.0);
    for (i, t) in ndarray::indices((b, n)).into_iter().filter(|at| at.1 > 0) {
        if labels[[i, t]] as f64 != ignore {
            all *= p[[i, t - 1, labels[[i, t]] as usize]];
            count += 1.0;
        }
    }
    let perplexity = all.powf(-1.0 / count);
    (perplexity.ln(), perplexity, -all.log2() / bytes)
}

fn shifted(
    logits: &Tensor,
    labels: &Labels,
    ignore: f64,
    bytes: f64,
    trace: &mut Trace,
) -> (f64, f64, f64) {
    let mut targets = Labels::from_elem(labels.raw_dim(), ignore as i64);
    targets
        .slice_mut(s![.., ..-1])
        .assign(&labels.slice(s![.., 1..]));
    let logs = log_softmax(logits, 2);
    trace.step("log_probs", "log softmax", "b n v", &logs);
    let mut total = 0.0;
    let mut count = 0.0;
    for (at, &y) in targets.indexed_iter() {
        if y != ignore as i64 {
            total -= f64::from(logs[[at[0], at[1], y as usize]]);
            count += 1.0;
        }
    }
    let loss = total / count;
    (
        loss,
        loss.exp(),
        loss * std::f64::consts::LOG2_E * count / bytes,
    )
}

fn by_rows(logits: &Tensor, labels: &Labels, ignore: f64, bytes: f64) -> (f32, f32, f32) {
    let (b, n) = (labels.shape()[0], labels.shape()[1]);
    let mut sums = vec![0f32; b];
    let mut counts = vec![0f32; b];
    for i in 0..b {
        for t in 1..n {
            let y = labels[[i, t]];
            if y as f64 == ignore {
                continue;
            }
            let row = logits.slice(s![i, t - 1, ..]);
            let own = row[y as usize];
            // ln Σ e^(z − z_y), which is the loss itself.
            let top = row.fold(0f32, |a, z| a.max(z - own));
            sums[i] += top + row.iter().map(|z| (z - own - top).exp()).sum::<f32>().ln();
            counts[i] += 1.0;
        }
    }
    // Weighted by the counts, row means give the mean.
    let (sum, count): (f32, f32) = (sums.iter().sum(), counts.iter().sum());
    let loss = sum / count;
    (loss, loss.exp(), sum / LN_2 / bytes as f32)
}

const NO_SHIFT: Plain = Plain {
    target: |labels, i, t| Some(labels[[i, t]]),
    ..PLAIN
};

pub fn wrong() -> Named<&'static str> {
    let target = |target| Plain { target, ..PLAIN };
    let logs = |logs| Plain { logs, ..PLAIN };
    let loss = |loss| Plain { loss, ..PLAIN };
    let perplexity = |perplexity| Plain {
        perplexity,
        ..PLAIN
    };
    let bits = |bits| Plain { bits, ..PLAIN };
    vec![
        ("no-shift", plain(NO_SHIFT)),
        (
            "shift-wrong-way",
            plain(target(|labels, i, t| (t > 0).then(|| labels[[i, t - 1]]))),
        ),
        (
            "shift-twice",
            plain(target(|labels, i, t| labels.get([i, t + 2]).copied())),
        ),
        (
            "shift-rolled",
            plain(target(|labels, i, t| {
                let n = labels.shape()[1];
                Some(labels[[i, if t == n - 1 { 0 } else { t + 1 }]])
            })),
        ),
        (
            "shift-flat",
            plain(target(|labels, i, t| {
                let flat: Vec<i64> = labels.iter().copied().collect();
                flat.get(i * labels.shape()[1] + t + 1).copied()
            })),
        ),
        (
            "mean-of-batch-means",
            plain(loss(|tally| mean(&tally.row_means()))),
        ),
        ("sum-not-mean", plain(loss(Tally::sum))),
        (
            "counts-ignored",
            plain(loss(|tally| tally.sum() / tally.pairs)),
        ),
        (
            "count-before-shift",
            plain(loss(|tally| tally.sum() / tally.labelled)),
        ),
        (
            "ignored-as-class-0",
            plain(Plain {
                scores_ignored: true,
                ..PLAIN
            }),
        ),
        (
            "softmax-over-positions",
            plain(logs(|logits| log_softmax(logits, 1))),
        ),
        (
            "softmax-twice",
            plain(logs(|logits| log_softmax(&softmax(logits, 2), 2))),
        ),
        ("nll-of-prob", plain(logs(|logits| softmax(logits, 2)))),
        ("no-minus", plain(logs(|logits| -log_softmax(logits, 2)))),
        (
            "loss-in-bits",
            plain(logs(|logits| softmax(logits, 2).mapv(f32::log2))),
        ),
        ("ppl-base2", plain(perplexity(|loss, _| 2f32.powf(loss)))),
        (
            "ppl-mean-of-exp",
            plain(perplexity(|_, tally| {
                let each: Vec<f32> = tally.row_means().iter().map(|x| x.exp()).collect();
                mean(&each)
            })),
        ),
        (
            "ppl-mean-of-tokens",
            plain(perplexity(|_, tally| {
                let each: Vec<f32> = tally.rows.iter().flatten().map(|x| x.exp()).collect();
                mean(&each)
            })),
        ),
        (
            "bits-in-nats",
            plain(bits(|loss, tokens, bytes| loss * tokens / bytes)),
        ),
        (
            "bits-per-token",
            plain(bits(|loss, _, _| loss.exp().log2())),
        ),
        (
            "bits-of-mean",
            plain(bits(|loss, _, bytes| loss / LN_2 / bytes)),
        ),
        (
            "bits-inverted",
            plain(bits(|loss, tokens, bytes| loss / LN_2 * (bytes / tokens))),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["no-shift", "counts-ignored"],
            plain(Plain {
                loss: |tally| tally.sum() / tally.pairs,
                ..NO_SHIFT
            }),
        ),
        (
            ["ppl-base2", "bits-in-nats"],
            plain(Plain {
                perplexity: |loss, _| loss.exp2(),
                bits: |loss, tokens, bytes| loss * tokens / bytes,
                ..PLAIN
            }),
        ),
        (
            ["mean-of-batch-means", "shift-flat"],
            plain(Plain {
                loss: |tally| mean(&tally.row_means()),
                target: |labels, i, t| labels.iter().nth(i * labels.shape()[1] + t + 1).copied(),
                ..PLAIN
            }),
        ),
        (
            ["softmax-twice", "ignored-as-class-0"],
            plain(Plain {
                logs: |logits| log_softmax(&softmax(logits, 2), 2),
                scores_ignored: true,
                ..PLAIN
            }),
        ),
    ]
}
