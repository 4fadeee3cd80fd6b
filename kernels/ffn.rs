//! Position-wise feed-forward networks: x·W, an activation, ·W, with ReLU or GELU, or gated by SiLU.
//!
//! Rows are taken in blocks, so that a block's hidden activations stay in the cache between the two
//! products; blocks are spread over the threads. The products are those of the matrixmultiply crate.

use super::cpu::{Tier, split, threads};
use super::simd::{Kernel, Simd, dispatch};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::fmt;

/// The sizes: `rows` tokens of `features`, and `hidden` units between.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub rows: usize,
    pub features: usize,
    pub hidden: usize,
}

/// The weights, row-major.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// ReLU(x·up)·down
    Relu {
        /// `[features hidden]`
        up: &'a [f32],
        /// `[hidden features]`
        down: &'a [f32],
    },
    /// GELU(x·up + up_bias)·down + down_bias
    Gelu {
        /// `[features hidden]`
        up: &'a [f32],
        /// `[hidden]`
        up_bias: &'a [f32],
        /// `[hidden features]`
        down: &'a [f32],
        /// `[features]`
        down_bias: &'a [f32],
    },
    /// (SiLU(x·gate)⊙(x·up))·down
    SwiGlu {
        /// `[features hidden]`
        gate: &'a [f32],
        /// `[features hidden]`
        up: &'a [f32],
        /// `[hidden features]`
        down: &'a [f32],
    },
}

/// A slice that does not have the elements that the shape asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub name: &'static str,
    pub want: usize,
    pub got: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { name, want, got } = self;
        write!(
            f,
            "`{name}` should have {want} elements for this shape, it has {got}"
        )
    }
}

impl std::error::Error for Error {}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    let tier = Tier::current().name();
    format!("feed-forward, {tier}, {} threads", threads())
}

/// Rows whose hidden activations are computed together.
const BLOCK: usize = 64;

/// Writes the network's answer for `x` `[rows features]` to `out` `[rows features]`. Vaswani et al.
/// 2017, arXiv 1706.03762, section 3.3; Shazeer 2020, arXiv 2002.05202.
///
/// # Errors
/// Where a slice does not fit the shape.
pub fn feed_forward(
    out: &mut [f32],
    x: &[f32],
    weights: Weights<'_>,
    shape: Shape,
) -> Result<(), Error> {
    feed_forward_on(Tier::current(), out, x, weights, shape)
}

fn feed_forward_on(
    tier: Tier,
    out: &mut [f32],
    x: &[f32],
    weights: Weights<'_>,
    shape: Shape,
) -> Result<(), Error> {
    let Shape {
        rows,
        features: d,
        hidden: f,
    } = shape;
    let fits = |name, slice: &[f32], want| match slice.len() {
        got if got == want => Ok(()),
        got => Err(Error { name, want, got }),
    };
    fits("out", out, rows * d)?;
    fits("x", x, rows * d)?;
    match weights {
        Weights::Relu { up, down } => {
            fits("up", up, d * f)?;
            fits("down", down, f * d)?;
        }
        Weights::Gelu {
            up,
            up_bias,
            down,
            down_bias,
        } => {
            fits("up", up, d * f)?;
            fits("up_bias", up_bias, f)?;
            fits("down", down, f * d)?;
            fits("down_bias", down_bias, d)?;
        }
        Weights::SwiGlu { gate, up, down } => {
            fits("gate", gate, d * f)?;
            fits("up", up, d * f)?;
            fits("down", down, f * d)?;
        }
    }
    if d == 0 {
        return Ok(());
    }
    split(out, d, |items, out| {
        let size = BLOCK.min(items.len()) * f;
        let (mut first, mut second) = (vec![0.0; size], vec![0.0; size]);
        let x = &x[items.start * d..items.end * d];
        for (x, out) in x.chunks(BLOCK * d).zip(out.chunks_mut(BLOCK * d)) {
            let size = x.len() / d * f;
            let (first, second) = (&mut first[..size], &mut second[..size]);
            match weights {
                Weights::Relu { up, down } => {
                    multiply(first, x, up, 0.0, [d, f]);
                    first.iter_mut().for_each(|z| *z = z.max(0.0));
                    multiply(out, first, down, 0.0, [f, d]);
                }
                Weights::Gelu {
                    up,
                    up_bias,
                    down,
                    down_bias,
                } => {
                    repeat(first, up_bias);
                    multiply(first, x, up, 1.0, [d, f]);
                    dispatch(tier, Gelu(first));
                    repeat(out, down_bias);
                    multiply(out, first, down, 1.0, [f, d]);
                }
                Weights::SwiGlu { gate, up, down } => {
                    multiply(first, x, gate, 0.0, [d, f]);
                    multiply(second, x, up, 0.0, [d, f]);
                    dispatch(tier, Gate(first, second));
                    multiply(out, first, down, 0.0, [f, d]);
                }
            }
        }
    });
    Ok(())
}

