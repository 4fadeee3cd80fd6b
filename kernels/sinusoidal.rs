//! Embeddings plus a table of sinusoidal positions.

use super::cpu::{Tier, split, threads};
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;

/// Why there is nothing to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    OddWidth(usize),
    Elements { got: usize, want: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::OddWidth(d) => write!(
                f,
                "the width is {d}; sines and cosines come in pairs, so make it a multiple of 2 and at least 2"
            ),
            Error::Elements { got, want } => write!(
                f,
                "a slice has {got} elements and the output {want}; make them agree"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// The encoding of `positions` `[rows]`: `[rows d]`, sine and cosine interleaved, with wavelengths
/// 2π·base^(2i/d). Angles are computed in f64, since m·ω in f32 is off by up to m·2⁻²³.
///
/// # Errors
/// When d is odd or zero.
pub fn table(positions: &[i64], d: usize, base: f64) -> Result<Vec<f32>, Error> {
    if d == 0 || !d.is_multiple_of(2) {
        return Err(Error::OddWidth(d));
    }
    let frequency = |i: usize| base.powf(-2.0 * i as f64 / d as f64);
    let inv_freq: Vec<f64> = (0..d / 2).map(frequency).collect();
    let mut values = vec![0.0; positions.len() * d];
    split(&mut values, d, |rows, part| {
        for (&m, row) in positions[rows].iter().zip(part.chunks_exact_mut(d)) {
            for (pair, omega) in row.chunks_exact_mut(2).zip(&inv_freq) {
                let (sin, cos) = (m as f64 * omega).sin_cos();
                pair.copy_from_slice(&[sin as f32, cos as f32]);
            }
        }
    });
    Ok(values)
}

/// Writes scale·x + table to `out`. Elements are spread over the threads.
///
/// # Errors
/// When the three do not have the same number of elements.
pub fn add(out: &mut [f32], x: &[f32], scale: f32, table: &[f32]) -> Result<(), Error> {
    add_on(Tier::current(), out, x, scale, table)
}

fn add_on(tier: Tier, out: &mut [f32], x: &[f32], scale: f32, table: &[f32]) -> Result<(), Error> {
    let want = out.len();
    if let Some(got) = [x.len(), table.len()].into_iter().find(|got| *got != want) {
        return Err(Error::Elements { got, want });
    }
    split(out, 1, |items, out| {
        let (x, table) = (&x[items.clone()], &table[items]);
        dispatch(
            tier,
            Add {
                out,
                x,
                scale,
                table,
            },
        );
    });
    Ok(())
}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    let (tier, threads) = (Tier::current().name(), threads());
    format!("scale and add, {tier}, {threads} threads")
}

struct Add<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    scale: f32,
    table: &'a [f32],
}

impl Kernel for Add<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let whole = self.out.len() / S::LANES * S::LANES;
        let scale = s.splat(self.scale);
        for i in (0..whole).step_by(S::LANES) {
            let sum = s.fma(s.load(&self.x[i..]), scale, s.load(&self.table[i..]));
            s.store(&mut self.out[i..], sum);
        }
        for i in whole..self.out.len() {
            self.out[i] = self.x[i] * self.scale + self.table[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_equals_the_definition_on_ragged_sizes() {
        for (rows, d) in [(1, 2), (3, 6), (5, 18), (7, 64)] {
            let positions: Vec<i64> = (0..rows as i64).map(|i| i * 131).collect();
            let table = table(&positions, d, 1e4).unwrap();
            let x: Vec<f32> = (0..rows * d + 1).map(|i| (i as f32 * 0.7).sin()).collect();
            for tier in Tier::all() {
                // Slices that start anywhere.
                let mut out = vec![f32::NAN; rows * d + 3];
                add_on(tier, &mut out[3..], &x[1..], 1.5, &table).unwrap();
                for (at, got) in out[3..].iter().enumerate() {
                    let (row, j) = (at / d, at % d);
                    let angle = positions[row] as f64 / 1e4f64.powf((j / 2 * 2) as f64 / d as f64);
                    let wave = if j % 2 == 0 { angle.sin() } else { angle.cos() };
                    let err = (f64::from(*got) - 1.5 * f64::from(x[1 + at]) - wave).abs();
                    assert!(err <= 4e-7, "{tier:?} {rows} {d} at {at}: {err}");
                }
            }
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert_eq!(table(&[0], 3, 1e4), Err(Error::OddWidth(3)));
        let short = Error::Elements { got: 3, want: 4 };
        assert_eq!(add(&mut [0.0; 4], &[0.0; 3], 1.0, &[0.0; 4]), Err(short));
        assert_eq!(add(&mut [0.0; 4], &[0.0; 4], 1.0, &[0.0; 3]), Err(short));
        assert!(short.to_string().contains('4'));
    }
}
