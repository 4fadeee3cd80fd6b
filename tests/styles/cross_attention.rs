//! Cross-attention as different people write it: right, wrong in every way that the lesson knows,
//! and wrong in two ways at once.

use llmlab::lessons::cross_attention::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[expect(clippy::too_many_arguments, reason = "the exercise has eight")]
#[path = "../../lessons/cross_attention/exercise.rs"]
pub mod exercise;
#[expect(clippy::too_many_arguments, reason = "the exercise has eight")]
#[path = "../../lessons/cross_attention/solution.rs"]
mod solution;

type Named<Id> = Vec<(Id, Box<dyn Candidate>)>;

/// The arguments and the sizes that follow from them.
struct In<'a> {
    x: &'a Tensor,
    memory: &'a Tensor,
    q: &'a Tensor,
    k: &'a Tensor,
    v: &'a Tensor,
    o: &'a Tensor,
    keep: &'a Labels,
    b: usize,
    n: usize,
    m: usize,
    d: usize,
    h: usize,
    dk: usize,
}

fn given<'a>([x, memory, q, k, v, o]: [&'a Tensor; 6], h: f64, keep: &'a Labels) -> In<'a> {
    let (b, n, d, h) = (x.shape()[0], x.shape()[1], x.shape()[2], h as usize);
    In {
        x,
        memory,
        q,
        k,
        v,
        o,
        keep,
        b,
        n,
        m: memory.shape()[1],
        d,
        h,
        dk: d / h,
    }
}

macro_rules! solutions {
    ($($id:expr => |$a:ident| $body:expr;)+) => {
        vec![$((
            $id,
            Box::new(candidate(
                |x: &Tensor, memory: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor, o: &Tensor, h: f64, keep: &Labels| {
                    let $a = given([x, memory, q, k, v, o], h, keep);
                    $body
                },
            )) as Box<dyn Candidate>,
        )),+]
    };
}

const DROP: f32 = f32::NEG_INFINITY;

fn view(x: &Tensor, shape: &[usize]) -> Tensor {
    let flat: Vec<f32> = x.iter().copied().collect();
    Tensor::from_shape_vec(shape.to_vec(), flat).unwrap()
}

fn root(size: usize) -> f32 {
    (size as f32).sqrt()
}

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

fn qkv(a: &In) -> [Tensor; 3] {
    [(a.x, a.q), (a.memory, a.k), (a.memory, a.v)].map(|(x, w)| split(&matmul(x, w), a.h))
}

fn dots(q: &Tensor, k: &Tensor) -> Tensor {
    einsum("b h n k, b h m k -> b h n m", &[q, k])
}

/// The mask as numbers of the caller's choice, `[b 1 1 m]`.
fn mask(a: &In, real: f32, padding: f32) -> Tensor {
    let mask = a.keep.mapv(|keep| if keep == 1 { real } else { padding });
    mask.insert_axis(Axis(1)).insert_axis(Axis(1))
}

fn mix(weights: &Tensor, v: &Tensor) -> Tensor {
    einsum("b h n m, b h m k -> b h n k", &[weights, v])
}

/// The heads `[b h n dk]`, right from q, k and v on.
fn attend(a: &In, [q, k, v]: &[Tensor; 3]) -> Tensor {
    mix(
        &softmax(&(dots(q, k) / root(a.dk) + mask(a, 0.0, DROP)), 3),
        v,
    )
}

fn finish(a: &In, qkv: &[Tensor; 3]) -> Tensor {
    matmul(&merge(&attend(a, qkv)), a.o)
}

/// Everything right, except what becomes of the scaled scores.
fn weighed(a: &In, weigh: impl Fn(Tensor) -> Tensor) -> Tensor {
    let [q, k, v] = qkv(a);
    matmul(&merge(&mix(&weigh(dots(&q, &k) / root(a.dk)), &v)), a.o)
}

fn flipped(w: &Tensor) -> Tensor {
    permute("i o -> o i", w)
}

fn first(x: &Tensor) -> Tensor {
    x.select(Axis(0), &vec![0; x.shape()[0]])
}

