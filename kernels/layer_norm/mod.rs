//! LayerNorm and RMSNorm of every row, each alone, or both fused with the residual sum: each input is
//! read from memory once.
//!
//! The second and third pass over a row find it in the first cache. The variance is that of the
//! centred values, since mean(h²) − mean(h)² loses all digits where the mean is large.

use super::cpu::{Tier, split, threads};
use super::simd::{Kernel, Simd, dispatch};
use super::stream::{Number, Writer, is_large, load};
use std::fmt;
use sums::{squares, sum};

mod residual;
mod sums;

pub use residual::{Input, Output, residual_norms};

/// A slice that does not have the elements that the others ask for.
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
            "`{name}` should have {want} elements, it has {got}; give x, sublayer and the outputs whole rows of one size, gamma and beta one row"
        )
    }
}

impl std::error::Error for Error {}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    let tier = Tier::current().name();
    format!("residual norms, {tier}, {} threads", threads())
}

/// LayerNorm (Ba et al. 2016, arXiv 1607.06450) of the rows of `x` `[rows features]`, in f32 or bf16
/// with sums in f32: (x − mean) / √(variance + eps)·γ + β; `gamma` and `beta` `[features]`.
///
/// # Errors
/// Where a slice does not fit; `x` sets the number of rows, `gamma` the number of features.
pub fn layer_norm<T: Number>(
    out: &mut [T],
    x: &[T],
    gamma: &[T],
    beta: &[T],
    eps: f32,
) -> Result<(), Error> {
    norm_on(Tier::current(), out, x, [gamma, beta], Norm::Layer, eps)
}

/// RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467) of the rows of `x` `[rows features]`, in f32 or
/// bf16 with sums in f32: x / √(mean(x²) + eps)·γ; `gamma` `[features]`.
///
/// # Errors
/// As for [`layer_norm`].
pub fn rms_norm<T: Number>(out: &mut [T], x: &[T], gamma: &[T], eps: f32) -> Result<(), Error> {
    norm_on(Tier::current(), out, x, [gamma, gamma], Norm::Rms, eps)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Norm {
    Layer,
    Rms,
}

fn norm_on<T: Number>(
    tier: Tier,
    out: &mut [T],
    x: &[T],
    [gamma, beta]: [&[T]; 2],
    norm: Norm,
    eps: f32,
) -> Result<(), Error> {
    let d = gamma.len();
    let rows = x.len().checked_div(d).unwrap_or(0);
    for (name, want, got) in [
        ("x", rows * d, x.len()),
        ("beta", d, beta.len()),
        ("out", x.len(), out.len()),
    ] {
        if want != got {
            return Err(Error { name, want, got });
        }
    }
    let stream = is_large(out);
    split(out, d, |rows, out| {
        let part = Normed {
            out,
            x: &x[rows.start * d..rows.end * d],
            gamma,
            beta,
            norm,
            eps,
            stream,
        };
        dispatch(tier, part);
    });
    Ok(())
}

/// Whole rows for one norm; `beta` for LayerNorm.
struct Normed<'a, T> {
    out: &'a mut [T],
    x: &'a [T],
    gamma: &'a [T],
    beta: &'a [T],
    norm: Norm,
    eps: f32,
    stream: bool,
}

