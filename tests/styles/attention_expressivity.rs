//! Reach and collapse as different people compute them: right, wrong in every way that the lesson
//! knows, and wrong in two ways at once.

use llmlab::lessons::attention_expressivity::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;
use std::collections::VecDeque;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/attention_expressivity/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/attention_expressivity/solution.rs"]
mod solution;

type Named<Id> = Vec<(Id, Box<dyn Candidate>)>;
type Paths = fn(&Labels) -> Tensor;
/// The tokens before the first and after every layer.
type Layers = fn(&Tensor, &Tensor, &Labels, bool) -> Vec<Tensor>;
/// Tokens after a layer, and before the first.
type Measure = fn(&Tensor, &Tensor) -> f32;

fn whole(paths: Paths, layers: Layers, measure: Measure) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |x: &Tensor, w: &Tensor, sees: &Labels, skip: f64| {
            let xs = layers(x, w, sees, skip > 0.5);
            let collapse: Vec<f32> = xs[1..].iter().map(|after| measure(after, &xs[0])).collect();
            (paths(sees), Array1::from(collapse))
        },
    ))
}

fn reach(paths: Paths) -> Box<dyn Candidate> {
    whole(paths, forward, spread)
}

fn measured(measure: Measure) -> Box<dyn Candidate> {
    whole(bfs, forward, measure)
}

fn layered(layers: Layers) -> Box<dyn Candidate> {
    whole(bfs, layers, spread)
}

/// From every token along what reads it.
fn bfs(sees: &Labels) -> Tensor {
    let n = sees.shape()[0];
    let mut out = Tensor::from_elem(vec![n, n], -1.0);
    for j in 0..n {
        let mut queue = VecDeque::from([(j, 0)]);
        while let Some((i, step)) = queue.pop_front() {
            if out[[i, j]] >= 0.0 {
                continue;
            }
            out[[i, j]] = step as f32;
            queue.extend((0..n).filter(|k| sees[[*k, i]] == 1).map(|k| (k, step + 1)));
        }
    }
    out
}

/// Powers of the 0/1 matrix.
fn powers(sees: &Labels) -> Tensor {
    let n = sees.shape()[0];
    let one = sees.mapv(|sees| sees as f32);
    let mut reached = Tensor::from_shape_fn(vec![n, n], |at| f32::from(u8::from(at[0] == at[1])));
    let mut out = reached.mapv(|known| known - 1.0);
    for step in 1..n {
        reached = matmul(&one, &reached).mapv(|count| count.min(1.0));
        out.zip_mut_with(&reached, |out, known| {
            if *out < 0.0 && *known > 0.0 {
                *out = step as f32;
            }
        });
    }
    out
}

/// Floyd and Warshall.
fn floyd(sees: &Labels) -> Tensor {
    let n = sees.shape()[0];
    let far = 1e9;
    let mut out = Tensor::from_shape_fn(vec![n, n], |at| {
        match (at[0] == at[1], sees[[at[0], at[1]]]) {
            (true, _) => 0.0,
            (_, 1) => 1.0,
            _ => far,
        }
    });
    for k in 0..n {
        for i in 0..n {
            for j in 0..n {
                out[[i, j]] = out[[i, j]].min(out[[i, k]] + out[[k, j]]);
            }
        }
    }
    out.mapv(|layers| if layers < far { layers } else { -1.0 })
}

fn weights(x: &Tensor, w: &Tensor, layer: usize) -> [Tensor; 3] {
    [0, 1, 2].map(|i| {
        let w = w
            .index_axis(Axis(0), layer)
            .index_axis(Axis(0), i)
            .to_owned();
        matmul(x, &w)
    })
}

fn mask(sees: &Labels) -> Tensor {
    sees.mapv(|sees| if sees == 1 { 0.0 } else { f32::NEG_INFINITY })
}

fn scores(q: &Tensor, k: &Tensor) -> Tensor {
    einsum("n d, m d -> n m", &[q, k])
}

/// Every layer by `layer(x, number)`.
fn stacked(
    x: &Tensor,
    w: &Tensor,
    skip: bool,
    layer: impl Fn(&Tensor, usize) -> Tensor,
) -> Vec<Tensor> {
    let mut xs = vec![x.clone()];
    for number in 0..w.shape()[0] {
        let x = &xs[number];
        let read = layer(x, number);
        xs.push(if skip { x + &read } else { read });
    }
    xs
}

