//! Attention as different people write it: right, wrong in every way that the lesson knows, and
//! wrong in two ways at once.

use llmlab::lessons::attention::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/attention/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/attention/solution.rs"]
mod solution;

type Named<Id> = Vec<(Id, Box<dyn Candidate>)>;

macro_rules! solutions {
    ($($id:expr => |$q:ident, $k:ident, $v:ident, $mask:ident| $body:expr;)+) => {
        vec![$((
            $id,
            Box::new(candidate(
                |$q: &Tensor, $k: &Tensor, $v: &Tensor, $mask: Option<&Tensor>| $body,
            )) as Box<dyn Candidate>,
        )),+]
    };
}

const DROP: f32 = f32::NEG_INFINITY;

/// Sizes b, h, n, m, d, dv.
fn sizes(q: &Tensor, k: &Tensor, v: &Tensor) -> [usize; 6] {
    let q = q.shape();
    [q[0], q[1], q[2], k.shape()[2], q[3], v.shape()[3]]
}

fn root(size: usize) -> f32 {
    (size as f32).sqrt()
}

fn dots(q: &Tensor, k: &Tensor) -> Tensor {
    einsum("b h n d, b h m d -> b h n m", &[q, k])
}

fn scores(q: &Tensor, k: &Tensor) -> Tensor {
    dots(q, k) / root(q.shape()[3])
}

fn add(scores: Tensor, mask: Option<&Tensor>) -> Tensor {
    match mask {
        Some(mask) => scores + mask,
        None => scores,
    }
}

/// Softmax along an axis, zeros where everything is dropped.
fn safe_softmax(x: Tensor, axis: usize) -> Tensor {
    let mut out = softmax(&x, axis);
    for (mut lane, x) in out
        .lanes_mut(Axis(axis))
        .into_iter()
        .zip(x.lanes(Axis(axis)))
    {
        if x.iter().all(|x| *x == DROP) {
            lane.fill(0.0);
        }
    }
    out
}

fn mix(weights: &Tensor, v: &Tensor) -> Tensor {
    einsum("b h n m, b h m v -> b h n v", &[weights, v])
}

/// The right way after the scores.
fn finish(scores: Tensor, mask: Option<&Tensor>, v: &Tensor) -> Tensor {
    mix(&safe_softmax(add(scores, mask), 3), v)
}

/// The mask in full, zeros where there is none.
fn full(mask: Option<&Tensor>, like: &Tensor) -> Tensor {
    match mask {
        Some(mask) => mask.broadcast(like.raw_dim()).unwrap().to_owned(),
        None => Tensor::zeros(like.raw_dim()),
    }
}

/// The scores with `rule(score, mask)` applied where there is a mask.
fn combine(s: Tensor, mask: Option<&Tensor>, rule: impl Fn(f32, f32) -> f32) -> Tensor {
    let Some(mask) = mask else { return s };
    let mask = full(Some(mask), &s);
    let mut s = s;
    s.zip_mut_with(&mask, |s, &x| *s = rule(*s, x));
    s
}

/// A softmax over the keys written as loops: `shift(row)` is taken off before `exp`.
fn loop_softmax(mut s: Tensor, shift: impl Fn(&[f32]) -> f32, divide: bool) -> Tensor {
    for mut row in s.rows_mut() {
        let row = row.as_slice_mut().unwrap();
        let shift = shift(row);
        let mut sum = 0.0;
        for x in row.iter_mut() {
            *x = if *x == DROP { 0.0 } else { (*x - shift).exp() };
            sum += *x;
        }
        if divide && sum != 0.0 {
            row.iter_mut().for_each(|x| *x /= sum);
        }
    }
    s
}

fn row_max(row: &[f32]) -> f32 {
    row.iter().fold(DROP, |max, &x| max.max(x))
}

fn first(x: &Tensor, axis: usize) -> Tensor {
    let one = x.index_axis(Axis(axis), 0).insert_axis(Axis(axis));
    one.broadcast(x.raw_dim()).unwrap().to_owned()
}