impl<T: Number> Kernel for Normed<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (d, stream) = (self.gamma.len(), self.stream);
        if d == 0 {
            return;
        }
        let (gamma, beta) = (self.gamma, self.beta);
        let rows = self.out.chunks_exact_mut(d).zip(self.x.chunks_exact(d));
        for (out, x) in rows {
            let mean = match self.norm {
                Norm::Layer => sum(s, x) / d as f32,
                Norm::Rms => 0.0,
            };
            let scale = s.splat(1.0 / (squares(s, x, mean) / d as f32 + self.eps).sqrt());
            let centre = s.splat(mean);
            let mut to = Writer::new(s, out, stream);
            while let Some(i) = to.at() {
                // The next row comes while this one is written.
                s.prefetch(x, d + i);
                let gain = load(s, &gamma[i..], 0.0);
                let x = load(s, &x[i..], 0.0);
                let v = match self.norm {
                    Norm::Layer => {
                        let normed = s.mul(s.sub(x, centre), scale);
                        s.fma(normed, gain, load(s, &beta[i..], 0.0))
                    }
                    Norm::Rms => s.mul(s.mul(x, scale), gain),
                };
                to.put(s, v);
            }
        }
        s.fence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn wave(len: usize, step: f32, offset: f32) -> Vec<f32> {
        (0..len).map(|i| (i as f32 * step).sin() + offset).collect()
    }

    fn each_norm_alone<T: Number>(rounding: f64) {
        let numbers = |len, step, offset| -> Vec<T> {
            let numbers = wave(len, step, offset).into_iter();
            numbers.map(T::rounded).collect()
        };
        for (rows, d, offset) in [
            (1, 1, 0.0),
            (3, 2, 1.0),
            (2, 17, -4.0),
            (5, 200, 30.0),
            (3, 2050, 1.0),
        ] {
            let (x, gamma) = (numbers(rows * d + 1, 0.7, offset), numbers(d, 0.3, 1.0));
            let (beta, eps) = (numbers(d, 0.9, 0.0), 1e-3);
            for tier in Tier::all() {
                let ways = [
                    (Norm::Layer, false),
                    (Norm::Layer, true),
                    (Norm::Rms, false),
                    (Norm::Rms, true),
                ];
                for (norm, stream) in ways {
                    let mut out = vec![T::rounded(9.0); rows * d + 3];
                    let part = Normed {
                        out: &mut out[3..],
                        x: &x[1..],
                        gamma: &gamma,
                        beta: &beta,
                        norm,
                        eps,
                        stream,
                    };
                    dispatch(tier, part);
                    for (x, out) in x[1..].chunks(d).zip(out[3..].chunks(d)) {
                        let x: Vec<f64> = x.iter().map(|x| f64::from(x.number())).collect();
                        let mean = match norm {
                            Norm::Layer => x.iter().sum::<f64>() / d as f64,
                            Norm::Rms => 0.0,
                        };
                        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
                        let std = (square / d as f64 + f64::from(eps)).sqrt();
                        for i in 0..d {
                            let shift = if norm == Norm::Layer {
                                beta[i].number()
                            } else {
                                0.0
                            };
                            let want = (x[i] - mean) / std * f64::from(gamma[i].number())
                                + f64::from(shift);
                            let err = (f64::from(out[i].number()) - want).abs();
                            let tol = 2e-6 * (1.0 + f64::from(offset).abs()) / std
                                + rounding * want.abs();
                            assert!(err <= tol, "{tier:?} {norm:?} {rows}×{d}: {err} > {tol}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn alone_they_equal_the_definition_in_both_widths() {
        each_norm_alone::<f32>(0.0);
        each_norm_alone::<half::bf16>(1.0 / 256.0);
    }

    #[test]
    fn nan_stays_in_its_row() {
        let x = [1.0, f32::NAN, 2.0, 1.0, 1.0, 1.0];
        let mut out = [0.0; 6];
        layer_norm(&mut out, &x, &[1.0; 3], &[0.5; 3], 1e-5).unwrap();
        assert!(out[..3].iter().all(|x| x.is_nan()));
        assert_eq!(out[3..], [0.5; 3]);
        rms_norm(&mut out, &x, &[1.0; 3], 0.0).unwrap();
        assert!(out[..3].iter().all(|x| x.is_nan()));
        assert_eq!(out[3..], [1.0; 3]);
        let error = rms_norm(&mut out[..5], &x, &[1.0; 3], 0.0).unwrap_err();
        assert_eq!((error.name, error.want, error.got), ("out", 6, 5));
    }
}
