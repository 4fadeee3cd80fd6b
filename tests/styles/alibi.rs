//! Answers to `alibi` as people write them: right ones in many styles, and one wrong one for every
//! planted bug.

use llmlab::lessons::alibi::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/alibi/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/alibi/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::alibi)),
        ),
        ("plain f32 loops", plain(PLAIN)),
        (
            "BLOOM: slope·j, lowest number as mask",
            Box::new(candidate(bloom)),
        ),
        ("static rank, f64 inside", Box::new(candidate(wide))),
        ("streaming softmax", Box::new(candidate(streaming))),
        (
            "bias and mask as tensors, traced",
            Box::new(candidate(tensors)),
        ),
        (
            "geometric decay, newest key first",
            Box::new(candidate(decay)),
        ),
        ("flash: −slope·|i + m − n − j|", Box::new(candidate(flash))),
        (
            "distance from the row's number: another constant of the row",
            plain(Plain {
                bias: |slope, r, j, _, _| -slope * (r - j),
                ..PLAIN
            }),
        ),
        (
            "the mask is −10000",
            plain(Plain {
                hidden: -10_000.0,
                ..PLAIN
            }),
        ),
    ]
}

/// A straightforward answer with its choices.
#[derive(Clone, Copy)]
struct Plain {
    slopes: fn(usize) -> Vec<f32>,
    /// Which head's slope, from [b h] and their sizes.
    head: fn([usize; 2], [usize; 2]) -> usize,
    /// From the slope, the row, the key and their numbers.
    bias: fn(f32, f32, f32, f32, f32) -> f32,
    /// Whether row r may see key j of m, where there are n rows.
    seen: fn(usize, usize, usize, usize) -> bool,
    hidden: f32,
    join: fn(f32, f32) -> f32,
    finish: fn(&Tensor) -> Tensor,
}

const PLAIN: Plain = Plain {
    slopes: closest,
    head: |at, _| at[1],
    bias: |slope, r, j, n, m| -slope * (r + m - n - j),
    seen: |r, j, n, m| j + n <= r + m,
    hidden: f32::NEG_INFINITY,
    join: |score, bias| score + bias,
    finish: |biased| softmax(biased, 3),
};

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(move |scores: &Tensor| -> Tensor {
        let [b, h, n, m] = sizes(scores);
        let slopes = (choices.slopes)(h);
        let mut out = scores.clone();
        for (at, x) in out.indexed_iter_mut() {
            let (r, j) = (at[2], at[3]);
            let slope = slopes[(choices.head)([at[0], at[1]], [b, h])];
            let bias = (choices.bias)(slope, r as f32, j as f32, n as f32, m as f32);
            *x = if (choices.seen)(r, j, n, m) {
                (choices.join)(*x, bias)
            } else {
                choices.hidden
            };
        }
        (choices.finish)(&out)
    }))
}

fn sizes(x: &Tensor) -> [usize; 4] {
    [0, 1, 2, 3].map(|axis| x.shape()[axis])
}

/// As the published code: a start and a ratio, recursively for other numbers.
fn closest(h: usize) -> Vec<f32> {
    let power = |n: usize| -> Vec<f32> {
        let start = 2f32.powf(-8.0 / n as f32);
        (0..n).map(|i| start * start.powi(i as i32)).collect()
    };
    if h.is_power_of_two() {
        return power(h);
    }
    let below = h.next_power_of_two() / 2;
    let mut all = power(below);
    all.extend(power(2 * below).into_iter().step_by(2).take(h - below));
    all
}

fn bloom(scores: &Tensor) -> Tensor {
    let [b, h, n, m] = sizes(scores);
    let slopes = closest(h);
    let mut out = scores.clone();
    for bi in 0..b {
        for (hi, slope) in slopes.iter().enumerate() {
            for r in 0..n {
                for j in 0..m {
                    let x = &mut out[[bi, hi, r, j]];
                    *x += slope * j as f32;
                    if j > m - n + r {
                        *x = f32::MIN;
                    }
                }
            }
        }
    }
    softmax(&out, 3)
}

