//! Answers to `position_wise_ffn` as people write them: right ones in many styles, and one wrong one
//! for every planted bug.

use llmlab::lessons::position_wise_ffn::{candidate, erf};
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/position_wise_ffn/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/position_wise_ffn/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
/// The weights as they come.
struct W<'a> {
    w_up: &'a Tensor,
    b_up: &'a Tensor,
    w_gate: &'a Tensor,
    w_down: &'a Tensor,
    b_down: &'a Tensor,
}
/// One network: x to its output.
type Net = fn(&Tensor, &W) -> Tensor;

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::position_wise_ffn)),
        ),
        ("matmul with erf", nets(ffn, swiglu)),
        ("plain loops", Box::new(candidate(loops))),
        ("einsum, traced", Box::new(candidate(traced))),
        ("f64 throughout", Box::new(candidate(wide))),
        (
            "a convolution with kernel size 1",
            nets(by_convolution, swiglu),
        ),
        ("gate and up in one fused matrix", nets(ffn, fused)),
        (
            "static rank, one row of the batch at a time",
            Box::new(candidate(row_by_row)),
        ),
        (
            "tanh form",
            nets(
                |x, w| matmul(&(matmul(x, w.w_up) + w.b_up).mapv(gelu_tanh), w.w_down) + w.b_down,
                swiglu,
            ),
        ),
        (
            "sigmoid form",
            nets(
                |x, w| {
                    let quick = |z: f32| z / (1.0 + (-1.702 * z).exp());
                    matmul(&(matmul(x, w.w_up) + w.b_up).mapv(quick), w.w_down) + w.b_down
                },
                swiglu,
            ),
        ),
    ]
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = vec![
        (
            "reshaped-not-permuted",
            nets(
                |x, w| channels_first(x, w, ffn),
                |x, w| channels_first(x, w, swiglu),
            ),
        ),
        (
            "residual-included",
            nets(|x, w| x + ffn(x, w), |x, w| x + swiglu(x, w)),
        ),
    ];
    let mut first = |id, net: Net| all.push((id, nets(net, swiglu)));
    first("no-activation", |x, w| {
        matmul(&(matmul(x, w.w_up) + w.b_up), w.w_down) + w.b_down
    });
    first("activation-first", |x, w| {
        matmul(&(matmul(&x.mapv(gelu), w.w_up) + w.b_up), w.w_down) + w.b_down
    });
    first("activation-last", |x, w| {
        let hidden = matmul(x, w.w_up) + w.b_up;
        (matmul(&hidden, w.w_down) + w.b_down).mapv(gelu)
    });
    first("relu", |x, w| activated(x, w, |z| z.max(0.0)));
    first("silu-for-gelu", |x, w| activated(x, w, silu));
    first("cdf-without-x", |x, w| {
        activated(x, w, |z| 0.5 * (1.0 + erf32(z / 2f32.sqrt())))
    });
    first("erf-without-sqrt2", |x, w| {
        activated(x, w, |z| 0.5 * z * (1.0 + erf32(z)))
    });
    first("gelu-without-half", |x, w| {
        activated(x, w, |z| z * (1.0 + erf32(z / 2f32.sqrt())))
    });
    first("no-up-bias", |x, w| {
        matmul(&matmul(x, w.w_up).mapv(gelu), w.w_down) + w.b_down
    });
    first("no-down-bias", |x, w| {
        matmul(&(matmul(x, w.w_up) + w.b_up).mapv(gelu), w.w_down)
    });
    first("bias-after-activation", |x, w| {
        let hidden = matmul(x, w.w_up).mapv(gelu) + w.b_up;
        matmul(&hidden, w.w_down) + w.b_down
    });
    // In the tanh form too.
    first("no-down-bias", |x, w| {
        matmul(&(matmul(x, w.w_up) + w.b_up).mapv(gelu_tanh), w.w_down)
    });
    let mut second = |id, net: Net| all.push((id, nets(ffn, net)));
    second("swiglu-with-biases", |x, w| {
        let up = matmul(x, w.w_up) + w.b_up;
        matmul(&(matmul(x, w.w_gate).mapv(silu) * up), w.w_down) + w.b_down
    });
    second("gate-up-swapped", |x, w| {
        matmul(
            &(matmul(x, w.w_up).mapv(silu) * matmul(x, w.w_gate)),
            w.w_down,
        )
    });
    second("gate-sigmoid", |x, w| {
        gated(x, w, |g| 1.0 / (1.0 + (-g).exp()))
    });
    second("gate-gelu", |x, w| gated(x, w, gelu));
    second("gate-relu", |x, w| {
        gated(x, w, |g| if g > 0.0 { g } else { 0.0 })
    });
    second("gate-linear", |x, w| gated(x, w, |g| g));
    second("silu-on-both", |x, w| {
        let both = matmul(x, w.w_gate).mapv(silu) * matmul(x, w.w_up).mapv(silu);
        matmul(&both, w.w_down)
    });
    second("gate-is-up", |x, w| {
        let up = matmul(x, w.w_up);
        matmul(&(up.mapv(silu) * &up), w.w_down)
    });
    second("gate-alone", |x, w| {
        matmul(&matmul(x, w.w_gate).mapv(silu), w.w_down)
    });
    second("gate-added", |x, w| {
        matmul(
            &(matmul(x, w.w_gate).mapv(silu) + matmul(x, w.w_up)),
            w.w_down,
        )
    });
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["relu", "gate-sigmoid"],
            nets(
                |x, w| activated(x, w, |z| z.max(0.0)),
                |x, w| gated(x, w, |g| 1.0 / (1.0 + (-g).exp())),
            ),
        ),
        (
            ["no-up-bias", "no-down-bias"],
            nets(
                |x, w| matmul(&matmul(x, w.w_up).mapv(gelu), w.w_down),
                swiglu,
            ),
        ),
        (
            ["silu-for-gelu", "gate-up-swapped"],
            nets(
                |x, w| activated(x, w, silu),
                |x, w| {
                    matmul(
                        &(matmul(x, w.w_gate) * matmul(x, w.w_up).mapv(silu)),
                        w.w_down,
                    )
                },
            ),
        ),
        (
            ["no-activation", "gate-added"],
            nets(
                |x, w| activated(x, w, |z| z),
                |x, w| {
                    matmul(
                        &(matmul(x, w.w_gate).mapv(silu) + matmul(x, w.w_up)),
                        w.w_down,
                    )
                },
            ),
        ),
    ]
}