/// Plain loops over the real source tokens only.
fn loops(a: &In) -> Tensor {
    let row = |x: &Tensor, s: usize, i: usize, w: &Tensor| -> Vec<f32> {
        let width = x.shape()[2];
        let column = |e: usize| (0..width).map(|t| x[[s, i, t]] * w[[t, e]]).sum();
        (0..a.d).map(column).collect()
    };
    let mut out = Tensor::zeros(vec![a.b, a.n, a.d]);
    for s in 0..a.b {
        let real: Vec<usize> = (0..a.m).filter(|j| a.keep[[s, *j]] == 1).collect();
        let keys: Vec<Vec<f32>> = real.iter().map(|j| row(a.memory, s, *j, a.k)).collect();
        let values: Vec<Vec<f32>> = real.iter().map(|j| row(a.memory, s, *j, a.v)).collect();
        for i in 0..a.n {
            let query = row(a.x, s, i, a.q);
            for head in 0..a.h {
                let part = head * a.dk..(head + 1) * a.dk;
                let score = |key: &Vec<f32>| {
                    let dot: f32 = part.clone().map(|t| query[t] * key[t]).sum();
                    dot / root(a.dk)
                };
                let scores: Vec<f32> = keys.iter().map(score).collect();
                let max = scores.iter().fold(DROP, |max, &s| max.max(s));
                let sum: f32 = scores.iter().map(|s| (s - max).exp()).sum();
                for t in part.clone() {
                    let pairs = scores.iter().zip(&values);
                    let read: f32 = pairs.map(|(s, v)| (s - max).exp() / sum * v[t]).sum();
                    for e in 0..a.d {
                        out[[s, i, e]] += read * a.o[[t, e]];
                    }
                }
            }
        }
    }
    out
}

/// One head after another; each adds its own rows of w_o.
fn by_head(a: &In) -> Tensor {
    let mut out = Tensor::zeros(vec![a.b, a.n, a.d]);
    for head in 0..a.h {
        let part: Vec<usize> = (head * a.dk..(head + 1) * a.dk).collect();
        let project = |x: &Tensor, w: &Tensor| matmul(x, &w.select(Axis(1), &part));
        let q = project(a.x, a.q);
        let (k, v) = (project(a.memory, a.k), project(a.memory, a.v));
        let drop = mask(a, 0.0, DROP).index_axis_move(Axis(1), 0);
        let s = matmul(&q, &permute("b m k -> b k m", &k)) / root(a.dk) + drop;
        out += &matmul(&matmul(&softmax(&s, 2), &v), &a.o.select(Axis(0), &part));
    }
    out
}

/// Source tokens one after another, as FlashAttention sees them.
fn streaming(a: &In) -> Tensor {
    let [q, k, v] = qkv(a);
    let mut heads = Tensor::zeros(q.raw_dim());
    for s in 0..a.b {
        for (h, i) in (0..a.h).flat_map(|h| (0..a.n).map(move |i| (h, i))) {
            let (mut max, mut sum, mut acc) = (DROP, 0.0f32, vec![0.0f32; a.dk]);
            for j in (0..a.m).filter(|j| a.keep[[s, *j]] == 1) {
                let dot: f32 = (0..a.dk).map(|t| q[[s, h, i, t]] * k[[s, h, j, t]]).sum();
                let score = dot / root(a.dk);
                let new = score.max(max);
                let (rescale, w) = ((max - new).exp(), (score - new).exp());
                sum = sum * rescale + w;
                for (t, acc) in acc.iter_mut().enumerate() {
                    *acc = *acc * rescale + w * v[[s, h, j, t]];
                }
                max = new;
            }
            for (t, acc) in acc.iter().enumerate() {
                heads[[s, h, i, t]] = acc / sum;
            }
        }
    }
    matmul(&merge(&heads), a.o)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the exercise's arguments and the trace"
)]
fn traced(
    x: &Tensor,
    memory: &Tensor,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    o: &Tensor,
    h: f64,
    keep: &Labels,
    trace: &mut Trace,
) -> Tensor {
    let a = given([x, memory, q, k, v, o], h, keep);
    let [q, k, v] = qkv(&a);
    let scores = dots(&q, &k) / root(a.dk);
    trace.step("scores", "q·kᵀ/√dk", "b h i j", &scores);
    let weights = softmax(&(scores + mask(&a, 0.0, DROP)), 3);
    trace.step("weights", "softmax", "b h i j", &weights);
    let out = matmul(&merge(&mix(&weights, &v)), o);
    trace.step("out", "concat·w_o", "b i d", &out);
    out
}