fn wide(scores: &Tensor) -> Array4<f64> {
    let [b, h, n, m] = sizes(scores);
    let mut out = Array4::<f64>::zeros((b, h, n, m));
    for bi in 0..b {
        for hi in 0..h {
            let mut p = 1;
            while 2 * p <= h {
                p *= 2;
            }
            let slope = if hi < p {
                0.5f64.powf(8.0 * (hi + 1) as f64 / p as f64)
            } else {
                0.5f64.powf(4.0 * (2 * (hi - p) + 1) as f64 / p as f64)
            };
            for r in 0..n {
                let i = m - n + r;
                let exp: Vec<f64> = (0..=i)
                    .map(|j| (scores[[bi, hi, r, j]] as f64 - slope * (i - j) as f64).exp())
                    .collect();
                let sum: f64 = exp.iter().sum();
                for (j, e) in exp.iter().enumerate() {
                    out[[bi, hi, r, j]] = e / sum;
                }
            }
        }
    }
    out
}

fn streaming(scores: &Tensor) -> Tensor {
    let [_, h, n, m] = sizes(scores);
    let slopes = closest(h);
    let mut out = Tensor::zeros(scores.raw_dim());
    for (at, row) in scores.rows().into_iter().enumerate() {
        let (slope, i) = (slopes[at / n % h], at % n + m - n);
        let (mut max, mut sum) = (f32::NEG_INFINITY, 0.0);
        for j in 0..=i {
            let x = row[j] - slope * (i - j) as f32;
            let larger = x.max(max);
            sum = sum * (max - larger).exp() + (x - larger).exp();
            max = larger;
        }
        let mut rows = out.rows_mut().into_iter();
        let mut target = rows.nth(at).unwrap();
        for j in 0..=i {
            target[j] = (row[j] - slope * (i - j) as f32 - max).exp() / sum;
        }
    }
    out
}

fn tensors(scores: &Tensor, trace: &mut Trace) -> Tensor {
    let [_, h, n, m] = sizes(scores);
    let slopes = Array1::from(closest(h));
    trace.step("slopes", "m_h", "h", &slopes);
    let distance = Array2::from_shape_fn((n, m), |(r, j)| (r + m - n) as f32 - j as f32);
    let slopes = slopes.into_dyn();
    let bias = einsum("h, n m -> h n m", &[&slopes, &distance.into_dyn()]).mapv(|x| -x);
    let mask: Tensor = llmlab::prelude::causal_mask(n, m);
    let biased = scores + &bias + &mask;
    trace.step("biased", "scores + bias + mask", "b h n m", &biased);
    softmax(&biased, 3)
}

fn decay(scores: &Tensor) -> Tensor {
    let [b, h, n, m] = sizes(scores);
    let factors: Vec<f32> = closest(h).iter().map(|slope| (-slope).exp()).collect();
    let mut out = Tensor::zeros(scores.raw_dim());
    for (bi, hi, r) in ndarray::indices((b, h, n)) {
        let i = r + m - n;
        let row = |j| scores[[bi, hi, r, j]];
        let max = (0..=i).map(row).fold(f32::MIN, f32::max);
        let (mut factor, mut sum) = (1.0, 0.0);
        for j in (0..=i).rev() {
            let weight = (row(j) - max).exp() * factor;
            out[[bi, hi, r, j]] = weight;
            sum += weight;
            factor *= factors[hi];
        }
        for j in 0..=i {
            out[[bi, hi, r, j]] /= sum;
        }
    }
    out
}

