//! GPTQ: rounding that passes each column's error on (Frantar et al. 2022, arXiv 2210.17323).
//!
//! The Hessian is one product of matrices. It is factored in f64, since that takes a small part of the
//! time and its condition is what loses digits. Rows of weights do not know of each other: threads take
//! them in blocks, so that a row of the factor is read once for a block.

use super::cpu::{Tier, split, threads};
use super::gemm::{self, Form, gemm_f32};
use super::operand::{Length, product};
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;

/// Weight `[rows columns]`, calibration inputs `[tokens columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub rows: usize,
    pub columns: usize,
    pub tokens: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// 2 to 16; codes go from −(2^(bits − 1) − 1) to its negative.
    pub bits: u32,
    /// Columns that share a scale, at least 1; the last group may be shorter.
    pub group_size: usize,
    /// What is added to the diagonal of the Hessian, in units of its mean.
    pub percdamp: f64,
    /// Columns with large inputs first.
    pub act_order: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Error {
    Length(Length),
    /// A product of sizes overflows.
    Size(Shape),
    Bits(u32),
    GroupSize,
    /// The Hessian is not positive definite in this column.
    Singular(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length(length) => length.fmt(f),
            Error::Size(shape) => write!(
                f,
                "{shape:?} cannot be: give sizes whose products fit into memory"
            ),
            Error::Bits(bits) => write!(f, "codes have 2 to 16 bits, not {bits}"),
            Error::GroupSize => write!(f, "the group size is 0; give at least 1"),
            Error::Singular(column) => write!(
                f,
                "the Hessian cannot be factored at column {column}; use finite inputs and a larger percdamp, such as 0.01"
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
    format!("GPTQ, {}, {} threads", Tier::f32().name(), threads())
}

/// Writes the dequantised weights to `w_hat` `[rows columns]`. All are row-major.
///
/// # Errors
/// Where a slice does not fit the shape, an option cannot be, or the damped Hessian is singular.
pub fn gptq(
    w_hat: &mut [f32],
    weight: &[f32],
    x: &[f32],
    shape: Shape,
    options: Options,
) -> Result<(), Error> {
    gptq_on(Tier::current(), w_hat, weight, x, shape, options)
}

fn gptq_on(
    tier: Tier,
    w_hat: &mut [f32],
    weight: &[f32],
    x: &[f32],
    shape: Shape,
    options: Options,
) -> Result<(), Error> {
    let Shape {
        rows,
        columns: c,
        tokens,
    } = shape;
    let weights = product([rows, c]).ok_or(Error::Size(shape))?;
    Length::check("w_hat", weights, w_hat.len())?;
    Length::check("weight", weights, weight.len())?;
    Length::check(
        "x",
        product([tokens, c]).ok_or(Error::Size(shape))?,
        x.len(),
    )?;
    product([c, c]).ok_or(Error::Size(shape))?;
    if !(2..=16).contains(&options.bits) {
        return Err(Error::Bits(options.bits));
    }
    if options.group_size == 0 {
        return Err(Error::GroupSize);
    }
    if weights == 0 {
        return Ok(());
    }
    let hessian = Hessian::new(x, shape, options.percdamp);
    let mut order: Vec<usize> = (0..c).collect();
    if options.act_order {
        order.sort_by(|&i, &j| hessian.diagonal[j].total_cmp(&hessian.diagonal[i]));
    }
    let shares = hessian.shares(&order)?;
    let alive: Vec<bool> = order.iter().map(|&j| hessian.diagonal[j] != 0.0).collect();
    split(w_hat, c, |rows, w_hat| {
        let weight = &weight[rows.start * c..rows.end * c];
        let blocks = w_hat.chunks_mut(ROWS * c).zip(weight.chunks(ROWS * c));
        for (w_hat, weight) in blocks {
            let rows = Rows {
                w_hat,
                weight,
                shares: &shares,
                order: &order,
                alive: &alive,
                options,
            };
            dispatch(tier, rows);
        }
    });
    Ok(())
}

/// Rows that are quantised together.
const ROWS: usize = 16;

/// 2·xᵀx/tokens, with damping.
struct Hessian {
    matrix: Vec<f32>,
    /// As measured, before damping.
    diagonal: Vec<f32>,
    lambda: f64,
}

impl Hessian {
    fn new(x: &[f32], shape: Shape, percdamp: f64) -> Hessian {
        let (n, c) = (shape.tokens, shape.columns);
        let mut transposed = vec![0.0; x.len()];
        for (i, row) in x.chunks_exact(c).enumerate() {
            for (to, x) in transposed.iter_mut().skip(i).step_by(n).zip(row) {
                *to = *x;
            }
        }
        let mut matrix = vec![0.0; c * c];
        let sizes = gemm::Shape { m: c, n: c, k: n };
        gemm_f32(&mut matrix, &transposed, x, Form::Plain, sizes).expect("the sizes were checked");
        let factor = 2.0 / n.max(1) as f32;
        matrix.iter_mut().for_each(|h| *h *= factor);
        let diagonal: Vec<f32> = matrix.iter().step_by(c + 1).copied().collect();
        let sum: f64 = diagonal.iter().map(|h| f64::from(*h)).sum();
        Hessian {
            matrix,
            diagonal,
            lambda: percdamp * sum / c as f64,
        }
    }

    /// U_ij/U_ii of H⁻¹ = UᵀU, for columns in this order.
    fn shares(&self, order: &[usize]) -> Result<Vec<f32>, Error> {
        let c = order.len();
        // Let J turn the columns around and JHJ = LLᵀ; then U = J·L⁻¹·J is upper triangular and
        // UᵀU = J·(LLᵀ)⁻¹·J = H⁻¹: one factorisation, and no inverse of H.
        let at = |i: usize, j: usize| {
            let (i, j) = (order[c - 1 - i], order[c - 1 - j]);
            let damp = if i == j { self.lambda } else { 0.0 };
            let dead = i == j && self.diagonal[i] == 0.0;
            f64::from(self.matrix[i * c + j]) + damp + f64::from(u8::from(dead))
        };
        let mut lower = vec![0.0_f64; c * c];
        for i in 0..c {
            let (done, rest) = lower.split_at_mut(i * c);
            let row = &mut rest[..c];
            for j in 0..i {
                let other = &done[j * c..][..=j];
                row[j] = (at(i, j) - dot(&row[..j], &other[..j])) / other[j];
            }
            let pivot = at(i, i) - dot(&row[..i], &row[..i]);
            // What f32 leaves of 0 is no pivot.
            if !(pivot > 1e-9 * at(i, i)) {
                return Err(Error::Singular(order[c - 1 - i]));
            }
            row[i] = pivot.sqrt();
        }
        // L⁻¹ row by row; row i of it, backwards, is row c − 1 − i of U.
        let mut inverse = vec![0.0_f64; c * c];
        let mut shares = vec![0.0; c * c];
        for i in 0..c {
            let (done, rest) = inverse.split_at_mut(i * c);
            let row = &mut rest[..c];
            for (k, done) in done.chunks_exact(c).enumerate() {
                let factor = lower[i * c + k];
                let pairs = row[..=k].iter_mut().zip(done);
                pairs.for_each(|(x, done)| *x -= factor * done);
            }
            row[i] = 1.0;
            let to = &mut shares[(c - 1 - i) * c..][..c];
            // Divided by the diagonal of U, which is 1/L_ii.
            for (k, x) in row[..=i].iter().enumerate() {
                to[c - 1 - k] = *x as f32;
            }
            row[..=i].iter_mut().for_each(|x| *x /= lower[i * c + i]);
        }
        Ok(shares)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

struct Rows<'a> {
    w_hat: &'a mut [f32],
    weight: &'a [f32],
    shares: &'a [f32],
    order: &'a [usize],
    alive: &'a [bool],
    options: Options,
}

impl Kernel for Rows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Options {
            bits, group_size, ..
        } = self.options;
        let c = self.order.len();
        let most = ((1u32 << (bits - 1)) - 1) as f32;
        let mut rows = vec![0.0; self.weight.len()];
        for (row, weight) in rows.chunks_exact_mut(c).zip(self.weight.chunks_exact(c)) {
            for (i, (w, &j)) in row.iter_mut().zip(self.order).enumerate() {
                *w = if self.alive[i] { weight[j] } else { 0.0 };
            }
        }
        let mut scales = [1.0; ROWS];
        for i in 0..c {
            let shares = &self.shares[i * c + i + 1..(i + 1) * c];
            let blocks = rows.chunks_exact_mut(c).zip(self.w_hat.chunks_exact_mut(c));
            for ((row, w_hat), scale) in blocks.zip(&mut scales) {
                if i % group_size == 0 {
                    let group = &row[i..c.min(i + group_size)];
                    let max = group.iter().fold(0.0, |max: f32, w| max.max(w.abs()));
                    *scale = if max > 0.0 { max / most } else { 1.0 };
                }
                let (w, later) = (row[i], &mut row[i + 1..]);
                let q = (w / *scale).round_ties_even().clamp(-most, most) * *scale;
                w_hat[self.order[i]] = q;
                let error = w - q;
                let pairs = later.iter_mut().zip(shares);
                pairs.for_each(|(w, share)| *w -= error * share);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        rows: 3,
        columns: 2,
        tokens: 4,
    };
    const OPTIONS: Options = Options {
        bits: 3,
        group_size: 2,
        percdamp: 0.0,
        act_order: false,
    };

    #[test]
    fn two_equal_inputs_share_an_error() {
        // Inputs that are nearly the same: what column 0 loses, column 1 takes over. Scale 1.
        let x = [1.0, 1.0, -2.0, -2.0, 3.0, 3.0, 1.0, 1.01];
        let weight = [1.4, 3.0, 0.4, 3.0, -0.4, -2.9];
        for tier in Tier::all() {
            let mut w_hat = [0.0; 6];
            gptq_on(tier, &mut w_hat, &weight, &x, SHAPE, OPTIONS).unwrap();
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            let scale = 2.9 / 3.0;
            let want = [1.0, 3.0, 0.0, 3.0, 0.0, -3.0 * scale];
            assert!(w_hat.iter().zip(&want).all(near), "{w_hat:?}");
        }
        let weight = [1.4, -2.2, 3.0, 0.4, 3.0, 2.4];
        let mut w_hat = [0.0; 6];
        let options = Options { bits: 4, ..OPTIONS };
        gptq(&mut w_hat, &weight, &x, SHAPE, options).unwrap();
        // 1.4 and −2.2: codes 4 and −7 of scale 2.2/7; the sum is kept within half a step.
        assert!((w_hat[0] + w_hat[1] - (1.4 - 2.2)).abs() <= 0.5 * 2.2 / 7.0 + 1e-6);
    }

    #[test]
    fn what_cannot_be_is_refused_in_a_sentence() {
        let mut w_hat = [0.0; 6];
        let x = [1.0; 8];
        let run = |w_hat: &mut [f32], options| gptq(w_hat, &[0.5; 6], &x, SHAPE, options);
        let singular = run(&mut w_hat, OPTIONS).unwrap_err();
        assert!(singular.to_string().contains("percdamp"), "{singular}");
        let bits = Options { bits: 1, ..OPTIONS };
        assert_eq!(run(&mut w_hat, bits), Err(Error::Bits(1)));
        let group = Options {
            group_size: 0,
            ..OPTIONS
        };
        assert_eq!(run(&mut w_hat, group), Err(Error::GroupSize));
        assert!(run(&mut w_hat[..5], OPTIONS).is_err());
    }
}