pub fn right() -> Named<&'static str> {
    let mut all: Named<&'static str> = solutions! {
        "loops" => |a| loops(&a);
        "matmul and permute" => |a| finish(&a, &qkv(&a));
        "head by head" => |a| by_head(&a);
        "streaming" => |a| streaming(&a);
        "masked_fill" => |a| weighed(&a, |mut s| {
            for (at, s) in s.indexed_iter_mut() {
                if a.keep[[at[0], at[3]]] == 0 {
                    *s = DROP;
                }
            }
            softmax(&s, 3)
        });
        "mask as a factor of exp" => |a| weighed(&a, |mut s| {
            let keep = mask(&a, 1.0, 0.0);
            let keep = keep.broadcast(s.raw_dim()).unwrap();
            for (mut row, keep) in s.rows_mut().into_iter().zip(keep.rows()) {
                let real = row.iter().zip(keep).filter(|(_, keep)| **keep == 1.0);
                let max = real.fold(DROP, |max, (x, _)| max.max(*x));
                row.zip_mut_with(&keep, |x, keep| *x = keep * (*x - max).min(0.0).exp());
                let sum = row.sum();
                row /= sum;
            }
            s
        });
        "weights by head, as in Flax" => |a| {
            let project = |x: &Tensor, w: &Tensor| {
                let w = view(w, &[w.shape()[0], a.h, a.dk]);
                einsum("b n d, d h k -> b h n k", &[x, &w])
            };
            let qkv = [project(a.x, a.q), project(a.memory, a.k), project(a.memory, a.v)];
            einsum("b h n k, h k d -> b n d", &[&attend(&a, &qkv), &view(a.o, &[a.h, a.dk, a.d])])
        };
        "f64 inside and out" => |a| {
            let wide = |x: &Tensor| x.mapv(f64::from);
            let cut = |x: &Tensor, w: &Tensor| {
                let flat = matmul(&wide(x), &wide(w));
                let tokens = x.shape()[1];
                flat.into_shape_with_order(IxDyn(&[a.b, tokens, a.h, a.dk])).unwrap()
            };
            let s = einsum("b n h k, b m h k -> b h n m", &[&cut(a.x, a.q), &cut(a.memory, a.k)]);
            let s = s / (a.dk as f64).sqrt() + wide(&mask(&a, 0.0, DROP));
            let heads = einsum("b h n m, b m h k -> b n h k", &[&softmax(&s, 3), &cut(a.memory, a.v)]);
            let concat = heads.into_shape_with_order(IxDyn(&[a.b, a.n, a.d])).unwrap();
            matmul(&concat, &wide(a.o)).into_dimensionality::<ndarray::Ix3>().unwrap()
        };
    };
    all.push((
        "the solution",
        Box::new(candidate(solution::cross_attention)),
    ));
    all.push(("traced", Box::new(candidate(traced))));
    all
}

