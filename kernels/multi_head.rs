//! Multi-head attention with grouped keys and values: projections, attention, output projection.
//!
//! No key or value is repeated for the query heads that share it: a group's queries stand behind one
//! another as more queries of one head (Ainslie et al. 2023, arXiv 2305.13245).

use super::attention::{self, Mask, attention};
use super::cpu::{Tier, split};
use super::operand::Length;
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;

/// Sizes: batch, tokens, model width, query heads, key/value heads. A head has d/h columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub b: usize,
    pub n: usize,
    pub d: usize,
    pub h: usize,
    pub h_kv: usize,
}

/// Row-major weights, used as x·w: `q [d d]`, `k` and `v` `[d h_kv·d/h]`, `o [d d]`.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub o: &'a [f32],
}

/// Why a call cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    Length(Length),
    /// h does not divide d, or h_kv does not divide h.
    Heads(Shape),
    Attention(attention::Misfit),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Length(length) => length.fmt(f),
            Misfit::Heads(Shape { d, h, h_kv, .. }) => write!(
                f,
                "d = {d}, h = {h}, h_kv = {h_kv} cannot be: give h that divides d and h_kv that divides h, all at least 1"
            ),
            Misfit::Attention(misfit) => misfit.fmt(f),
        }
    }
}

impl std::error::Error for Misfit {}

impl From<Length> for Misfit {
    fn from(length: Length) -> Misfit {
        Misfit::Length(length)
    }
}

/// Writes multi-head attention of `x [b n d]` to `out [b n d]`; `mask [n n]` is added to the scores
/// of every head. Query head i reads key and value head ⌊i·h_kv/h⌋.
///
/// # Errors
/// [`Misfit`], when the heads or an operand's length do not fit the shape.
pub fn multi_head_attention(
    out: &mut [f32],
    x: &[f32],
    weights: Weights<'_>,
    mask: Option<&[f32]>,
    shape: Shape,
) -> Result<(), Misfit> {
    let Shape { b, n, d, h, h_kv } = shape;
    if d == 0 || h == 0 || h_kv == 0 || d % h != 0 || h % h_kv != 0 {
        return Err(Misfit::Heads(shape));
    }
    let (dk, group) = (d / h, h / h_kv);
    let f = h_kv * dk;
    lengths([
        ("x", b * n * d, x.len()),
        ("w_q", d * d, weights.q.len()),
        ("w_k", d * f, weights.k.len()),
        ("w_v", d * f, weights.v.len()),
        ("w_o", d * d, weights.o.len()),
        ("mask", n * n, mask.map_or(n * n, <[f32]>::len)),
        ("out", b * n * d, out.len()),
    ])?;
    let project = |w: &[f32], heads: usize| {
        let mut flat = vec![0.0; b * n * heads * dk];
        linear(&mut flat, x, w, d);
        swap(&flat, [b, n, heads, dk])
    };
    let (q, k, v) = (
        project(weights.q, h),
        project(weights.k, h_kv),
        project(weights.v, h_kv),
    );
    // [b h n dk] is [b h_kv group·n dk]: the mask stands once for each query head of a group.
    let mask = mask.map(|mask| mask.repeat(group));
    let mask = mask.as_ref().map(|values| Mask {
        values,
        strides: [0, 0, n, 1],
    });
    let grouped = attention::Shape {
        b,
        h: h_kv,
        n: group * n,
        m: n,
        d: dk,
        dv: dk,
    };
    let mut heads = vec![0.0; b * n * d];
    attention(&mut heads, &q, &k, &v, mask, grouped).map_err(Misfit::Attention)?;
    linear(out, &swap(&heads, [b, h, n, dk]), weights.o, d);
    Ok(())
}

/// Sizes of cross-attention: batch, target tokens, source tokens, decoder width, encoder width, heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossShape {
    pub b: usize,
    pub n: usize,
    pub m: usize,
    pub d: usize,
    pub c: usize,
    pub h: usize,
}

