//! Attention with a streaming softmax: exact, with memory linear in the numbers of queries and keys.
//!
//! The n×m scores are never stored. Keys come in tiles; each query keeps its largest score so far,
//! the sum of its weights and its weighted sum of values, and rescales them when the maximum grows
//! (Milakov and Gimelshein 2018, arXiv 1805.02867; Dao et al. 2022, arXiv 2205.14135). Causality,
//! windows, lengths and linear biases are rules, not matrices: a tile that a rule hides from a whole
//! block of queries is not computed, and one that it shows wholly is not looked at.
//!
//! Beside the operands each thread holds one block of queries: (d + dv + 128) · 48 numbers at most.
//! Where there are too few blocks for the threads, the keys are cut too, and each part has an output of
//! its own, O(n·dv), which are merged at the end.
//!
//! Many queries go through `tiles.rs`, few (a step of decoding) through `dots.rs`.

mod dots;
mod plan;
mod sight;
#[cfg(test)]
mod tests;
mod tiles;

use super::cpu::Tier;
use super::operand::{Length, product};
use plan::Call;
use std::fmt;

/// Sizes: batch, heads, queries, keys, head size of q and k, head size of v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub b: usize,
    pub h: usize,
    pub n: usize,
    pub m: usize,
    pub d: usize,
    pub dv: usize,
}

/// An additive mask: element `[b h n m]` is at the sum of index × stride. Stride 0 repeats.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    pub values: &'a [f32],
    pub strides: [usize; 4],
}

/// What changes the scores, or who reads what. The default is full attention.
///
/// Query i of n stands at position p = i + m − n: queries are the last of the keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Is added to the scores.
    pub mask: Option<Mask<'a>>,
    /// A query sees keys j ≤ p only.
    pub causal: bool,
    /// A query sees keys |p − j| < window only (Beltagy et al. 2020, arXiv 2004.05150).
    pub window: Option<usize>,
    /// The first tokens, which a window does not hide, and which see beyond it.
    pub globals: usize,
    /// For each head, `[h]`: slope·|p − j| is taken off its scores (ALiBi, Press et al. 2021, arXiv
    /// 2108.12409).
    pub slopes: Option<&'a [f32]>,
    /// k and v have so many heads; query head i reads head ⌊i·kv_heads/h⌋ (Ainslie et al. 2023, arXiv
    /// 2305.13245). Default: h.
    pub kv_heads: Option<usize>,
    /// For each sequence, `[b]`: so many of its m keys are there; its length takes the place of m in p.
    pub lengths: Option<&'a [usize]>,
}

/// Why a call cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The elements of an operand; for a mask, of its strides.
    Length(Length),
    /// The head size is 0, or a product of sizes overflows.
    Shape(Shape),
    /// The heads of k and v do not divide those of q.
    Heads { h: usize, kv_heads: usize },
    /// A sequence is longer than the keys that were passed.
    Long {
        sequence: usize,
        length: usize,
        m: usize,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Length(length) => write!(
                f,
                "{length}, and give stride 0 to an axis that a mask repeats"
            ),
            Misfit::Shape(shape) => write!(
                f,
                "{shape:?} cannot be: give d of at least 1, and sizes whose products fit into memory"
            ),
            Misfit::Heads { h, kv_heads } => write!(
                f,
                "{h} query heads cannot share {kv_heads} heads of k and v: give kv_heads that divides h"
            ),
            Misfit::Long {
                sequence,
                length,
                m,
            } => write!(
                f,
                "sequence {sequence} has length {length}, but k and v have {m} keys: give lengths of at most {m}"
            ),
        }
    }
}

impl std::error::Error for Misfit {}

impl From<Length> for Misfit {
    fn from(length: Length) -> Misfit {
        Misfit::Length(length)
    }
}

/// Writes `softmax(q·kᵀ/√d + mask)·v` to `out`; all are row-major: `q [b h n d]`, `k [b h m d]`,
/// `v [b h m dv]`, `out [b h n dv]`. A row whose scores are all −∞ gives zeros.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn attention(
    out: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
    mask: Option<Mask<'_>>,
    shape: Shape,
) -> Result<(), Misfit> {
    let options = Options {
        mask,
        ..Options::default()
    };
    attention_on(Tier::current(), out, None, [q, k, v], options, shape)
}

