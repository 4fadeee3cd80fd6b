//! Right and wrong answers to calibration, as learners write them.

use llmlab::lessons::calibration::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/calibration/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/calibration/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Three = (Tensor, Tensor, Tensor);

fn boxed<T, C: Candidate + 'static>(name: T, solution: C) -> (T, Box<dyn Candidate>) {
    (name, Box::new(solution))
}

/// The parts of an answer, each of which somebody may get wrong.
#[derive(Clone, Copy)]
struct Parts {
    max: fn(&[Vec<f32>]) -> f32,
    average: fn(&[Vec<f32>], f32) -> f32,
    percentile: fn(&[f32], f64) -> f32,
    /// Of one number, with its threshold and greatest code.
    error: fn(f32, f32, f32) -> f32,
    /// Of counts, bins kept and levels.
    divergence: fn(&[f64], usize, usize) -> f64,
    /// Levels from bits.
    levels: fn(u32) -> usize,
    /// Where in a bin the entropy threshold is.
    place: f32,
}

const RIGHT: Parts = Parts {
    max: |batches| largest(&batches.concat()),
    average: |batches, c| {
        let start = largest(&batches[0]);
        batches
            .iter()
            .fold(start, |t, b| t * (1.0 - c) + c * largest(b))
    },
    percentile: |x, p| {
        let x: Vec<f32> = x.iter().map(|x| x.abs()).collect();
        interpolated(&x, p / 100.0)
    },
    error: |x, threshold, most| {
        let scale = threshold / most;
        let code = (x / scale).clamp(-most, most).round_ties_even();
        (x - code * scale).powi(2)
    },
    divergence: |counts, kept, levels| {
        let (p, q) = distributions(counts, kept, levels, true, false, false);
        kl(&normal(&p), &normal(&q))
    },
    levels: |bits| 1 << (bits - 1),
    place: 0.0,
};

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |max, x| x.abs().max(max))
}

fn interpolated(x: &[f32], q: f64) -> f32 {
    let mut x = x.to_vec();
    x.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let at = q * (x.len() - 1) as f64;
    let (low, part) = (at as usize, at.fract() as f32);
    let high = (low + 1).min(x.len() - 1);
    (1.0 - part) * x[low] + part * x[high]
}

fn nearest_rank(x: &[f32], p: f64) -> f32 {
    let mut x: Vec<f32> = x.iter().map(|x| x.abs()).collect();
    x.sort_by(|a, b| a.partial_cmp(b).unwrap());
    x[((p / 100.0 * x.len() as f64).ceil() as usize).max(1) - 1]
}

fn normal(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().sum();
    x.iter().map(|x| x / sum).collect()
}

fn kl(p: &[f64], q: &[f64]) -> f64 {
    let pairs = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    pairs.map(|(p, q)| p * (p.ln() - q.ln())).sum()
}

/// P, and Q made from P or from the counts.
fn distributions(
    counts: &[f64],
    kept: usize,
    levels: usize,
    outliers: bool,
    outliers_in_q: bool,
    fill: bool,
) -> (Vec<f64>, Vec<f64>) {
    let inside = counts[..kept].to_vec();
    let mut p = inside.clone();
    if outliers {
        p[kept - 1] += counts[kept..].iter().sum::<f64>();
    }
    let from = if outliers_in_q { &p } else { &inside };
    let mut q = vec![0.0; kept];
    for level in 0..levels {
        let own: Vec<usize> = (0..kept).filter(|j| j * levels / kept == level).collect();
        let used: Vec<usize> = own
            .iter()
            .copied()
            .filter(|&j| fill || from[j] > 0.0)
            .collect();
        let sum: f64 = own.iter().map(|&j| from[j]).sum();
        for &j in &used {
            q[j] = sum / used.len() as f64;
        }
    }
    (p, q)
}

fn put_together(parts: Parts) -> impl Fn(&Tensor, f64, f64, f64, f64) -> Three {
    move |x, bits, percentile, c, bins| {
        let batches: Vec<Vec<f32>> = x
            .outer_iter()
            .map(|b| b.iter().copied().collect())
            .collect();
        let all = batches.concat();
        let (bins, least) = (bins as usize, 1usize << (bits as u32 - 1));
        let levels = (parts.levels)(bits as u32);
        let max = (parts.max)(&batches);
        let width = max / bins as f32;
        let mut counts = vec![0.0; bins];
        for x in &all {
            counts[((x.abs() * bins as f32 / max) as usize).min(bins - 1)] += 1.0;
        }
        let error = |i: usize| {
            let of = |x: &f32| (parts.error)(*x, i as f32 * width, (levels - 1) as f32);
            all.iter().map(of).sum::<f32>() / all.len() as f32
        };
        let mse: Vec<f32> = (least..=bins).map(error).collect();
        let divergence = |i: usize| (parts.divergence)(&counts, i, levels) as f32;
        let divergence: Vec<f32> = (least..=bins).map(divergence).collect();
        let place = |curve: &[f32]| {
            let smallest = curve.iter().copied().fold(f32::INFINITY, f32::min);
            let at = curve.iter().position(|x| *x == smallest).unwrap_or(0);
            (at + least) as f32
        };
        let thresholds = vec![
            max,
            (parts.average)(&batches, c as f32),
            (parts.percentile)(&all, percentile),
            place(&mse) * width,
            (place(&divergence) + parts.place) * width,
        ];
        (
            Array1::from(thresholds).into_dyn(),
            Array1::from(mse).into_dyn(),
            Array1::from(divergence).into_dyn(),
        )
    }
}

