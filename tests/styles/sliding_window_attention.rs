//! Answers to `sliding-window-attention` as people write them: right ones in many styles, right
//! ones that hold too much, and one wrong one for every planted bug.

use llmlab::lessons::sliding_window_attention::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/sliding_window_attention/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/sliding_window_attention/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;

pub fn right() -> Named<&'static str> {
    let mut all = lean();
    all.extend(greedy());
    all
}

/// Right, without anything of size n·m.
pub fn lean() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::sliding_window_attention)),
        ),
        ("plain loops over all keys", plain(PLAIN)),
        ("unfolded windows", Box::new(candidate(unfolded))),
        (
            "streaming, f64, static rank",
            Box::new(candidate(streaming)),
        ),
        (
            "two parts merged by lse, traced",
            Box::new(candidate(merged)),
        ),
        (
            "the lowest f32 as mask, row by row",
            Box::new(candidate(row_mask)),
        ),
    ]
}

/// Right values, with an n×m matrix.
pub fn greedy() -> Named<&'static str> {
    vec![
        ("dense scores, then a mask", Box::new(candidate(dense))),
        (
            "a stored mask of n×m bytes",
            Box::new(candidate(stored_mask)),
        ),
    ]
}

fn sizes(q: &Tensor, k: &Tensor, v: &Tensor) -> [usize; 6] {
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    [b, h, n, k.shape()[2], d, v.shape()[3]]
}

/// What a rule may look at: positions of query and key, window, globals, number of keys.
#[derive(Clone, Copy)]
struct At {
    i: i32,
    j: i32,
    w: i32,
    g: i32,
    m: i32,
}

type Rule = fn(At) -> bool;

/// A straightforward answer with its choices.
#[derive(Clone, Copy)]
struct Plain {
    near: Rule,
    global_key: Rule,
    global_query: Rule,
    /// In causal attention.
    past: Rule,
    position: fn(usize, usize, usize) -> usize,
    scale: fn(f32) -> f32,
    /// How often a key that is near and global counts.
    both: usize,
    padded: bool,
    /// What a hidden score is; None: it is left out.
    hidden: Option<f32>,
    cut_late: bool,
}

const PLAIN: Plain = Plain {
    near: |at| (at.i - at.j).abs() < at.w,
    global_key: |at| at.j < at.g,
    global_query: |at| at.i < at.g,
    past: |at| at.j <= at.i,
    position: |r, n, m| r + m - n,
    scale: f32::sqrt,
    both: 1,
    padded: false,
    hidden: None,
    cut_late: false,
};

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |q: &Tensor,
              k: &Tensor,
              v: &Tensor,
              window: f64,
              globals: f64,
              causal: f64|
              -> Tensor {
            let c = choices;
            let [b, h, n, m, d, dv] = sizes(q, k, v);
            let (w, g) = (window as i32, globals as i32);
            let mut out = Tensor::zeros(vec![b, h, n, dv]);
            for (b, h, r) in ndarray::indices((b, h, n)) {
                let i = (c.position)(r, n, m) as i32;
                // (score, key, counted in the output)
                let mut seen: Vec<(f32, usize, bool)> = Vec::new();
                for j in 0..m {
                    let at = At {
                        i,
                        j: j as i32,
                        w,
                        g,
                        m: m as i32,
                    };
                    let (near, global) = ((c.near)(at), (c.global_key)(at));
                    let past = causal == 0.0 || (c.past)(at);
                    let visible = (near || global || (c.global_query)(at)) && past;
                    let mut s = 0.0;
                    for t in 0..d {
                        s += q[[b, h, r, t]] * k[[b, h, j, t]];
                    }
                    s /= (c.scale)(d as f32);
                    if visible {
                        let times = if near && global { c.both } else { 1 };
                        seen.extend(std::iter::repeat_n((s, j, true), times));
                    } else if let Some(hidden) = c.hidden {
                        seen.push((hidden, j, true));
                    } else if c.cut_late {
                        seen.push((s, j, false));
                    }
                }
                let max = seen.iter().map(|key| key.0).fold(f32::MIN, f32::max);
                let max = if c.padded { max.max(0.0) } else { max };
                let mut sum: f32 = seen.iter().map(|key| (key.0 - max).exp()).sum();
                if c.padded {
                    let m = m as i32;
                    let over = if causal == 0.0 { (i + w - m).max(0) } else { 0 };
                    sum += ((w - 1 - i).max(0) + over) as f32 * (0.0 - max).exp();
                }
                for (s, j, counted) in seen {
                    for t in 0..dv {
                        if counted {
                            out[[b, h, r, t]] += (s - max).exp() / sum * v[[b, h, j, t]];
                        }
                    }
                }
            }
            out
        },
    ))
}