/// Every row becomes `bias`.
fn repeat(rows: &mut [f32], bias: &[f32]) {
    if !bias.is_empty() {
        rows.chunks_exact_mut(bias.len())
            .for_each(|row| row.copy_from_slice(bias));
    }
}

/// out = a·b + keep·out, for b `[inner outer]`.
fn multiply(out: &mut [f32], a: &[f32], b: &[f32], keep: f32, [inner, outer]: [usize; 2]) {
    let rows = out.len().checked_div(outer).unwrap_or(0);
    let fits = "the sizes were checked";
    let a = ArrayView2::from_shape((rows, inner), a).expect(fits);
    let b = ArrayView2::from_shape((inner, outer), b).expect(fits);
    let mut out = ArrayViewMut2::from_shape((rows, outer), out).expect(fits);
    general_mat_mul(1.0, &a, &b, keep, &mut out);
}

/// The widest register.
const LANES: usize = 16;

/// x becomes x·Φ(x).
struct Gelu<'a>(&'a mut [f32]);

impl Kernel for Gelu<'_> {
    type Out = ();

    /// The normal distribution function by Abramowitz and Stegun 26.2.17, within 8e-8.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for part in self.0.chunks_mut(LANES) {
            let mut x = [0.0; LANES];
            x[..part.len()].copy_from_slice(part);
            let power = exp(s, &x.map(|x| -0.5 * x * x));
            for (i, y) in part.iter_mut().enumerate() {
                let t = 1.0 / (1.0 + 0.231_641_9 * x[i].abs());
                let tail = [
                    1.330_274_4,
                    -1.821_255_9,
                    1.781_477_9,
                    -0.356_563_78,
                    0.319_381_54,
                ];
                let tail = tail.iter().fold(0.0, |p, c| (p + c) * t);
                let tail = tail * power[i] * 0.398_942_3;
                *y = x[i] * if x[i] < 0.0 { tail } else { 1.0 - tail };
            }
        }
    }
}

/// The first becomes SiLU(first)·second.
struct Gate<'a>(&'a mut [f32], &'a [f32]);

impl Kernel for Gate<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (part, up) in self.0.chunks_mut(LANES).zip(self.1.chunks(LANES)) {
            let mut x = [0.0; LANES];
            x[..part.len()].copy_from_slice(part);
            // e⁸⁸ is the largest power that f32 holds; beyond, SiLU is 0 to its last digit.
            let power = exp(s, &x.map(|x| (-x).min(88.0)));
            for (i, (y, up)) in part.iter_mut().zip(up).enumerate() {
                *y = x[i] / (1.0 + power[i]) * up;
            }
        }
    }
}

