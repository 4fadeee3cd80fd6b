//! Answers to `length-extrapolation` as people write them: right ones in many styles, and one wrong
//! one for every planted bug.

use llmlab::lessons::length_extrapolation::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/length_extrapolation/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/length_extrapolation/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Answer = (Tensor, f64, f64);
/// A loss, and whether it counts.
type Loss = (f32, bool);

/// A position of a window: window i of w, bucket c of k.
#[derive(Clone, Copy)]
struct At {
    i: usize,
    w: usize,
    c: usize,
    k: usize,
}

/// A straightforward answer with its choices, in f32.
#[derive(Clone, Copy)]
struct Plain {
    /// Whether a position belongs to context `usize`.
    bucket: fn(At, usize) -> bool,
    sliding: fn(At) -> bool,
    /// Losses and whether each counts, window by window, to a perplexity.
    perplexity: fn(&[Vec<Loss>]) -> f32,
    /// From the perplexities and the bucket of the trained length.
    ratio: fn(&[f32], usize) -> f32,
    finish: fn(Vec<f32>) -> Vec<f32>,
}

const PLAIN: Plain = Plain {
    bucket: |at, context| at.c == context && at.i + at.c + 1 >= at.k && at.i + at.c < at.w,
    sliding: |at| at.i == 0 || at.c == at.k - 1,
    perplexity: |windows| pooled(windows).exp(),
    ratio: |p, trained| p[p.len() - 1] / p[trained],
    finish: |p| p,
};

fn pooled(windows: &[Vec<Loss>]) -> f32 {
    let real: Vec<f32> = windows
        .iter()
        .flatten()
        .filter(|(_, real)| *real)
        .map(|(loss, _)| *loss)
        .collect();
    real.iter().sum::<f32>() / real.len() as f32
}

impl Plain {
    fn run(&self, losses: &Tensor, counted: &Labels, stride: f64, trained: f64) -> Answer {
        let (w, n, stride) = (losses.shape()[0], losses.shape()[1], stride as usize);
        let k = n / stride;
        let choose = |take: &dyn Fn(At) -> bool| -> Vec<Vec<Loss>> {
            (0..w)
                .map(|i| {
                    (0..k * stride)
                        .filter(|at| {
                            let c = at / stride;
                            take(At { i, w, c, k })
                        })
                        .map(|at| (losses[[i, at]], counted[[i, at]] == 1))
                        .collect()
                })
                .collect()
        };
        let by_context: Vec<f32> = (0..k)
            .map(|context| (self.perplexity)(&choose(&|at| (self.bucket)(at, context))))
            .collect();
        let sliding = (self.perplexity)(&choose(&self.sliding));
        let last = (trained as usize / stride).clamp(1, k) - 1;
        let ratio = (self.ratio)(&by_context, last);
        let by_context = Array1::from((self.finish)(by_context)).into_dyn();
        (by_context, f64::from(sliding), f64::from(ratio))
    }
}

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |losses: &Tensor, counted: &Labels, stride: f64, trained: f64| {
            choices.run(losses, counted, stride, trained)
        },
    ))
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::length_extrapolation)),
        ),
        ("lists of losses in f32", plain(PLAIN)),
        ("block by block of the text", Box::new(candidate(blocks))),
        ("sums by einsum, traced", Box::new(candidate(sums))),
        (
            "geometric mean of the inverse probabilities",
            Box::new(candidate(geometric)),
        ),
        (
            "running means, f64, static rank",
            Box::new(candidate(running)),
        ),
        (
            "ratio as exp of a difference",
            plain(Plain {
                ratio: |p, trained| (p[p.len() - 1].ln() - p[trained].ln()).exp(),
                ..PLAIN
            }),
        ),
    ]
}

