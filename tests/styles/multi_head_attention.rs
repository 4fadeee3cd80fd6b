//! Multi-head attention as different people write it: right, wrong in every way that the lesson
//! knows, and wrong in two ways at once.

use llmlab::lessons::multi_head_attention::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/multi_head_attention/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/multi_head_attention/solution.rs"]
mod solution;

type Named<Id> = Vec<(Id, Box<dyn Candidate>)>;

/// The arguments and the sizes that follow from them.
struct In<'a> {
    x: &'a Tensor,
    q: &'a Tensor,
    k: &'a Tensor,
    v: &'a Tensor,
    o: &'a Tensor,
    mask: Option<&'a Tensor>,
    b: usize,
    n: usize,
    d: usize,
    h: usize,
    h_kv: usize,
    dk: usize,
}

fn given<'a>(
    x: &'a Tensor,
    [q, k, v, o]: [&'a Tensor; 4],
    h: f64,
    mask: Option<&'a Tensor>,
) -> In<'a> {
    let (b, n, d, h) = (x.shape()[0], x.shape()[1], x.shape()[2], h as usize);
    let dk = d / h;
    let h_kv = k.shape()[1] / dk;
    In {
        x,
        q,
        k,
        v,
        o,
        mask,
        b,
        n,
        d,
        h,
        h_kv,
        dk,
    }
}

macro_rules! solutions {
    ($($id:expr => |$a:ident| $body:expr;)+) => {
        vec![$((
            $id,
            Box::new(candidate(
                |x: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor, o: &Tensor, h: f64, mask: Option<&Tensor>| {
                    let $a = given(x, [q, k, v, o], h, mask);
                    $body
                },
            )) as Box<dyn Candidate>,
        )),+]
    };
}

fn view(x: &Tensor, shape: &[usize]) -> Tensor {
    let flat: Vec<f32> = x.iter().copied().collect();
    Tensor::from_shape_vec(shape.to_vec(), flat).unwrap()
}

fn root(size: usize) -> f32 {
    (size as f32).sqrt()
}

/// `[b n heads·dk] → [b heads n dk]`, the right way.
fn split(flat: &Tensor, heads: usize) -> Tensor {
    let s = flat.shape();
    let cut = view(flat, &[s[0], s[1], heads, s[2] / heads]);
    permute("b n h k -> b h n k", &cut)
}

fn merge(heads: &Tensor) -> Tensor {
    let s = heads.shape().to_vec();
    view(
        &permute("b h n k -> b n h k", heads),
        &[s[0], s[2], s[1] * s[3]],
    )
}

/// Head `which(i)` at place i.
fn pick(heads: &Tensor, h: usize, which: impl Fn(usize) -> usize) -> Tensor {
    heads.select(Axis(1), &(0..h).map(which).collect::<Vec<_>>())
}

fn spread(heads: &Tensor, h: usize) -> Tensor {
    let group = h / heads.shape()[1];
    pick(heads, h, |i| i / group)
}

/// Queries, keys and values of all heads, with a split of the caller's.
fn qkv(a: &In, split: impl Fn(&Tensor, usize) -> Tensor) -> [Tensor; 3] {
    [
        split(&matmul(a.x, a.q), a.h),
        spread(&split(&matmul(a.x, a.k), a.h_kv), a.h),
        spread(&split(&matmul(a.x, a.v), a.h_kv), a.h),
    ]
}

fn dots(q: &Tensor, k: &Tensor) -> Tensor {
    einsum("b h n k, b h m k -> b h n m", &[q, k])
}

fn masked(scores: Tensor, mask: Option<&Tensor>) -> Tensor {
    match mask {
        Some(mask) => scores + mask,
        None => scores,
    }
}

fn mix(weights: &Tensor, v: &Tensor) -> Tensor {
    einsum("b h n m, b h m k -> b h n k", &[weights, v])
}

fn attend(a: &In, [q, k, v]: &[Tensor; 3]) -> Tensor {
    mix(&softmax(&masked(dots(q, k) / root(a.dk), a.mask), 3), v)
}