/// Plain loops; `see(b, h, i, j)` says whether a key is looked at.
fn loops(
    [q, k, v]: [&Tensor; 3],
    mask: Option<&Tensor>,
    see: impl Fn(usize, usize) -> bool,
) -> Tensor {
    let [nb, nh, n, m, d, dv] = sizes(q, k, v);
    let wide = mask.map(|mask| mask.broadcast([nb, nh, n, m]).unwrap());
    let mut out = Tensor::zeros(vec![nb, nh, n, dv]);
    for b in 0..nb {
        for h in 0..nh {
            for i in 0..n {
                let mut row = vec![DROP; m];
                for j in (0..m).filter(|j| see(i, *j)) {
                    let mut dot = 0.0;
                    for t in 0..d {
                        dot += q[[b, h, i, t]] * k[[b, h, j, t]];
                    }
                    row[j] = dot / (d as f32).sqrt();
                    if let Some(mask) = &wide {
                        row[j] += mask[[b, h, i, j]];
                    }
                }
                let max = row_max(&row);
                if max == DROP {
                    continue;
                }
                let sum: f32 = row.iter().map(|x| (x - max).exp()).sum();
                for j in 0..m {
                    let w = (row[j] - max).exp() / sum;
                    for t in 0..dv {
                        out[[b, h, i, t]] += w * v[[b, h, j, t]];
                    }
                }
            }
        }
    }
    out
}

/// One query after another against keys that come in blocks, as FlashAttention does.
fn streaming(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    block: usize,
) -> Array4<f32> {
    let [nb, nh, n, m, d, dv] = sizes(q, k, v);
    let mask = mask.map(|mask| mask.broadcast([nb, nh, n, m]).unwrap());
    Array4::from_shape_fn((nb, nh, n, dv), |(b, h, i, t)| {
        let (mut max, mut sum, mut acc) = (DROP, 0.0f32, 0.0f32);
        for start in (0..m).step_by(block) {
            let keys = start..m.min(start + block);
            let s: Vec<f32> = keys
                .clone()
                .map(|j| {
                    let dot: f32 = (0..d).map(|t| q[[b, h, i, t]] * k[[b, h, j, t]]).sum();
                    dot / root(d) + mask.as_ref().map_or(0.0, |mask| mask[[b, h, i, j]])
                })
                .collect();
            let new = max.max(row_max(&s));
            if new == DROP {
                continue;
            }
            let keep = (max - new).exp();
            sum *= keep;
            acc *= keep;
            for (j, s) in keys.zip(s) {
                let w = (s - new).exp();
                sum += w;
                acc += w * v[[b, h, j, t]];
            }
            max = new;
        }
        if sum == 0.0 { 0.0 } else { acc / sum }
    })
}

/// With a trace of its own.
fn traced(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, trace: &mut Trace) -> Tensor {
    let s = scores(q, k);
    trace.step("scores", "q·kᵀ/√d", "b h i d, b h j d -> b h i j", &s);
    let w = safe_softmax(add(s, mask), 3);
    trace.step("weights", "softmax", "b h i j", &w);
    let out = mix(&w, v);
    trace.step("out", "weights·v", "b h i j, b h j v -> b h i v", &out);
    out
}

/// On flat buffers of its own.
fn flat(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let [nb, nh, n, m, d, dv] = sizes(q, k, v);
    let shape = IxDyn(&[nb, nh, n, m]);
    let flat = |x: &Tensor| x.iter().copied().collect::<Vec<f32>>();
    let (mut q, k, v) = (flat(q), flat(k), flat(v));
    let mask: Option<Vec<f32>> =
        mask.map(|mask| mask.broadcast(shape).unwrap().iter().copied().collect());
    q.iter_mut().for_each(|x| *x /= root(d));
    let mut out = vec![0.0; nb * nh * n * dv];
    let mut row = vec![0.0; m];
    for (i, out) in out.chunks_mut(dv).enumerate() {
        let head = i / n;
        for (j, s) in row.iter_mut().enumerate() {
            let key = &k[(head * m + j) * d..][..d];
            *s = q[i * d..][..d].iter().zip(key).map(|(a, b)| a * b).sum();
            *s += mask.as_ref().map_or(0.0, |mask| mask[i * m + j]);
        }
        let max = row_max(&row).max(f32::MIN);
        row.iter_mut().for_each(|s| *s = (*s - max).exp());
        let sum = row.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        for (j, w) in row.iter().enumerate() {
            let value = &v[(head * m + j) * dv..][..dv];
            out.iter_mut()
                .zip(value)
                .for_each(|(o, v)| *o += w / sum * v);
        }
    }
    Tensor::from_shape_vec(vec![nb, nh, n, dv], out).unwrap()
}

