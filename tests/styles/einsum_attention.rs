//! Answers to `einsum-attention` as people write them: right ones in many styles, and one wrong one
//! for every planted bug.

use llmlab::lessons::einsum_attention::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/attention/einsum_attention/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/attention/einsum_attention/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Mask<'a> = Option<&'a Tensor>;

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::einsum_attention)),
        ),
        ("the same by its specs", named(RIGHT)),
        ("heads before tokens", named(HEADS_FIRST)),
        ("tokens of the memory first", named(MEMORY_FIRST)),
        ("plain f32 loops, streaming", Box::new(candidate(loops))),
        ("one head after the other", Box::new(candidate(by_heads))),
        ("flat weights and matmul", Box::new(candidate(flat))),
        (
            "w_q and w_k multiplied first",
            Box::new(candidate(absorbed)),
        ),
        ("f64 inside, static rank, traced", Box::new(candidate(wide))),
    ]
}

/// An answer in einsum, by what it names.
#[derive(Clone, Copy)]
struct Names {
    q: &'static str,
    k: &'static str,
    v: &'static str,
    scores: &'static str,
    /// The axis of the softmax, counted in the scores.
    axis: usize,
    heads: &'static str,
    out: &'static str,
    /// From x and q.
    scale: fn(&Tensor, &Tensor) -> f32,
    mask: fn(Tensor, Mask) -> Tensor,
    late: fn(Tensor, Mask) -> Tensor,
    swapped: bool,
    own: bool,
}

const RIGHT: Names = Names {
    q: "b n d, d h k -> b n h k",
    k: "b m c, c h k -> b m h k",
    v: "b m c, c h e -> b m h e",
    scores: "b n h k, b m h k -> b h n m",
    axis: 3,
    heads: "b h n m, b m h e -> b n h e",
    out: "b n h e, h e d -> b n d",
    scale: |_, q| (*q.shape().last().unwrap() as f32).powf(-0.5),
    mask: |mut scores, mask| {
        if let Some(mask) = mask {
            scores += mask;
        }
        scores
    },
    late: |weights, _| weights,
    swapped: false,
    own: false,
};
const HEADS_FIRST: Names = Names {
    q: "b n d, d h k -> b h n k",
    k: "b m c, c h k -> b h m k",
    v: "b m c, c h e -> b h m e",
    scores: "b h n k, b h m k -> b h n m",
    heads: "b h n m, b h m e -> b h n e",
    out: "b h n e, h e d -> b n d",
    ..RIGHT
};
const MEMORY_FIRST: Names = Names {
    q: "b i f, f a c -> b i a c",
    k: "b j f, f a c -> j b a c",
    v: "b j f, f a c -> j a c b",
    scores: "b i a c, j b a c -> b a i j",
    heads: "b a i j, j a c b -> a b i c",
    out: "a b i c, a c f -> b i f",
    ..RIGHT
};

fn answer(names: Names, [x, memory, w_q, w_k, w_v, w_o]: [&Tensor; 6], mask: Mask) -> Tensor {
    let memory = if names.own { x } else { memory };
    let (w_k, w_v) = if names.swapped {
        (w_v, w_k)
    } else {
        (w_k, w_v)
    };
    let q = einsum(names.q, &[x, w_q]);
    let k = einsum(names.k, &[memory, w_k]);
    let v = einsum(names.v, &[memory, w_v]);
    let mut scores = einsum(names.scores, &[&q, &k]) * (names.scale)(x, &q);
    if scores.ndim() == 3 {
        // A learner sees a shape without heads and stacks it.
        let views = vec![scores.view(); q.shape()[2]];
        scores = ndarray::stack(Axis(1), &views).unwrap();
    }
    let scores = (names.mask)(scores, mask);
    let weights = (names.late)(softmax(&scores, names.axis), mask);
    let heads = einsum(names.heads, &[&weights, &v]);
    einsum(names.out, &[&heads, w_o])
}

fn named(names: Names) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |x: &Tensor,
              memory: &Tensor,
              w_q: &Tensor,
              w_k: &Tensor,
              w_v: &Tensor,
              w_o: &Tensor,
              mask: Option<&Tensor>|
              -> Tensor { answer(names, [x, memory, w_q, w_k, w_v, w_o], mask) },
    ))
}

/// x·w for one token and one head: row of `x [b n d]`, w `[d h k]`.
fn project(x: &Tensor, w: &Tensor, [b, n, h]: [usize; 3]) -> Vec<f32> {
    let (d, k) = (w.shape()[0], w.shape()[2]);
    let column = |j: usize| (0..d).map(|i| x[[b, n, i]] * w[[i, h, j]]).sum();
    (0..k).map(column).collect()
}

fn additive(mask: Mask, at: [usize; 4], shape: [usize; 4]) -> f32 {
    let wide = mask.map(|mask| mask.broadcast(IxDyn(&shape)).unwrap());
    wide.map_or(0.0, |mask| mask[at])
}