fn erf32(x: f32) -> f32 {
    erf(f64::from(x)) as f32
}

fn gelu(z: f32) -> f32 {
    0.5 * z * (1.0 + erf32(z / 2f32.sqrt()))
}

fn gelu_tanh(z: f32) -> f32 {
    let inner = 0.797_884_6 * (z + 0.044_715 * z.powi(3));
    0.5 * z * (1.0 + inner.tanh())
}

fn silu(z: f32) -> f32 {
    z / (1.0 + (-z).exp())
}

fn activated(x: &Tensor, w: &W, act: fn(f32) -> f32) -> Tensor {
    matmul(&(matmul(x, w.w_up) + w.b_up).mapv(act), w.w_down) + w.b_down
}

fn gated(x: &Tensor, w: &W, act: fn(f32) -> f32) -> Tensor {
    matmul(
        &(matmul(x, w.w_gate).mapv(act) * matmul(x, w.w_up)),
        w.w_down,
    )
}

fn ffn(x: &Tensor, w: &W) -> Tensor {
    activated(x, w, gelu)
}

fn swiglu(x: &Tensor, w: &W) -> Tensor {
    gated(x, w, silu)
}

/// Two networks as one answer.
fn nets(first: Net, second: Net) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |x: &Tensor,
              w_up: &Tensor,
              b_up: &Tensor,
              w_gate: &Tensor,
              w_down: &Tensor,
              b_down: &Tensor| {
            let w = W {
                w_up,
                b_up,
                w_gate,
                w_down,
                b_down,
            };
            (first(x, &w), second(x, &w))
        },
    ))
}

/// Makes x channels first by reshaping, which only counts the numbers anew.
fn channels_first(x: &Tensor, w: &W, net: Net) -> Tensor {
    let [b, n, d] = [0, 1, 2].map(|axis| x.shape()[axis]);
    let flat: Vec<f32> = x.iter().copied().collect();
    let channels = Tensor::from_shape_vec(vec![b, d, n], flat).unwrap();
    let tokens = channels.permuted_axes(vec![0, 2, 1]);
    let out = net(&tokens.as_standard_layout().into_owned(), w);
    let back: Vec<f32> = out.permuted_axes(vec![0, 2, 1]).iter().copied().collect();
    Tensor::from_shape_vec(vec![b, n, d], back).unwrap()
}

/// out[b, f, n] = Σ over channels and the one tap, channels first, as conv1d has it.
fn by_convolution(x: &Tensor, w: &W) -> Tensor {
    let conv = |x: &Tensor, w: &Tensor, bias: &Tensor| {
        let [b, d, n] = [0, 1, 2].map(|axis| x.shape()[axis]);
        let f = w.shape()[1];
        let mut out = Tensor::zeros(vec![b, f, n]);
        for (b, f, n) in ndarray::indices((b, f, n)) {
            let mut total = bias[[f]];
            for c in 0..d {
                total += x[[b, c, n]] * w[[c, f]];
            }
            out[[b, f, n]] = total;
        }
        out
    };
    let channels = permute("b n d -> b d n", x);
    let hidden = conv(&channels, w.w_up, w.b_up).mapv(gelu);
    permute("b d n -> b n d", &conv(&hidden, w.w_down, w.b_down))
}