fn flash(scores: &Tensor) -> Tensor {
    let [_, h, n, m] = sizes(scores);
    let slopes = closest(h);
    let biased = Tensor::from_shape_fn(scores.raw_dim(), |at| {
        let behind = (at[2] + m) as i32 - n as i32 - at[3] as i32;
        if behind < 0 {
            return f32::NEG_INFINITY;
        }
        scores[&at] - slopes[at[1]] * behind.abs() as f32
    });
    let exp = biased.mapv(f32::exp);
    let sums = exp.sum_axis(Axis(3)).insert_axis(Axis(3));
    exp / sums
}

fn power(h: usize, slope: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    (1..=h).map(|k| slope(k as f32, h as f32)).collect()
}

/// The right rule, with another series.
fn ruled(h: usize, first: usize, slope: fn(f32, f32) -> f32) -> Vec<f32> {
    let below = 2usize.pow(h.ilog2());
    let mut all = Vec::new();
    for k in first..first + below {
        all.push(slope(k as f32, below as f32));
    }
    for i in 0..h - below {
        all.push(slope((2 * i + 1) as f32, (2 * below) as f32));
    }
    all
}

fn extended(h: usize, k: fn(usize) -> usize) -> Vec<f32> {
    let below = 2usize.pow(h.ilog2());
    let mut all = closest(below);
    for i in 0..h - below {
        all.push(2f32.powf(-4.0 * k(i) as f32 / below as f32));
    }
    all
}

fn formula(h: usize) -> Vec<f32> {
    power(h, |k, h| 2f32.powf(-8.0 * k / h))
}

fn reversed(h: usize) -> Vec<f32> {
    closest(h).into_iter().rev().collect()
}

fn repeated([b, h]: [usize; 2], [batch, heads]: [usize; 2]) -> usize {
    (b * heads + h) / batch
}

fn over_queries(biased: &Tensor) -> Tensor {
    softmax(biased, 2)
}

/// Softmax over all keys of scores with the paper's bias everywhere, the future zeroed after.
fn masked_late(scores: &Tensor) -> Tensor {
    let [_, h, n, m] = sizes(scores);
    let slopes = closest(h);
    let mut biased = scores.clone();
    for (at, x) in biased.indexed_iter_mut() {
        *x -= slopes[at[1]] * ((at[2] + m) as f32 - (at[3] + n) as f32);
    }
    let mut weights = softmax(&biased, 3);
    for (at, w) in weights.indexed_iter_mut() {
        if at[3] > at[2] + m - n {
            *w = 0.0;
        }
    }
    weights
}

