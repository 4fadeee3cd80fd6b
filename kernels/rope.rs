//! Rotary position embedding in both layouts of the pairs.
//!
//! Turned rows are collected in the first cache, so that they leave it in whole lines, whatever the
//! head's size and the output's alignment.

use super::cpu::{Tier, split, threads};
use super::simd::{Kernel, Simd, dispatch};
use super::stream::{Number, Writer, is_large};
use std::fmt;
use std::ops::Range;

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
    Frequencies { got: usize, want: usize },
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
            Error::Frequencies { got, want } => write!(
                f,
                "{got} frequencies came for {want} pairs of dimensions; give one for each pair"
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
/// Angles are computed in f64, since m·θ in f32 is off by up to m·2⁻²³.
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
        let frequency = |i: usize| base.powf(-2.0 * i as f64 / d as f64);
        let inv_freq: Vec<f64> = (0..d / 2).map(frequency).collect();
        Table::with(shape, positions, &inv_freq)
    }

    /// The table of `positions` `[batch rows]` with these frequencies `[head_dim/2]`, scaled for a
    /// longer context or not.
    ///
    /// # Errors
    /// When head_dim is odd or zero, there is not one frequency for each pair, or `positions` is
    /// not one for each token.
    pub fn with(shape: Shape, positions: &[i64], inv_freq: &[f64]) -> Result<Table, Error> {
        let d = shape.head_dim;
        if d == 0 || !d.is_multiple_of(2) {
            return Err(Error::OddHeadDim(d));
        }
        if inv_freq.len() != d / 2 {
            let got = inv_freq.len();
            return Err(Error::Frequencies { got, want: d / 2 });
        }
        let want = shape.batch * shape.rows;
        if positions.len() != want {
            let got = positions.len();
            return Err(Error::Positions { got, want });
        }
        let mut values = vec![0.0; want * d];
        split(&mut values, d, |tokens, part| {
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

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// `[batch rows head_dim]`: the cosines of a token's pairs, then their sines.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Writes `x` `[batch heads rows head_dim]`, turned, to `out`, in f32 or bf16. There may be any
    /// number of heads (grouped k has fewer than q). Rows are spread over the threads.
    ///
    /// # Errors
    /// When `x` or `out` does not have the elements of `heads` heads.
    pub fn rotate<T: Number>(
        &self,
        out: &mut [T],
        x: &[T],
        heads: usize,
        layout: Layout,
    ) -> Result<(), Error> {
        self.rotate_on(Tier::current(), out, x, heads, layout)
    }

    fn rotate_on<T: Number>(
        &self,
        tier: Tier,
        out: &mut [T],
        x: &[T],
        heads: usize,
        layout: Layout,
    ) -> Result<(), Error> {
        let Shape { rows, head_dim, .. } = self.shape;
        let want = self.values.len().saturating_mul(heads);
        if let Some(got) = [x.len(), out.len()].into_iter().find(|got| *got != want) {
            return Err(Error::Elements { got, want });
        }
        let stream = is_large(out);
        split(out, head_dim, |items, out| {
            let part = Turn {
                out,
                x: &x[items.start * head_dim..items.end * head_dim],
                items,
                table: self,
                tokens: [rows, heads * rows],
                layout,
                stream,
            };
            dispatch(tier, part);
        });
        Ok(())
    }
}

/// Writes factor·cos and factor·sin of m·θᵢ to `cos` and `sin` `[rows pairs]`: positions `[rows]`,
/// frequencies `[pairs]`. Rows are spread over the threads.
///
/// # Errors
/// When a table does not have the elements of rows·pairs.
pub fn cos_sin(
    cos: &mut [f32],
    sin: &mut [f32],
    positions: &[i64],
    inv_freq: &[f64],
    factor: f64,
) -> Result<(), Error> {
    let want = positions.len() * inv_freq.len();
    if let Some(got) = [cos.len(), sin.len()].into_iter().find(|got| *got != want) {
        return Err(Error::Elements { got, want });
    }
    for (table, wave) in [(cos, f64::cos as fn(f64) -> f64), (sin, f64::sin)] {
        split(table, inv_freq.len(), |rows, part| {
            let rows = positions[rows].iter();
            for (&m, row) in rows.zip(part.chunks_exact_mut(inv_freq.len())) {
                for (cell, theta) in row.iter_mut().zip(inv_freq) {
                    *cell = (factor * wave(m as f64 * theta)) as f32;
                }
            }
        });
    }
    Ok(())
}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    format!("rope, {}, {} threads", Tier::current().name(), threads())
}

/// Items of the tensor, each one token of one head.
struct Turn<'a, T> {
    out: &'a mut [T],
    x: &'a [T],
    items: Range<usize>,
    table: &'a Table,
    /// Items in a head, and in a sequence.
    tokens: [usize; 2],
    layout: Layout,
    stream: bool,
}