fn made(parts: Parts) -> impl Candidate {
    candidate(put_together(parts))
}

pub fn right() -> Named<&'static str> {
    vec![
        boxed("solution", candidate(solution::calibration)),
        boxed("parts", made(RIGHT)),
        boxed(
            "the middle of the bin",
            made(Parts {
                place: 0.5,
                ..RIGHT
            }),
        ),
        boxed(
            "nearest rank",
            made(Parts {
                percentile: nearest_rank,
                ..RIGHT
            }),
        ),
        boxed(
            "errors in f64",
            made(Parts {
                error: |x, threshold, most| {
                    let scale = f64::from(threshold) / f64::from(most);
                    let code = (f64::from(x) / scale)
                        .round()
                        .clamp((-most).into(), most.into());
                    (f64::from(x) - code * scale).powi(2) as f32
                },
                ..RIGHT
            }),
        ),
    ]
}

pub fn wrong() -> Named<&'static str> {
    vec![
        boxed(
            "last-batch",
            made(Parts {
                max: |batches| largest(batches.last().unwrap()),
                ..RIGHT
            }),
        ),
        boxed(
            "signed-max",
            made(Parts {
                max: |batches| greatest(&batches.concat()),
                average: |batches, c| {
                    let start = greatest(&batches[0]);
                    batches.iter().fold(start, |t, b| t + c * (greatest(b) - t))
                },
                ..RIGHT
            }),
        ),
        boxed(
            "mean-of-maxima",
            made(Parts {
                max: |batches| {
                    let sum: f32 = batches.iter().map(|b| largest(b)).sum();
                    sum / batches.len() as f32
                },
                ..RIGHT
            }),
        ),
        boxed(
            "average-from-zero",
            made(Parts {
                average: |batches, c| {
                    batches
                        .iter()
                        .fold(0.0, |t, b| (1.0 - c) * t + c * largest(b))
                },
                ..RIGHT
            }),
        ),
        boxed(
            "average-swapped",
            made(Parts {
                average: |batches, c| {
                    let start = largest(&batches[0]);
                    batches
                        .iter()
                        .fold(start, |t, b| c * t + (1.0 - c) * largest(b))
                },
                ..RIGHT
            }),
        ),
        boxed(
            "percentile-of-signed",
            made(Parts {
                percentile: |x, p| interpolated(x, p / 100.0),
                ..RIGHT
            }),
        ),
        boxed(
            "percentile-other-tail",
            made(Parts {
                percentile: |x, p| {
                    let x: Vec<f32> = x.iter().map(|x| x.abs()).collect();
                    interpolated(&x, (100.0 - p) / 100.0)
                },
                ..RIGHT
            }),
        ),
        boxed(
            "error-inside-only",
            made(Parts {
                error: |x, threshold, most| match x.abs() > threshold {
                    true => 0.0,
                    false => (RIGHT.error)(x, threshold, most),
                },
                ..RIGHT
            }),
        ),
        boxed(
            "error-of-clipping-only",
            made(Parts {
                error: |x, threshold, _| (x.abs() - threshold).max(0.0).powi(2),
                ..RIGHT
            }),
        ),
        boxed(
            "mean-absolute-error",
            made(Parts {
                error: |x, threshold, most| (RIGHT.error)(x, threshold, most).sqrt(),
                ..RIGHT
            }),
        ),
        boxed(
            "bits-not-halved",
            made(Parts {
                levels: |bits| 1 << bits,
                ..RIGHT
            }),
        ),
        boxed(
            "kl-reversed",
            made(Parts {
                divergence: |counts, kept, levels| {
                    let (p, q) = distributions(counts, kept, levels, true, false, false);
                    kl(&normal(&q), &normal(&p))
                },
                ..RIGHT
            }),
        ),
        boxed(
            "outliers-dropped",
            made(Parts {
                divergence: |counts, kept, levels| {
                    let (p, q) = distributions(counts, kept, levels, false, false, false);
                    kl(&normal(&p), &normal(&q))
                },
                ..RIGHT
            }),
        ),
        boxed(
            "outliers-in-candidate",
            made(Parts {
                divergence: |counts, kept, levels| {
                    let (p, q) = distributions(counts, kept, levels, true, true, false);
                    kl(&normal(&p), &normal(&q))
                },
                ..RIGHT
            }),
        ),
        boxed(
            "counts-not-normalised",
            made(Parts {
                divergence: |counts, kept, levels| {
                    let (p, q) = distributions(counts, kept, levels, true, false, false);
                    kl(&p, &q)
                },
                ..RIGHT
            }),
        ),
        boxed(
            "empty-bins-filled",
            made(Parts {
                divergence: |counts, kept, levels| {
                    let (p, q) = distributions(counts, kept, levels, true, false, true);
                    kl(&normal(&p), &normal(&q))
                },
                ..RIGHT
            }),
        ),
    ]
}

fn greatest(x: &[f32]) -> f32 {
    x.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        boxed(
            ["average-from-zero", "percentile-of-signed"],
            made(Parts {
                average: |batches, c| batches.iter().fold(0.0, |t, b| t + c * (largest(b) - t)),
                percentile: |x, p| interpolated(x, p / 100.0),
                ..RIGHT
            }),
        ),
        boxed(
            ["mean-absolute-error", "kl-reversed"],
            made(Parts {
                error: |x, threshold, most| (RIGHT.error)(x, threshold, most).sqrt(),
                divergence: |counts, kept, levels| {
                    let (p, q) = distributions(counts, kept, levels, true, false, false);
                    kl(&normal(&q), &normal(&p))
                },
                ..RIGHT
            }),
        ),
    ]
}