fn loops(
    x: &Tensor,
    memory: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    let (b, n, m) = (x.shape()[0], x.shape()[1], memory.shape()[1]);
    let (h, e, d) = (w_o.shape()[0], w_o.shape()[1], w_o.shape()[2]);
    let mut out = Tensor::zeros(x.raw_dim());
    for (i, t, a) in ndarray::indices((b, n, h)) {
        let q = project(x, w_q, [i, t, a]);
        let (mut max, mut sum, mut head) = (f32::NEG_INFINITY, 0.0, vec![0.0; e]);
        for j in 0..m {
            let bias = additive(mask, [i, a, t, j], [b, h, n, m]);
            if bias == f32::NEG_INFINITY {
                continue;
            }
            let k = project(memory, w_k, [i, j, a]);
            let dot: f32 = q.iter().zip(&k).map(|(q, k)| q * k).sum();
            let score = dot / (q.len() as f32).sqrt() + bias;
            let larger = score.max(max);
            let (old, new) = ((max - larger).exp(), (score - larger).exp());
            (max, sum) = (larger, sum * old + new);
            for (x, v) in head.iter_mut().zip(project(memory, w_v, [i, j, a])) {
                *x = *x * old + new * v;
            }
        }
        for (j, c) in ndarray::indices((e, d)) {
            out[[i, t, c]] += head[j] / sum * w_o[[a, j, c]];
        }
    }
    out
}

fn by_heads(
    x: &Tensor,
    memory: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    let (b, n, m, h) = (
        x.shape()[0],
        x.shape()[1],
        memory.shape()[1],
        w_q.shape()[1],
    );
    let mut out = Tensor::zeros(x.raw_dim());
    for a in 0..h {
        let of = |w: &Tensor, axis: usize| w.index_axis(Axis(axis), a).to_owned();
        let q = einsum("b n d, d k -> b n k", &[x, &of(w_q, 1)]);
        let k = einsum("b m c, c k -> b m k", &[memory, &of(w_k, 1)]);
        let v = einsum("b m c, c e -> b m e", &[memory, &of(w_v, 1)]);
        let mut scores = einsum("b n k, b m k -> b n m", &[&q, &k]);
        for (at, score) in scores.indexed_iter_mut() {
            *score /= (w_q.shape()[2] as f32).sqrt();
            *score += additive(mask, [at[0], a, at[1], at[2]], [b, h, n, m]);
        }
        let head = matmul(&softmax(&scores, 2), &v);
        out += &matmul(&head, &of(w_o, 0));
    }
    out
}

fn flat(
    x: &Tensor,
    memory: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    let reshaped = |x: Tensor, shape: &[usize]| x.into_shape_with_order(IxDyn(shape)).unwrap();
    let heads = |x: &Tensor, w: &Tensor| {
        let [d, h, k] = [w.shape()[0], w.shape()[1], w.shape()[2]];
        let flat = matmul(x, &reshaped(w.clone(), &[d, h * k]));
        let cut = reshaped(flat, &[x.shape()[0], x.shape()[1], h, k]);
        permute("b n h k -> b h n k", &cut)
    };
    let (q, k, v) = (heads(x, w_q), heads(memory, w_k), heads(memory, w_v));
    let d = q.shape()[3] as f32;
    let mut scores = matmul(&(q / d.sqrt()), &permute("b h m k -> b h k m", &k));
    if let Some(mask) = mask {
        scores += mask;
    }
    let heads = permute("b h n e -> b n h e", &matmul(&softmax(&scores, 3), &v));
    let [h, e, d] = [w_o.shape()[0], w_o.shape()[1], w_o.shape()[2]];
    let concat = reshaped(heads, &[x.shape()[0], x.shape()[1], h * e]);
    matmul(&concat, &reshaped(w_o.clone(), &[h * e, d]))
}

/// scores = x·(w_q·w_kᵀ)·memoryᵀ, and v·w_o before the weights.
fn absorbed(
    x: &Tensor,
    memory: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    let bilinear = einsum("d h k, c h k -> h d c", &[w_q, w_k]);
    let half = einsum("b n d, h d c -> b h n c", &[x, &bilinear]);
    let mut scores = einsum("b h n c, b m c -> b h n m", &[&half, memory]);
    scores /= (w_q.shape()[2] as f32).sqrt();
    if let Some(mask) = mask {
        scores += mask;
    }
    let values = einsum("c h e, h e d -> h c d", &[w_v, w_o]);
    let values = einsum("b m c, h c d -> b h m d", &[memory, &values]);
    einsum(
        "b h n m, b h m d -> b n d",
        &[&softmax(&scores, 3), &values],
    )
}