fn fused(x: &Tensor, w: &W) -> Tensor {
    let both = ndarray::concatenate(Axis(1), &[w.w_gate.view(), w.w_up.view()]).unwrap();
    let f = w.b_up.len();
    let both = matmul(x, &both.as_standard_layout().into_owned());
    let (gate, up) = both.view().split_at(Axis(2), f);
    let product = gate.mapv(silu) * up;
    matmul(&product, w.w_down)
}

fn loops(
    x: &Tensor,
    w_up: &Tensor,
    b_up: &Tensor,
    w_gate: &Tensor,
    w_down: &Tensor,
    b_down: &Tensor,
) -> (Tensor, Tensor) {
    let [batch, tokens, d] = [0, 1, 2].map(|axis| x.shape()[axis]);
    let hidden = b_up.len();
    let mut first = Tensor::zeros(x.raw_dim());
    let mut second = Tensor::zeros(x.raw_dim());
    for b in 0..batch {
        for n in 0..tokens {
            for i in 0..d {
                first[[b, n, i]] = b_down[[i]];
            }
            for j in 0..hidden {
                let (mut up, mut gate) = (0.0, 0.0);
                for i in 0..d {
                    up += x[[b, n, i]] * w_up[[i, j]];
                    gate += x[[b, n, i]] * w_gate[[i, j]];
                }
                let on = gelu(up + b_up[[j]]);
                let through = silu(gate) * up;
                for i in 0..d {
                    first[[b, n, i]] += on * w_down[[j, i]];
                    second[[b, n, i]] += through * w_down[[j, i]];
                }
            }
        }
    }
    (first, second)
}

fn traced(
    x: &Tensor,
    w_up: &Tensor,
    b_up: &Tensor,
    w_gate: &Tensor,
    w_down: &Tensor,
    b_down: &Tensor,
    trace: &mut Trace,
) -> (Tensor, Tensor) {
    let up = einsum("b n d, d f -> b n f", &[x, w_up]);
    trace.step("up", "x·W_up", "b n f", &up);
    let hidden = (&up + b_up).mapv(gelu);
    trace.step("hidden", "GELU", "b n f", &hidden);
    let out = einsum("b n f, f d -> b n d", &[&hidden, w_down]) + b_down;
    let gate = einsum("b n d, d f -> b n f", &[x, w_gate]);
    let gated = gate.mapv(|g| g * (1.0 / (1.0 + (-g).exp()))) * up;
    (out, einsum("b n f, f d -> b n d", &[&gated, w_down]))
}

fn wide(
    x: &Tensor,
    w_up: &Tensor,
    b_up: &Tensor,
    w_gate: &Tensor,
    w_down: &Tensor,
    b_down: &Tensor,
) -> (ArrayD<f64>, ArrayD<f64>) {
    let [x, w_up, b_up, w_gate, w_down, b_down] =
        [x, w_up, b_up, w_gate, w_down, b_down].map(|a| a.mapv(f64::from));
    let up = matmul(&x, &w_up);
    let hidden = (&up + &b_up).mapv(|z| 0.5 * z * (1.0 + erf(z / 2f64.sqrt())));
    let gate = matmul(&x, &w_gate).mapv(|g| g / (1.0 + (-g).exp()));
    (
        matmul(&hidden, &w_down) + &b_down,
        matmul(&(gate * up), &w_down),
    )
}

fn row_by_row(
    x: &Tensor,
    w_up: &Tensor,
    b_up: &Tensor,
    w_gate: &Tensor,
    w_down: &Tensor,
    b_down: &Tensor,
) -> (Array3<f32>, Array3<f32>) {
    let two = |w: &Tensor| w.clone().into_dimensionality::<ndarray::Ix2>().unwrap();
    let (w_up, w_gate, w_down) = (two(w_up), two(w_gate), two(w_down));
    let x = x.view().into_dimensionality::<ndarray::Ix3>().unwrap();
    let (mut first, mut second) = (Array3::zeros(x.dim()), Array3::zeros(x.dim()));
    for (i, x) in x.outer_iter().enumerate() {
        let up = x.dot(&w_up);
        let b_up = b_up.view().into_dimensionality::<ndarray::Ix1>().unwrap();
        let b_down = b_down.view().into_dimensionality::<ndarray::Ix1>().unwrap();
        let hidden = (&up + &b_up).mapv(gelu);
        first
            .slice_mut(s![i, .., ..])
            .assign(&(hidden.dot(&w_down) + b_down));
        let gated = x.dot(&w_gate).mapv(silu) * &up;
        second.slice_mut(s![i, .., ..]).assign(&gated.dot(&w_down));
    }
    (first, second)
}