/// Goes through the text: block j stands in window j − c, bucket c.
fn blocks(losses: &Tensor, counted: &Labels, stride: f64, trained: f64) -> (Array1<f32>, f32, f32) {
    let (w, n, g) = (losses.shape()[0], losses.shape()[1], stride as usize);
    let k = n / g;
    let block = |j: usize, c: usize| {
        let (mut sum, mut tokens) = (0f32, 0f32);
        for at in c * g..(c + 1) * g {
            let real = counted[[j - c, at]] as f32;
            sum += if real > 0.0 { losses[[j - c, at]] } else { 0.0 };
            tokens += real;
        }
        (sum, tokens)
    };
    let perplexity = |parts: Vec<(f32, f32)>| {
        let (sum, tokens) = parts
            .iter()
            .fold((0.0, 0.0), |all, part| (all.0 + part.0, all.1 + part.1));
        f32::exp(sum / tokens)
    };
    let by_context: Array1<f32> = (0..k)
        .map(|c| perplexity((k - 1..w).map(|j| block(j, c)).collect()))
        .collect();
    // Block j of the whole text in the window that gives it most context.
    let sliding = perplexity((0..w + k - 1).map(|j| block(j, j.min(k - 1))).collect());
    let ends = ((trained / stride) as usize).clamp(1, k);
    let ratio = by_context[k - 1] / by_context[ends - 1];
    (by_context, sliding, ratio)
}

fn sums(
    losses: &Tensor,
    counted: &Labels,
    stride: f64,
    trained: f64,
    trace: &mut Trace,
) -> (Tensor, f32, f32) {
    let (w, n, g) = (losses.shape()[0], losses.shape()[1], stride as usize);
    let k = n / g;
    let real = counted.mapv(|real| real as f32);
    let masked = losses * &real;
    let fold = |x: &Tensor| {
        let x = x
            .slice(s![.., ..k * g])
            .as_standard_layout()
            .into_owned()
            .into_shape_with_order(IxDyn(&[w, k, g]))
            .unwrap();
        einsum("w k g -> w k", &[&x])
    };
    let (sum, tokens) = (fold(&masked), fold(&real));
    trace.step("sums", "Σ", "w k", &sum);
    let same = Tensor::from_shape_fn(IxDyn(&[w, k]), |at| {
        let block = at[0] + at[1];
        if block + 1 >= k && block < w {
            1.0
        } else {
            0.0
        }
    });
    let once = Tensor::from_shape_fn(IxDyn(&[w, k]), |at| {
        if at[0] == 0 || at[1] + 1 == k {
            1.0
        } else {
            0.0
        }
    });
    let by = |mask: &Tensor, spec: &str| {
        (einsum(spec, &[&sum, mask]) / einsum(spec, &[&tokens, mask])).mapv(f32::exp)
    };
    let by_context = by(&same, "w k, w k -> k");
    let sliding = by(&once, "w k, w k -> ").sum();
    let at = (trained as usize / g).clamp(1, k) - 1;
    let ratio = by_context[[k - 1]] / by_context[[at]];
    (by_context, sliding, ratio)
}

/// Perplexity as (Π 1/p)^(1/N), through logarithms of probabilities.
fn geometric(losses: &Tensor, counted: &Labels, stride: f64, trained: f64) -> Answer {
    let probabilities = losses.mapv(|loss| f64::from(-loss).exp());
    let back = probabilities.mapv(|p| -p.ln() as f32);
    solution::length_extrapolation(&back, counted, stride, trained)
}