/// Writes multi-head attention of the decoder's `x [b n d]` over the encoder's `memory [b m c]` to
/// `out [b n d]`; `weights.k` and `weights.v` are `[c d]`, and `mask [b m]` is added to the scores.
///
/// # Errors
/// [`Misfit`], when the heads or an operand's length do not fit the shape.
pub fn cross_attention(
    out: &mut [f32],
    x: &[f32],
    memory: &[f32],
    weights: Weights<'_>,
    mask: &[f32],
    shape: CrossShape,
) -> Result<(), Misfit> {
    let CrossShape { b, n, m, d, c, h } = shape;
    if d == 0 || c == 0 || h == 0 || d % h != 0 {
        let h_kv = h;
        return Err(Misfit::Heads(Shape { b, n, d, h, h_kv }));
    }
    lengths([
        ("x", b * n * d, x.len()),
        ("memory", b * m * c, memory.len()),
        ("w_q", d * d, weights.q.len()),
        ("w_k", c * d, weights.k.len()),
        ("w_v", c * d, weights.v.len()),
        ("w_o", d * d, weights.o.len()),
        ("mask", b * m, mask.len()),
        ("out", b * n * d, out.len()),
    ])?;
    let dk = d / h;
    let project = |x: &[f32], w: &[f32], tokens: usize, width: usize| {
        let mut flat = vec![0.0; b * tokens * d];
        linear(&mut flat, x, w, width);
        swap(&flat, [b, tokens, h, dk])
    };
    let q = project(x, weights.q, n, d);
    let (k, v) = (
        project(memory, weights.k, m, c),
        project(memory, weights.v, m, c),
    );
    let mask = Mask {
        values: mask,
        strides: [m, 0, 0, 1],
    };
    let heads = attention::Shape {
        b,
        h,
        n,
        m,
        d: dk,
        dv: dk,
    };
    let mut read = vec![0.0; b * n * d];
    attention(&mut read, &q, &k, &v, Some(mask), heads).map_err(Misfit::Attention)?;
    linear(out, &swap(&read, [b, h, n, dk]), weights.o, d);
    Ok(())
}

