//! Answers to `attention-complexity` as people write them: right ones in many styles, and one wrong
//! one for every planted bug.

use llmlab::lessons::attention_complexity::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/attention_complexity/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/attention_complexity/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Three = (Tensor, Tensor, f32);

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::attention_complexity)),
        ),
        ("plain f32", plain(PLAIN)),
        (
            "n²/2 pairs where causal",
            plain(Plain {
                pairs: |n, causal| if causal { n * n / 2.0 } else { n * n },
                ..PLAIN
            }),
        ),
        ("whole arrays, f64", Box::new(candidate(arrays))),
        (
            "counted layer by layer, traced",
            Box::new(candidate(traced)),
        ),
        (
            "normal equations, log2",
            Box::new(candidate(normal_equations)),
        ),
        (
            "mean slope over all pairs of cases",
            Box::new(candidate(all_pairs)),
        ),
    ]
}

/// Sizes of a layer as one counts with them.
#[derive(Clone, Copy)]
struct Layer {
    h: f32,
    kv: f32,
    d: f32,
    width: f32,
    causal: bool,
}

/// A straightforward answer with its choices.
#[derive(Clone, Copy)]
struct Plain {
    pairs: fn(f32, bool) -> f32,
    /// FLOP of the projections and of attention, from n, the pairs and the layer.
    projections: fn(f32, Layer) -> f32,
    attention: fn(f32, Layer) -> f32,
    /// Numbers.
    operands: fn(f32, Layer) -> f32,
    scores: fn(f32, Layer) -> f32,
    bytes: fn(f32) -> f32,
    unit: f32,
    flop: f32,
    /// From GFLOP of projections and attention, and seconds.
    rate: fn(f32, f32, f32) -> f32,
    exponent: fn(&[f32], &[f32]) -> f32,
}

const PLAIN: Plain = Plain {
    pairs: |n, causal| if causal { n * (n + 1.0) / 2.0 } else { n * n },
    projections: |n, l| {
        let (model, kv) = (l.h * l.d, l.kv * l.d);
        2.0 * (n * model * model + n * model * kv + n * model * kv + n * model * model)
    },
    attention: |pairs, l| 2.0 * l.h * pairs * l.d + 2.0 * l.h * pairs * l.d,
    operands: |n, l| n * l.d * (l.h + l.kv + l.kv + l.h),
    scores: |n, l| l.h * n * n,
    bytes: |width| width,
    unit: 1_073_741_824.0,
    flop: 1.0,
    rate: |_, attention, t| attention / t,
    exponent: |n, t| fit(&logs(n), &logs(t)),
};

fn logs(x: &[f32]) -> Vec<f32> {
    x.iter().map(|x| x.ln()).collect()
}

/// Least squares in f32, both means taken off first.
fn fit(x: &[f32], y: &[f32]) -> f32 {
    let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
    let (mx, my) = (mean(x), mean(y));
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        above += (x - mx) * (y - my);
        below += (x - mx) * (x - mx);
    }
    if x.len() < 2 { 0.0 } else { above / below }
}

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |n: &Labels,
              heads: f64,
              kv_heads: f64,
              head_dim: f64,
              width: f64,
              causal: f64,
              seconds: &Tensor|
              -> Three {
            let c = choices;
            let layer = Layer {
                h: heads as f32,
                kv: kv_heads as f32,
                d: head_dim as f32,
                width: width as f32,
                causal: causal != 0.0,
            };
            let lengths: Vec<f32> = n.iter().map(|n| *n as f32).collect();
            let times: Vec<f32> = seconds.iter().copied().collect();
            let mut counts = Tensor::zeros(vec![lengths.len(), 4]);
            let mut rate = Tensor::zeros(vec![lengths.len()]);
            for (i, n) in lengths.iter().enumerate() {
                let pairs = (c.pairs)(*n, layer.causal);
                let projections = (c.projections)(*n, layer) * c.flop / 1e9;
                let attention = (c.attention)(pairs, layer) * c.flop / 1e9;
                let each = (c.bytes)(layer.width) / c.unit;
                counts[[i, 0]] = projections;
                counts[[i, 1]] = attention;
                counts[[i, 2]] = (c.operands)(*n, layer) * each;
                counts[[i, 3]] = (c.scores)(*n, layer) * each;
                rate[[i]] = (c.rate)(projections, attention, times[i]);
            }
            (counts, rate, (c.exponent)(&lengths, &times))
        },
    ))
}

