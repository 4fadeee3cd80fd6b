//! Answers to `layer_norm_residual` as people write them: right ones in many styles, and one wrong
//! one for every planted bug.

use llmlab::lessons::layer_norm_residual::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/layer_norm_residual/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/layer_norm_residual/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Three = (Tensor, Tensor, Tensor);
/// One row of features to its norm: h, γ, β, ε.
type Row = fn(&[f32], &[f32], &[f32], f32) -> Vec<f32>;
/// The sum and what is normalised, from x and the sublayer's output.
type Flow = fn(&Tensor, &Tensor, &dyn Fn(&Tensor) -> Tensor) -> [Tensor; 2];

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::layer_norm_residual)),
        ),
        ("row functions", rows(layer, rms)),
        ("plain loops over indices", Box::new(candidate(loops))),
        ("broadcasting, static rank", Box::new(candidate(broadcast))),
        ("centring matrix and einsum", Box::new(candidate(matrix))),
        ("f64 throughout", Box::new(candidate(wide))),
        (
            "Welford's running moments, traced",
            Box::new(candidate(welford)),
        ),
        ("in place on chunks", Box::new(candidate(chunks))),
        (
            "mean of squares in f64",
            rows(
                |h, gamma, beta, eps| {
                    let d = h.len() as f64;
                    let mean = h.iter().map(|&h| f64::from(h)).sum::<f64>() / d;
                    let square = h.iter().map(|&h| f64::from(h).powi(2)).sum::<f64>() / d;
                    let rstd = 1.0 / ((square - mean * mean).max(0.0) + f64::from(eps)).sqrt();
                    let one = |i: usize| ((f64::from(h[i]) - mean) * rstd) as f32;
                    (0..h.len()).map(|i| one(i) * gamma[i] + beta[i]).collect()
                },
                rms,
            ),
        ),
        (
            "mean square as variance + mean²",
            rows(layer, |h, gamma, _, eps| {
                let (mean, variance) = moments(h);
                let rms = (variance + mean * mean + eps).sqrt();
                each(h, |i| h[i] * gamma[i] / rms)
            }),
        ),
        (
            "ε outside the root of RMSNorm, as its authors wrote it",
            rows(layer, |h, gamma, _, eps| {
                let norm = h.iter().map(|h| h * h).sum::<f32>().sqrt();
                let rms = norm * (h.len() as f32).powf(-0.5);
                each(h, |i| gamma[i] * (h[i] / (rms + eps)))
            }),
        ),
        (
            "RMSNorm with 1 + γ, as in Gemma",
            rows(layer, |h, gamma, _, eps| {
                let rstd = (mean_square(h) + eps).sqrt().recip();
                each(h, |i| h[i] * rstd * (1.0 + gamma[i]))
            }),
        ),
    ]
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = vec![
        (
            "no-residual",
            flow(|_, sublayer, _| [sublayer.clone(), sublayer.clone()]),
        ),
        (
            "residual-from-normed",
            flow(|x, sublayer, norm| {
                let sum = norm(x) + sublayer;
                [sum.clone(), sum]
            }),
        ),
        (
            "norm-of-x",
            flow(|x, sublayer, _| [x + sublayer, x.clone()]),
        ),
        ("sum-normed", Box::new(candidate(post_norm_stream))),
        ("norm-of-sublayer", Box::new(candidate(norm_inside))),
        ("residual-after-norm", Box::new(candidate(added_twice))),
        (
            "no-final-norm",
            Box::new(candidate(
                |x: &Tensor, sublayer: &Tensor, _: &Tensor, _: &Tensor, _: f64| {
                    let sum = x + sublayer;
                    (sum.clone(), sum.clone(), sum)
                },
            )),
        ),
        ("rms-of-normed", Box::new(candidate(chained))),
        ("axis-0", over(&[0])),
        ("time-axis", over(&[1])),
        ("batch-norm", over(&[1, 0])),
        ("whole-sequence", over(&[2, 1])),
        ("whole-tensor", Box::new(candidate(flat))),
        (
            "no-sqrt",
            rows(
                |h, gamma, beta, eps| {
                    let (mean, variance) = moments(h);
                    each(h, |i| gamma[i] * (h[i] - mean) / (variance + eps) + beta[i])
                },
                |h, gamma, _, eps| {
                    let square = mean_square(h);
                    each(h, |i| gamma[i] * h[i] / (square + eps))
                },
            ),
        ),
        (
            "eps-missing",
            rows(
                |h, gamma, beta, _| {
                    let (mean, variance) = moments(h);
                    each(h, |i| (h[i] - mean) / variance.sqrt() * gamma[i] + beta[i])
                },
                |h, gamma, _, _| {
                    let rms = mean_square(h).sqrt();
                    each(h, |i| h[i] / rms * gamma[i])
                },
            ),
        ),
        (
            "eps-hardcoded",
            rows(
                |h, gamma, beta, _| layer(h, gamma, beta, 1e-5),
                |h, gamma, beta, _| rms(h, gamma, beta, 1e-5),
            ),
        ),
        (
            "no-gamma",
            rows(
                |h, _, beta, eps| layer(h, &vec![1.0; h.len()], beta, eps),
                |h, _, beta, eps| rms(h, &vec![1.0; h.len()], beta, eps),
            ),
        ),
    ];
    let mut layers = |id, row: Row| all.push((id, rows(row, rms)));
    layers("unbiased-var", |h, gamma, beta, eps| {
        let (mean, variance) = moments(h);
        let std = (variance * h.len() as f32 / (h.len() as f32 - 1.0) + eps).sqrt();
        each(h, |i| (h[i] - mean) / std * gamma[i] + beta[i])
    });
    layers("var-not-centred", |h, gamma, beta, eps| {
        let (mean, std) = (moments(h).0, (mean_square(h) + eps).sqrt());
        each(h, |i| (h[i] - mean) / std * gamma[i] + beta[i])
    });
    layers("no-mean-subtraction", |h, gamma, beta, eps| {
        let std = (moments(h).1 + eps).sqrt();
        each(h, |i| h[i] / std * gamma[i] + beta[i])
    });
    layers("eps-outside", |h, gamma, beta, eps| {
        let (mean, variance) = moments(h);
        each(h, |i| {
            gamma[i] * (h[i] - mean) / (variance.sqrt() + eps) + beta[i]
        })
    });
    layers("no-beta", |h, gamma, _, eps| {
        let (mean, variance) = moments(h);
        each(h, |i| (h[i] - mean) / (variance + eps).sqrt() * gamma[i])
    });
    layers("affine-order", |h, gamma, beta, eps| {
        let (mean, variance) = moments(h);
        each(h, |i| {
            gamma[i] * ((h[i] - mean) / (variance + eps).sqrt() + beta[i])
        })
    });
    layers("gamma-beta-swapped", |h, gamma, beta, eps| {
        layer(h, beta, gamma, eps)
    });
    let mut squares = |id, row: Row| all.push((id, rows(layer, row)));
    squares("rms-with-mean-subtraction", |h, gamma, _, eps| {
        let (mean, variance) = moments(h);
        each(h, |i| gamma[i] * (h[i] - mean) / (variance + eps).sqrt())
    });
    squares("rms-centred-denominator", |h, gamma, _, eps| {
        let std = (moments(h).1 + eps).sqrt();
        each(h, |i| gamma[i] * h[i] / std)
    });
    squares("rms-is-l2", |h, gamma, _, eps| {
        let length = (h.iter().map(|h| h * h).sum::<f32>() + eps).sqrt();
        each(h, |i| gamma[i] * h[i] / length)
    });
    squares("rms-adds-beta", |h, gamma, beta, eps| {
        let rms = (mean_square(h) + eps).sqrt();
        each(h, |i| gamma[i] * h[i] / rms + beta[i])
    });
    all.push((
        "eps-outside",
        // In both norms: the second is a convention, the first is not.
        rows(
            |h, gamma, beta, eps| {
                let (mean, variance) = moments(h);
                each(h, |i| {
                    gamma[i] * (h[i] - mean) / (variance.sqrt() + eps) + beta[i]
                })
            },
            |h, gamma, _, eps| {
                let rms = mean_square(h).sqrt();
                each(h, |i| gamma[i] * h[i] / (rms + eps))
            },
        ),
    ));
    all.push((
        "no-beta",
        rows(
            |h, gamma, _, eps| layer(h, gamma, &vec![0.0; h.len()], eps),
            |h, gamma, _, eps| {
                let rms = (mean_square(h) + eps).sqrt();
                each(h, |i| h[i] / rms * (gamma[i] + 1.0))
            },
        ),
    ));
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            // As in a well-known annotated transformer.
            ["unbiased-var", "eps-outside"],
            rows(
                |h, gamma, beta, eps| {
                    let (mean, variance) = moments(h);
                    let std = (variance * h.len() as f32 / (h.len() as f32 - 1.0)).sqrt();
                    each(h, |i| gamma[i] * (h[i] - mean) / (std + eps) + beta[i])
                },
                rms,
            ),
        ),
        (
            ["no-beta", "rms-is-l2"],
            rows(
                |h, gamma, _, eps| layer(h, gamma, &vec![0.0; h.len()], eps),
                |h, gamma, _, eps| {
                    let square: f32 = h.iter().map(|h| h * h).sum();
                    each(h, |i| gamma[i] * h[i] / (square + eps).sqrt())
                },
            ),
        ),
        (
            ["affine-order", "rms-with-mean-subtraction"],
            rows(
                |h, gamma, beta, eps| {
                    let (mean, variance) = moments(h);
                    let std = (variance + eps).sqrt();
                    each(h, |i| ((h[i] - mean) / std + beta[i]) * gamma[i])
                },
                |h, gamma, _, eps| {
                    let (mean, variance) = moments(h);
                    let std = (variance + eps).sqrt();
                    each(h, |i| (h[i] - mean) / std * gamma[i])
                },
            ),
        ),
        (
            ["eps-hardcoded", "rms-adds-beta"],
            rows(
                |h, gamma, beta, _| layer(h, gamma, beta, 1e-5),
                |h, gamma, beta, _| {
                    let rms = (mean_square(h) + 1e-5).sqrt();
                    each(h, |i| h[i] / rms * gamma[i] + beta[i])
                },
            ),
        ),
        (
            ["no-residual", "no-gamma"],
            Box::new(candidate(
                |_: &Tensor, sublayer: &Tensor, _: &Tensor, beta: &Tensor, eps: f64| {
                    let ones = Tensor::ones(beta.raw_dim());
                    let layer = by_rows(sublayer, &ones, beta, eps, layer);
                    let rms = by_rows(sublayer, &ones, beta, eps, rms);
                    (sublayer.clone(), layer, rms)
                },
            )),
        ),
    ]
}