/// Whether every operand has the elements that it should have.
fn lengths<const N: usize>(operands: [(&'static str, usize, usize); N]) -> Result<(), Misfit> {
    for (operand, want, got) in operands {
        Length::check(operand, want, got)?;
    }
    Ok(())
}

/// `[a b c d] → [a c b d]`.
fn swap(x: &[f32], [a, b, c, d]: [usize; 4]) -> Vec<f32> {
    let mut out = vec![0.0; a * b * c * d];
    for (i, row) in out.chunks_exact_mut(d).enumerate() {
        let (sheet, column, line) = (i / (b * c), i / b % c, i % b);
        row.copy_from_slice(&x[((sheet * b + line) * c + column) * d..][..d]);
    }
    out
}

/// out = x·w for `x [rows inner]` and `w [inner columns]`.
fn linear(out: &mut [f32], x: &[f32], w: &[f32], inner: usize) {
    let columns = w.len() / inner;
    split(out, columns, |rows, out| {
        let x = &x[rows.start * inner..rows.end * inner];
        let product = Product {
            out,
            x,
            w,
            inner,
            columns,
        };
        dispatch(Tier::current(), product);
    });
}

/// Rows in a block: 6 × 2 registers of sums are held while `inner` passes by.
const ROWS: usize = 6;

struct Product<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    w: &'a [f32],
    inner: usize,
    columns: usize,
}

impl Kernel for Product<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Product {
            out,
            x,
            w,
            inner,
            columns,
        } = self;
        let width = 2 * S::LANES;
        // Columns of w and rows of x, padded to whole blocks.
        let mut tile = vec![0.0; inner * width];
        let mut block = vec![[0.0; ROWS]; inner];
        let mut row = vec![0.0; width];
        for first in (0..columns).step_by(width) {
            let wide = width.min(columns - first);
            for (tile, w) in tile.chunks_exact_mut(width).zip(w.chunks_exact(columns)) {
                tile[..wide].copy_from_slice(&w[first..first + wide]);
            }
            for (x, out) in x.chunks(ROWS * inner).zip(out.chunks_mut(ROWS * columns)) {
                for (r, x) in x.chunks_exact(inner).enumerate() {
                    for (block, x) in block.iter_mut().zip(x) {
                        block[r] = *x;
                    }
                }
                let mut sums = [[simd.splat(0.0); 2]; ROWS];
                for (x, w) in block.iter().zip(tile.chunks_exact(width)) {
                    let w = [simd.load(w), simd.load(&w[S::LANES..])];
                    for (sums, x) in sums.iter_mut().zip(x) {
                        let x = simd.splat(*x);
                        *sums = [simd.fma(x, w[0], sums[0]), simd.fma(x, w[1], sums[1])];
                    }
                }
                for (out, sums) in out.chunks_exact_mut(columns).zip(sums) {
                    simd.store(&mut row, sums[0]);
                    simd.store(&mut row[S::LANES..], sums[1]);
                    out[first..first + wide].copy_from_slice(&row[..wide]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Plain loops in f64.
    fn plain(x: &[f32], w: Weights<'_>, mask: Option<&[f32]>, shape: Shape) -> Vec<f64> {
        let Shape { b, n, d, h, h_kv } = shape;
        let (dk, f) = (d / h, h_kv * d / h);
        let at = |token: usize, w: &[f32], wide: usize, column: usize| -> f64 {
            let products =
                (0..d).map(|t| f64::from(x[token * d + t]) * f64::from(w[t * wide + column]));
            products.sum()
        };
        let mut out = vec![0.0; b * n * d];
        for (s, head, i) in (0..b * h * n).map(|at| (at / (h * n), at / n % h, at % n)) {
            let shared = head * h_kv / h;
            let score = |j: usize| {
                let dot = (0..dk).map(|t| {
                    at(s * n + i, w.q, d, head * dk + t) * at(s * n + j, w.k, f, shared * dk + t)
                });
                let mask = mask.map_or(0.0, |mask| f64::from(mask[i * n + j]));
                dot.sum::<f64>() / (dk as f64).sqrt() + mask
            };
            let weights: Vec<f64> = (0..n).map(|j| score(j).exp()).collect();
            let sum: f64 = weights.iter().sum();
            for t in 0..dk {
                let read = |j: usize| weights[j] / sum * at(s * n + j, w.v, f, shared * dk + t);
                let value: f64 = (0..n).map(read).sum();
                for (c, out) in out[(s * n + i) * d..][..d].iter_mut().enumerate() {
                    *out += value * f64::from(w.o[(head * dk + t) * d + c]);
                }
            }
        }
        out
    }

    #[test]
    fn ragged_shapes_equal_plain_loops() {
        let mut rng = StdRng::seed_from_u64(0);
        let mut draw =
            |len: usize| -> Vec<f32> { (0..len).map(|_| rng.random_range(-0.5..0.5)).collect() };
        for [b, n, d, h, h_kv] in [
            [1, 1, 1, 1, 1],
            [2, 5, 12, 3, 3],
            [1, 7, 12, 6, 2],
            [3, 6, 35, 5, 1],
            [1, 9, 72, 4, 2],
        ] {
            let shape = Shape { b, n, d, h, h_kv };
            let f = h_kv * d / h;
            let (x, mask) = (draw(b * n * d), draw(n * n));
            let (q, k, v, o) = (draw(d * d), draw(d * f), draw(d * f), draw(d * d));
            let weights = Weights {
                q: &q,
                k: &k,
                v: &v,
                o: &o,
            };
            for mask in [None, Some(&mask[..])] {
                let mut out = vec![f32::NAN; b * n * d];
                multi_head_attention(&mut out, &x, weights, mask, shape).unwrap();
                for (got, want) in out.iter().zip(plain(&x, weights, mask, shape)) {
                    let err = (f64::from(*got) - want).abs();
                    assert!(err <= 1e-5, "{shape:?}: {got} is not {want}");
                }
            }
        }
    }

    #[test]
    fn misfits_are_sentences() {
        let shape = Shape {
            b: 1,
            n: 1,
            d: 4,
            h: 2,
            h_kv: 1,
        };
        let words = |shape: Shape| {
            let (w, mut out) = ([0.0; 16], [0.0; 4]);
            let weights = Weights {
                q: &w,
                k: &w,
                v: &w,
                o: &w,
            };
            let done = multi_head_attention(&mut out, &[0.0; 4], weights, None, shape);
            done.unwrap_err().to_string()
        };
        assert!(words(shape).starts_with("w_k has 16 elements and should have 8"));
        assert!(words(Shape { h: 3, ..shape }).contains("h that divides d"));
        assert!(words(Shape { h_kv: 0, ..shape }).contains("h_kv that divides h"));
    }
}
