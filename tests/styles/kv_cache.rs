//! Answers to `kv-cache` as people write them: right ones in many styles, and one wrong one for
//! every planted bug.

use llmlab::lessons::kv_cache::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(
    unused_variables,
    clippy::too_many_arguments,
    reason = "the body is the learner's, the signature the lesson's"
)]
#[path = "../../lessons/kv_cache/exercise.rs"]
pub mod exercise;
#[expect(clippy::too_many_arguments, reason = "the signature is the lesson's")]
#[path = "../../lessons/kv_cache/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Three = (Tensor, Tensor, Tensor);

/// The arguments of one call.
#[derive(Clone)]
struct Call {
    q: Tensor,
    k: Tensor,
    v: Tensor,
    past_k: Tensor,
    past_v: Tensor,
    lengths: Vec<usize>,
    beam: Vec<usize>,
    theta: f32,
}

impl Call {
    /// b, h, g, n, m, d.
    fn sizes(&self) -> [usize; 6] {
        let (q, cache) = (self.q.shape(), self.past_k.shape());
        [q[0], q[1], cache[1], q[2], cache[2], q[3]]
    }

    fn starts(&self) -> Vec<usize> {
        self.beam.iter().map(|&row| self.lengths[row]).collect()
    }
}

fn with(run: impl Fn(Call) -> Three + 'static) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |q: &Tensor,
              k: &Tensor,
              v: &Tensor,
              past_k: &Tensor,
              past_v: &Tensor,
              lengths: &Labels,
              beam: &Labels,
              theta: f64|
              -> Three {
            let counts = |x: &Labels| x.iter().map(|&x| x as usize).collect();
            run(Call {
                q: q.clone(),
                k: k.clone(),
                v: v.clone(),
                past_k: past_k.clone(),
                past_v: past_v.clone(),
                lengths: counts(lengths),
                beam: counts(beam),
                theta: theta as f32,
            })
        },
    ))
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::kv_cache)),
        ),
        ("plain f32 loops", plain(PLAIN)),
        (
            "halves instead of pairs",
            plain(Plain {
                pair: |i, d| (i, i + d / 2),
                ..PLAIN
            }),
        ),
        ("a cache that grows, row by row", with(growing)),
        ("one new token after the other", with(one_by_one)),
        ("split keys, merged by log-sum-exp", with(split_keys)),
        ("grouped heads without repeating", with(grouped)),
        ("f64 inside, static rank", Box::new(candidate(wide))),
        ("additive mask, matmul, traced", Box::new(candidate(masked))),
    ]
}

/// A straightforward answer with its choices.
#[derive(Clone, Copy)]
struct Plain {
    /// The tokens before row i, from lengths and beam_idx.
    start: fn(&[usize], &[usize], usize) -> usize,
    k_row: fn(&[usize], usize) -> usize,
    v_row: fn(&[usize], usize) -> usize,
    /// Positions of new token r behind `start` tokens; None leaves the vector as it is.
    q_position: fn(usize, usize) -> Option<usize>,
    k_position: fn(usize, usize) -> Option<usize>,
    v_position: fn(usize, usize) -> Option<usize>,
    /// Where new token r goes.
    slot: fn(usize, usize) -> usize,
    v_written: bool,
    /// Whether new token r of n sees slot j.
    seen: fn(usize, usize, usize, usize) -> bool,
    /// Which cached head query head i of h reads, of g.
    head: fn(usize, usize, usize) -> usize,
    scale: fn(f32) -> f32,
    pair: fn(usize, usize) -> (usize, usize),
}

const PLAIN: Plain = Plain {
    start: |lengths, beam, i| lengths[beam[i]],
    k_row: |beam, i| beam[i],
    v_row: |beam, i| beam[i],
    q_position: |start, r| Some(start + r),
    k_position: |start, r| Some(start + r),
    v_position: |_, _| None,
    slot: |start, r| start + r,
    v_written: true,
    seen: |start, r, _, j| j <= start + r,
    head: |i, h, g| i / (h / g),
    scale: |d| 1.0 / d.sqrt(),
    pair: |i, _| (2 * i, 2 * i + 1),
};