fn arrays(
    n: &Labels,
    heads: f64,
    kv_heads: f64,
    head_dim: f64,
    width: f64,
    causal: f64,
    seconds: &Tensor,
) -> (Array2<f64>, Array1<f64>, f64) {
    let n: Array1<f64> = n.iter().map(|n| *n as f64).collect();
    let t: Array1<f64> = seconds.iter().map(|t| f64::from(*t)).collect();
    let pairs = (&n * &n + &n * causal) / (1.0 + causal);
    let gib = width / 1024f64.powi(3);
    let attention = pairs * (4.0 * heads * head_dim) / 1e9;
    let columns = [
        &n * (4.0 * heads * head_dim * head_dim * (heads + kv_heads) / 1e9),
        attention.clone(),
        &n * (2.0 * head_dim * (heads + kv_heads) * gib),
        &n * &n * (heads * gib),
    ];
    let views = columns.each_ref().map(|column| column.view());
    let counts = ndarray::stack(Axis(1), &views).unwrap();
    let (x, y) = (n.mapv(f64::log10), t.mapv(f64::log10));
    let (dx, dy) = (&x - x.mean().unwrap(), &y - y.mean().unwrap());
    let spread = dx.dot(&dx);
    let exponent = if spread == 0.0 {
        0.0
    } else {
        dx.dot(&dy) / spread
    };
    (counts, attention / t, exponent)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the exercise's seven and the trace"
)]
fn traced(
    n: &Labels,
    heads: f64,
    kv_heads: f64,
    head_dim: f64,
    width: f64,
    causal: f64,
    seconds: &Tensor,
    trace: &mut Trace,
) -> Three {
    let mut counts = Tensor::zeros(vec![n.len(), 4]);
    for (i, &n) in n.iter().enumerate() {
        // Shapes of the matrices of a layer: rows, inner, columns, how many.
        let d = head_dim as i64;
        let (h, kv) = (heads as i64, kv_heads as i64);
        let product = |rows: i64, inner: i64, columns: i64| 2 * rows * inner * columns;
        let projections = 2 * product(n, h * d, h * d) + 2 * product(n, h * d, kv * d);
        let seen: i64 = if causal > 0.5 { (1..=n).sum() } else { n * n };
        let attention = h * (product(1, d, seen) + product(1, seen, d));
        let operands = (2 * n * h * d + 2 * n * kv * d) as f64 * width;
        let scores = (h * n * n) as f64 * width;
        let row = [
            projections as f64 / 1e9,
            attention as f64 / 1e9,
            operands / (1 << 30) as f64,
            scores / (1 << 30) as f64,
        ];
        for (kind, x) in row.into_iter().enumerate() {
            counts[[i, kind]] = x as f32;
        }
    }
    trace.step("counts", "four kinds", "c kind", &counts);
    let rate = &counts.index_axis(Axis(1), 1) / seconds;
    trace.step("rate", "attention/seconds", "c", &rate);
    let lengths: Vec<f32> = n.iter().map(|n| (*n as f32).ln()).collect();
    let times: Vec<f32> = seconds.iter().map(|t| t.ln()).collect();
    (counts, rate.into_dyn(), fit(&lengths, &times))
}

/// The slope from Σ1, Σx, Σy, Σx² and Σxy.
fn normal_equations(
    n: &Labels,
    heads: f64,
    kv_heads: f64,
    head_dim: f64,
    width: f64,
    causal: f64,
    seconds: &Tensor,
) -> Three {
    let (counts, rate, _) =
        solution::attention_complexity(n, heads, kv_heads, head_dim, width, causal, seconds);
    let mut sums = [0.0f64; 5];
    for (n, t) in n.iter().zip(seconds) {
        let (x, y) = ((*n as f64).log2(), f64::from(*t).log2());
        for (sum, term) in sums.iter_mut().zip([1.0, x, y, x * x, x * y]) {
            *sum += term;
        }
    }
    let [one, x, y, xx, xy] = sums;
    let determinant = one * xx - x * x;
    let slope = if n.len() < 2 {
        0.0
    } else {
        (one * xy - x * y) / determinant
    };
    (counts, rate, slope as f32)
}