fn running(
    losses: &Tensor,
    counted: &Labels,
    stride: f64,
    trained: f64,
) -> (Array1<f64>, f64, f64) {
    let (w, n, g) = (losses.shape()[0], losses.shape()[1], stride as usize);
    let k = n / g;
    let mean = |take: &dyn Fn(usize, usize) -> bool| {
        let (mut mean, mut tokens) = (0.0, 0.0);
        for ((i, at), loss) in ndarray::indices((w, n)).into_iter().zip(losses.iter()) {
            if counted[[i, at]] == 1 && at < k * g && take(i, at / g) {
                tokens += 1.0;
                mean += (f64::from(*loss) - mean) / tokens;
            }
        }
        mean
    };
    let means: Vec<f64> = (0..k)
        .map(|context| mean(&|i, c| c == context && (k - 1..w).contains(&(i + c))))
        .collect();
    let sliding = mean(&|i, c| i == 0 || c == k - 1).exp();
    let at = (trained as usize / g).clamp(1, k) - 1;
    let ratio = (means[k - 1] - means[at]).exp();
    (Array1::from(means).mapv(f64::exp), sliding, ratio)
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = Vec::new();
    let mut add = |id, choices: Plain| all.push((id, plain(choices)));
    let bucket = |bucket| Plain { bucket, ..PLAIN };
    add("different-targets", bucket(|at, context| at.c == context));
    add(
        "blocks-misaligned",
        bucket(|at, context| at.c == context && at.i >= at.c && at.i + at.k <= at.w + at.c),
    );
    add(
        "whole-window-mean",
        bucket(|at, context| {
            at.c <= context && at.i + context + 1 >= at.k && at.i + context < at.w
        }),
    );
    let sliding = |sliding| Plain { sliding, ..PLAIN };
    add("overlap-counted", sliding(|_| true));
    add("non-overlapping", sliding(|at| at.i % at.k == 0));
    add("first-window-dropped", sliding(|at| at.c == at.k - 1));
    add("first-stride", sliding(|at| at.i == 0 || at.c == 0));
    let perplexity = |perplexity| Plain {
        perplexity,
        ..PLAIN
    };
    add("no-exp", perplexity(pooled));
    add("base-2", perplexity(|windows| pooled(windows).exp2()));
    add(
        "mean-of-perplexities",
        perplexity(|windows| {
            let exp: Vec<Vec<Loss>> = windows
                .iter()
                .map(|window| window.iter().map(|(x, real)| (x.exp(), *real)).collect())
                .collect();
            pooled(&exp)
        }),
    );
    add(
        "mean-of-windows",
        perplexity(|windows| {
            let means: Vec<f32> = windows
                .iter()
                .map(|window| pooled(std::slice::from_ref(window)))
                .filter(|mean| !mean.is_nan())
                .collect();
            (means.iter().sum::<f32>() / means.len() as f32).exp()
        }),
    );
    add(
        "padding-counted",
        perplexity(|windows| {
            let all: Vec<f32> = windows.iter().flatten().map(|(x, _)| *x).collect();
            (all.iter().sum::<f32>() / all.len() as f32).exp()
        }),
    );
    add(
        "padding-in-the-mean",
        perplexity(|windows| {
            let all: Vec<f32> = windows
                .iter()
                .flatten()
                .map(|(x, real)| if *real { *x } else { 0.0 })
                .collect();
            (all.iter().sum::<f32>() / all.len() as f32).exp()
        }),
    );
    let ratio = |ratio| Plain { ratio, ..PLAIN };
    add(
        "ratio-inverted",
        ratio(|p, trained| p[trained] / p[p.len() - 1]),
    );
    add("ratio-to-shortest", ratio(|p, _| p[p.len() - 1] / p[0]));
    add(
        "trained-off-by-one",
        ratio(|p, trained| p[p.len() - 1] / p[(trained + 1).min(p.len() - 1)]),
    );
    add(
        "ratio-of-losses",
        ratio(|p, trained| p[p.len() - 1].ln() / p[trained].ln()),
    );
    add(
        "ratio-is-difference",
        ratio(|p, trained| p[p.len() - 1] - p[trained]),
    );
    add(
        "contexts-reversed",
        Plain {
            finish: |mut p| {
                p.reverse();
                p
            },
            ..PLAIN
        },
    );
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    let base_2: fn(&[Vec<Loss>]) -> f32 = |windows| pooled(windows).exp2();
    vec![
        (
            ["different-targets", "overlap-counted"],
            plain(Plain {
                bucket: |at, context| at.c == context,
                sliding: |_| true,
                ..PLAIN
            }),
        ),
        (
            ["base-2", "first-window-dropped"],
            plain(Plain {
                perplexity: base_2,
                sliding: |at| at.c == at.k - 1,
                ..PLAIN
            }),
        ),
        (
            ["base-2", "ratio-inverted"],
            plain(Plain {
                perplexity: base_2,
                ratio: |p, trained| p[trained] / p[p.len() - 1],
                ..PLAIN
            }),
        ),
        (
            ["non-overlapping", "trained-off-by-one"],
            plain(Plain {
                sliding: |at| at.i % at.k == 0,
                ratio: |p, trained| p[p.len() - 1] / p[(trained + 1).min(p.len() - 1)],
                ..PLAIN
            }),
        ),
    ]
}