/// One vector, turned.
fn turn(
    x: &mut [f32],
    position: Option<usize>,
    theta: f32,
    pair: fn(usize, usize) -> (usize, usize),
) {
    let (Some(position), d) = (position, x.len()) else {
        return;
    };
    for i in 0..d / 2 {
        let (a, b) = pair(i, d);
        let angle = position as f32 / theta.powf(2.0 * i as f32 / d as f32);
        let (x0, x1) = (x[a], x[b]);
        x[a] = x0 * angle.cos() - x1 * angle.sin();
        x[b] = x0 * angle.sin() + x1 * angle.cos();
    }
}

fn vector(x: &Tensor, at: [usize; 3]) -> Vec<f32> {
    let d = x.shape()[3];
    (0..d).map(|j| x[[at[0], at[1], at[2], j]]).collect()
}

fn put(x: &mut Tensor, at: [usize; 3], values: &[f32]) {
    for (j, value) in values.iter().enumerate() {
        x[[at[0], at[1], at[2], j]] = *value;
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn run(plain: Plain, call: &Call) -> Three {
    let [b, h, g, n, m, d] = call.sizes();
    let mut keys = call.past_k.clone();
    let mut values = call.past_v.clone();
    let mut out = Tensor::zeros(call.q.raw_dim());
    for i in 0..b {
        let start = (plain.start)(&call.lengths, &call.beam, i);
        for c in 0..g {
            for j in 0..m {
                let old = vector(&call.past_k, [(plain.k_row)(&call.beam, i), c, j]);
                put(&mut keys, [i, c, j], &old);
                let old = vector(&call.past_v, [(plain.v_row)(&call.beam, i), c, j]);
                put(&mut values, [i, c, j], &old);
            }
            for r in 0..n {
                let slot = (plain.slot)(start, r);
                let mut key = vector(&call.k, [i, c, r]);
                turn(
                    &mut key,
                    (plain.k_position)(start, r),
                    call.theta,
                    plain.pair,
                );
                put(&mut keys, [i, c, slot], &key);
                let mut value = vector(&call.v, [i, c, r]);
                turn(
                    &mut value,
                    (plain.v_position)(start, r),
                    call.theta,
                    plain.pair,
                );
                if plain.v_written {
                    put(&mut values, [i, c, slot], &value);
                }
            }
        }
        for a in 0..h {
            let c = (plain.head)(a, h, g);
            for r in 0..n {
                let mut query = vector(&call.q, [i, a, r]);
                turn(
                    &mut query,
                    (plain.q_position)(start, r),
                    call.theta,
                    plain.pair,
                );
                let seen: Vec<usize> = (0..m).filter(|&j| (plain.seen)(start, r, n, j)).collect();
                let score =
                    |&j: &usize| dot(&query, &vector(&keys, [i, c, j])) * (plain.scale)(d as f32);
                let scores: Vec<f32> = seen.iter().map(score).collect();
                let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let exp: Vec<f32> = scores.iter().map(|s| (s - max).exp()).collect();
                let sum: f32 = exp.iter().sum();
                let mut row = vec![0.0; d];
                for (weight, &j) in exp.iter().zip(&seen) {
                    for (x, value) in row.iter_mut().zip(vector(&values, [i, c, j])) {
                        *x += weight * value;
                    }
                }
                // No visible slot gives 0/0, as softmax does.
                row.iter_mut().for_each(|x| *x /= sum);
                put(&mut out, [i, a, r], &row);
            }
        }
    }
    (out, keys, values)
}

fn plain(choices: Plain) -> Box<dyn Candidate> {
    with(move |call| run(choices, &call))
}

/// As a framework's dynamic cache: concatenate to the filled part, attend, pad again.
fn growing(call: Call) -> Three {
    let [_, h, g, n, m, d] = call.sizes();
    let starts = call.starts();
    let mut out = Tensor::zeros(call.q.raw_dim());
    let mut caches = [
        Tensor::zeros(call.past_k.raw_dim()),
        Tensor::zeros(call.past_k.raw_dim()),
    ];
    for (i, &start) in starts.iter().enumerate() {
        let turned = |x: &Tensor, head: usize| -> Array2<f32> {
            let mut rows = Array2::zeros((n, d));
            for r in 0..n {
                let mut one = vector(x, [i, head, r]);
                turn(&mut one, Some(start + r), call.theta, PLAIN.pair);
                rows.row_mut(r).assign(&Array1::from(one));
            }
            rows
        };
        for c in 0..g {
            let old = |x: &Tensor| x.slice(s![call.beam[i], c, ..start, ..]).to_owned();
            let new = call.v.slice(s![i, c, .., ..]).to_owned();
            let grown = |old: Array2<f32>, new: Array2<f32>| {
                ndarray::concatenate(Axis(0), &[old.view(), new.view()]).unwrap()
            };
            let keys = grown(old(&call.past_k), turned(&call.k, c));
            let values = grown(old(&call.past_v), new);
            for a in c * h / g..(c + 1) * h / g {
                let mut scores = turned(&call.q, a).dot(&keys.t()) / (d as f32).sqrt();
                for r in 0..n {
                    scores.slice_mut(s![r, start + r + 1..]).fill(-1e30);
                }
                let weights = softmax(&scores.into_dyn(), 1);
                let rows = matmul(&weights, &values.clone().into_dyn());
                out.slice_mut(s![i, a, .., ..]).assign(&rows);
            }
            for (cache, filled) in caches.iter_mut().zip([keys, values]) {
                cache.slice_mut(s![i, c, ..start + n, ..]).assign(&filled);
            }
        }
        assert!(start + n <= m);
    }
    let [keys, values] = caches;
    (out, keys, values)
}

/// Decodes the chunk token by token.
fn one_by_one(mut call: Call) -> Three {
    let whole = call.clone();
    let n = call.q.shape()[2];
    let mut outs = Vec::new();
    for r in 0..n {
        let one = |x: &Tensor| x.select(Axis(2), &[r]);
        (call.q, call.k, call.v) = (one(&whole.q), one(&whole.k), one(&whole.v));
        let (out, keys, values) = run(PLAIN, &call);
        outs.push(out);
        call.lengths = call.starts().iter().map(|start| start + 1).collect();
        call.beam = (0..call.lengths.len()).collect();
        (call.past_k, call.past_v) = (keys, values);
    }
    let views: Vec<_> = outs.iter().map(|out| out.view()).collect();
    let out = ndarray::concatenate(Axis(2), &views).unwrap();
    (out, call.past_k, call.past_v)
}

/// Flash-decoding: the slots in two parts, each with its own maximum, merged at the end.
fn split_keys(call: Call) -> Three {
    let (_, keys, values) = run(PLAIN, &call);
    let [b, h, g, n, _, d] = call.sizes();
    let starts = call.starts();
    let mut out = Tensor::zeros(call.q.raw_dim());
    for (i, a, r) in ndarray::indices((b, h, n)) {
        let (c, position) = (a * g / h, starts[i] + r);
        let mut query = vector(&call.q, [i, a, r]);
        turn(&mut query, Some(position), call.theta, PLAIN.pair);
        let part = |from: usize, to: usize| {
            let (mut max, mut sum, mut row) = (f32::NEG_INFINITY, 0.0, vec![0.0; d]);
            for j in from..to {
                let score = dot(&query, &vector(&keys, [i, c, j])) / (d as f32).sqrt();
                let larger = score.max(max);
                let (old, new) = ((max - larger).exp(), (score - larger).exp());
                (max, sum) = (larger, sum * old + new);
                for (x, value) in row.iter_mut().zip(vector(&values, [i, c, j])) {
                    *x = *x * old + new * value;
                }
            }
            (max, sum, row)
        };
        let middle = position.div_ceil(2);
        let (first, second) = (part(0, middle), part(middle, position + 1));
        let max = first.0.max(second.0);
        let (p, q) = ((first.0 - max).exp(), (second.0 - max).exp());
        let sum = p * first.1 + q * second.1;
        let merged = first
            .2
            .iter()
            .zip(&second.2)
            .map(|(x, y)| (p * x + q * y) / sum);
        put(&mut out, [i, a, r], &merged.collect::<Vec<f32>>());
    }
    (out, keys, values)
}

/// q as [b g r n d], so that the cache is never repeated.
fn grouped(call: Call) -> Three {
    let [b, h, g, n, m, d] = call.sizes();
    let starts = call.starts();
    let rotated = |x: &Tensor, heads: usize| {
        let mut out = x.clone();
        for (i, a, r) in ndarray::indices((b, heads, n)) {
            let mut one = vector(x, [i, a, r]);
            turn(&mut one, Some(starts[i] + r), call.theta, PLAIN.pair);
            put(&mut out, [i, a, r], &one);
        }
        out
    };
    let k_rot = rotated(&call.k, g);
    let mut keys = call.past_k.select(Axis(0), &call.beam);
    let mut values = call.past_v.select(Axis(0), &call.beam);
    for (i, start) in starts.iter().enumerate() {
        let slots = *start..start + n;
        let new = k_rot.slice(s![i, .., .., ..]);
        keys.slice_mut(s![i, .., slots.clone(), ..]).assign(&new);
        let new = call.v.slice(s![i, .., .., ..]);
        values.slice_mut(s![i, .., slots, ..]).assign(&new);
    }
    let q = rotated(&call.q, h)
        .into_shape_with_order(IxDyn(&[b, g, h / g, n, d]))
        .unwrap();
    let mut scores = einsum("b g r n d, b g m d -> b g r n m", &[&q, &keys]);
    for (at, score) in scores.indexed_iter_mut() {
        *score = match at[4] <= starts[at[0]] + at[3] {
            true => *score / (d as f32).sqrt(),
            false => f32::MIN,
        };
    }
    let weights = softmax(&scores, 4);
    assert_eq!(weights.shape()[4], m);
    let out = einsum("b g r n m, b g m d -> b g r n d", &[&weights, &values]);
    let out = out.into_shape_with_order(IxDyn(&[b, h, n, d])).unwrap();
    (out, keys, values)
}

type Wide = Array4<f64>;

#[expect(clippy::too_many_arguments, reason = "the signature is the lesson's")]
fn wide(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    past_k: &Tensor,
    past_v: &Tensor,
    lengths: &Labels,
    beam: &Labels,
    theta: f64,
) -> (Wide, Wide, Wide) {
    let four = |x: &Tensor| -> Wide { x.mapv(f64::from).into_dimensionality().unwrap() };
    let (q, k, v) = (four(q), four(k), four(v));
    let (b, h, n, d) = q.dim();
    let rows: Vec<usize> = beam.iter().map(|&row| row as usize).collect();
    let mut keys = four(past_k).select(Axis(0), &rows);
    let mut values = four(past_v).select(Axis(0), &rows);
    let (g, m) = (keys.dim().1, keys.dim().2);
    let start = |i: usize| lengths[rows[i]] as usize;
    // As complex numbers: (x₀ + i·x₁)·e^{iφ}.
    let at = |x: &Wide, i: usize, a: usize, r: usize, j: usize| -> f64 {
        let phi = (start(i) + r) as f64 / theta.powf((j - j % 2) as f64 / d as f64);
        let (re, im) = (x[[i, a, r, j - j % 2]], x[[i, a, r, j - j % 2 + 1]]);
        match j % 2 {
            0 => re * phi.cos() - im * phi.sin(),
            _ => re * phi.sin() + im * phi.cos(),
        }
    };
    for (i, c, r, j) in ndarray::indices((b, g, n, d)) {
        keys[[i, c, start(i) + r, j]] = at(&k, i, c, r, j);
        values[[i, c, start(i) + r, j]] = v[[i, c, r, j]];
    }
    let mut out = Wide::zeros((b, h, n, d));
    for (i, a, r) in ndarray::indices((b, h, n)) {
        let c = a * g / h;
        let score = |slot: usize| -> f64 {
            let sum: f64 = (0..d)
                .map(|j| at(&q, i, a, r, j) * keys[[i, c, slot, j]])
                .sum();
            sum / (d as f64).sqrt()
        };
        let scores: Vec<f64> = (0..m.min(start(i) + r + 1)).map(score).collect();
        let total: f64 = scores.iter().map(|s| s.exp()).sum();
        for j in 0..d {
            let part = |(slot, s): (usize, &f64)| s.exp() / total * values[[i, c, slot, j]];
            out[[i, a, r, j]] = scores.iter().enumerate().map(part).sum();
        }
    }
    (out, keys, values)
}

#[expect(clippy::too_many_arguments, reason = "the signature is the lesson's")]
fn masked(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    past_k: &Tensor,
    past_v: &Tensor,
    lengths: &Labels,
    beam: &Labels,
    theta: f64,
    trace: &mut Trace,
) -> Three {
    let (b, h, n, d) = (q.shape()[0], q.shape()[1], q.shape()[2], q.shape()[3]);
    let (g, m) = (past_k.shape()[1], past_k.shape()[2]);
    let rows: Vec<usize> = beam.iter().map(|&row| row as usize).collect();
    let starts: Vec<usize> = rows.iter().map(|&row| lengths[row] as usize).collect();
    let positions = Array2::from_shape_fn((b, n), |(i, r)| (starts[i] + r) as f32);
    trace.step("positions", "start + r", "b n", &positions);
    // x·cos + rotate(x)·sin, with rotate: (x₀, x₁) → (−x₁, x₀).
    let rope = |x: &Tensor| -> Tensor {
        let angle = |i: usize, r: usize, j: usize| {
            f64::from(positions[[i, r]]) * theta.powf(-2.0 * (j / 2) as f64 / d as f64)
        };
        let shape = x.raw_dim();
        let cos =
            Tensor::from_shape_fn(shape.clone(), |at| angle(at[0], at[2], at[3]).cos() as f32);
        let sin =
            Tensor::from_shape_fn(shape.clone(), |at| angle(at[0], at[2], at[3]).sin() as f32);
        let turned = Tensor::from_shape_fn(shape, |at| match at[3] % 2 {
            0 => -x[[at[0], at[1], at[2], at[3] + 1]],
            _ => x[[at[0], at[1], at[2], at[3] - 1]],
        });
        x * &cos + turned * sin
    };
    // A one-hot matrix [b n m] scatters the new tokens into their slots.
    let scatter = Tensor::from_shape_fn(IxDyn(&[b, n, m]), |at| {
        f32::from(u8::from(at[2] == starts[at[0]] + at[1]))
    });
    let write = |past: &Tensor, new: &Tensor| {
        past.select(Axis(0), &rows) + einsum("b n m, b g n d -> b g m d", &[&scatter, new])
    };
    // This adds, so that the slots must be empty first.
    let clear = |past: &Tensor| {
        let mut past = past.clone();
        for (row, &length) in lengths.iter().enumerate() {
            past.slice_mut(s![row, .., length as usize.., ..]).fill(0.0);
        }
        past
    };
    let keys = write(&clear(past_k), &rope(k));
    let values = write(&clear(past_v), v);
    let mask = Tensor::from_shape_fn(IxDyn(&[b, 1, n, m]), |at| {
        match at[3] > starts[at[0]] + at[2] {
            true => f32::NEG_INFINITY,
            false => 0.0,
        }
    });
    let heads: Vec<usize> = (0..g).flat_map(|c| vec![c; h / g]).collect();
    let transposed = permute("b h m d -> b h d m", &keys.select(Axis(1), &heads));
    let scores = matmul(&(rope(q) / (d as f32).sqrt()), &transposed) + &mask;
    trace.step("scores", "q·kᵀ/√d + mask", "b h n m", &scores);
    let out = matmul(&softmax(&scores, 3), &values.select(Axis(1), &heads));
    (out, keys, values)
}

/// Rotates the whole cache by slot, after the new keys were appended as they came.
fn rotated_twice(call: Call) -> Three {
    let raw = Plain {
        k_position: |_, _| None,
        ..PLAIN
    };
    let (_, mut keys, values) = run(raw, &call);
    let [b, h, g, n, m, d] = call.sizes();
    for (i, c, j) in ndarray::indices((b, g, m)) {
        let mut key = vector(&keys, [i, c, j]);
        turn(&mut key, Some(j), call.theta, PLAIN.pair);
        put(&mut keys, [i, c, j], &key);
    }
    let starts = call.starts();
    let mut out = Tensor::zeros(call.q.raw_dim());
    for (i, a, r) in ndarray::indices((b, h, n)) {
        let mut query = vector(&call.q, [i, a, r]);
        turn(&mut query, Some(starts[i] + r), call.theta, PLAIN.pair);
        let count = starts[i] + r + 1;
        let scores = Array1::from_shape_fn(count, |j| {
            dot(&query, &vector(&keys, [i, a * g / h, j])) / (d as f32).sqrt()
        });
        let weights = softmax(&scores.into_dyn(), 0);
        let mut row = vec![0.0; d];
        for j in 0..count {
            for (x, value) in row.iter_mut().zip(vector(&values, [i, a * g / h, j])) {
                *x += weights[j] * value;
            }
        }
        put(&mut out, [i, a, r], &row);
    }
    (out, keys, values)
}

/// The query of each group's first head is written where the key belongs.
fn caches_q(mut call: Call) -> Three {
    let [_, h, g, ..] = call.sizes();
    let first: Vec<usize> = (0..g).map(|c| c * (h / g)).collect();
    call.k = call.q.select(Axis(1), &first);
    run(PLAIN, &call)
}

fn stale(call: Call) -> Three {
    let (out, ..) = run(PLAIN, &call);
    let kept = |past: &Tensor| past.select(Axis(0), &call.beam);
    (out, kept(&call.past_k), kept(&call.past_v))
}

fn swapped(call: Call) -> Three {
    let (out, keys, values) = run(PLAIN, &call);
    (out, values, keys)
}

const POSITION_0: Plain = Plain {
    q_position: |_, r| Some(r),
    k_position: |_, r| Some(r),
    ..PLAIN
};
const TOP_LEFT: Plain = Plain {
    seen: |_, r, _, j| j <= r,
    ..PLAIN
};
const PADDED: Plain = Plain {
    start: |lengths, _, _| *lengths.iter().max().unwrap(),
    ..PLAIN
};
const NO_REORDER: Plain = Plain {
    start: |lengths, _, i| lengths[i],
    k_row: |_, i| i,
    v_row: |_, i| i,
    ..PLAIN
};

pub fn wrong() -> Named<&'static str> {
    vec![
        ("position-0-each-step", plain(POSITION_0)),
        (
            "query-position-restarts",
            plain(Plain {
                q_position: |_, r| Some(r),
                ..PLAIN
            }),
        ),
        (
            "key-position-restarts",
            plain(Plain {
                k_position: |_, r| Some(r),
                ..PLAIN
            }),
        ),
        (
            "position-off-by-one",
            plain(Plain {
                q_position: |start, r| Some(start + r + 1),
                k_position: |start, r| Some(start + r + 1),
                ..PLAIN
            }),
        ),
        (
            "cache-pre-rope-mix",
            plain(Plain {
                k_position: |_, _| None,
                ..PLAIN
            }),
        ),
        ("rotated-twice", with(rotated_twice)),
        (
            "v-rotated",
            plain(Plain {
                v_position: |start, r| Some(start + r),
                ..PLAIN
            }),
        ),
        (
            "overwrites-last",
            plain(Plain {
                slot: |start, r| start.max(1) - 1 + r,
                seen: |start, r, _, j| j <= start.max(1) - 1 + r,
                ..PLAIN
            }),
        ),
        ("causal-top-left", plain(TOP_LEFT)),
        (
            "no-causal-in-chunk",
            plain(Plain {
                seen: |start, _, n, j| j < start + n,
                ..PLAIN
            }),
        ),
        (
            "no-mask",
            plain(Plain {
                seen: |_, _, _, _| true,
                ..PLAIN
            }),
        ),
        (
            "self-not-seen",
            plain(Plain {
                seen: |start, r, _, j| j < start + r,
                ..PLAIN
            }),
        ),
        (
            "cache-not-read",
            plain(Plain {
                seen: |start, r, _, j| j >= start && j <= start + r,
                ..PLAIN
            }),
        ),
        ("stale-present", with(stale)),
        (
            "v-not-written",
            plain(Plain {
                v_written: false,
                ..PLAIN
            }),
        ),
        ("present-swapped", with(swapped)),
        ("caches-q", with(caches_q)),
        ("padded-length", plain(PADDED)),
        ("no-reorder-in-beam", plain(NO_REORDER)),
        (
            "lengths-not-reordered",
            plain(Plain {
                start: |lengths, _, i| lengths[i],
                ..PLAIN
            }),
        ),
        (
            "values-not-reordered",
            plain(Plain {
                v_row: |_, i| i,
                ..PLAIN
            }),
        ),
        (
            "no-scale",
            plain(Plain {
                scale: |_| 1.0,
                ..PLAIN
            }),
        ),
        (
            "gqa-tile-not-repeat",
            plain(Plain {
                head: |i, _, g| i % g,
                ..PLAIN
            }),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["position-0-each-step", "causal-top-left"],
            plain(Plain {
                seen: TOP_LEFT.seen,
                ..POSITION_0
            }),
        ),
        (
            ["no-scale", "gqa-tile-not-repeat"],
            plain(Plain {
                scale: |_| 1.0,
                head: |i, _, g| i % g,
                ..PLAIN
            }),
        ),
        (
            ["padded-length", "values-not-reordered"],
            plain(Plain {
                v_row: |_, i| i,
                ..PADDED
            }),
        ),
        (
            ["no-reorder-in-beam", "v-rotated"],
            plain(Plain {
                v_position: |start, r| Some(start + r),
                ..NO_REORDER
            }),
        ),
        (
            ["no-causal-in-chunk", "position-off-by-one"],
            plain(Plain {
                seen: |start, _, n, j| j < start + n,
                q_position: |start, r| Some(start + r + 1),
                k_position: |start, r| Some(start + r + 1),
                ..PLAIN
            }),
        ),
    ]
}