fn attention(x: &Tensor, w: &Tensor, sees: &Labels, number: usize) -> Tensor {
    let [q, k, v] = weights(x, w, number);
    let root = (x.shape()[1] as f32).sqrt();
    matmul(&softmax(&(scores(&q, &k) / root + mask(sees)), 1), &v)
}

fn forward(x: &Tensor, w: &Tensor, sees: &Labels, skip: bool) -> Vec<Tensor> {
    stacked(x, w, skip, |x, number| attention(x, w, sees, number))
}

/// Loops over the tokens that are read.
fn loops(x: &Tensor, w: &Tensor, sees: &Labels, skip: bool) -> Vec<Tensor> {
    stacked(x, w, skip, |x, number| {
        let (n, d) = (x.shape()[0], x.shape()[1]);
        let [q, k, v] = weights(x, w, number);
        let mut out = Tensor::zeros(vec![n, d]);
        for i in 0..n {
            let read: Vec<usize> = (0..n).filter(|j| sees[[i, *j]] == 1).collect();
            let score =
                |j: usize| (0..d).map(|t| q[[i, t]] * k[[j, t]]).sum::<f32>() / (d as f32).sqrt();
            let top = read.iter().map(|j| score(*j)).fold(f32::MIN, f32::max);
            let powers: Vec<f32> = read.iter().map(|j| (score(*j) - top).exp()).collect();
            let total: f32 = powers.iter().sum();
            for (j, power) in read.into_iter().zip(powers) {
                for t in 0..d {
                    out[[i, t]] += power / total * v[[j, t]];
                }
            }
        }
        out
    })
}

fn norm(x: &Tensor) -> f32 {
    x.iter().map(|x| x * x).sum::<f32>().sqrt()
}

fn centred(x: &Tensor) -> Tensor {
    x - &x.mean_axis(Axis(0)).unwrap()
}

fn spread(x: &Tensor, _: &Tensor) -> f32 {
    norm(&centred(x)) / norm(x)
}

/// √(1 − n·‖x̄‖²/‖X‖²) loses digits near 0; centring first does not.
fn spread_f64(x: &Tensor, _: &Tensor) -> f32 {
    let x = x.mapv(f64::from);
    let mean = x.mean_axis(Axis(0)).unwrap();
    let off: f64 = x
        .outer_iter()
        .map(|row| (&row - &mean).mapv(|c| c * c).sum())
        .sum();
    (off / x.mapv(|x| x * x).sum()).sqrt() as f32
}

fn in_f64(x: &Tensor, w: &Tensor, sees: &Labels, skip: f64) -> (Tensor, ArrayD<f64>) {
    let mut x = x.mapv(f64::from);
    let mut collapse = vec![];
    for w in w.outer_iter() {
        let [q, k, v] = [0, 1, 2].map(|i| matmul(&x, &w.index_axis(Axis(0), i).mapv(f64::from)));
        let mut s = einsum("n d, m d -> n m", &[&q, &k]) / (x.shape()[1] as f64).sqrt();
        s.zip_mut_with(sees, |s, sees| {
            if *sees == 0 {
                *s = -1e30;
            }
        });
        let read = einsum("n m, m d -> n d", &[&softmax(&s, 1), &v]);
        x = x * skip + read;
        let mean = x.mean_axis(Axis(0)).unwrap();
        let off = (&x - &mean).mapv(|c| c * c).sum();
        collapse.push((off / x.mapv(|x| x * x).sum()).sqrt());
    }
    (floyd(sees), Array1::from(collapse).into_dyn())
}

fn traced(x: &Tensor, w: &Tensor, sees: &Labels, skip: f64, trace: &mut Trace) -> (Tensor, Tensor) {
    let xs = forward(x, w, sees, skip == 1.0);
    for (i, x) in xs.iter().enumerate() {
        trace.step(&format!("x after {i}"), "layer", "n d", x);
    }
    let collapse: Vec<f32> = xs[1..].iter().map(|x| spread(x, x)).collect();
    (powers(sees), Array1::from(collapse).into_dyn())
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the solution",
            Box::new(candidate(solution::attention_expressivity)),
        ),
        ("a queue and matrix products", reach(bfs)),
        ("powers of the adjacency matrix", reach(powers)),
        ("Floyd–Warshall and loops", whole(floyd, loops, spread)),
        ("the measure in f64", measured(spread_f64)),
        ("f64 throughout", Box::new(candidate(in_f64))),
        ("traced", Box::new(candidate(traced))),
    ]
}