#[expect(
    clippy::too_many_arguments,
    reason = "the lesson's signature and a trace"
)]
fn wide(
    x: &Tensor,
    memory: &Tensor,
    w_q: &Tensor,
    w_k: &Tensor,
    w_v: &Tensor,
    w_o: &Tensor,
    mask: Option<&Tensor>,
    trace: &mut Trace,
) -> Array3<f64> {
    let f64s = |x: &Tensor| x.mapv(f64::from);
    let (x, memory) = (f64s(x), f64s(memory));
    let q = einsum("b n d, d h k -> b n h k", &[&x, &f64s(w_q)]);
    trace.step("q", "x·w_q", "b n h k", &q);
    let k = einsum("b m c, c h k -> b m h k", &[&memory, &f64s(w_k)]);
    let v = einsum("b m c, c h e -> b m h e", &[&memory, &f64s(w_v)]);
    let mut weights = einsum("b n h k, b m h k -> b h n m", &[&q, &k]);
    weights.mapv_inplace(|s| s / (q.shape()[3] as f64).sqrt());
    if let Some(mask) = mask {
        weights += &f64s(mask);
    }
    for mut row in weights.rows_mut() {
        let max = row.fold(f64::MIN, |a, b| a.max(*b));
        row.mapv_inplace(|s| (s - max).exp());
        let sum = row.sum();
        row.mapv_inplace(|w| w / sum);
    }
    trace.step("weights", "softmax", "b h n m", &weights);
    let heads = einsum("b h n m, b m h e -> b n h e", &[&weights, &v]);
    let out = einsum("b n h e, h e d -> b n d", &[&heads, &f64s(w_o)]);
    out.into_dimensionality().unwrap()
}

const TRANSPOSED: Names = Names {
    scores: "b n h k, b m h k -> b h m n",
    heads: "b h m n, b m h e -> b n h e",
    ..RIGHT
};
const HEADS_FOR_TOKENS: Names = Names {
    scores: "b h n k, b h m k -> b h n m",
    heads: "b h n m, b h m e -> b h n e",
    ..RIGHT
};
const NO_SCALE: Names = Names {
    scale: |_, _| 1.0,
    ..RIGHT
};

pub fn wrong() -> Named<&'static str> {
    let heads = |heads| named(Names { heads, ..RIGHT });
    let scores = |scores| named(Names { scores, ..RIGHT });
    let out = |out| named(Names { out, ..RIGHT });
    let axis = |axis| named(Names { axis, ..RIGHT });
    let scale = |scale| named(Names { scale, ..RIGHT });
    vec![
        ("index-reuse", heads("b h n m, b n h e -> b n h e")),
        ("weights-transposed", heads("b h m n, b m h e -> b n h e")),
        ("values-two-names", heads("b h n m, b j h e -> b n h e")),
        ("scores-transposed", named(TRANSPOSED)),
        ("softmax-queries", axis(2)),
        ("softmax-heads", axis(1)),
        ("head-axis-dropped", scores("b n h k, b m h k -> b n m")),
        ("scores-two-names", scores("b n h k, b m h e -> b h n m")),
        ("batch-two-names", scores("b n h k, c m h k -> b h n m")),
        ("wo-two-names", out("b n h e, i e d -> b n d")),
        ("wo-head-dim-swapped", out("b n h e, e h d -> b n d")),
        ("heads-for-tokens", named(HEADS_FOR_TOKENS)),
        (
            "wq-head-dim-swapped",
            named(Names {
                q: "b n d, d k h -> b n h k",
                ..RIGHT
            }),
        ),
        ("no-scale", named(NO_SCALE)),
        (
            "scale-axis-2",
            scale(|_, q| 1.0 / (q.shape()[2] as f32).sqrt()),
        ),
        (
            "scale-model",
            scale(|x, _| 1.0 / (x.shape()[2] as f32).sqrt()),
        ),
        ("no-sqrt", scale(|_, q| 1.0 / q.shape()[3] as f32)),
        (
            "mask-ignored",
            named(Names {
                mask: |scores, _| scores,
                ..RIGHT
            }),
        ),
        (
            "mask-after-softmax",
            named(Names {
                mask: |scores, _| scores,
                late: |mut weights, mask| {
                    if let Some(mask) = mask {
                        let keep = mask.mapv(|x| if x == 0.0 { 1.0 } else { 0.0 });
                        weights *= &keep;
                    }
                    weights
                },
                ..RIGHT
            }),
        ),
        ("memory-not-used", named(Names { own: true, ..RIGHT })),
        (
            "kv-weights-swapped",
            named(Names {
                swapped: true,
                ..RIGHT
            }),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["no-scale", "softmax-queries"],
            named(Names {
                axis: 2,
                ..NO_SCALE
            }),
        ),
        (
            ["head-axis-dropped", "mask-ignored"],
            named(Names {
                scores: "b n h k, b m h k -> b n m",
                mask: |scores, _| scores,
                ..RIGHT
            }),
        ),
        (
            ["index-reuse", "wo-head-dim-swapped"],
            named(Names {
                heads: "b h n m, b n h e -> b n h e",
                out: "b n h e, e h d -> b n d",
                ..RIGHT
            }),
        ),
        (
            ["no-scale", "batch-two-names"],
            named(Names {
                scores: "b n h k, a m h k -> b h n m",
                ..NO_SCALE
            }),
        ),
    ]
}
