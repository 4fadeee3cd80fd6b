//! Rotary position embedding in place, in both layouts of the pairs.

use super::cpu;
use crate::tiered;
use std::fmt;

/// Which two dimensions of a head make a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// (x₀, x₁), (x₂, x₃) …: the paper, GPT-J, Meta's LLaMA code.
    Interleaved,
    /// (xᵢ, xᵢ₊d/₂): GPT-NeoX, Hugging Face's `rotate_half`.
    HalfSplit,
}

/// The shape of the tensor that is turned, `[batch heads rows head_dim]`, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub batch: usize,
    pub heads: usize,
    pub rows: usize,
    pub head_dim: usize,
}

/// Why there is nothing to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    OddHeadDim(usize),
    Positions { got: usize, want: usize },
    Elements { got: usize, want: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::OddHeadDim(d) => write!(
                f,
                "head_dim is {d}; RoPE turns pairs, so make it a multiple of 2 and at least 2"
            ),
            Error::Positions { got, want } => write!(
                f,
                "{got} positions came for batch·rows = {want} tokens; give one for each token"
            ),
            Error::Elements { got, want } => write!(
                f,
                "the tensor has {got} elements and batch·heads·rows·head_dim is {want}; make them agree"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// cos and sin of every token's angles: made once, used for q, k and every layer.
///
/// One row of `head_dim` floats for each token: the cosines of all pairs, then their sines.
/// Angles are computed in f64, since m·θ in f32 is off by up to m·2⁻²⁴.
pub struct Table {
    shape: Shape,
    values: Vec<f32>,
}

impl Table {
    /// The table of `positions` `[batch rows]` with frequencies base^(−2i/head_dim). Only the
    /// number of heads may differ between this shape and those that are turned.
    ///
    /// # Errors
    /// When head_dim is odd or zero, or `positions` is not one for each token.
    pub fn new(shape: Shape, positions: &[i64], base: f64) -> Result<Table, Error> {
        let d = shape.head_dim;
        if d == 0 || !d.is_multiple_of(2) {
            return Err(Error::OddHeadDim(d));
        }
        let want = shape.batch * shape.rows;
        if positions.len() != want {
            let got = positions.len();
            return Err(Error::Positions { got, want });
        }
        let frequency = |i: usize| base.powf(-2.0 * i as f64 / d as f64);
        let inv_freq: Vec<f64> = (0..d / 2).map(frequency).collect();
        let mut values = vec![0.0; want * d];
        cpu::split(&mut values, d, |tokens, part| {
            for (&m, row) in positions[tokens].iter().zip(part.chunks_exact_mut(d)) {
                let (cos, sin) = row.split_at_mut(d / 2);
                for ((theta, c), s) in inv_freq.iter().zip(cos).zip(sin) {
                    let (sine, cosine) = (m as f64 * theta).sin_cos();
                    (*c, *s) = (cosine as f32, sine as f32);
                }
            }
        });
        Ok(Table { shape, values })
    }

    /// Turns `x` `[batch heads rows head_dim]` in place, with any number of heads (so that grouped
    /// k may have fewer than q). Rows are spread over the threads.
    ///
    /// # Errors
    /// When `x` does not have the elements of `heads` heads.
    pub fn rotate(&self, x: &mut [f32], heads: usize, layout: Layout) -> Result<(), Error> {
        let Shape { rows, head_dim, .. } = self.shape;
        let want = self.shape.batch * heads * rows * head_dim;
        if x.len() != want {
            let got = x.len();
            return Err(Error::Elements { got, want });
        }
        cpu::split(x, head_dim, |items, part| {
            for (item, row) in items.zip(part.chunks_exact_mut(head_dim)) {
                let token = item / (heads * rows) * rows + item % rows;
                let angles = &self.values[token * head_dim..(token + 1) * head_dim];
                match layout {
                    Layout::Interleaved => interleaved(row, angles),
                    Layout::HalfSplit => half_split(row, angles),
                }
            }
        });
        Ok(())
    }

    /// The same out of place.
    ///
    /// # Errors
    /// As [`Table::rotate`].
    pub fn rotated(&self, x: &[f32], heads: usize, layout: Layout) -> Result<Vec<f32>, Error> {
        let mut out = x.to_vec();
        self.rotate(&mut out, heads, layout)?;
        Ok(out)
    }
}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    format!(
        "rope, {}, {} threads",
        cpu::Tier::current().name(),
        cpu::threads()
    )
}

/// Pairs at a time: one vector register of even and one of odd elements.
const LANES: usize = 8;

tiered! {
    fn interleaved(row: &mut [f32], angles: &[f32]) {
        let (cos, sin) = angles.split_at(row.len() / 2);
        let (blocks, rest) = row.as_chunks_mut::<{ 2 * LANES }>();
        let (cos_blocks, cos_rest) = cos.as_chunks::<LANES>();
        let (sin_blocks, sin_rest) = sin.as_chunks::<LANES>();
        for ((x, cos), sin) in blocks.iter_mut().zip(cos_blocks).zip(sin_blocks) {
            let before = *x;
            for i in 0..LANES {
                x[2 * i] = before[2 * i] * cos[i] - before[2 * i + 1] * sin[i];
                x[2 * i + 1] = before[2 * i] * sin[i] + before[2 * i + 1] * cos[i];
            }
        }
        for ((x, cos), sin) in rest.as_chunks_mut::<2>().0.iter_mut().zip(cos_rest).zip(sin_rest) {
            *x = turn(x[0], x[1], *cos, *sin);
        }
    }
}

tiered! {
    fn half_split(row: &mut [f32], angles: &[f32]) {
        let half = row.len() / 2;
        let (cos, sin) = angles.split_at(half);
        let (first, second) = row.split_at_mut(half);
        for (((x0, x1), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            [*x0, *x1] = turn(*x0, *x1, *cos, *sin);
        }
    }
}

#[inline(always)]
fn turn(x0: f32, x1: f32, cos: f32, sin: f32) -> [f32; 2] {
    [x0 * cos - x1 * sin, x0 * sin + x1 * cos]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition as a loop in f64.
    fn plain(x: &[f32], shape: Shape, positions: &[i64], base: f64, layout: Layout) -> Vec<f64> {
        let d = shape.head_dim;
        let mut out = vec![0.0; x.len()];
        for at in 0..x.len() / d {
            let (b, n) = (at / (shape.heads * shape.rows), at % shape.rows);
            for i in 0..d / 2 {
                let angle =
                    positions[b * shape.rows + n] as f64 / base.powf(2.0 * i as f64 / d as f64);
                let (p, q) = match layout {
                    Layout::Interleaved => (at * d + 2 * i, at * d + 2 * i + 1),
                    Layout::HalfSplit => (at * d + i, at * d + i + d / 2),
                };
                let (x0, x1) = (f64::from(x[p]), f64::from(x[q]));
                out[p] = x0 * angle.cos() - x1 * angle.sin();
                out[q] = x0 * angle.sin() + x1 * angle.cos();
            }
        }
        out
    }

    #[test]
    fn both_layouts_equal_the_definition_on_ragged_shapes() {
        for (batch, heads, rows, head_dim) in [
            (1, 1, 1, 2),
            (2, 3, 5, 6),
            (1, 2, 3, 18),
            (3, 1, 7, 64),
            (2, 4, 9, 128),
        ] {
            let shape = Shape {
                batch,
                heads,
                rows,
                head_dim,
            };
            let count = batch * heads * rows * head_dim;
            let x: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7).sin()).collect();
            let token = |i: usize| (i as i64 * 7919) % 40_000;
            let positions: Vec<i64> = (0..batch * rows).map(token).collect();
            let table = Table::new(shape, &positions, 5e5).unwrap();
            for layout in [Layout::Interleaved, Layout::HalfSplit] {
                let got = table.rotated(&x, heads, layout).unwrap();
                let want = plain(&x, shape, &positions, 5e5, layout);
                let err = got
                    .iter()
                    .zip(&want)
                    .map(|(a, b)| (f64::from(*a) - b).abs());
                let err = err.fold(0.0, f64::max);
                assert!(err <= 4e-7, "{shape:?} {layout:?}: {err}");
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let shape = Shape {
            batch: 1,
            heads: 2,
            rows: 3,
            head_dim: 4,
        };
        let odd = Shape {
            head_dim: 3,
            ..shape
        };
        assert_eq!(
            Table::new(odd, &[0; 3], 1e4).err(),
            Some(Error::OddHeadDim(3))
        );
        let few = Error::Positions { got: 2, want: 3 };
        assert_eq!(Table::new(shape, &[0; 2], 1e4).err(), Some(few));
        let table = Table::new(shape, &[0, 1, 2], 1e4).unwrap();
        let short = Error::Elements { got: 23, want: 24 };
        let mut x = vec![0.0; 23];
        assert_eq!(table.rotate(&mut x, 2, Layout::HalfSplit), Err(short));
        assert!(short.to_string().contains("24"));
    }
}
