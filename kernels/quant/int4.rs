//! Weights of 4 bits in groups along k, each with a scale and perhaps a zero point.

use super::product::{Matrix, Shape, product_on};
use super::{Misfit, Real, length, size};
use crate::kernels::cpu::Tier;
use crate::kernels::gemm::Engine;

/// What the 16 values of 4 bits stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nibbles {
    /// −8 to 7, in two's complement.
    Signed,
    /// 0 to 15.
    Unsigned,
}

impl Nibbles {
    pub(super) fn range(self) -> [i8; 2] {
        match self {
            Nibbles::Signed => [-8, 7],
            Nibbles::Unsigned => [0, 15],
        }
    }
}

/// Two weights a byte, the first in the low four bits: `[n k]` becomes `[n k/2]`, row-major.
///
/// # Errors
/// When the number of weights is odd, or one of them does not fit into four bits.
pub fn pack_int4(q: &[i8], nibbles: Nibbles) -> Result<Vec<u8>, Misfit> {
    if !q.len().is_multiple_of(2) {
        return Err(Misfit::Odd(q.len()));
    }
    let [least, most] = nibbles.range();
    if let Some(index) = q.iter().position(|q| *q < least || *q > most) {
        return Err(Misfit::Range {
            operand: "q",
            index,
            value: q[index].into(),
            least: least.into(),
            most: most.into(),
        });
    }
    let pair = |pair: &[i8]| pair[0] as u8 & 15 | (pair[1] as u8) << 4;
    Ok(q.chunks_exact(2).map(pair).collect())
}

/// The weights that [`pack_int4`] packed.
pub fn unpack_int4(packed: &[u8], nibbles: Nibbles) -> Vec<i8> {
    let value = |bits: u8| match nibbles {
        Nibbles::Signed => (bits << 4) as i8 >> 4,
        Nibbles::Unsigned => bits as i8,
    };
    let pair = |byte: &u8| [value(byte & 15), value(byte >> 4)];
    packed.iter().flat_map(pair).collect()
}

/// A matrix `[n k]` of 4-bit weights, w = (q − zero)·scale, ready for [`w4a16`]. Scales and zeros are
/// per row and group of `group_size` weights along k.
#[derive(Clone, Debug)]
pub struct PackedInt4 {
    shape: Shape,
    group_size: usize,
    /// `[n/16 k/8 16]`: eight weights of one row. Weight 2j stands at bit 4j and weight 2j + 1 at
    /// bit 16 + 4j, so that one shift leaves a pair in the low bits of a lane's halves. Each is q
    /// where it is signed and q − 8 where it is unsigned: four bits in two's complement.
    words: Vec<u32>,
    /// `[n/16 k/group_size 16]`
    scales: Vec<f32>,
    /// −(zero − 8)·scale, where there are zeros: what a group's sum of activations counts.
    shifts: Option<Vec<f32>>,
    /// `[n k/group_size]`
    zeros: Option<Vec<u8>>,
}

/// Whether operands of [`PackedInt4::new`] fit.
pub(in crate::kernels) fn check(
    q: usize,
    scales: usize,
    zeros: Option<&[u8]>,
    [n, k]: [usize; 2],
    group_size: usize,
) -> Result<(), Misfit> {
    if ![32, 64, 128].contains(&group_size) {
        return Err(Misfit::GroupSize(group_size));
    }
    if !k.is_multiple_of(group_size) {
        return Err(Misfit::Ragged { k, group_size });
    }
    let groups = k / group_size;
    length("q", q, size(n, k)? / 2)?;
    length("scales", scales, n * groups)?;
    let Some(zeros) = zeros else { return Ok(()) };
    length("zeros", zeros.len(), n * groups)?;
    match zeros.iter().position(|zero| *zero > 15) {
        Some(index) => Err(Misfit::Range {
            operand: "zeros",
            index,
            value: zeros[index].into(),
            least: 0,
            most: 15,
        }),
        None => Ok(()),
    }
}

