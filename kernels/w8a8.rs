//! Matrix products of 8-bit activations and 8-bit weights, summed in 32-bit integers.
//!
//! Weights are quantised once, with a scale for each row; activations token by token as they come
//! (Xiao et al. 2022, arXiv 2211.10438). Threads take tokens; the sum of products of bytes is left to the
//! compiler, once for each instruction set.

use super::cpu::{Tier, split, threads};
use super::operand::{Length, product};
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;

/// The largest code; the smallest is its negative.
const MOST: f32 = 127.0;

/// More products of two codes than this may not fit into 32 bits.
const COLUMNS: usize = (i32::MAX / (127 * 127)) as usize;

/// Why weights or a product cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    Length(Length),
    /// A product of sizes overflows.
    Size([usize; 2]),
    /// A sum of so many products may overflow.
    Columns(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length(length) => length.fmt(f),
            Error::Size([a, b]) => write!(
                f,
                "{a} times {b} numbers do not fit into memory; check the sizes"
            ),
            Error::Columns(c) => write!(
                f,
                "{c} products of codes may overflow 32 bits; split the columns into runs of at most {COLUMNS} and add the results"
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
    format!("W8A8, {}, {} threads", Tier::f32().name(), threads())
}

/// Weights `[rows columns]` in 8 bits with a scale for each row, and what activations are divided by.
#[derive(Clone, Debug)]
pub struct Weights {
    codes: Vec<i8>,
    scales: Vec<f32>,
    smooth: Vec<f32>,
}

impl Weights {
    /// Quantises `weight` `[rows columns]`, each column multiplied by its entry of `smooth` `[columns]`,
    /// by which [`w8a8`] divides the activations.
    ///
    /// # Errors
    /// Where a length does not fit or there are too many columns.
    pub fn new(weight: &[f32], smooth: &[f32], rows: usize) -> Result<Weights, Error> {
        let c = smooth.len();
        let want = product([rows, c]).ok_or(Error::Size([rows, c]))?;
        Length::check("weight", want, weight.len())?;
        if c > COLUMNS {
            return Err(Error::Columns(c));
        }
        let mut codes = vec![0; want];
        let mut scales = vec![1.0; rows];
        let mut row = vec![0.0; c];
        for (i, scale) in scales.iter_mut().enumerate() {
            let from = weight[i * c..][..c].iter().zip(smooth);
            row.iter_mut()
                .zip(from)
                .for_each(|(to, (w, s))| *to = w * s);
            *scale = quantize(&mut codes[i * c..][..c], &row);
        }
        Ok(Weights {
            codes,
            scales,
            smooth: smooth.to_vec(),
        })
    }
}

/// Writes the codes of a row and returns its scale, 1 for a row of zeros.
#[inline(always)]
fn quantize(codes: &mut [i8], row: &[f32]) -> f32 {
    let max = row.iter().fold(0.0, |max: f32, x| max.max(x.abs()));
    let scale = if max > 0.0 { max / MOST } else { 1.0 };
    for (code, x) in codes.iter_mut().zip(row) {
        *code = (x / scale).round_ties_even() as i8;
    }
    scale
}

/// Writes x·wᵀ to `out` `[tokens rows]` for activations `x` `[tokens columns]`.
///
/// # Errors
/// Where a length does not fit.
pub fn w8a8(out: &mut [f32], x: &[f32], weights: &Weights, tokens: usize) -> Result<(), Error> {
    w8a8_on(Tier::current(), out, x, weights, tokens)
}

fn w8a8_on(
    tier: Tier,
    out: &mut [f32],
    x: &[f32],
    weights: &Weights,
    tokens: usize,
) -> Result<(), Error> {
    let (r, c) = (weights.scales.len(), weights.smooth.len());
    let size = |width| product([tokens, width]).ok_or(Error::Size([tokens, width]));
    Length::check("x", size(c)?, x.len())?;
    Length::check("out", size(r)?, out.len())?;
    if c == 0 {
        out.fill(0.0);
        return Ok(());
    }
    split(out, r, |range, out| {
        let x = &x[range.start * c..range.end * c];
        dispatch(tier, Tokens { out, x, weights });
    });
    Ok(())
}

/// Tokens whose codes wait together for a row of weights.
const BLOCK: usize = 16;

struct Tokens<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    weights: &'a Weights,
}

impl Kernel for Tokens<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Weights {
            codes,
            scales,
            smooth,
        } = self.weights;
        let (r, c) = (scales.len(), smooth.len());
        let mut row = vec![0.0; c];
        let mut tokens = vec![0; BLOCK * c];
        let mut token_scales = [1.0; BLOCK];
        let blocks = self.out.chunks_mut(BLOCK * r).zip(self.x.chunks(BLOCK * c));
        for (out, x) in blocks {
            for (i, x) in x.chunks_exact(c).enumerate() {
                let from = x.iter().zip(smooth);
                row.iter_mut()
                    .zip(from)
                    .for_each(|(to, (x, s))| *to = x / s);
                token_scales[i] = quantize(&mut tokens[i * c..][..c], &row);
            }
            for (j, (weights, scale)) in codes.chunks_exact(c).zip(scales).enumerate() {
                for (i, out) in out.iter_mut().skip(j).step_by(r).enumerate() {
                    let sum = dot(&tokens[i * c..][..c], weights);
                    *out = sum as f32 * (token_scales[i] * scale);
                }
            }
        }
    }
}

#[inline(always)]
fn dot(a: &[i8], b: &[i8]) -> i32 {
    let products = a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b));
    products.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_by_hand_on_every_tier() {
        // Rows (127, −64) and (0, 0); tokens (127, 2), (0, 0) and (−254, 508) of scale 4.
        let weights = Weights::new(&[127.0, -64.0, 0.0, 0.0], &[1.0, 1.0], 2).unwrap();
        for tier in Tier::all() {
            let mut out = [f32::NAN; 6];
            let x = [127.0, 2.0, 0.0, 0.0, -254.0, 508.0];
            w8a8_on(tier, &mut out, &x, &weights, 3).unwrap();
            let first = 127.0 * 127.0 - 128.0;
            // −63.5 goes to the even code −64.
            let third = 4.0 * (-64.0 * 127.0 - 127.0 * 64.0);
            assert_eq!(out, [first, 0.0, 0.0, 0.0, third, 0.0]);
        }
        let smoothed = Weights::new(&[1.0, 127.0], &[127.0, 1.0], 1).unwrap();
        let mut out = [0.0];
        w8a8(&mut out, &[127.0 * 127.0, 127.0], &smoothed, 1).unwrap();
        assert_eq!(out, [2.0 * 127.0 * 127.0]);
    }

    #[test]
    fn what_cannot_be_is_refused_in_a_sentence() {
        assert!(Weights::new(&[1.0; 3], &[1.0; 2], 2).is_err());
        let weights = Weights::new(&[1.0; 4], &[1.0; 2], 2).unwrap();
        let error = w8a8(&mut [0.0; 2], &[1.0; 3], &weights, 1).unwrap_err();
        assert!(error.to_string().starts_with("x has 3"), "{error}");
        let wide = Weights::new(&vec![1.0; COLUMNS + 1], &vec![1.0; COLUMNS + 1], 1);
        assert!(wide.unwrap_err().to_string().contains("133143") || COLUMNS == 133_144);
    }
}