fn each(h: &[f32], value: impl Fn(usize) -> f32) -> Vec<f32> {
    (0..h.len()).map(value).collect()
}

/// Mean and variance.
fn moments(h: &[f32]) -> (f32, f32) {
    let d = h.len() as f32;
    let mean = h.iter().sum::<f32>() / d;
    let variance = h.iter().map(|h| (h - mean) * (h - mean)).sum::<f32>() / d;
    (mean, variance)
}

fn mean_square(h: &[f32]) -> f32 {
    h.iter().map(|h| h * h).sum::<f32>() / h.len() as f32
}

fn layer(h: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> Vec<f32> {
    let (mean, variance) = moments(h);
    let std = (variance + eps).sqrt();
    each(h, |i| gamma[i] * (h[i] - mean) / std + beta[i])
}

fn rms(h: &[f32], gamma: &[f32], _: &[f32], eps: f32) -> Vec<f32> {
    let rms = (mean_square(h) + eps).sqrt();
    each(h, |i| gamma[i] * h[i] / rms)
}

fn by_rows(h: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64, row: Row) -> Tensor {
    let (gamma, beta) = (gamma.as_slice().unwrap(), beta.as_slice().unwrap());
    let whole = h.as_standard_layout();
    let normed = whole
        .as_slice()
        .unwrap()
        .chunks(gamma.len())
        .flat_map(|h| row(h, gamma, beta, eps as f32))
        .collect();
    Tensor::from_shape_vec(h.raw_dim(), normed).unwrap()
}

/// A right sum with these two norms of it.
fn rows(layer: Row, rms: Row) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64| {
            let sum = x + sublayer;
            let layer = by_rows(&sum, gamma, beta, eps, layer);
            let rms = by_rows(&sum, gamma, beta, eps, rms);
            (sum, layer, rms)
        },
    ))
}

