//! Right and wrong answers to affine quantization, as learners write them.

use llmlab::lessons::affine_quantization::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/affine_quantization/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/affine_quantization/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Four = (Tensor, Tensor, Tensor, Tensor);

fn boxed<T, C: Candidate + 'static>(name: T, solution: C) -> (T, Box<dyn Candidate>) {
    (name, Box::new(solution))
}

// ---- Right answers. ------------------------------------------------------------------------

/// Whole tensors, as in PyTorch.
fn tensors(x: &Tensor, low: &Tensor, high: &Tensor, bits: f64, symmetric: f64) -> Four {
    let levels = 2f32.powi(bits as i32);
    let (scale, zero, least, most);
    if symmetric == 1.0 {
        let mut max = low.mapv(f32::abs);
        max.zip_mut_with(high, |m, h| *m = m.max(h.abs()));
        most = levels / 2.0 - 1.0;
        least = -most;
        scale = max / most;
        zero = Tensor::zeros(low.raw_dim());
    } else {
        let alpha = low.mapv(|l| l.min(0.0));
        (least, most) = (0.0, levels - 1.0);
        scale = (high.mapv(|h| h.max(0.0)) - &alpha) / most;
        zero = (-&alpha / &scale).mapv(|z| if z.is_nan() { 0.0 } else { z.round_ties_even() });
    }
    let scale = scale.mapv(|s| if s == 0.0 { 1.0 } else { s });
    let (s, z) = (
        scale.clone().insert_axis(Axis(1)),
        zero.clone().insert_axis(Axis(1)),
    );
    let q = ((x / &s).mapv(f32::round_ties_even) + &z).mapv(|q| q.clamp(least, most));
    let x_hat = (&q - &z) * &s;
    (scale, zero, q, x_hat)
}

/// Multiplies with the inverse of the scale, and has integers as codes.
fn integers(x: &Tensor, low: &Tensor, high: &Tensor, bits: f64, symmetric: f64) -> Four {
    let bits = bits as u32;
    let mut out = (low.clone(), low.clone(), x.clone(), x.clone());
    for (c, row) in x.outer_iter().enumerate() {
        let (a, b) = (low[c].min(0.0), high[c].max(0.0));
        let (least, most) = match symmetric != 0.0 {
            true => (1 - (1i32 << (bits - 1)), (1 << (bits - 1)) - 1),
            false => (0, (1 << bits) - 1),
        };
        let range = if symmetric != 0.0 {
            a.abs().max(b)
        } else {
            b - a
        };
        let scale = if range > 0.0 {
            range / most as f32
        } else {
            1.0
        };
        let inverse = 1.0 / scale;
        let zero = match symmetric != 0.0 {
            true => 0,
            false => (-a * inverse).round_ties_even() as i32,
        };
        (out.0[c], out.1[c]) = (scale, zero as f32);
        for (i, &x) in row.iter().enumerate() {
            let q = ((x * inverse).round_ties_even() as i32 + zero).clamp(least, most);
            out.2[[c, i]] = q as f32;
            out.3[[c, i]] = (q - zero) as f32 * scale;
        }
    }
    out
}

/// What a row of numbers becomes: everything but the grid.
fn with(
    grid: impl Fn(f32, f32, f32, bool) -> (f32, f32, f32, f32),
    code: impl Fn(f32, f32, f32, f32, f32) -> f32,
    value: impl Fn(f32, f32, f32) -> f32,
) -> impl Fn(&Tensor, &Tensor, &Tensor, f64, f64) -> Four {
    move |x, low, high, bits, symmetric| {
        let mut out = (low.clone(), low.clone(), x.clone(), x.clone());
        for c in 0..low.len() {
            let (s, z, least, most) = grid(low[c], high[c], bits as f32, symmetric != 0.0);
            (out.0[c], out.1[c]) = (s, z);
            for i in 0..x.shape()[1] {
                let q = code(x[[c, i]], s, z, least, most);
                out.2[[c, i]] = q;
                out.3[[c, i]] = value(q, s, z);
            }
        }
        out
    }
}

fn one_for_nothing(scale: f32) -> f32 {
    if scale == 0.0 { 1.0 } else { scale }
}

