//! Masks as different people write them: right, wrong in every way that the lesson knows, and wrong
//! in two ways at once.

use llmlab::lessons::attention_mask::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/attention_mask/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/attention_mask/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;

const DROP: f32 = f32::NEG_INFINITY;

/// One pair: sequence, query, key, and what is known about them.
struct Pair<'a> {
    keep: &'a Labels,
    s: usize,
    i: i64,
    j: i64,
    n: i64,
    m: i64,
    w: i64,
}

impl Pair<'_> {
    fn p(&self) -> i64 {
        self.i + self.m - self.n
    }
    fn causal(&self) -> bool {
        self.j <= self.p()
    }
    fn near(&self) -> bool {
        self.w == 0 || self.j > self.p() - self.w
    }
    fn real(&self) -> bool {
        self.keep[[self.s, self.j as usize]] == 1
    }
    fn query_is_real(&self) -> bool {
        self.p() >= 0 && self.keep[[self.s, self.p() as usize]] == 1
    }
    fn right(&self) -> bool {
        self.causal() && self.near() && self.real()
    }
}

/// A mask from a rule for one pair and the numbers for seen and dropped.
fn build(
    keep: &Labels,
    queries: f64,
    window: f64,
    rule: fn(Pair) -> bool,
    [seen, dropped]: [f32; 2],
) -> Tensor {
    let (b, m, n) = (keep.shape()[0], keep.shape()[1], queries as usize);
    let mut values = Vec::new();
    for s in 0..b {
        for i in 0..n as i64 {
            for j in 0..m as i64 {
                let pair = Pair {
                    keep,
                    s,
                    i,
                    j,
                    n: n as i64,
                    m: m as i64,
                    w: window as i64,
                };
                values.push(if rule(pair) { seen } else { dropped });
            }
        }
    }
    Tensor::from_shape_vec(vec![b, 1, n, m], values).unwrap()
}

fn rule(rule: fn(Pair) -> bool) -> Box<dyn Candidate> {
    numbers(rule, [0.0, DROP])
}

fn numbers(rule: fn(Pair) -> bool, values: [f32; 2]) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |keep: &Labels, queries: f64, window: f64| build(keep, queries, window, rule, values),
    ))
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::attention_mask)),
        ),
        ("one rule for each pair", rule(|p| p.right())),
        (
            "additive parts, broadcast and added",
            Box::new(candidate(added)),
        ),
        (
            "boolean parts and a choice, traced",
            Box::new(candidate(traced)),
        ),
        (
            "runs of each row, f64, static rank",
            Box::new(candidate(runs)),
        ),
        ("the prelude's causal mask", Box::new(candidate(prelude))),
        ("finfo.min", numbers(|p| p.right(), [0.0, f32::MIN])),
        ("−1e9", numbers(|p| p.right(), [0.0, -1e9])),
        (
            "rows without keys opened",
            Box::new(candidate(|keep: &Labels, queries: f64, window: f64| {
                opened(solution::attention_mask(keep, queries, window))
            })),
        ),
        (
            "Hugging Face's way",
            Box::new(candidate(|keep: &Labels, queries: f64, window: f64| {
                opened(solution::attention_mask(keep, queries, window)).mapv(|x| x.max(f32::MIN))
            })),
        ),
    ]
}

