//! Weights of 8 bits, with a scale for each row.

use super::product::{Matrix, Shape, product_on};
use super::{Misfit, Real, length, size};
use crate::kernels::cpu::Tier;
use crate::kernels::gemm::Engine;

/// From this many activations on, weights are worth to be made bf16 first; below, they are made f32.
const HALF_FROM: usize = 3;

/// After so many weights a sum of its own begins, which keeps rounding errors small.
const GROUP: usize = 256;

/// A matrix `[n k]` of 8-bit weights, w = q·scale with a scale for each row, ready for [`w8a16`].
#[derive(Clone, Debug)]
pub struct PackedInt8 {
    shape: Shape,
    /// `[n/16 k 16]`, k padded to a multiple of 8.
    bytes: Vec<i8>,
    /// `[n]`, padded to whole blocks of 16.
    scales: Vec<f32>,
}

impl PackedInt8 {
    /// Takes `q [n k]` and `scales [n]`.
    ///
    /// # Errors
    /// [`Misfit::Length`], when a length does not fit.
    pub fn new<S: Real>(q: &[i8], scales: &[S], [n, k]: [usize; 2]) -> Result<PackedInt8, Misfit> {
        length("q", q.len(), size(n, k)?)?;
        length("scales", scales.len(), n)?;
        let shape = Shape { n, k };
        let padded = shape.padded();
        let mut bytes = vec![0; shape.blocks() * padded * 16];
        for (row, q) in q.chunks_exact(k.max(1)).enumerate() {
            let block = &mut bytes[row / 16 * padded * 16..][..padded * 16];
            for (to, q) in block.iter_mut().skip(row % 16).step_by(16).zip(q) {
                *to = *q;
            }
        }
        let mut wide: Vec<f32> = scales.iter().map(|scale| scale.number()).collect();
        wide.resize(shape.blocks() * 16, 0.0);
        let scales = wide;
        Ok(PackedInt8 {
            shape,
            bytes,
            scales,
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

    /// The weights `[n k]` in f32, each rounded once.
    pub fn dequantize(&self) -> Vec<f32> {
        let Shape { n, k } = self.shape;
        let weight = |i: usize| {
            let (row, column) = (i / k, i % k);
            let q = self.bytes[(row / 16 * self.shape.padded() + column) * 16 + row % 16];
            f32::from(q) * self.scales[row]
        };
        (0..n * k).map(weight).collect()
    }

    fn matrix(&self) -> Matrix<'_, i8> {
        Matrix {
            shape: self.shape,
            data: &self.bytes,
            group: GROUP,
            scales: &self.scales,
            scales_by: 0,
            shifts: None,
        }
    }
}

/// Writes x·wᵀ to `out [m n]`, for activations `x [m k]`. Sums are f32; results are rounded to the
/// type of `out`. With AVX-512 BF16, activations below 2⁻¹²⁶ in bf16 may count as 0.
///
/// # Errors
/// [`Misfit::Length`], when `x` or `out` does not fit.
pub fn w8a16<X: Real, O: Real>(
    out: &mut [O],
    x: &[X],
    w: &PackedInt8,
    m: usize,
) -> Result<(), Misfit> {
    w8a16_on(Engine::bf16(Tier::current()), out, x, w, m)
}

pub fn w8a16_on<X: Real, O: Real>(
    engine: Engine,
    out: &mut [O],
    x: &[X],
    w: &PackedInt8,
    m: usize,
) -> Result<(), Misfit> {
    product_on(engine, out, x, w.matrix(), m, HALF_FROM)
}