/// Everything right, except the divisor of the scores.
fn divided_by(a: &In, divisor: f32) -> Tensor {
    let [q, k, v] = qkv(a, split);
    let heads = mix(&softmax(&masked(dots(&q, &k) / divisor, a.mask), 3), &v);
    matmul(&merge(&heads), a.o)
}

/// Everything right from q, k and v on.
fn finish(a: &In, qkv: &[Tensor; 3]) -> Tensor {
    matmul(&merge(&attend(a, qkv)), a.o)
}

/// Everything right, except what becomes of the scores.
fn weighed(a: &In, weigh: impl Fn(Tensor) -> Tensor) -> Tensor {
    let [q, k, v] = qkv(a, split);
    matmul(&merge(&mix(&weigh(dots(&q, &k) / root(a.dk)), &v)), a.o)
}

fn interleaved(flat: &Tensor, heads: usize) -> Tensor {
    let s = flat.shape();
    let cut = view(flat, &[s[0], s[1], s[2] / heads, heads]);
    permute("b n k h -> b h n k", &cut)
}

fn unmoved(flat: &Tensor, heads: usize) -> Tensor {
    let s = flat.shape();
    view(flat, &[s[0], heads, s[1], s[2] / heads])
}

fn flipped(w: &Tensor) -> Tensor {
    permute("i o -> o i", w)
}

/// NaN where all heads or all queries drop a key.
fn no_nan(x: Tensor) -> Tensor {
    x.mapv(|x| if x.is_nan() { 0.0 } else { x })
}

/// Plain loops: one output element of one head after another.
fn loops(a: &In) -> Tensor {
    let column = |s: usize, i: usize, w: &Tensor, c: usize| -> f32 {
        let mut sum = 0.0;
        for t in 0..a.d {
            sum += a.x[[s, i, t]] * w[[t, c]];
        }
        sum
    };
    let mut out = Tensor::zeros(vec![a.b, a.n, a.d]);
    for s in 0..a.b {
        for head in 0..a.h {
            let shared = head * a.h_kv / a.h;
            for i in 0..a.n {
                let mut row = vec![0.0f32; a.n];
                for (j, score) in row.iter_mut().enumerate() {
                    for t in 0..a.dk {
                        *score += column(s, i, a.q, head * a.dk + t)
                            * column(s, j, a.k, shared * a.dk + t);
                    }
                    *score /= root(a.dk);
                    *score += a.mask.map_or(0.0, |mask| mask[[i, j]]);
                }
                let max = row.iter().fold(f32::MIN, |max, &x| max.max(x));
                let sum: f32 = row.iter().map(|s| (s - max).exp()).sum();
                for t in 0..a.dk {
                    let mut value = 0.0;
                    for (j, s_j) in row.iter().enumerate() {
                        value += (s_j - max).exp() / sum * column(s, j, a.v, shared * a.dk + t);
                    }
                    for c in 0..a.d {
                        out[[s, i, c]] += value * a.o[[head * a.dk + t, c]];
                    }
                }
            }
        }
    }
    out
}

/// Keys one after another, as FlashAttention sees them.
fn streaming(a: &In) -> Tensor {
    let [q, k, v] = qkv(a, split);
    let mut heads = Tensor::zeros(q.raw_dim());
    for s in 0..a.b {
        for h in 0..a.h {
            for i in 0..a.n {
                let (mut max, mut sum, mut acc) = (f32::NEG_INFINITY, 0.0f32, vec![0.0f32; a.dk]);
                for j in 0..a.n {
                    let mask = a.mask.map_or(0.0, |mask| mask[[i, j]]);
                    if mask == f32::NEG_INFINITY {
                        continue;
                    }
                    let dot: f32 = (0..a.dk).map(|t| q[[s, h, i, t]] * k[[s, h, j, t]]).sum();
                    let score = dot / root(a.dk) + mask;
                    let new = score.max(max);
                    let (keep, w) = ((max - new).exp(), (score - new).exp());
                    sum = sum * keep + w;
                    for (t, acc) in acc.iter_mut().enumerate() {
                        *acc = *acc * keep + w * v[[s, h, j, t]];
                    }
                    max = new;
                }
                for (t, acc) in acc.iter().enumerate() {
                    heads[[s, h, i, t]] = acc / sum;
                }
            }
        }
    }
    matmul(&merge(&heads), a.o)
}