pub fn right() -> Named<&'static str> {
    let mut all: Named<&'static str> = solutions! {
        "loops" => |q, k, v, mask| loops([q, k, v], mask, |_, _| true);
        "einsum" => |q, k, v, mask| finish(scores(q, k), mask, v);
        "matmul" => |q, k, v, mask| {
            let s = matmul(q, &permute("b h m d -> b h d m", k)) * (q.shape()[3] as f32).powf(-0.5);
            matmul(&softmax(&add(s, mask), 3).mapv(|w| if w.is_nan() { 0.0 } else { w }), v)
        };
        "f64 inside and out" => |q, k, v, mask| {
            let wide = |x: &Tensor| x.mapv(f64::from);
            let mut s = einsum("b h n d, b h m d -> b h n m", &[&wide(q), &wide(k)]);
            s /= (q.shape()[3] as f64).sqrt();
            if let Some(mask) = mask {
                s = s + wide(mask);
            }
            let w = softmax(&s, 3).mapv(|w| if w.is_nan() { 0.0 } else { w });
            einsum("b h n m, b h m v -> b h n v", &[&w, &wide(v)])
        };
        "log-softmax, exp" => |q, k, v, mask| {
            let w = log_softmax(&add(scores(q, k), mask), 3);
            mix(&w.mapv(|w| if w.is_nan() { 0.0 } else { w.exp() }), v)
        };
        "streaming key by key" => |q, k, v, mask| streaming(q, k, v, mask, 1);
        "streaming in blocks of 3" => |q, k, v, mask| streaming(q, k, v, mask, 3);
        "d^-1/4 on both sides" => |q, k, v, mask| {
            let by = (q.shape()[3] as f32).powf(-0.25);
            finish(dots(&(q * by), &(k * by)), mask, v)
        };
        "divide at the end" => |q, k, v, mask| {
            let w = loop_softmax(add(scores(q, k), mask), row_max, false);
            let sums = w.sum_axis(Axis(3)).mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
            mix(&w, v) / sums.insert_axis(Axis(3))
        };
        "base 2" => |q, k, v, mask| {
            let s = add(scores(q, k), mask) * std::f32::consts::LOG2_E;
            let mut w = s;
            for mut row in w.rows_mut() {
                let max = row.fold(f32::MIN, |max, &x| max.max(x));
                row.mapv_inplace(|x| (x - max).exp2());
                let sum = row.sum();
                row.mapv_inplace(|x| if sum > 0.0 { x / sum } else { 0.0 });
            }
            mix(&w, v)
        };
    };
    all.push(("the solution", Box::new(candidate(solution::attention))));
    all.push(("flat buffers", Box::new(candidate(flat))));
    all.push(("traced", Box::new(candidate(traced))));
    all
}