#[inline(always)]
fn exp<S: Simd>(s: S, x: &[f32; LANES]) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    for at in (0..LANES).step_by(S::LANES) {
        s.store(&mut out[at..], s.exp(s.load(&x[at..])));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(len: usize, step: f32, scale: f32) -> Vec<f32> {
        (0..len).map(|i| (i as f32 * step).sin() * scale).collect()
    }

    /// Φ(x) as an integral, by Simpson's rule.
    fn normal(x: f64) -> f64 {
        let density = |t: f64| (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt();
        let step = x / 2000.0;
        let inner: f64 = (1..2000)
            .map(|i| density(f64::from(i) * step) * if i % 2 == 1 { 4.0 } else { 2.0 })
            .sum();
        0.5 + step / 3.0 * (density(0.0) + inner + density(x))
    }

    #[test]
    fn activations_are_exact_to_f32() {
        let xs: Vec<f32> = (-1000..=1000).map(|i| i as f32 * 0.01).collect();
        for tier in Tier::all() {
            let mut gelu = xs.clone();
            dispatch(tier, Gelu(&mut gelu));
            let mut silu = xs.clone();
            dispatch(tier, Gate(&mut silu, &vec![1.0; xs.len()]));
            for ((x, gelu), silu) in xs.iter().zip(gelu).zip(silu) {
                let x = f64::from(*x);
                let tol = 4e-7 * (1.0 + x.abs());
                let err = (f64::from(gelu) - x * normal(x)).abs();
                assert!(err <= tol, "{tier:?}: GELU({x}) is off by {err}");
                let err = (f64::from(silu) - x / (1.0 + (-x).exp())).abs();
                assert!(err <= tol, "{tier:?}: SiLU({x}) is off by {err}");
            }
        }
    }

    #[test]
    fn ragged_shapes_equal_the_definition() {
        for (rows, d, f) in [(0, 3, 2), (1, 1, 1), (3, 2, 5), (7, 5, 17), (130, 8, 33)] {
            let x = wave(rows * d, 0.7, 1.0);
            let (up, gate) = (wave(d * f, 1.3, 1.0), wave(d * f, 0.4, 1.0));
            let (down, up_bias, down_bias) =
                (wave(f * d, 0.9, 0.5), wave(f, 0.2, 1.0), wave(d, 2.0, 1.0));
            let gelu = Weights::Gelu {
                up: &up,
                up_bias: &up_bias,
                down: &down,
                down_bias: &down_bias,
            };
            let swiglu = Weights::SwiGlu {
                gate: &gate,
                up: &up,
                down: &down,
            };
            let relu = Weights::Relu {
                up: &up,
                down: &down,
            };
            let shape = Shape {
                rows,
                features: d,
                hidden: f,
            };
            let product = |row: usize, w: &[f32], j: usize| -> f64 {
                let terms = (0..d).map(|i| f64::from(x[row * d + i]) * f64::from(w[i * f + j]));
                terms.sum()
            };
            for (weights, kind) in [(relu, "ReLU"), (gelu, "GELU"), (swiglu, "SwiGLU")] {
                let mut out = vec![f32::NAN; rows * d];
                feed_forward(&mut out, &x, weights, shape).unwrap();
                for row in 0..rows {
                    let hidden: Vec<f64> = (0..f)
                        .map(|j| {
                            let (u, g) = (product(row, &up, j), product(row, &gate, j));
                            let biased = u + f64::from(up_bias[j]);
                            match kind {
                                "ReLU" => u.max(0.0),
                                "GELU" => biased * normal(biased),
                                _ => g / (1.0 + (-g).exp()) * u,
                            }
                        })
                        .collect();
                    for k in 0..d {
                        let terms = hidden.iter().zip(down[k..].iter().step_by(d));
                        let want = terms.map(|(h, w)| h * f64::from(*w)).sum::<f64>()
                            + if kind == "GELU" {
                                f64::from(down_bias[k])
                            } else {
                                0.0
                            };
                        let err = (f64::from(out[row * d + k]) - want).abs();
                        assert!(err <= 1e-4, "{rows} {d} {f} {kind}: {err}");
                    }
                }
            }
        }
    }

    #[test]
    fn slices_that_do_not_fit_are_refused() {
        let shape = Shape {
            rows: 1,
            features: 2,
            hidden: 3,
        };
        let weights = Weights::SwiGlu {
            gate: &[0.0; 6],
            up: &[0.0; 6],
            down: &[0.0; 5],
        };
        let error = feed_forward(&mut [0.0; 2], &[0.0; 2], weights, shape).unwrap_err();
        assert_eq!((error.name, error.want, error.got), ("down", 6, 5));
        assert!(error.to_string().contains("should have 6"));
    }
}