pub fn wrong() -> Named<&'static str> {
    solutions! {
        // With another width of the encoder it panics: x does not fit w_k there.
        "self-attention" => |a| {
            let [q, k, v] = [a.q, a.k, a.v].map(|w| split(&matmul(a.x, w), a.h));
            matmul(&merge(&mix(&softmax(&(dots(&q, &k) / root(a.dk)), 3), &v)), a.o)
        };
        "causal-on-cross" => |a| weighed(&a, |mut s| {
            s = s + mask(&a, 0.0, DROP);
            for (at, s) in s.indexed_iter_mut() {
                if at[3] > at[2] {
                    *s = DROP;
                }
            }
            softmax(&s, 3)
        });
        "mask-ignored" => |a| weighed(&a, |s| softmax(&s, 3));
        "mask-inverted" => |a| weighed(&a, |s| softmax(&(s + mask(&a, DROP, 0.0)), 3));
        "keep-mask-added" => |a| weighed(&a, |s| softmax(&(s + mask(&a, 1.0, 0.0)), 3));
        "masked-score-zero" => |a| weighed(&a, |s| softmax(&(s * mask(&a, 1.0, 0.0)), 3));
        "memory-zeroed" => |a| {
            let mut memory = a.memory.clone();
            for (at, x) in memory.indexed_iter_mut() {
                *x *= a.keep[[at[0], at[1]]] as f32;
            }
            let [q, k, v] = qkv(&In { memory: &memory, ..a });
            matmul(&merge(&mix(&softmax(&(dots(&q, &k) / root(a.dk)), 3), &v)), a.o)
        };
        "mask-after-softmax" => |a| weighed(&a, |s| softmax(&s, 3) * mask(&a, 1.0, 0.0));
        "mask-first-batch" => |a| {
            let drop = first(&mask(&a, 0.0, DROP));
            weighed(&a, |s| softmax(&(s + &drop), 3))
        };
        "mask-repeat-order" => |a| {
            // [b·h n m] with row b·h + head, and the masks laid out b times h instead of each h times.
            let [q, k, v] = qkv(&a);
            let s = view(&(dots(&q, &k) / root(a.dk)), &[a.b * a.h, a.n, a.m]);
            let tiled: Vec<usize> = (0..a.b * a.h).map(|row| row % a.b).collect();
            let drop = mask(&a, 0.0, DROP).index_axis_move(Axis(1), 0).select(Axis(0), &tiled);
            let w = view(&softmax(&(s + drop), 2), &[a.b, a.h, a.n, a.m]);
            matmul(&merge(&mix(&w, &v)), a.o)
        };
        "memory-first-batch" => |a| {
            let memory = first(a.memory);
            let a = In { memory: &memory, ..a };
            finish(&a, &qkv(&a))
        };
        "kv-swapped" => |a| finish(&a, &qkv(&In { k: a.v, v: a.k, ..a }));
        "softmax-queries" => |a| weighed(&a, |s| {
            softmax(&(s + mask(&a, 0.0, DROP)), 2).mapv(|w| if w.is_nan() { 0.0 } else { w })
        });
        "no-scale" => |a| weighed(&a, |s| {
            softmax(&(s * root(a.dk) + mask(&a, 0.0, DROP)), 3)
        });
        "scale-sqrt-d-model" => |a| {
            let [q, k, v] = qkv(&a);
            let s = dots(&q, &k) / root(a.d) + mask(&a, 0.0, DROP);
            matmul(&merge(&mix(&softmax(&s, 3), &v)), a.o)
        };
        "reshape-no-transpose" => |a| {
            let cut = |x: &Tensor, w: &Tensor| {
                view(&matmul(x, w), &[a.b, a.h, x.shape()[1], a.dk])
            };
            finish(&a, &[cut(a.x, a.q), cut(a.memory, a.k), cut(a.memory, a.v)])
        };
        "concat-wrong-order" => |a| {
            matmul(&view(&attend(&a, &qkv(&a)), &[a.b, a.n, a.d]), a.o)
        };
        "no-wo" => |a| merge(&attend(&a, &qkv(&a)));
        "wq-transposed" => |a| {
            let w = flipped(a.q);
            let a = In { q: &w, ..a };
            finish(&a, &qkv(&a))
        };
        "wo-transposed" => |a| matmul(&merge(&attend(&a, &qkv(&a))), &flipped(a.o));
        "residual-added" => |a| finish(&a, &qkv(&a)) + a.x;
    }
}

pub fn pairs() -> Named<[&'static str; 2]> {
    solutions! {
        ["reshape-no-transpose", "concat-wrong-order"] => |a| {
            let cut = |x: &Tensor, w: &Tensor| {
                view(&matmul(x, w), &[a.b, a.h, x.shape()[1], a.dk])
            };
            let qkv = [cut(a.x, a.q), cut(a.memory, a.k), cut(a.memory, a.v)];
            matmul(&view(&attend(&a, &qkv), &[a.b, a.n, a.d]), a.o)
        };
        ["mask-ignored", "no-wo"] => |a| {
            let [q, k, v] = qkv(&a);
            merge(&mix(&softmax(&(dots(&q, &k) / root(a.dk)), 3), &v))
        };
        ["mask-inverted", "scale-sqrt-d-model"] => |a| {
            let [q, k, v] = qkv(&a);
            let s = dots(&q, &k) / root(a.d) + mask(&a, DROP, 0.0);
            matmul(&merge(&mix(&softmax(&s, 3), &v)), a.o)
        };
        ["no-scale", "keep-mask-added"] => |a| {
            let [q, k, v] = qkv(&a);
            let s = dots(&q, &k) + mask(&a, 1.0, 0.0);
            matmul(&merge(&mix(&softmax(&s, 3), &v)), a.o)
        };
    }
}