/// Whether query i sees key j, as every right answer says it.
fn sees(i: usize, j: usize, w: usize, g: usize, causal: f64) -> bool {
    (i.abs_diff(j) < w || j < g || i < g) && (causal == 0.0 || j <= i)
}

/// As Longformer's first implementation: keys and values of every window side by side.
fn unfolded(q: &Tensor, k: &Tensor, v: &Tensor, window: f64, globals: f64, causal: f64) -> Tensor {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let (w, g) = (window as usize, (globals as usize).min(m));
    let wide = if causal == 1.0 { w } else { 2 * w - 1 };
    // Key of a slot: globals, then the window from its left end.
    let key = |r: usize, s: usize| -> Option<usize> {
        let i = r + m - n;
        let j = if s < g {
            s
        } else {
            (i + s + 1).checked_sub(g + w)?
        };
        (j < m && (s < g || j >= g))
            .then_some(j)
            .filter(|j| sees(i, *j, w, g, causal))
    };
    let take = |x: &Tensor, width: usize| {
        Tensor::from_shape_fn(vec![b, h, n, g + wide, width], |at| {
            key(at[2], at[3]).map_or(0.0, |j| x[[at[0], at[1], j, at[4]]])
        })
    };
    let mut scores = einsum("b h n d, b h n s d -> b h n s", &[q, &take(k, d)]) / (d as f32).sqrt();
    for (at, s) in scores.indexed_iter_mut() {
        if key(at[2], at[3]).is_none() {
            *s = f32::NEG_INFINITY;
        }
    }
    let weights = softmax(&scores, 3);
    let mut out = einsum("b h n s, b h n s v -> b h n v", &[&weights, &take(v, dv)]);
    // Global queries of two-sided attention see everything: done on their own.
    for (b, h, r) in ndarray::indices((b, h, n)) {
        if causal == 0.0 && r + m - n < g {
            let scores = k.slice(s![b, h, .., ..]).dot(&q.slice(s![b, h, r, ..]));
            let weights = softmax(&(scores / (d as f32).sqrt()).into_dyn(), 0);
            let weights = weights.into_dimensionality::<ndarray::Ix1>().unwrap();
            let row = weights.dot(&v.slice(s![b, h, .., ..]));
            out.slice_mut(s![b, h, r, ..]).assign(&row);
        }
    }
    out
}

fn streaming(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    window: f64,
    globals: f64,
    causal: f64,
) -> Array4<f64> {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let mut out = Array4::zeros((b, h, n, dv));
    for (b, h, r) in ndarray::indices((b, h, n)) {
        let i = r + m - n;
        let (mut max, mut sum, mut acc) = (f64::NEG_INFINITY, 0.0, vec![0.0; dv]);
        for j in (0..m).rev() {
            if !sees(i, j, window as usize, globals as usize, causal) {
                continue;
            }
            let product = |t: usize| q[[b, h, r, t]] as f64 * k[[b, h, j, t]] as f64;
            let s = (0..d).map(product).sum::<f64>() / (d as f64).sqrt();
            let new = max.max(s);
            let (keep, p) = ((max - new).exp(), (s - new).exp());
            sum = sum * keep + p;
            for (t, x) in acc.iter_mut().enumerate() {
                *x = *x * keep + p * v[[b, h, j, t]] as f64;
            }
            max = new;
        }
        for (t, x) in acc.iter().enumerate() {
            out[[b, h, r, t]] = x / sum;
        }
    }
    out
}

