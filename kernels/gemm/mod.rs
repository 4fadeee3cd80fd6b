//! Matrix products: out = a·b in f32, and in bf16 with sums in f32.
//!
//! The way of Goto and van de Geijn (2008, ACM TOMS 34, 3): `b` is copied into panels as wide as a
//! block of results, in the order in which they are read; `a` into rows that lie close together; then
//! each block of results stays in registers for a whole run of k. Panels of bf16 hold pairs of numbers
//! that follow each other in k, as the instructions for bf16 read them; where the processor has none,
//! panels are widened to f32. With up to 16 rows of `a`, nearly all of the time goes into reading `b`,
//! so it is read once and not copied.

mod blocked;
mod pack;
mod registers;
mod skinny;

pub(super) use blocked::{Scratch, Sizes, sizes};
pub(super) use pack::{columns, rows, rows_between};
pub(super) use registers::{Block, TileBlock, Vectors};

use super::cpu::Tier;
use super::operand::{Length, product};
use half::bf16;
use std::fmt;

/// Sizes: `out [m n]` is the product of `a [m k]` and `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

/// How `b` lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `[k n]`
    Plain,
    /// `[n k]`: the product is a·bᵀ. Weights of linear layers lie so.
    Transposed,
}

/// Why a product cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    Length(Length),
    /// A product of sizes overflows.
    Shape(Shape),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Length(length) => length.fmt(f),
            Misfit::Shape(shape) => write!(
                f,
                "{shape:?} cannot be: give sizes whose products fit into memory"
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

impl Shape {
    pub(super) fn check(self, out: usize, a: usize, b: usize) -> Result<(), Misfit> {
        let Shape { m, n, k } = self;
        for (operand, sizes, got) in [("a", [m, k], a), ("b", [k, n], b), ("out", [m, n], out)] {
            let want = product(sizes).ok_or(Misfit::Shape(self))?;
            Length::check(operand, want, got)?;
        }
        Ok(())
    }
}

/// Writes a·b to `out [m n]`; all are row-major.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn gemm_f32(
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    form: Form,
    shape: Shape,
) -> Result<(), Misfit> {
    let engine = Engine::f32(Tier::current());
    gemm_on(engine, Out::F32(out), Of::F32(a), Of::F32(b), form, shape)
}

/// Writes a·b, summed in f32, rounded to bf16 (ties to even), to `out [m n]`; all are row-major.
///
/// Products of bf16 are exact in f32; each addition rounds. The processor's instructions for bf16 take
/// denormals, of operands and of results, for zeros; other tiers keep them.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn gemm_bf16(
    out: &mut [bf16],
    a: &[bf16],
    b: &[bf16],
    form: Form,
    shape: Shape,
) -> Result<(), Misfit> {
    let engine = Engine::bf16(Tier::current());
    gemm_on(
        engine,
        Out::Bf16(out),
        Of::Bf16(a),
        Of::Bf16(b),
        form,
        shape,
    )
}

/// The same, not rounded to bf16.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn gemm_bf16_f32(
    out: &mut [f32],
    a: &[bf16],
    b: &[bf16],
    form: Form,
    shape: Shape,
) -> Result<(), Misfit> {
    let engine = Engine::bf16(Tier::current());
    gemm_on(engine, Out::F32(out), Of::Bf16(a), Of::Bf16(b), form, shape)
}

fn gemm_on(
    engine: Engine,
    out: Out<'_>,
    a: Of<'_>,
    b: Of<'_>,
    form: Form,
    shape: Shape,
) -> Result<(), Misfit> {
    shape.check(out.len(), a.len(), b.len())?;
    match (a, b) {
        (Of::Bf16(a), Of::Bf16(b))
            if shape.m <= skinny::ROWS && form == Form::Transposed && shape.k > 0 =>
        {
            skinny::product(engine, out, a, b, shape);
        }
        _ => blocked::product(engine, out, a, b, form, shape),
    }
    Ok(())
}

/// What multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Multiply-adds of f32; bf16 is widened.
    Fma,
    /// Products of pairs of bf16 in vector registers.
    Dot,
    /// Products of pairs of bf16 in tiles.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// The same in plain Rust.
    #[cfg(test)]
    Model,
}

/// A tier, and what multiplies on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Engine {
    pub tier: Tier,
    pub unit: Unit,
}

impl Engine {
    fn f32(tier: Tier) -> Engine {
        let unit = Unit::Fma;
        Engine { tier, unit }
    }

    /// The fastest that a tier has for bf16.
    pub fn bf16(tier: Tier) -> Engine {
        let unit = match tier.min(Tier::detected()) {
            Tier::Scalar | Tier::Avx2 | Tier::Avx512 => Unit::Fma,
            Tier::Avx512Bf16 => Unit::Dot,
            #[cfg(target_arch = "x86_64")]
            Tier::Amx => Unit::Amx,
            #[cfg(not(target_arch = "x86_64"))]
            Tier::Amx => Unit::Dot,
        };
        Engine { tier, unit }
    }

    /// Every way of this machine to multiply bf16, and those that are there for tests.
    #[cfg(test)]
    pub fn all() -> Vec<Engine> {
        let tiers = Tier::all().into_iter();
        let engines = tiers.flat_map(|tier| {
            let unit = [Engine::bf16(tier).unit, Unit::Fma, Unit::Dot, Unit::Model];
            unit.map(|unit| Engine { tier, unit })
        });
        engines.collect()
    }

    /// Whether panels hold pairs of bf16.
    pub fn pairs(self) -> bool {
        self.unit != Unit::Fma
    }

    /// The words of 32 bits that `k` numbers take in a panel.
    pub fn words(self, of: Of<'_>, k: usize) -> usize {
        match of {
            Of::Bf16(_) if self.pairs() => k.div_ceil(2),
            _ => k,
        }
    }
}

/// An operand of one of two types.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    F32(&'a [f32]),
    Bf16(&'a [bf16]),
}

impl Of<'_> {
    fn len(self) -> usize {
        match self {
            Of::F32(x) => x.len(),
            Of::Bf16(x) => x.len(),
        }
    }
}

/// Room for results of one of two types.
pub(super) enum Out<'a> {
    F32(&'a mut [f32]),
    Bf16(&'a mut [bf16]),
}

impl Out<'_> {
    fn len(&self) -> usize {
        match self {
            Out::F32(x) => x.len(),
            Out::Bf16(x) => x.len(),
        }
    }
}

#[cfg(test)]
mod tests;
