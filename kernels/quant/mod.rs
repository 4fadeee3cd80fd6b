//! Weight-only quantised matrix products: W8A16 and W4A16.
//!
//! Weights are integers of 8 or 4 bits with scales, activations stay as they are. A product reads
//! its weights once, so at small m fewer bytes are less time (Frantar et al. 2022, arXiv 2210.17323).
//!
//! A weight type is built once, from rows as anybody would write them, and keeps them in an order
//! of its own: 16 rows stand side by side, one per lane of a register, so that a product needs no
//! sum across lanes, and a scale is a lane too.

mod columns;
pub(in crate::kernels) mod int4;
mod int8;
mod mac;
mod product;
#[cfg(test)]
mod tests;
mod tiled;

pub use int4::{Nibbles, PackedInt4, pack_int4, unpack_int4, w4a16};
pub use int8::{PackedInt8, w8a16};

use super::stream::Number;
use half::bf16;
use std::fmt;

/// What activations, results and scales may be: `f32` or `bf16`.
pub trait Real: Number {
    /// Whether every number is one of bf16.
    const HALF: bool;
    /// The numbers, where they are bf16.
    fn halves(x: &[Self]) -> Option<&[bf16]>;
}

impl Real for f32 {
    const HALF: bool = false;
    fn halves(_: &[f32]) -> Option<&[bf16]> {
        None
    }
}

impl Real for bf16 {
    const HALF: bool = true;
    fn halves(x: &[bf16]) -> Option<&[bf16]> {
        Some(x)
    }
}

/// Why weights or a product cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// An operand has fewer or more elements than the sizes ask for.
    Length {
        operand: &'static str,
        want: usize,
        got: usize,
    },
    /// Groups are of 32, 64 or 128 weights.
    GroupSize(usize),
    /// Rows are not whole groups.
    Ragged { k: usize, group_size: usize },
    /// Two weights share a byte.
    Odd(usize),
    /// A number that has no place in its bits.
    Range {
        operand: &'static str,
        index: usize,
        value: i32,
        least: i32,
        most: i32,
    },
    /// A product of sizes overflows.
    Size([usize; 2]),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Misfit::Length { operand, want, got } => write!(
                f,
                "`{operand}` should have {want} elements for these sizes, it has {got}; pass it whole and row-major"
            ),
            Misfit::GroupSize(got) => write!(
                f,
                "the group size should be 32, 64 or 128, it is {got}; quantise with one of these"
            ),
            Misfit::Ragged { k, group_size } => write!(
                f,
                "a row of {k} weights is not made of whole groups of {group_size}; choose a group size that divides k, or pad each row with zeros"
            ),
            Misfit::Odd(len) => write!(
                f,
                "two weights share a byte, so their number should be even, it is {len}; pad each row with a zero"
            ),
            Misfit::Range {
                operand,
                index,
                value,
                least,
                most,
            } => write!(
                f,
                "`{operand}[{index}]` should be from {least} to {most}, it is {value}; clamp after rounding"
            ),
            Misfit::Size([a, b]) => write!(
                f,
                "{a} times {b} numbers do not fit into memory; check the sizes"
            ),
        }
    }
}

impl std::error::Error for Misfit {}

/// a·b, unless it overflows.
pub(in crate::kernels) fn size(a: usize, b: usize) -> Result<usize, Misfit> {
    // Four bytes each, and some for padding, must still be a size.
    let fits = |len: &usize| *len <= usize::MAX / 64;
    a.checked_mul(b).filter(fits).ok_or(Misfit::Size([a, b]))
}

pub(in crate::kernels) fn length(
    operand: &'static str,
    got: usize,
    want: usize,
) -> Result<(), Misfit> {
    match got == want {
        true => Ok(()),
        false => Err(Misfit::Length { operand, want, got }),
    }
}