/// Window and the rest each with its own softmax, merged with the weights of their sums.
fn merged(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    window: f64,
    globals: f64,
    causal: f64,
    trace: &mut Trace,
) -> Tensor {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let (w, g) = (window as usize, globals as usize);
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    for (b, h, r) in ndarray::indices((b, h, n)) {
        let i = r + m - n;
        let part = |inside: bool| {
            let seen = |j: &usize| sees(i, *j, w, g, causal) && (i.abs_diff(*j) < w) == inside;
            let keys: Vec<usize> = (0..m).filter(seen).collect();
            let scores: Vec<f32> = keys
                .iter()
                .map(|j| {
                    q.slice(s![b, h, r, ..]).dot(&k.slice(s![b, h, *j, ..])) / (d as f32).sqrt()
                })
                .collect();
            let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut row = Array1::<f32>::zeros(dv);
            let mut sum = 0.0;
            for (j, s) in keys.iter().zip(&scores) {
                sum += (s - max).exp();
                row.scaled_add((s - max).exp(), &v.slice(s![b, h, *j, ..]));
            }
            (max, sum, row)
        };
        let ((m1, s1, r1), (m2, s2, r2)) = (part(true), part(false));
        let top = m1.max(m2);
        let (a, z) = ((m1 - top).exp(), (m2 - top).exp());
        let row = (r1 * a + r2 * z) / (s1 * a + s2 * z);
        out.slice_mut(s![b, h, r, ..]).assign(&row);
    }
    trace.step("out", "Σ weights·v_j", "b h n dv", &out);
    out
}

fn row_mask(q: &Tensor, k: &Tensor, v: &Tensor, window: f64, globals: f64, causal: f64) -> Tensor {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    for (b, h, r) in ndarray::indices((b, h, n)) {
        let i = r + m - n;
        let scores = k.slice(s![b, h, .., ..]).dot(&q.slice(s![b, h, r, ..])) / (d as f32).sqrt();
        let masked = Tensor::from_shape_fn(vec![m], |at| {
            match sees(i, at[0], window as usize, globals as usize, causal) {
                true => scores[at[0]],
                false => f32::MIN,
            }
        });
        let weights = softmax(&masked, 0)
            .into_dimensionality::<ndarray::Ix1>()
            .unwrap();
        let row = weights.dot(&v.slice(s![b, h, .., ..]));
        out.slice_mut(s![b, h, r, ..]).assign(&row);
    }
    out
}

fn dense(q: &Tensor, k: &Tensor, v: &Tensor, window: f64, globals: f64, causal: f64) -> Tensor {
    let [_, _, n, m, d, _] = sizes(q, k, v);
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[q, k]) / (d as f32).sqrt();
    for (at, s) in scores.indexed_iter_mut() {
        if !sees(
            at[2] + m - n,
            at[3],
            window as usize,
            globals as usize,
            causal,
        ) {
            *s = f32::NEG_INFINITY;
        }
    }
    einsum("b h n m, b h m v -> b h n v", &[&softmax(&scores, 3), v])
}

fn stored_mask(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    window: f64,
    globals: f64,
    causal: f64,
) -> Tensor {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let mask = Array2::from_shape_fn((n, m), |(r, j)| {
        sees(r + m - n, j, window as usize, globals as usize, causal)
    });
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    for (b, h, r) in ndarray::indices((b, h, n)) {
        let keys: Vec<usize> = (0..m).filter(|j| mask[[r, *j]]).collect();
        let q = q.slice(s![b, h, r, ..]);
        let scores = keys
            .iter()
            .map(|j| q.dot(&k.slice(s![b, h, *j, ..])) / (d as f32).sqrt());
        let scores = Tensor::from_shape_vec(vec![keys.len()], scores.collect()).unwrap();
        for (j, w) in keys.iter().zip(softmax(&scores, 0)) {
            out.slice_mut(s![b, h, r, ..])
                .scaled_add(w, &v.slice(s![b, h, *j, ..]));
        }
    }
    out
}