/// Angles that stay in the second cache while all heads use them, and numbers that are collected
/// before they are written.
const ANGLES: usize = 32 << 10;
const COLLECTED: usize = 2 << 10;

impl<T: Number> Kernel for Turn<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let d = self.table.shape.head_dim;
        let [head, sequence] = self.tokens;
        let Range { start, end } = self.items;
        let together = (COLLECTED / d).max(1);
        // Registers are loaded whole, so there is room behind the end.
        let mut turned = vec![0.0; together * d + S::LANES];
        let block = (ANGLES / d).next_multiple_of(together);
        for batch in start / sequence..end.div_ceil(sequence) {
            let own = start.max(batch * sequence)..end.min((batch + 1) * sequence);
            for first in (0..head).step_by(block) {
                let tokens = first..head.min(first + block);
                for h in own.start / head..own.end.div_ceil(head) {
                    let from = own.start.max(h * head + tokens.start);
                    let to = own.end.min(h * head + tokens.end);
                    for at in (from..to).step_by(together) {
                        let count = together.min(to - at);
                        let token = batch * head + at % head;
                        let angles = &self.table.values[token * d..][..count * d];
                        let range = (at - start) * d..(at - start + count) * d;
                        let x = &self.x[range.clone()];
                        let mut row = 0;
                        while row < count * d {
                            let out = &mut turned[row..row + d];
                            let (x, angles) = (&x[row..row + d], &angles[row..row + d]);
                            match self.layout {
                                Layout::Interleaved => interleaved(s, out, x, angles),
                                Layout::HalfSplit => half_split(s, out, x, angles),
                            }
                            row += d;
                        }
                        let mut to = Writer::new(s, &mut self.out[range], self.stream);
                        while let Some(i) = to.at() {
                            // What comes next is read while this is written.
                            s.prefetch(x, count * d + i);
                            to.put(s, s.load(&turned[i..]));
                        }
                    }
                }
            }
        }
        s.fence();
    }
}

#[inline(always)]
fn interleaved<T: Number, S: Simd>(s: S, out: &mut [f32], x: &[T], angles: &[f32]) {
    let half = x.len() / 2;
    let (cos, sin) = angles.split_at(half);
    let whole = half / S::LANES * S::LANES;
    let mut i = 0;
    while i < whole {
        // Each angle turns two neighbours.
        let (cos, sin) = (s.twice(s.load(&cos[i..])), s.twice(s.load(&sin[i..])));
        let (x0, x1) = (&x[2 * i..], &x[2 * i + S::LANES..]);
        let out = &mut out[2 * i..];
        s.store(out, s.turn(T::load(s, x0), cos[0], sin[0]));
        let second = s.turn(T::load(s, x1), cos[1], sin[1]);
        s.store(&mut out[S::LANES..], second);
        i += S::LANES;
    }
    for i in whole..half {
        [out[2 * i], out[2 * i + 1]] =
            turn(x[2 * i].number(), x[2 * i + 1].number(), cos[i], sin[i]);
    }
}