fn grid(low: f32, high: f32, bits: f32, symmetric: bool) -> (f32, f32, f32, f32) {
    let (low, high) = (low.min(0.0), high.max(0.0));
    if symmetric {
        let most = (bits - 1.0).exp2() - 1.0;
        return (one_for_nothing(high.max(-low) / most), 0.0, -most, most);
    }
    let most = bits.exp2() - 1.0;
    let scale = one_for_nothing((high - low) / most);
    (scale, (-low / scale).round_ties_even(), 0.0, most)
}

fn code(x: f32, s: f32, z: f32, least: f32, most: f32) -> f32 {
    ((x / s).round_ties_even() + z).clamp(least, most)
}

fn value(q: f32, s: f32, z: f32) -> f32 {
    (q - z) * s
}

pub fn right() -> Named<&'static str> {
    vec![
        boxed("solution", candidate(solution::affine_quantization)),
        boxed("tensors", candidate(tensors)),
        boxed("integers", candidate(integers)),
        boxed("pieces", candidate(with(grid, code, value))),
        boxed(
            "two products",
            candidate(with(grid, code, |q, s, z| s * q - s * z)),
        ),
        boxed(
            "Rust's round: half away from 0",
            candidate(with(
                grid,
                |x, s, z, least, most| ((x / s).round() + z).clamp(least, most),
                value,
            )),
        ),
        boxed(
            "round after the zero point: half up",
            candidate(with(
                grid,
                |x, s, z, least, most| (x / s + z).round().clamp(least, most),
                value,
            )),
        ),
        boxed(
            "in f64",
            candidate(with(
                grid,
                |x, s, z, least, most| {
                    let steps = (f64::from(x) / f64::from(s)).round_ties_even();
                    (steps as f32 + z).clamp(least, most)
                },
                value,
            )),
        ),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

type Grid = fn(f32, f32, f32, bool) -> (f32, f32, f32, f32);

/// A right answer but for the grid of the asymmetric scheme.
fn asymmetric(
    scale: fn(f32, f32, f32) -> f32,
    zero: fn(f32, f32) -> f32,
) -> impl Fn(f32, f32, f32, bool) -> (f32, f32, f32, f32) {
    move |low, high, bits, symmetric| {
        if symmetric {
            return grid(low, high, bits, true);
        }
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = one_for_nothing(scale(low, high, bits));
        (scale, zero(low, scale), 0.0, bits.exp2() - 1.0)
    }
}

/// A right answer but for the symmetric maximum.
fn symmetric(max: fn(f32, f32) -> f32) -> impl Fn(f32, f32, f32, bool) -> (f32, f32, f32, f32) {
    move |low, high, bits, symmetric| match symmetric {
        true => {
            let most = (bits - 1.0).exp2() - 1.0;
            (one_for_nothing(max(low, high) / most), 0.0, -most, most)
        }
        false => grid(low, high, bits, false),
    }
}

fn rounded(low: f32, scale: f32) -> f32 {
    (-low / scale).round_ties_even()
}

const POWERS: Grid = |low, high, bits, symmetric| {
    let (low, high) = (low.min(0.0), high.max(0.0));
    if symmetric {
        let half = (bits - 1.0).exp2();
        return (
            one_for_nothing(high.max(-low) / half),
            0.0,
            1.0 - half,
            half - 1.0,
        );
    }
    let scale = one_for_nothing((high - low) / bits.exp2());
    (scale, rounded(low, scale), 0.0, bits.exp2() - 1.0)
};

const WITHOUT_ZERO: Grid = |low, high, bits, symmetric| {
    if symmetric {
        return grid(low, high, bits, true);
    }
    let most = bits.exp2() - 1.0;
    let scale = one_for_nothing((high - low) / most);
    (scale, rounded(low, scale), 0.0, most)
};

const NO_GUARD: Grid = |low, high, bits, symmetric| {
    let (low, high) = (low.min(0.0), high.max(0.0));
    if symmetric {
        let most = (bits - 1.0).exp2() - 1.0;
        return (high.max(-low) / most, 0.0, -most, most);
    }
    let most = bits.exp2() - 1.0;
    let scale = (high - low) / most;
    (scale, rounded(low, scale), 0.0, most)
};

fn one_range(x: &Tensor, low: &Tensor, high: &Tensor, bits: f64, symmetric: f64) -> Four {
    let least = low.iter().copied().fold(f32::INFINITY, f32::min);
    let most = high.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (low, high) = (low.mapv(|_| least), high.mapv(|_| most));
    tensors(x, &low, &high, bits, symmetric)
}

/// Codes in an integer type of `bits` bits that wraps.
fn wrapping(x: f32, s: f32, z: f32, least: f32, most: f32) -> f32 {
    let q = (x / s).round_ties_even() as i64 + z as i64;
    let bits = (most - least + 1.0).log2().ceil() as u32;
    let shift = 64 - bits;
    match least < 0.0 {
        true => (q << shift >> shift) as f32,
        false => ((q as u64) << shift >> shift) as f32,
    }
}

pub fn wrong() -> Named<&'static str> {
    vec![
        boxed(
            "scale-before-shift",
            candidate(with(
                asymmetric(
                    |low, high, bits| high.max(-low) / ((bits - 1.0).exp2() - 1.0),
                    rounded,
                ),
                code,
                value,
            )),
        ),
        boxed("power-of-two-levels", candidate(with(POWERS, code, value))),
        boxed(
            "symmetric-half-range",
            candidate(with(symmetric(|low, high| (high - low) / 2.0), code, value)),
        ),
        boxed(
            "symmetric-from-high",
            candidate(with(symmetric(|_, high| high), code, value)),
        ),
        boxed("empty-range-nan", candidate(with(NO_GUARD, code, value))),
        boxed("per-tensor", candidate(one_range)),
        boxed(
            "bits-ignored",
            candidate(
                |x: &Tensor, low: &Tensor, high: &Tensor, _: f64, symmetric: f64| {
                    integers(x, low, high, 8.0, symmetric)
                },
            ),
        ),
        boxed(
            "range-without-zero",
            candidate(with(WITHOUT_ZERO, code, value)),
        ),
        boxed(
            "zero-point-not-integer",
            candidate(with(
                asymmetric(
                    |low, high, bits| (high - low) / (bits.exp2() - 1.0),
                    |low, scale| -low / scale,
                ),
                |x, s, z, least, most| (x / s + z).round_ties_even().clamp(least, most),
                value,
            )),
        ),
        boxed(
            "zero-point-subtracted",
            candidate(with(
                grid,
                |x, s, z, least, most| ((x / s).round_ties_even() - z).clamp(least, most),
                value,
            )),
        ),
        boxed(
            "zero-point-forgotten",
            candidate(with(grid, code, |q, s, _| q * s)),
        ),
        boxed(
            "round-then-scale",
            candidate(with(
                grid,
                |x, s, z, least, most| {
                    ((x.round_ties_even() / s).round_ties_even() + z).clamp(least, most)
                },
                value,
            )),
        ),
        boxed(
            "truncates",
            candidate(with(
                grid,
                |x, s, z, least, most| ((x / s) as i32 as f32 + z).clamp(least, most),
                value,
            )),
        ),
        boxed(
            "clamp-missing",
            candidate(with(
                grid,
                |x, s, z, _, _| (x / s).round_ties_even() + z,
                value,
            )),
        ),
        boxed("wraps-around", candidate(with(grid, wrapping, value))),
        boxed(
            "sym-clamp-asym",
            candidate(with(
                |low, high, bits, symmetric| {
                    let (s, z, least, most) = grid(low, high, bits, symmetric);
                    (s, z, if symmetric { least - 1.0 } else { least }, most)
                },
                code,
                value,
            )),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        boxed(
            ["truncates", "clamp-missing"],
            candidate(with(grid, |x, s, z, _, _| (x / s).trunc() + z, value)),
        ),
        boxed(
            ["empty-range-nan", "zero-point-forgotten"],
            candidate(with(NO_GUARD, code, |q, s, _| q * s)),
        ),
        boxed(
            ["power-of-two-levels", "truncates"],
            candidate(with(
                POWERS,
                |x, s, z, least, most| ((x / s).trunc() + z).clamp(least, most),
                value,
            )),
        ),
    ]
}