/// The columns of one head.
fn block(w: &Tensor, head: usize, dk: usize) -> Tensor {
    let columns: Vec<usize> = (head * dk..(head + 1) * dk).collect();
    w.select(Axis(1), &columns)
}

/// What each head adds to the output: its own rows of w_o.
fn contributions(a: &In, share: impl Fn(usize) -> usize) -> Vec<Tensor> {
    let one = |head: usize| {
        let (q, kv) = (matmul(a.x, &block(a.q, head, a.dk)), share(head));
        let k = matmul(a.x, &block(a.k, kv, a.dk));
        let v = matmul(a.x, &block(a.v, kv, a.dk));
        let scores = matmul(&q, &permute("b m k -> b k m", &k)) / root(a.dk);
        let read = matmul(&softmax(&masked(scores, a.mask), 2), &v);
        let rows: Vec<usize> = (head * a.dk..(head + 1) * a.dk).collect();
        matmul(&read, &a.o.select(Axis(0), &rows))
    };
    (0..a.h).map(one).collect()
}

fn sum(parts: Vec<Tensor>) -> Tensor {
    let zero = Tensor::zeros(parts[0].raw_dim());
    parts.iter().fold(zero, |sum, part| sum + part)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the exercise's arguments and the trace"
)]
fn traced(
    x: &Tensor,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    o: &Tensor,
    h: f64,
    mask: Option<&Tensor>,
    trace: &mut Trace,
) -> Tensor {
    let a = given(x, [q, k, v, o], h, mask);
    let [q, k, v] = qkv(&a, split);
    let scores = masked(dots(&q, &k) / root(a.dk), mask);
    trace.step("scores", "q·kᵀ/√dk + mask", "b h i j", &scores);
    let heads = mix(&softmax(&scores, 3), &v);
    trace.step("heads", "weights·v", "b h i k", &heads);
    let out = matmul(&merge(&heads), o);
    trace.step("out", "concat·w_o", "b i d", &out);
    out
}

pub fn right() -> Named<&'static str> {
    let mut all: Named<&'static str> = solutions! {
        "loops" => |a| loops(&a);
        "matmul and permute" => |a| finish(&a, &qkv(&a, split));
        "weights by head, as in Flax" => |a| {
            let w = |w: &Tensor, heads: usize| view(w, &[a.d, heads, a.dk]);
            let project = |w: &Tensor| einsum("b n d, d h k -> b h n k", &[a.x, w]);
            let k = spread(&project(&w(a.k, a.h_kv)), a.h);
            let v = spread(&project(&w(a.v, a.h_kv)), a.h);
            let heads = attend(&a, &[project(&w(a.q, a.h)), k, v]);
            einsum("b h n k, h k d -> b n d", &[&heads, &view(a.o, &[a.h, a.dk, a.d])])
        };
        "a sum over heads, no concat" => |a| {
            sum(contributions(&a, |head| head / (a.h / a.h_kv)))
        };
        "groups as an axis of their own" => |a| {
            let group = a.h / a.h_kv;
            let q = split(&matmul(a.x, a.q), a.h);
            let q = view(&q, &[a.b, a.h_kv, group, a.n, a.dk]);
            let k = split(&matmul(a.x, a.k), a.h_kv);
            let v = split(&matmul(a.x, a.v), a.h_kv);
            let s = einsum("b g r n k, b g m k -> b g r n m", &[&q, &k]) * (a.dk as f32).powf(-0.5);
            let w = softmax(&masked(s, a.mask), 4);
            let heads = einsum("b g r n m, b g m k -> b n g r k", &[&w, &v]);
            matmul(&view(&heads, &[a.b, a.n, a.d]), a.o)
        };
        "batch and heads as one axis" => |a| {
            let fold = |x: &Tensor| view(x, &[a.b * a.h, a.n, a.dk]);
            let [q, k, v] = qkv(&a, split).map(|x| fold(&x));
            let s = matmul(&(q / root(a.dk)), &permute("b m k -> b k m", &k));
            let heads = matmul(&softmax(&masked(s, a.mask), 2), &v);
            matmul(&merge(&view(&heads, &[a.b, a.h, a.n, a.dk])), a.o)
        };
        "f64 inside and out" => |a| {
            let wide = |x: &Tensor| x.mapv(f64::from);
            let cut = |w: &Tensor, heads: usize| {
                let flat = matmul(&wide(a.x), &wide(w));
                let cut = flat.into_shape_with_order(IxDyn(&[a.b, a.n, heads, a.dk])).unwrap();
                let order: Vec<usize> = (0..a.h).map(|i| i * heads / a.h).collect();
                cut.select(Axis(2), &order)
            };
            let s = einsum(
                "b n h k, b m h k -> b h n m",
                &[&cut(a.q, a.h), &cut(a.k, a.h_kv)],
            ) / (a.dk as f64).sqrt();
            let s = match a.mask {
                Some(mask) => s + wide(mask),
                None => s,
            };
            let heads = einsum("b h n m, b m h k -> b n h k", &[&softmax(&s, 3), &cut(a.v, a.h_kv)]);
            let concat = heads.into_shape_with_order(IxDyn(&[a.b, a.n, a.d])).unwrap();
            let out = matmul(&concat, &wide(a.o));
            out.into_dimensionality::<ndarray::Ix3>().unwrap()
        };
        "streaming" => |a| streaming(&a);
    };
    all.push((
        "the solution",
        Box::new(candidate(solution::multi_head_attention)),
    ));
    all.push(("traced", Box::new(candidate(traced))));
    all
}