#[inline(always)]
fn half_split<T: Number, S: Simd>(s: S, out: &mut [f32], x: &[T], angles: &[f32]) {
    let half = x.len() / 2;
    let (cos, sin) = angles.split_at(half);
    let (x0, x1) = x.split_at(half);
    let (out0, out1) = out.split_at_mut(half);
    let whole = half / S::LANES * S::LANES;
    let mut i = 0;
    while i < whole {
        let (x0, x1) = (T::load(s, &x0[i..]), T::load(s, &x1[i..]));
        let (cos, sin) = (s.load(&cos[i..]), s.load(&sin[i..]));
        s.store(&mut out0[i..], s.sub(s.mul(x0, cos), s.mul(x1, sin)));
        s.store(&mut out1[i..], s.fma(x1, cos, s.mul(x0, sin)));
        i += S::LANES;
    }
    for i in whole..half {
        [out0[i], out1[i]] = turn(x0[i].number(), x1[i].number(), cos[i], sin[i]);
    }
}

#[inline(always)]
fn turn(x0: f32, x1: f32, cos: f32, sin: f32) -> [f32; 2] {
    [x0 * cos - x1 * sin, x0 * sin + x1 * cos]
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::bf16;

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
            let x: Vec<f32> = (0..count + 1).map(|i| (i as f32 * 0.7).sin()).collect();
            let token = |i: usize| (i as i64 * 7919) % 40_000;
            let positions: Vec<i64> = (0..batch * rows).map(token).collect();
            let table = Table::new(shape, &positions, 5e5).unwrap();
            for layout in [Layout::Interleaved, Layout::HalfSplit] {
                let want = plain(&x[1..], shape, &positions, 5e5, layout);
                for tier in Tier::all() {
                    // Slices that start anywhere.
                    let mut got = vec![f32::NAN; count + 3];
                    let out = &mut got[3..];
                    table.rotate_on(tier, out, &x[1..], heads, layout).unwrap();
                    for (got, want) in out.iter().zip(&want) {
                        let err = (f64::from(*got) - want).abs();
                        assert!(err <= 4e-7, "{tier:?} {shape:?} {layout:?}: {err}");
                    }
                }
            }
        }
    }

    #[test]
    fn bf16_and_stores_past_the_caches_give_the_same_rounded() {
        // More tokens than are collected or kept together, and parts that start within a head.
        let shape = Shape {
            batch: 2,
            heads: 3,
            rows: 700,
            head_dim: 66,
        };
        let positions: Vec<i64> = (0..1400).map(|i| i % 777).collect();
        let table = Table::new(shape, &positions, 1e4).unwrap();
        let count = 2 * 3 * 700 * 66;
        let x: Vec<bf16> = (0..count + 1)
            .map(|i| bf16::from_f32((i as f32 * 0.7).sin()))
            .collect();
        let wide: Vec<f32> = x[1..].iter().map(|x| x.to_f32()).collect();
        for layout in [Layout::Interleaved, Layout::HalfSplit] {
            for tier in Tier::all() {
                let mut want = vec![0.0; count];
                table.rotate_on(tier, &mut want, &wide, 3, layout).unwrap();
                for (stream, items) in [(false, 0..4200), (true, 0..4200), (true, 301..3777)] {
                    let mut got = vec![bf16::ZERO; items.len() * 66 + 5];
                    let part = Turn {
                        out: &mut got[5..],
                        x: &x[1 + items.start * 66..1 + items.end * 66],
                        items: items.clone(),
                        table: &table,
                        tokens: [700, 3 * 700],
                        layout,
                        stream,
                    };
                    dispatch(tier, part);
                    let want = &want[items.start * 66..items.end * 66];
                    for (got, want) in got[5..].iter().zip(want) {
                        assert_eq!(*got, bf16::from_f32(*want), "{tier:?} {layout:?} {stream}");
                    }
                }
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
        let one = Error::Frequencies { got: 1, want: 2 };
        assert_eq!(Table::with(shape, &[0; 3], &[1.0]).err(), Some(one));
        let table = Table::new(shape, &[0, 1, 2], 1e4).unwrap();
        let short = Error::Elements { got: 23, want: 24 };
        let rotate = |out: usize, x: usize| {
            let (mut out, x) = (vec![0.0; out], vec![0.0; x]);
            table.rotate(&mut out, &x, 2, Layout::HalfSplit)
        };
        assert_eq!(rotate(24, 23), Err(short));
        assert_eq!(rotate(23, 24), Err(short));
        assert!(short.to_string().contains("24"));
    }
}
