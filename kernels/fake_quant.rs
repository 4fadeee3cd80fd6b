//! Fake quantization forward and backward: values on a grid of integers, the straight-through gradient
//! and that of the scale (Jacob et al. 2017, arXiv 1712.05877; Esser et al. 2019, arXiv 1902.08153).
//!
//! Everything is read once. Threads take runs of elements; the compiler vectorises the loop for each
//! instruction set.

use super::cpu::{Tier, split, threads};
use super::operand::Length;
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;

/// x̂ = scale·(clamp(round(x/scale) + zero_point, qmin, qmax) − zero_point).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub scale: f32,
    pub zero_point: f32,
    pub qmin: f32,
    pub qmax: f32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Error {
    Length(Length),
    /// A scale that is not a positive number.
    Scale(f32),
    /// Codes from qmin to qmax: none.
    Range {
        qmin: f32,
        qmax: f32,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length(length) => length.fmt(f),
            Error::Scale(scale) => write!(
                f,
                "the scale is {scale}; give a number above 0 (learn its logarithm, or clamp it)"
            ),
            Error::Range { qmin, qmax } => write!(
                f,
                "codes from {qmin} to {qmax} are none; qmin should not be above qmax"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<Length> for Error {
    fn from(length: Length) -> Error {
        Error::Length(length)
    }
}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    format!(
        "fake quantization, {}, {} threads",
        Tier::f32().name(),
        threads()
    )
}

/// Writes x̂ and the straight-through gradient of x, and returns Σ grad_out·∂x̂/∂scale. A gradient passes
/// where the rounded code is within the range. All slices have one length.
///
/// # Errors
/// Where a length does not fit, or the grid cannot be.
pub fn fake_quant(
    x_hat: &mut [f32],
    grad_x: &mut [f32],
    x: &[f32],
    grad_out: &[f32],
    grid: Grid,
) -> Result<f64, Error> {
    fake_quant_on(Tier::current(), x_hat, grad_x, x, grad_out, grid)
}

fn fake_quant_on(
    tier: Tier,
    x_hat: &mut [f32],
    grad_x: &mut [f32],
    x: &[f32],
    grad_out: &[f32],
    grid: Grid,
) -> Result<f64, Error> {
    Length::check("x_hat", x.len(), x_hat.len())?;
    Length::check("grad_x", x.len(), grad_x.len())?;
    Length::check("grad_out", x.len(), grad_out.len())?;
    let Grid {
        scale, qmin, qmax, ..
    } = grid;
    if !(scale > 0.0 && scale.is_finite()) {
        return Err(Error::Scale(scale));
    }
    if !(qmin <= qmax) {
        return Err(Error::Range { qmin, qmax });
    }
    let each = x.len().div_ceil(threads()).max(1);
    let parts = x_hat.chunks_mut(each).zip(grad_x.chunks_mut(each));
    let parts = parts.zip(x.chunks(each).zip(grad_out.chunks(each)));
    let parts = parts.map(|((x_hat, grad_x), (x, grad_out))| Part {
        x_hat,
        grad_x,
        x,
        grad_out,
        grid,
        sum: 0.0,
    });
    let mut parts: Vec<Part<'_>> = parts.collect();
    split(&mut parts, 1, |_, parts| {
        for part in parts {
            dispatch(tier, part);
        }
    });
    Ok(parts.iter().map(|part| part.sum).sum())
}

struct Part<'a> {
    x_hat: &'a mut [f32],
    grad_x: &'a mut [f32],
    x: &'a [f32],
    grad_out: &'a [f32],
    grid: Grid,
    sum: f64,
}

/// Elements whose gradients of the scale are summed in f32.
const BLOCK: usize = 256;

impl Kernel for &mut Part<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Grid {
            scale,
            zero_point,
            qmin,
            qmax,
        } = self.grid;
        let mut slopes = [0.0; BLOCK];
        let outs = self
            .x_hat
            .chunks_mut(BLOCK)
            .zip(self.grad_x.chunks_mut(BLOCK));
        let ins = self.x.chunks(BLOCK).zip(self.grad_out.chunks(BLOCK));
        for ((x_hat, grad_x), (x, grad_out)) in outs.zip(ins) {
            for i in 0..x.len() {
                let ratio = x[i] / scale;
                let rounded = ratio.round_ties_even();
                let code = rounded + zero_point;
                let kept = code.max(qmin).min(qmax);
                let inside = code == kept;
                x_hat[i] = scale * (kept - zero_point);
                grad_x[i] = if inside { grad_out[i] } else { 0.0 };
                let slope = match inside {
                    true => rounded - ratio,
                    false => kept - zero_point,
                };
                slopes[i] = grad_out[i] * slope;
            }
            self.sum += f64::from(slopes[..x.len()].iter().sum::<f32>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_values_by_hand_on_every_tier() {
        // Scale ½, codes 0 … 3, zero-point 1: 0.6 → 1.2 → code 2; 9 → 18 → 3; −2 → −4 → 0.
        let grid = Grid {
            scale: 0.5,
            zero_point: 1.0,
            qmin: 0.0,
            qmax: 3.0,
        };
        let (x, grad_out) = ([0.6, 9.0, -2.0], [1.0, 10.0, 100.0]);
        for tier in Tier::all() {
            let (mut x_hat, mut grad_x) = ([0.0; 3], [0.0; 3]);
            let sum = fake_quant_on(tier, &mut x_hat, &mut grad_x, &x, &grad_out, grid).unwrap();
            assert_eq!(x_hat, [0.5, 1.0, -0.5]);
            assert_eq!(grad_x, [1.0, 0.0, 0.0]);
            assert!((sum - (-0.2 + 20.0 - 100.0)).abs() < 1e-5, "{sum}");
        }
        let run = |grid| fake_quant(&mut [0.0], &mut [0.0], &[1.0], &[1.0], grid);
        let zero = Grid { scale: 0.0, ..grid };
        assert!(run(zero).unwrap_err().to_string().contains("above 0"));
        assert!(run(Grid { qmin: 4.0, ..grid }).is_err());
        assert!(fake_quant(&mut [0.0], &mut [], &[1.0], &[1.0], grid).is_err());
    }
}