pub fn wrong() -> Named<&'static str> {
    solutions! {
        "no-scale" => |q, k, v, mask| finish(dots(q, k), mask, v);
        "scale-dmodel" => |q, k, v, mask| {
            let d_model = q.shape()[1] * q.shape()[3];
            finish(dots(q, k) / root(d_model), mask, v)
        };
        "scale-dk-not-sqrt" => |q, k, v, mask| finish(dots(q, k) / q.shape()[3] as f32, mask, v);
        "scale-fourth-root" => |q, k, v, mask| {
            let by = (q.shape()[3] as f32).powf(-0.25);
            finish(dots(&(q * by), k), mask, v)
        };
        "scale-multiply" => |q, k, v, mask| finish(dots(q, k) * root(q.shape()[3]), mask, v);
        "scale-dv" => |q, k, v, mask| finish(dots(q, k) / root(v.shape()[3]), mask, v);
        "scale-keys" => |q, k, v, mask| finish(dots(q, k) / root(k.shape()[2]), mask, v);
        "scale-queries" => |q, k, v, mask| finish(dots(q, k) / root(q.shape()[2]), mask, v);
        "scale-after-softmax" => |q, k, v, mask| {
            finish(dots(q, k), mask, v) / root(q.shape()[3])
        };
        "softmax-queries" => |q, k, v, mask| mix(&safe_softmax(add(scores(q, k), mask), 2), v);
        "softmax-heads" => |q, k, v, mask| mix(&safe_softmax(add(scores(q, k), mask), 1), v);
        "softmax-batch" => |q, k, v, mask| mix(&safe_softmax(add(scores(q, k), mask), 0), v);
        "softmax-whole-matrix" => |q, k, v, mask| {
            let [b, h, n, m, ..] = sizes(q, k, v);
            let s = add(scores(q, k), mask).into_shape_with_order(IxDyn(&[b, h, n * m])).unwrap();
            mix(&safe_softmax(s, 2).into_shape_with_order(IxDyn(&[b, h, n, m])).unwrap(), v)
        };
        "softmax-twice" => |q, k, v, mask| {
            mix(&softmax(&safe_softmax(add(scores(q, k), mask), 3), 3), v)
        };
        "no-softmax" => |q, k, v, mask| mix(&add(scores(q, k), mask), v);
        "log-softmax" => |q, k, v, mask| mix(&log_softmax(&add(scores(q, k), mask), 3), v);
        "no-normalise" => |q, k, v, mask| {
            mix(&loop_softmax(add(scores(q, k), mask), row_max, false), v)
        };
        "exp2" => |q, k, v, mask| {
            let mut w = add(scores(q, k), mask);
            for mut row in w.rows_mut() {
                let max = row.fold(f32::MIN, |max, &x| max.max(x));
                row.mapv_inplace(|x| (x - max).exp2());
                let sum = row.sum();
                row.mapv_inplace(|x| if sum > 0.0 { x / sum } else { 0.0 });
            }
            mix(&w, v)
        };
        "no-max" => |q, k, v, mask| {
            mix(&loop_softmax(add(scores(q, k), mask), |_| 0.0, true), v)
        };
        "max-of-tensor" => |q, k, v, mask| {
            let s = add(scores(q, k), mask);
            let max = s.fold(DROP, |max, &x| max.max(x));
            mix(&loop_softmax(s, |_| max, true), v)
        };
        "mean-over-keys" => |q, k, v, mask| {
            finish(scores(q, k), mask, v) / k.shape()[2] as f32
        };
        "last-key-dropped" => |q, k, v, mask| {
            let last = k.shape()[2] - 1;
            loops([q, k, v], mask, |_, j| j < last)
        };
        "kv-first-head" => |q, k, v, mask| {
            finish(scores(q, &first(k, 1)), mask, &first(v, 1))
        };
        "kv-first-batch" => |q, k, v, mask| {
            finish(scores(q, &first(k, 0)), mask, &first(v, 0))
        };
        "mask-ignored" => |q, k, v, _mask| loops([q, k, v], None, |_, _| true);
        "mask-before-scale" => |q, k, v, mask| {
            finish(add(dots(q, k), mask) / root(q.shape()[3]), None, v)
        };
        "mask-subtracted" => |q, k, v, mask| {
            let minus = mask.map(|mask| mask.mapv(|x| -x));
            finish(scores(q, k), minus.as_ref(), v)
        };
        "mask-multiply" => |q, k, v, mask| {
            let s = scores(q, k);
            let s = match mask {
                Some(mask) => s * mask,
                None => s,
            };
            mix(&safe_softmax(s, 3), v)
        };
        "masked-score-zero" => |q, k, v, mask| {
            let s = combine(scores(q, k), mask, |s, x| if x == DROP { s * 0.0 } else { s + x });
            finish(s, None, v)
        };
        "keep-mask-added" => |q, k, v, mask| {
            let keep = mask.map(|mask| mask.mapv(|x| (x > DROP) as u8 as f32));
            finish(scores(q, k), keep.as_ref(), v)
        };
        "drop-mask-added" => |q, k, v, mask| {
            let drop = mask.map(|mask| mask.mapv(|x| (x == DROP) as u8 as f32));
            finish(scores(q, k), drop.as_ref(), v)
        };
        "mask-inverted" => |q, k, v, mask| {
            let s = combine(scores(q, k), mask, |s, x| if x == 0.0 { DROP } else { s });
            finish(s, None, v)
        };
        "bias-ignored" => |q, k, v, mask| {
            let s = combine(scores(q, k), mask, |s, x| if x == DROP { DROP } else { s });
            finish(s, None, v)
        };
        "bias-drops" => |q, k, v, mask| {
            let s = combine(scores(q, k), mask, |s, x| if x != 0.0 { DROP } else { s });
            finish(s, None, v)
        };
        "mask-after-softmax" => |q, k, v, mask| {
            let w = softmax(&scores(q, k), 3);
            mix(&combine(w, mask, |w, x| if x == DROP { 0.0 } else { w }), v)
        };
        "exp-mask-after-softmax" => |q, k, v, mask| {
            let w = softmax(&scores(q, k), 3);
            mix(&combine(w, mask, |w, x| w * x.exp()), v)
        };
        "mask-on-weights" => |q, k, v, mask| mix(&add(softmax(&scores(q, k), 3), mask), v);
        "mask-first-head" => |q, k, v, mask| {
            let s = scores(q, k);
            let mask = first(&full(mask, &s), 1);
            finish(s, Some(&mask), v)
        };
        "mask-first-batch" => |q, k, v, mask| {
            let s = scores(q, k);
            let mask = first(&full(mask, &s), 0);
            finish(s, Some(&mask), v)
        };
        "causal-top-left" => |q, k, v, mask| loops([q, k, v], mask, |i, j| j <= i);
        "causal-bottom-right" => |q, k, v, mask| {
            let causal: Tensor = causal_mask(q.shape()[2], k.shape()[2]);
            finish(add(scores(q, k), mask), Some(&causal), v)
        };
        "nan-on-masked-row" => |q, k, v, mask| mix(&softmax(&add(scores(q, k), mask), 3), v);
        "uniform-on-masked-row" => |q, k, v, mask| {
            let finite = mask.map(|mask| mask.mapv(|x| x.max(-1e9)));
            mix(&softmax(&add(scores(q, k), finite.as_ref()), 3), v)
        };
        "masked-row-unmasked" => |q, k, v, mask| {
            let s = scores(q, k);
            let mut mask = full(mask, &s);
            for mut row in mask.rows_mut() {
                if row.iter().all(|x| *x == DROP) {
                    row.fill(0.0);
                }
            }
            mix(&softmax(&(s + mask), 3), v)
        };
    }
}