pub fn wrong() -> Named<&'static str> {
    let right: fn(Pair) -> bool = |p| p.right();
    vec![
        (
            "top-left",
            rule(|p| p.j <= p.i && (p.w == 0 || p.j > p.i - p.w) && p.real()),
        ),
        (
            "offset-flipped",
            rule(|p| {
                let at = p.i + p.n - p.m;
                p.j <= at && (p.w == 0 || at - p.j < p.w) && p.real()
            }),
        ),
        (
            "diagonal-dropped",
            rule(|p| p.j < p.p() && p.near() && p.real()),
        ),
        (
            "sees-next",
            rule(|p| p.j <= p.p() + 1 && p.near() && p.real()),
        ),
        (
            "future-only",
            rule(|p| p.j >= p.p() && p.near() && p.real()),
        ),
        ("no-causal", rule(|p| p.near() && p.real())),
        ("padding-ignored", rule(|p| p.causal() && p.near())),
        (
            "keep-flipped",
            rule(|p| p.causal() && p.near() && !p.real()),
        ),
        (
            "first-sequence",
            rule(|p| p.causal() && p.near() && p.keep[[0, p.j as usize]] == 1),
        ),
        (
            "right-padding-assumed",
            rule(|p| p.causal() && p.near() && p.j < p.keep.index_axis(Axis(0), p.s).sum()),
        ),
        (
            "padding-on-queries",
            rule(|p| p.causal() && p.near() && p.query_is_real()),
        ),
        ("padding-on-both", rule(|p| p.right() && p.query_is_real())),
        ("or-for-and", rule(|p| p.causal() && p.near() || p.real())),
        ("window-ignored", rule(|p| p.causal() && p.real())),
        (
            "window-one-more",
            rule(|p| p.causal() && p.real() && (p.w == 0 || p.p() - p.j <= p.w)),
        ),
        (
            "window-one-less",
            rule(|p| p.causal() && p.real() && (p.w == 0 || p.p() - p.j < p.w - 1)),
        ),
        (
            "window-top-left",
            rule(|p| p.causal() && p.real() && (p.w == 0 || p.i - p.j < p.w)),
        ),
        ("keep-as-number", numbers(right, [1.0, 0.0])),
        ("drop-as-number", numbers(right, [0.0, 1.0])),
        ("zero-and-infinity-swapped", numbers(right, [DROP, 0.0])),
        ("positive-infinity", numbers(right, [0.0, -DROP])),
        (
            "nan-by-product",
            Box::new(candidate(|keep: &Labels, queries: f64, window: f64| {
                build(keep, queries, window, |p| p.right(), [1.0, 0.0])
                    .mapv(|keep| (1.0 - keep) * DROP)
            })),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["padding-ignored", "top-left"],
            rule(|p| p.j <= p.i && (p.w == 0 || p.i - p.j < p.w)),
        ),
        (
            ["diagonal-dropped", "keep-flipped"],
            rule(|p| p.j < p.p() && p.near() && !p.real()),
        ),
        (
            ["keep-as-number", "no-causal"],
            numbers(|p| p.near() && p.real(), [1.0, 0.0]),
        ),
        (
            ["right-padding-assumed", "window-one-more"],
            rule(|p| {
                let length = p.keep.index_axis(Axis(0), p.s).sum();
                p.causal() && p.j < length && (p.w == 0 || p.p() - p.j <= p.w)
            }),
        ),
    ]
}

/// Rows of −∞ alone become rows of 0.
fn opened(mut mask: Tensor) -> Tensor {
    for mut row in mask.rows_mut() {
        if row.iter().all(|x| *x == DROP) {
            row.fill(0.0);
        }
    }
    mask
}

fn added(keep: &Labels, queries: f64, window: f64) -> Tensor {
    let (m, n) = (keep.shape()[1], queries as usize);
    let fill = |kept: bool| if kept { 0.0 } else { DROP };
    let padding = keep.mapv(|keep| fill(keep == 1));
    let padding = padding.insert_axis(Axis(1)).insert_axis(Axis(1));
    let position = |i: usize| i as f32 + m as f32 - n as f32;
    let causal = Tensor::from_shape_fn(vec![n, m], |at| fill(at[1] as f32 <= position(at[0])));
    let near = Tensor::from_shape_fn(vec![n, m], |at| {
        fill(window == 0.0 || position(at[0]) - (at[1] as f32) < window as f32)
    });
    padding + causal + near
}

fn traced(keep: &Labels, queries: f64, window: f64, trace: &mut Trace) -> Tensor {
    let (b, m, n) = (keep.shape()[0], keep.shape()[1], queries as usize);
    let position: Vec<i64> = (0..n).map(|i| (i + m) as i64 - n as i64).collect();
    let causal = Array2::from_shape_fn((n, m), |(i, j)| {
        f32::from(u8::from(j as i64 <= position[i]))
    });
    trace.step("causal", "j ≤ position", "n m", &causal);
    Tensor::from_shape_fn(vec![b, 1, n, m], |at| {
        let behind = position[at[2]] - at[3] as i64;
        let near = window < 1.0 || behind < window as i64;
        if causal[[at[2], at[3]]] == 1.0 && near && keep[[at[0], at[3]]] != 0 {
            0.0
        } else {
            DROP
        }
    })
}

fn runs(keep: &Labels, queries: f64, window: f64) -> Array4<f64> {
    let (b, m, n) = (keep.shape()[0], keep.shape()[1], queries as usize);
    let mut mask = Array4::from_elem((b, 1, n, m), f64::NEG_INFINITY);
    for s in 0..b {
        for i in 0..n {
            let end = (i + 1 + m).saturating_sub(n);
            let start = if window == 0.0 {
                0
            } else {
                end.saturating_sub(window as usize)
            };
            for j in start..end {
                if keep[[s, j]] == 1 {
                    mask[[s, 0, i, j]] = 0.0;
                }
            }
        }
    }
    mask
}

fn prelude(keep: &Labels, queries: f64, window: f64) -> Tensor {
    let (m, n) = (keep.shape()[1], queries as usize);
    let mut causal: Tensor = causal_mask(n, m);
    if window > 0.0 {
        // What is at least `window` behind is what a mask that lies `window` lower would show.
        for (at, x) in causal.indexed_iter_mut() {
            if at[1] as f64 + window <= at[0] as f64 + m as f64 - n as f64 {
                *x = DROP;
            }
        }
    }
    let padding = keep.mapv(|keep| if keep == 1 { 0.0 } else { DROP });
    padding.insert_axis(Axis(1)).insert_axis(Axis(1)) + causal
}