/// Window and globals each with a softmax, added up.
fn added(q: &Tensor, k: &Tensor, v: &Tensor, window: f64, globals: f64, causal: f64) -> Tensor {
    let [b, h, n, m, d, _] = sizes(q, k, v);
    let (w, g) = (window as usize, globals as usize);
    let scores = einsum("b h n d, b h m d -> b h n m", &[q, k]) / (d as f32).sqrt();
    let mut weights = Tensor::zeros(scores.raw_dim());
    for (b, h, r) in ndarray::indices((b, h, n)) {
        let i = r + m - n;
        for inside in [true, false] {
            let seen = |j: &usize| sees(i, *j, w, g, causal) && (i.abs_diff(*j) < w) == inside;
            let keys: Vec<usize> = (0..m).filter(seen).collect();
            let row = |j: &usize| scores[[b, h, r, *j]];
            let max = keys.iter().map(row).fold(f32::MIN, f32::max);
            let sum: f32 = keys.iter().map(|j| (row(j) - max).exp()).sum();
            for j in &keys {
                weights[[b, h, r, *j]] = (row(j) - max).exp() / sum;
            }
        }
    }
    einsum("b h n m, b h m v -> b h n v", &[&weights, v])
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = vec![("two-softmaxes", Box::new(candidate(added)))];
    let mut add = |id, choices: Plain| all.push((id, plain(choices)));
    let near = |near| Plain { near, ..PLAIN };
    add("off-by-one-window", near(|at| (at.i - at.j).abs() <= at.w));
    add(
        "window-too-short",
        near(|at| (at.i - at.j).abs() + 1 < at.w),
    );
    add("half-window", near(|at| (at.i - at.j).abs() <= at.w / 2));
    add("blocks", near(|at| at.i / at.w == at.j / at.w));
    add(
        "two-sided-in-causal",
        Plain {
            past: |_| true,
            ..PLAIN
        },
    );
    add(
        "globals-from-the-future",
        Plain {
            past: |at| at.j <= at.i || at.j < at.g,
            ..PLAIN
        },
    );
    add(
        "globals-ignored",
        Plain {
            global_key: |_| false,
            global_query: |_| false,
            ..PLAIN
        },
    );
    add(
        "globals-last",
        Plain {
            global_key: |at| at.j >= at.m - at.g,
            global_query: |at| at.i >= at.m - at.g,
            ..PLAIN
        },
    );
    add(
        "global-one-way",
        Plain {
            global_key: |_| false,
            ..PLAIN
        },
    );
    add(
        "global-blind",
        Plain {
            global_query: |_| false,
            ..PLAIN
        },
    );
    add("global-twice", Plain { both: 2, ..PLAIN });
    add(
        "padded-band",
        Plain {
            padded: true,
            ..PLAIN
        },
    );
    add(
        "row-for-position",
        Plain {
            position: |r, _, _| r,
            ..PLAIN
        },
    );
    add(
        "masked-score-zero",
        Plain {
            hidden: Some(0.0),
            ..PLAIN
        },
    );
    add(
        "mask-after-softmax",
        Plain {
            cut_late: true,
            ..PLAIN
        },
    );
    add(
        "no-scale",
        Plain {
            scale: |_| 1.0,
            ..PLAIN
        },
    );
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["off-by-one-window", "globals-ignored"],
            plain(Plain {
                near: |at| (at.i - at.j).abs() <= at.w,
                global_key: |_| false,
                global_query: |_| false,
                ..PLAIN
            }),
        ),
        (
            ["row-for-position", "no-scale"],
            plain(Plain {
                position: |r, _, _| r,
                scale: |_| 1.0,
                ..PLAIN
            }),
        ),
        (
            ["blocks", "global-twice"],
            plain(Plain {
                near: |at| at.i / at.w == at.j / at.w,
                both: 2,
                ..PLAIN
            }),
        ),
        (
            ["padded-band", "window-too-short"],
            plain(Plain {
                near: |at| (at.i - at.j).abs() < at.w - 1,
                padded: true,
                ..PLAIN
            }),
        ),
    ]
}