/// Σ(xi − xj)(yi − yj)/Σ(xi − xj)² over all pairs is the same slope.
fn all_pairs(
    n: &Labels,
    heads: f64,
    kv_heads: f64,
    head_dim: f64,
    width: f64,
    causal: f64,
    seconds: &Tensor,
) -> Three {
    let (counts, rate, _) =
        solution::attention_complexity(n, heads, kv_heads, head_dim, width, causal, seconds);
    let (mut above, mut below) = (0.0, 0.0);
    let step = (n.len() / 64).max(1);
    if step > 1 {
        // Too many pairs: the usual way.
        return solution::attention_complexity(
            n, heads, kv_heads, head_dim, width, causal, seconds,
        );
    }
    for (i, a) in n.iter().enumerate() {
        for (j, b) in n.iter().enumerate().take(i) {
            let dx = (*a as f64 / *b as f64).ln();
            let dy = f64::from(seconds[[i]] / seconds[[j]]).ln();
            above += dx * dy;
            below += dx * dx;
        }
    }
    let slope = if below == 0.0 { 0.0 } else { above / below };
    (counts, rate, slope as f32)
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = Vec::new();
    let mut add = |id, choices: Plain| all.push((id, plain(choices)));
    let scores = |scores| Plain { scores, ..PLAIN };
    add("memory-n2d", scores(|n, l| l.h * n * n * l.d));
    add("forget-heads", scores(|n, _| n * n));
    add("gqa-shrinks-scores", scores(|n, l| l.kv * n * n));
    add(
        "scores-and-weights",
        scores(|n, l| l.h * n * n + l.h * n * n),
    );
    add(
        "causal-halves-scores",
        scores(|n, l| l.h * if l.causal { n * (n + 1.0) / 2.0 } else { n * n }),
    );
    let attention = |attention| Plain { attention, ..PLAIN };
    add(
        "counts-one-matmul",
        attention(|pairs, l| 2.0 * pairs * l.h * l.d),
    );
    add("one-head-flop", attention(|pairs, l| 4.0 * pairs * l.d));
    add("mac-as-flop", Plain { flop: 0.5, ..PLAIN });
    let projections = |projections| Plain {
        projections,
        ..PLAIN
    };
    add(
        "n2-projections",
        projections(|n, l| 4.0 * n * n * (l.h + l.kv) * l.d),
    );
    add(
        "out-projection-missing",
        projections(|n, l| 2.0 * n * l.h * l.d * (l.h * l.d + 2.0 * l.kv * l.d)),
    );
    add(
        "gqa-ignored",
        Plain {
            projections: |n, l| 8.0 * n * (l.h * l.d).powi(2),
            operands: |n, l| 4.0 * n * l.h * l.d,
            ..PLAIN
        },
    );
    add(
        "causal-not-halved",
        Plain {
            pairs: |n, _| n * n,
            ..PLAIN
        },
    );
    add(
        "out-not-counted",
        Plain {
            operands: |n, l| n * l.d * (l.h + 2.0 * l.kv),
            ..PLAIN
        },
    );
    add(
        "numbers-for-bytes",
        Plain {
            bytes: |_| 1.0,
            ..PLAIN
        },
    );
    add("gb-for-gib", Plain { unit: 1e9, ..PLAIN });
    let rate = |rate| Plain { rate, ..PLAIN };
    add("rate-with-projections", rate(|p, a, t| (p + a) / t));
    add("rate-inverted", rate(|_, a, t| t / a));
    let exponent = |exponent| Plain { exponent, ..PLAIN };
    add("exponent-without-logs", exponent(fit));
    add(
        "exponent-mixed-logs",
        exponent(|n, t| {
            let n: Vec<f32> = n.iter().map(|n| n.log2()).collect();
            fit(&n, &logs(t))
        }),
    );
    add(
        "exponent-inverted",
        exponent(|n, t| fit(&logs(t), &logs(n))),
    );
    add(
        "exponent-endpoints",
        exponent(|n, t| {
            let last = n.len() - 1;
            if last == 0 {
                0.0
            } else {
                (t[last] / t[0]).ln() / (n[last] / n[0]).ln()
            }
        }),
    );
    add(
        "exponent-through-origin",
        exponent(|n, t| {
            let (n, t) = (logs(n), logs(t));
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            if n.len() < 2 {
                0.0
            } else {
                dot(&n, &t) / dot(&n, &n)
            }
        }),
    );
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["memory-n2d", "mac-as-flop"],
            plain(Plain {
                scores: |n, l| l.h * n * n * l.d,
                flop: 0.5,
                ..PLAIN
            }),
        ),
        (
            ["forget-heads", "exponent-without-logs"],
            plain(Plain {
                scores: |n, _| n * n,
                exponent: fit,
                ..PLAIN
            }),
        ),
        (
            ["causal-not-halved", "gb-for-gib"],
            plain(Plain {
                pairs: |n, _| n * n,
                unit: 1e9,
                ..PLAIN
            }),
        ),
        (
            ["out-projection-missing", "out-not-counted"],
            plain(Plain {
                projections: |n, l| 2.0 * n * l.h * l.d * (l.h * l.d + 2.0 * l.kv * l.d),
                operands: |n, l| n * l.d * (l.h + 2.0 * l.kv),
                ..PLAIN
            }),
        ),
    ]
}