pub fn wrong() -> Named<&'static str> {
    solutions! {
        "reshape-no-transpose" => |a| finish(&a, &qkv(&a, unmoved));
        "concat-wrong-order" => |a| {
            let heads = attend(&a, &qkv(&a, split));
            matmul(&view(&heads, &[a.b, a.n, a.d]), a.o)
        };
        "interleaved-heads" => |a| finish(&a, &qkv(&a, interleaved));
        "interleaved-concat" => |a| {
            let heads = attend(&a, &qkv(&a, split));
            let concat = permute("b h n k -> b n k h", &heads);
            matmul(&view(&concat, &[a.b, a.n, a.d]), a.o)
        };
        "no-wo" => |a| merge(&attend(&a, &qkv(&a, split)));
        "wq-transposed" => |a| {
            let w = flipped(a.q);
            let a = In { q: &w, ..a };
            finish(&a, &qkv(&a, split))
        };
        "wo-transposed" => |a| matmul(&merge(&attend(&a, &qkv(&a, split))), &flipped(a.o));
        // With fewer key/value heads it panics, as x·wᵀ does there.
        "weights-transposed" => |a| {
            let linear = |w: &Tensor| matmul(a.x, &flipped(w));
            let k = spread(&split(&linear(a.k), a.h_kv), a.h);
            let v = spread(&split(&linear(a.v), a.h_kv), a.h);
            let heads = attend(&a, &[split(&linear(a.q), a.h), k, v]);
            matmul(&merge(&heads), &flipped(a.o))
        };
        "no-scale" => |a| divided_by(&a, 1.0);
        "scale-sqrt-d-model" => |a| divided_by(&a, root(a.d));
        "scale-dk" => |a| divided_by(&a, a.dk as f32);
        "scale-tokens" => |a| divided_by(&a, root(a.n));
        "gqa-tile-not-repeat" => |a| {
            let tile = |w: &Tensor| pick(&split(&matmul(a.x, w), a.h_kv), a.h, |i| i % a.h_kv);
            finish(&a, &[split(&matmul(a.x, a.q), a.h), tile(a.k), tile(a.v)])
        };
        "kv-first-head" => |a| sum(contributions(&a, |_| 0));
        "one-head-repeated" => |a| {
            let one = |w: &Tensor| {
                let head = matmul(a.x, &block(w, 0, a.dk)).insert_axis(Axis(1));
                pick(&head, a.h, |_| 0)
            };
            finish(&a, &[one(a.q), one(a.k), one(a.v)])
        };
        "sum-logits-then-softmax" => |a| {
            let [q, k, v] = qkv(&a, split);
            let s = einsum("b h n k, b h m k -> b n m", &[&q, &k]) / root(a.dk);
            let w = softmax(&masked(s, a.mask), 2);
            let heads = einsum("b n m, b h m k -> b h n k", &[&w, &v]);
            matmul(&merge(&heads), a.o)
        };
        "weights-averaged" => |a| {
            let [q, k, v] = qkv(&a, split);
            let w = softmax(&masked(dots(&q, &k) / root(a.dk), a.mask), 3);
            let w = w.mean_axis(Axis(1)).unwrap();
            let heads = einsum("b n m, b h m k -> b h n k", &[&w, &v]);
            matmul(&merge(&heads), a.o)
        };
        "heads-mean" => |a| {
            sum(contributions(&a, |head| head / (a.h / a.h_kv))) / a.h as f32
        };
        "softmax-heads" => |a| weighed(&a, |s| no_nan(softmax(&masked(s, a.mask), 1)));
        "softmax-queries" => |a| weighed(&a, |s| no_nan(softmax(&masked(s, a.mask), 2)));
        "mask-ignored" => |a| weighed(&a, |s| softmax(&s, 3));
        "always-causal" => |a| {
            let causal: Tensor = causal_mask(a.n, a.n);
            finish(&In { mask: Some(&causal), ..a }, &qkv(&a, split))
        };
        "mask-after-softmax" => |a| weighed(&a, |s| {
            let mut w = softmax(&s, 3);
            if let Some(mask) = a.mask {
                w *= &mask.mapv(|x| if x == f32::NEG_INFINITY { 0.0 } else { 1.0 });
            }
            w
        });
        "v-not-projected" => |a| {
            let [q, k, _] = qkv(&a, split);
            finish(&a, &[q, k, split(a.x, a.h)])
        };
        "qk-swapped" => |a| {
            let [q, k, v] = qkv(&a, split);
            finish(&a, &[k, q, v])
        };
        "kv-swapped" => |a| finish(&a, &qkv(&In { k: a.v, v: a.k, ..a }, split));
        "residual-added" => |a| finish(&a, &qkv(&a, split)) + a.x;
    }
}