fn biased_late(scores: &Tensor) -> Tensor {
    let [_, h, n, m] = sizes(scores);
    let slopes = closest(h);
    let mask: Tensor = causal_mask(n, m);
    let mut weights = softmax(&(scores + &mask), 3);
    for (at, w) in weights.indexed_iter_mut() {
        let i = at[2] + m - n;
        if at[3] <= i {
            *w -= slopes[at[1]] * (i - at[3]) as f32;
        }
    }
    weights
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = vec![
        ("mask-after-softmax", Box::new(candidate(masked_late))),
        ("bias-after-softmax", Box::new(candidate(biased_late))),
    ];
    let mut add = |id, choices: Plain| all.push((id, plain(choices)));
    let bias = |bias| Plain { bias, ..PLAIN };
    add(
        "sign-flip",
        bias(|slope, r, j, n, m| slope * (r + m - n - j)),
    );
    // The same mistake, shifted by a constant of the row.
    add("sign-flip", bias(|slope, _, j, _, _| -slope * j));
    add("no-bias", bias(|_, _, _, _, _| 0.0));
    add("no-bias", bias(|slope, r, _, _, _| -slope * r));
    add(
        "row-distance",
        bias(|slope, r, j, _, _| -slope * (r - j).abs()),
    );
    add(
        "distance-squared",
        bias(|slope, r, j, n, m| -slope * (r + m - n - j).powi(2)),
    );
    add(
        "distance-over-length",
        bias(|slope, r, j, n, m| -slope * (r + m - n - j) / m),
    );
    let unmasked = Plain {
        seen: |_, _, _, _| true,
        ..PLAIN
    };
    add("no-causal-mask", unmasked);
    add(
        "symmetric",
        Plain {
            bias: |slope, r, j, n, m| -slope * (r + m - n - j).abs(),
            ..unmasked
        },
    );
    let seen = |seen| Plain { seen, ..PLAIN };
    add("mask-off-by-one", seen(|r, j, n, m| j + n <= r + m + 1));
    add(
        "causal-top-left",
        Plain {
            bias: |slope, r, j, _, _| -slope * (r - j),
            ..seen(|r, j, _, _| j <= r)
        },
    );
    add(
        "masked-score-zero",
        Plain {
            hidden: 0.0,
            ..PLAIN
        },
    );
    add(
        "bias-multiplied",
        Plain {
            join: |score, bias| score * bias,
            ..PLAIN
        },
    );
    add(
        "softmax-queries",
        Plain {
            finish: over_queries,
            ..PLAIN
        },
    );
    add(
        "no-softmax",
        Plain {
            finish: Tensor::clone,
            ..PLAIN
        },
    );
    add(
        "repeat-interleave",
        Plain {
            head: repeated,
            ..PLAIN
        },
    );
    add(
        "one-slope",
        Plain {
            head: |_, _| 0,
            ..PLAIN
        },
    );
    let slopes = |slopes| Plain { slopes, ..PLAIN };
    add("heads-reversed", slopes(reversed));
    add("slopes-linear", slopes(|h| power(h, |k, h| k / h)));
    add(
        "slopes-start-at-1",
        slopes(|h| ruled(h, 0, |k, c| 2f32.powf(-8.0 * k / c))),
    );
    add(
        "eight-missing",
        slopes(|h| ruled(h, 1, |k, c| 2f32.powf(-k / c))),
    );
    add(
        "exponent-minus-k",
        slopes(|h| power(h, |k, _| 0.5f32.powf(k))),
    );
    add(
        "base-e",
        slopes(|h| ruled(h, 1, |k, c| (-8.0 * k / c).exp())),
    );
    add("plain-formula", slopes(formula));
    add("extra-not-skipped", slopes(|h| extended(h, |i| i + 1)));
    add(
        "extra-from-second",
        slopes(|h| extended(h, |i| 2 * (i + 1))),
    );
    add(
        "next-power-truncated",
        slopes(|h| {
            let mut all = closest(h.next_power_of_two());
            all.truncate(h);
            all
        }),
    );
    add(
        "slopes-sorted",
        slopes(|h| {
            let mut all = closest(h);
            all.sort_by(|a, b| b.partial_cmp(a).unwrap());
            all
        }),
    );
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    let flipped = Plain {
        bias: |slope, r, j, n, m| slope * (r + m - n - j),
        ..PLAIN
    };
    vec![
        (
            ["sign-flip", "plain-formula"],
            plain(Plain {
                slopes: formula,
                ..flipped
            }),
        ),
        (
            ["slopes-start-at-1", "plain-formula"],
            plain(Plain {
                slopes: |h| power(h, |k, h| 2f32.powf(-8.0 * (k - 1.0) / h)),
                ..PLAIN
            }),
        ),
        (
            ["causal-top-left", "heads-reversed"],
            plain(Plain {
                slopes: reversed,
                seen: |r, j, _, _| j <= r,
                ..PLAIN
            }),
        ),
        (
            ["sign-flip", "softmax-queries"],
            plain(Plain {
                finish: over_queries,
                ..flipped
            }),
        ),
        (
            ["distance-squared", "exponent-minus-k"],
            plain(Plain {
                slopes: |h| power(h, |k, _| 0.5f32.powf(k)),
                bias: |slope, r, j, n, m| -slope * (r + m - n - j).powi(2),
                ..PLAIN
            }),
        ),
    ]
}