/// Right norms of something else.
fn flow(flow: Flow) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64| {
            let norm = |h: &Tensor| by_rows(h, gamma, beta, eps, layer);
            let [sum, normed] = flow(x, sublayer, &norm);
            let (layer, rms) = (norm(&normed), by_rows(&normed, gamma, beta, eps, rms));
            (sum, layer, rms)
        },
    ))
}

fn loops(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Three {
    let [batch, tokens, d] = [0, 1, 2].map(|axis| x.shape()[axis]);
    let mut sum = Tensor::zeros(x.raw_dim());
    let (mut layer, mut rms) = (sum.clone(), sum.clone());
    for b in 0..batch {
        for n in 0..tokens {
            let mut mean = 0.0;
            let mut square = 0.0;
            for i in 0..d {
                sum[[b, n, i]] = x[[b, n, i]] + sublayer[[b, n, i]];
                mean += sum[[b, n, i]];
                square += sum[[b, n, i]] * sum[[b, n, i]];
            }
            mean /= d as f32;
            square /= d as f32;
            let mut variance = 0.0;
            for i in (0..d).rev() {
                variance += (sum[[b, n, i]] - mean).powi(2) / d as f32;
            }
            for i in 0..d {
                let h = sum[[b, n, i]];
                layer[[b, n, i]] =
                    gamma[[i]] * (h - mean) / (variance + eps as f32).sqrt() + beta[[i]];
                rms[[b, n, i]] = gamma[[i]] * h / (square + eps as f32).sqrt();
            }
        }
    }
    (sum, layer, rms)
}

fn broadcast(
    x: &Tensor,
    sublayer: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
) -> (Array3<f32>, Array3<f32>, Array3<f32>) {
    let sum = (x + sublayer)
        .into_dimensionality::<ndarray::Ix3>()
        .unwrap();
    let keep = |a: ndarray::Array2<f32>| a.insert_axis(Axis(2));
    let centred = &sum - &keep(sum.mean_axis(Axis(2)).unwrap());
    let std = keep(sum.var_axis(Axis(2), 0.0)).mapv(|v| (v + eps as f32).sqrt());
    let square = keep(sum.mapv(|h| h * h).mean_axis(Axis(2)).unwrap());
    let rms = &sum / &square.mapv(|s| (s + eps as f32).sqrt());
    let static_rank = |a: Tensor| a.into_dimensionality::<ndarray::Ix3>().unwrap();
    let layer = static_rank((centred / &std).into_dyn() * gamma + beta);
    (sum, layer, static_rank(rms.into_dyn() * gamma))
}

fn matrix(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Three {
    let d = gamma.len();
    let sum = x + sublayer;
    let centring = Tensor::from_shape_fn(vec![d, d], |at| {
        f32::from(u8::from(at[0] == at[1])) - 1.0 / d as f32
    });
    let centred = matmul(&sum, &centring);
    let rstd = |h: &Tensor| {
        let square = einsum("b n d, b n d -> b n", &[h, h]) / d as f32;
        square.mapv(|s| 1.0 / (s + eps as f32).sqrt())
    };
    let scaled = |h: &Tensor, by: &Tensor| einsum("b n d, b n -> b n d", &[h, by]) * gamma;
    let layer = scaled(&centred, &rstd(&centred)) + beta;
    let rms = scaled(&sum, &rstd(&sum));
    (sum, layer, rms)
}

fn wide(
    x: &Tensor,
    sublayer: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
) -> (ArrayD<f64>, ArrayD<f64>, ArrayD<f64>) {
    let sum = x.mapv(f64::from) + sublayer.mapv(f64::from);
    let last = Axis(2);
    let mean = sum.mean_axis(last).unwrap().insert_axis(last);
    let std = sum
        .var_axis(last, 0.0)
        .insert_axis(last)
        .mapv(|v| (v + eps).sqrt());
    let square = (&sum * &sum).mean_axis(last).unwrap().insert_axis(last);
    let (gamma, beta) = (gamma.mapv(f64::from), beta.mapv(f64::from));
    let layer = (&sum - &mean) / &std * &gamma + &beta;
    let rms = &sum / &square.mapv(|s| (s + eps).sqrt()) * &gamma;
    (sum, layer, rms)
}

fn welford(
    x: &Tensor,
    sublayer: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
    trace: &mut Trace,
) -> Three {
    let sum = x + sublayer;
    trace.step("sum", "x + f(x)", "b n d", &sum);
    let (mut layer, mut rms) = (sum.clone(), sum.clone());
    for (mut layer, mut rms) in layer
        .lanes_mut(Axis(2))
        .into_iter()
        .zip(rms.lanes_mut(Axis(2)))
    {
        let (mut count, mut mean, mut gaps, mut square) = (0.0, 0.0, 0.0, 0.0);
        for &h in &layer {
            count += 1.0;
            let gap = h - mean;
            mean += gap / count;
            gaps += gap * (h - mean);
            square += (h * h - square) / count;
        }
        for i in 0..layer.len() {
            layer[i] = gamma[i] * (layer[i] - mean) / (gaps / count + eps as f32).sqrt() + beta[i];
            rms[i] = gamma[i] * rms[i] / (square + eps as f32).sqrt();
        }
    }
    trace.step("layer_norm", "γ⊙x̂ + β", "b n d", &layer);
    (sum, layer, rms)
}

fn chunks(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Three {
    let sum = x + sublayer;
    let mut layer = sum.clone();
    let mut rms = sum.clone();
    let d = gamma.len();
    for h in layer.as_slice_mut().unwrap().chunks_exact_mut(d) {
        let mean = h.iter().sum::<f32>() / d as f32;
        h.iter_mut().for_each(|h| *h -= mean);
        let rstd = (mean_square(h) + eps as f32).sqrt().recip();
        let affine = gamma.iter().zip(beta);
        h.iter_mut()
            .zip(affine)
            .for_each(|(h, (g, b))| *h = (*h * rstd).mul_add(*g, *b));
    }
    for h in rms.as_slice_mut().unwrap().chunks_exact_mut(d) {
        let rstd = (mean_square(h) + eps as f32).sqrt().recip();
        h.iter_mut().zip(gamma).for_each(|(h, g)| *h *= rstd * g);
    }
    (sum, layer, rms)
}

fn post_norm_stream(
    x: &Tensor,
    sublayer: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
) -> Three {
    let mut h = x + sublayer;
    let square = by_rows(&h, gamma, beta, eps, rms);
    h = by_rows(&h, gamma, beta, eps, layer);
    (h.clone(), h, square)
}

fn norm_inside(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Three {
    let inside = |row| x + &by_rows(sublayer, gamma, beta, eps, row);
    (x + sublayer, inside(layer), inside(rms))
}

fn added_twice(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Three {
    let sum = x + sublayer;
    let after = |row| x + &by_rows(&sum, gamma, beta, eps, row);
    let (layer, rms) = (after(layer), after(rms));
    (sum, layer, rms)
}

fn chained(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Three {
    let sum = x + sublayer;
    let normed = by_rows(&sum, gamma, beta, eps, layer);
    let again = by_rows(&normed, gamma, beta, eps, rms);
    (sum, normed, again)
}

/// Both norms with means over these axes.
fn over(axes: &'static [usize]) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64| {
            let mean = |h: &Tensor| {
                axes.iter().fold(h.clone(), |h, &axis| {
                    h.mean_axis(Axis(axis)).unwrap().insert_axis(Axis(axis))
                })
            };
            let sum = x + sublayer;
            let root = |h: &Tensor| mean(&(h * h)).mapv(|s| (s + eps as f32).sqrt());
            let centred = &sum - &mean(&sum);
            let layer = &centred / &root(&centred) * gamma + beta;
            let rms = &sum / &root(&sum) * gamma;
            (sum, layer, rms)
        },
    ))
}

fn flat(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Three {
    let sum = x + sublayer;
    let all: Vec<f32> = sum.iter().copied().collect();
    let (mean, variance) = moments(&all);
    let (std, rms) = (
        (variance + eps as f32).sqrt(),
        (mean_square(&all) + eps as f32).sqrt(),
    );
    let layer = (&sum - mean) / std * gamma + beta;
    let squared = &sum / rms * gamma;
    (sum, layer, squared)
}