pub fn pairs() -> Named<[&'static str; 2]> {
    solutions! {
        ["reshape-no-transpose", "concat-wrong-order"] => |a| {
            let heads = attend(&a, &qkv(&a, unmoved));
            matmul(&view(&heads, &[a.b, a.n, a.d]), a.o)
        };
        ["interleaved-heads", "interleaved-concat"] => |a| {
            let heads = attend(&a, &qkv(&a, interleaved));
            let concat = permute("b h n k -> b n k h", &heads);
            matmul(&view(&concat, &[a.b, a.n, a.d]), a.o)
        };
        ["sum-logits-then-softmax", "scale-sqrt-d-model"] => |a| {
            let k = view(&permute("b h n k -> b n h k", &qkv(&a, split)[1]), &[a.b, a.n, a.d]);
            let v = view(&permute("b h n k -> b n h k", &qkv(&a, split)[2]), &[a.b, a.n, a.d]);
            let s = einsum("b n d, b m d -> b n m", &[&matmul(a.x, a.q), &k]) / root(a.d);
            matmul(&matmul(&softmax(&masked(s, a.mask), 2), &v), a.o)
        };
        ["no-wo", "scale-sqrt-d-model"] => |a| {
            let [q, k, v] = qkv(&a, split);
            merge(&mix(&softmax(&masked(dots(&q, &k) / root(a.d), a.mask), 3), &v))
        };
        ["gqa-tile-not-repeat", "no-scale"] => |a| {
            let tile = |w: &Tensor| pick(&split(&matmul(a.x, w), a.h_kv), a.h, |i| i % a.h_kv);
            let (q, k) = (split(&matmul(a.x, a.q), a.h), tile(a.k));
            let heads = mix(&softmax(&masked(dots(&q, &k), a.mask), 3), &tile(a.v));
            matmul(&merge(&heads), a.o)
        };
        ["mask-ignored", "wo-transposed"] => |a| {
            let [q, k, v] = qkv(&a, split);
            let heads = mix(&softmax(&(dots(&q, &k) / root(a.dk)), 3), &v);
            matmul(&merge(&heads), &flipped(a.o))
        };
    }
}