impl PackedInt4 {
    /// Takes `q [n k/2]` as [`pack_int4`] makes it and `scales [n k/group_size]`. With
    /// `zeros [n k/group_size]`, integers from 0 to 15, q is unsigned and w = (q − zero)·scale;
    /// without, q is signed and w = q·scale.
    ///
    /// # Errors
    /// When the group size is not 32, 64 or 128 or does not divide k, a length does not fit, or a
    /// zero is above 15.
    pub fn new<S: Real>(
        q: &[u8],
        scales: &[S],
        zeros: Option<&[u8]>,
        [n, k]: [usize; 2],
        group_size: usize,
    ) -> Result<PackedInt4, Misfit> {
        check(q.len(), scales.len(), zeros, [n, k], group_size)?;
        let groups = k / group_size;
        let shape = Shape { n, k };
        let mut words = vec![0; shape.blocks() * k * 2];
        let flip = if zeros.is_some() { 0x8888_8888 } else { 0 };
        for (row, bytes) in q.chunks_exact((k / 2).max(1)).enumerate() {
            for (t, bytes) in bytes.as_chunks().0.iter().enumerate() {
                let word = spread(u32::from_le_bytes(*bytes)) ^ flip;
                words[(row / 16 * (k / 8) + t) * 16 + row % 16] = word;
            }
        }
        let wide = |value: &dyn Fn(usize) -> f32| {
            let mut wide = vec![0.0; shape.blocks() * groups * 16];
            for i in 0..n * groups {
                let (row, group) = (i / groups, i % groups);
                wide[(row / 16 * groups + group) * 16 + row % 16] = value(i);
            }
            wide
        };
        let shift = |zeros: &[u8]| wide(&|i| (8.0 - f32::from(zeros[i])) * scales[i].number());
        Ok(PackedInt4 {
            shape,
            group_size,
            words,
            scales: wide(&|i| scales[i].number()),
            shifts: zeros.map(shift),
            zeros: zeros.map(<[u8]>::to_vec),
        })
    }

    /// Rows: results of a product.
    pub fn n(&self) -> usize {
        self.shape.n
    }

    /// Columns: activations of a product.
    pub fn k(&self) -> usize {
        self.shape.k
    }

    pub fn group_size(&self) -> usize {
        self.group_size
    }

    /// The weights `[n k]` in f32, each rounded once.
    pub fn dequantize(&self) -> Vec<f32> {
        let Shape { n, k } = self.shape;
        let groups = k / self.group_size;
        let weight = |i: usize| {
            let (row, column) = (i / k, i % k);
            let (block, lane, group) = (row / 16, row % 16, column / self.group_size);
            let word = self.words[(block * (k / 8) + column / 8) * 16 + lane];
            let q = (word << (28 - bit(column % 8))) as i32 >> 28;
            // An unsigned q was packed as q − 8.
            let zero = self
                .zeros
                .as_ref()
                .map_or(0, |zeros| i32::from(zeros[row * groups + group]) - 8);
            (q - zero) as f32 * self.scales[(block * groups + group) * 16 + lane]
        };
        (0..n * k).map(weight).collect()
    }

    fn matrix(&self) -> Matrix<'_, u32> {
        Matrix {
            shape: self.shape,
            data: &self.words,
            group: self.group_size,
            scales: &self.scales,
            scales_by: 16,
            shifts: self.shifts.as_deref(),
        }
    }
}

/// Where weight `t` of eight stands in its word.
pub fn bit(t: usize) -> usize {
    4 * (t / 2) + 16 * (t % 2)
}

/// Eight weights, from one after the other to where [`bit`] says.
fn spread(packed: u32) -> u32 {
    (0..8).fold(0, |word, t| word | (packed >> (4 * t) & 15) << bit(t))
}

/// Writes x·wᵀ to `out [m n]`, for activations `x [m k]`. Sums are f32; results are rounded to the
/// type of `out`. With AVX-512 BF16, activations below 2⁻¹²⁶ in bf16 count as 0.
///
/// # Errors
/// [`Misfit::Length`], when `x` or `out` does not fit.
pub fn w4a16<X: Real, O: Real>(
    out: &mut [O],
    x: &[X],
    w: &PackedInt4,
    m: usize,
) -> Result<(), Misfit> {
    w4a16_on(Engine::bf16(Tier::current()), out, x, w, m)
}

pub fn w4a16_on<X: Real, O: Real>(
    engine: Engine,
    out: &mut [O],
    x: &[X],
    w: &PackedInt4,
    m: usize,
) -> Result<(), Misfit> {
    product_on(engine, out, x, w.matrix(), m, 1)
}