pub fn wrong() -> Named<&'static str> {
    vec![
        (
            "path-length-n",
            reach(|sees| {
                Tensor::from_shape_fn(sees.raw_dim(), |at| (at[0] as f32 - at[1] as f32).abs())
            }),
        ),
        ("direct-only", reach(direct)),
        ("reversed", reach(|sees| permute("i j -> j i", &bfs(sees)))),
        (
            "undirected",
            reach(|sees| {
                let both = Labels::from_shape_fn(sees.raw_dim(), |at| {
                    sees[[at[0], at[1]]].max(sees[[at[1], at[0]]])
                });
                bfs(&both)
            }),
        ),
        (
            "self-counts-one",
            reach(|sees| bfs(sees).mapv(|layers| if layers == 0.0 { 1.0 } else { layers })),
        ),
        (
            "counts-tokens",
            reach(|sees| bfs(sees).mapv(|layers| if layers < 0.0 { layers } else { layers + 1.0 })),
        ),
        (
            "unreachable-zero",
            reach(|sees| bfs(sees).mapv(|layers| layers.max(0.0))),
        ),
        (
            "unreachable-n",
            reach(|sees| {
                let n = sees.shape()[0] as f32;
                floyd(sees).mapv(|layers| if layers == -1.0 { n } else { layers })
            }),
        ),
        (
            "residual-relative-to-zero",
            measured(|x, _| norm(x) / norm(x)),
        ),
        ("mean-over-features", measured(over_features)),
        ("not-relative", measured(|x, _| norm(&centred(x)))),
        (
            "relative-to-start",
            measured(|x, start| norm(&centred(x)) / norm(start)),
        ),
        (
            "relative-to-mean",
            measured(|x, _| {
                let off = centred(x);
                norm(&off) / norm(&(x - &off))
            }),
        ),
        (
            "squared",
            measured(|x, _| {
                let square = |x: &Tensor| x.iter().map(|x| x * x).sum::<f32>();
                square(&centred(x)) / square(x)
            }),
        ),
        (
            "skip-ignored",
            layered(|x, w, sees, _| forward(x, w, sees, false)),
        ),
        (
            "skip-always",
            layered(|x, w, sees, _| forward(x, w, sees, true)),
        ),
        (
            "mask-ignored",
            layered(|x, w, sees, skip| {
                let all = sees.mapv(|_| 1);
                forward(x, w, &all, skip)
            }),
        ),
        (
            "no-scale",
            layered(|x, w, sees, skip| {
                stacked(x, w, skip, |x, number| {
                    let [q, k, v] = weights(x, w, number);
                    matmul(&softmax(&(scores(&q, &k) + mask(sees)), 1), &v)
                })
            }),
        ),
        (
            "softmax-queries",
            layered(|x, w, sees, skip| {
                stacked(x, w, skip, |x, number| {
                    let [q, k, v] = weights(x, w, number);
                    let root = (x.shape()[1] as f32).sqrt();
                    matmul(&softmax(&(scores(&q, &k) / root + mask(sees)), 0), &v)
                })
            }),
        ),
        (
            "same-weights",
            layered(|x, w, sees, skip| stacked(x, w, skip, |x, _| attention(x, w, sees, 0))),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["direct-only", "mean-over-features"],
            whole(direct, forward, over_features),
        ),
        (
            ["reversed", "squared"],
            whole(
                |sees| permute("i j -> j i", &powers(sees)),
                forward,
                |x, start| spread(x, start).powi(2),
            ),
        ),
        (
            ["unreachable-zero", "not-relative"],
            whole(
                |sees| bfs(sees).mapv(|layers| layers.max(0.0)),
                forward,
                |x, _| norm(&centred(x)),
            ),
        ),
        (
            ["counts-tokens", "skip-ignored"],
            whole(
                |sees| bfs(sees).mapv(|layers| if layers < 0.0 { -1.0 } else { layers + 1.0 }),
                |x, w, sees, _| forward(x, w, sees, false),
                spread,
            ),
        ),
    ]
}

fn direct(sees: &Labels) -> Tensor {
    Tensor::from_shape_fn(sees.raw_dim(), |at| {
        match (at[0] == at[1], sees[[at[0], at[1]]]) {
            (true, _) => 0.0,
            (_, 1) => 1.0,
            _ => -1.0,
        }
    })
}

fn over_features(x: &Tensor, _: &Tensor) -> f32 {
    let mean = x.mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    norm(&(x - &mean)) / norm(x)
}