pub fn pairs() -> Named<[&'static str; 2]> {
    solutions! {
        ["no-scale", "nan-on-masked-row"] => |q, k, v, mask| {
            mix(&softmax(&add(dots(q, k), mask), 3), v)
        };
        ["no-scale", "softmax-queries"] => |q, k, v, mask| {
            mix(&safe_softmax(add(dots(q, k), mask), 2), v)
        };
        ["scale-dmodel", "mask-ignored"] => |q, k, v, _mask| {
            let d_model = q.shape()[1] * q.shape()[3];
            mix(&softmax(&(dots(q, k) / root(d_model)), 3), v)
        };
        ["mask-before-scale", "uniform-on-masked-row"] => |q, k, v, mask| {
            let finite = mask.map(|mask| mask.mapv(|x| x.max(-1e9)));
            let s = add(dots(q, k), finite.as_ref()) / root(q.shape()[3]);
            mix(&softmax(&s, 3), v)
        };
        ["no-normalise", "no-scale"] => |q, k, v, mask| {
            mix(&loop_softmax(add(dots(q, k), mask), row_max, false), v)
        };
        ["kv-first-head", "scale-dk-not-sqrt"] => |q, k, v, mask| {
            finish(dots(q, &first(k, 1)) / q.shape()[3] as f32, mask, &first(v, 1))
        };
        ["no-max", "nan-on-masked-row"] => |q, k, v, mask| {
            let mut w = add(scores(q, k), mask).mapv(f32::exp);
            for mut row in w.rows_mut() {
                let sum = row.sum();
                row.mapv_inplace(|x| x / sum);
            }
            mix(&w, v)
        };
        ["softmax-heads", "bias-ignored"] => |q, k, v, mask| {
            let s = combine(scores(q, k), mask, |s, x| if x == DROP { DROP } else { s });
            mix(&safe_softmax(s, 1), v)
        };
    }
}