/// The same with [`Options`]: `k` and `v` are `[b kv_heads m d]` and `[b kv_heads m dv]`. A query that
/// sees no key gives zeros.
///
/// # Errors
/// [`Misfit`], when operands or options do not fit the shape.
pub fn attention_with(
    out: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
    options: Options<'_>,
    shape: Shape,
) -> Result<(), Misfit> {
    attention_on(Tier::current(), out, None, [q, k, v], options, shape)
}

/// The same, and to `lse [b h n]` the logarithm of each row's sum of exponentials, which is −∞ where
/// all scores are.
///
/// # Errors
/// [`Misfit`], when operands or options do not fit the shape.
pub fn attention_with_lse(
    out: &mut [f32],
    lse: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
    options: Options<'_>,
    shape: Shape,
) -> Result<(), Misfit> {
    attention_on(Tier::current(), out, Some(lse), [q, k, v], options, shape)
}

/// A step of decoding: the n newest queries of each sequence (one, or a few of a chunk) over its
/// cache, causally. `q [b h n d]`; `k [b kv_heads m d]` and `v [b kv_heads m dv]` have room for m
/// keys, of which the first `lengths[i]` of sequence i are there, the queries' own among them. Every
/// key and value is read once for all heads of a group.
///
/// # Errors
/// [`Misfit`], when operands do not fit the shape.
pub fn decode(
    out: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
    lengths: &[usize],
    kv_heads: usize,
    shape: Shape,
) -> Result<(), Misfit> {
    let options = Options {
        causal: true,
        kv_heads: Some(kv_heads),
        lengths: Some(lengths),
        ..Options::default()
    };
    attention_on(Tier::current(), out, None, [q, k, v], options, shape)
}

fn attention_on(
    tier: Tier,
    out: &mut [f32],
    lse: Option<&mut [f32]>,
    [q, k, v]: [&[f32]; 3],
    options: Options<'_>,
    shape: Shape,
) -> Result<(), Misfit> {
    let kv_heads = options.kv_heads.unwrap_or(shape.h);
    shape.check([q, k, v, out], lse.as_deref(), options, kv_heads)?;
    let call = Call {
        tier,
        q,
        k,
        v,
        options,
        kv_heads,
        shape,
    };
    call.run(out, lse.unwrap_or_default());
    Ok(())
}

impl Shape {
    /// Whether every operand has the elements that it should have.
    fn check(
        self,
        [q, k, v, out]: [&[f32]; 4],
        lse: Option<&[f32]>,
        options: Options<'_>,
        kv_heads: usize,
    ) -> Result<(), Misfit> {
        let Shape { b, h, n, m, d, dv } = self;
        let product = |sizes: [usize; 4]| {
            let product = product(sizes);
            product.filter(|_| d > 0).ok_or(Misfit::Shape(self))
        };
        if h % kv_heads.max(1) != 0 || (kv_heads == 0 && h > 0) {
            return Err(Misfit::Heads { h, kv_heads });
        }
        let each = |values: Option<usize>, want: usize| values.unwrap_or(want);
        for (operand, sizes, got) in [
            ("q", [b, h, n, d], q.len()),
            ("k", [b, kv_heads, m, d], k.len()),
            ("v", [b, kv_heads, m, dv], v.len()),
            ("out", [b, h, n, dv], out.len()),
            (
                "lse",
                [b, h, n, 1],
                each(lse.map(<[f32]>::len), b.saturating_mul(h).saturating_mul(n)),
            ),
            (
                "slopes",
                [h, 1, 1, 1],
                each(options.slopes.map(<[f32]>::len), h),
            ),
            (
                "lengths",
                [b, 1, 1, 1],
                each(options.lengths.map(<[usize]>::len), b),
            ),
        ] {
            Length::check(operand, product(sizes)?, got)?;
        }
        let lengths = options.lengths.unwrap_or_default().iter().enumerate();
        if let Some((sequence, &length)) = lengths.into_iter().find(|(_, length)| **length > m) {
            return Err(Misfit::Long {
                sequence,
                length,
                m,
            });
        }
        if let Some(Mask { values, strides }) = options.mask
            && product([b, h, n, m])? > 0
        {
            let last = [b - 1, h - 1, n - 1, m - 1];
            let at = last.iter().zip(strides).map(|(i, by)| i.saturating_mul(by));
            Length::check("mask", at.fold(1, usize::saturating_add), values.len())?;
        }
        Ok(())
    }
}
