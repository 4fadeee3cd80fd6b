//! A product of a few rows with a wide matrix, whose results stay in registers.

use super::simd::Simd;

/// Rows in a block: 6 of 4 registers leave room for a row of the other matrix among 32 registers.
pub const ROWS: usize = 6;

/// Rows of a matrix that start every so many elements.
#[derive(Clone, Copy)]
pub struct Rows<'a>(pub &'a [f32], pub usize);

/// a·b: `a [6 len]`, `b [len n]` with n = wide·LANES.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    pub a: Rows<'a>,
    pub b: Rows<'a>,
    pub len: usize,
    /// Whether the product is added to what is there.
    pub add: bool,
}

impl Product<'_> {
    /// Writes to `c [6 n]`, whose rows start every `by` elements; `wide` is 1 to 4 registers.
    #[inline(always)]
    pub fn write<S: Simd>(self, s: S, wide: usize, c: &mut [f32], by: usize) {
        match wide {
            1 => self.block::<S, 1>(s, c, by),
            2 => self.block::<S, 2>(s, c, by),
            3 => self.block::<S, 3>(s, c, by),
            _ => self.block::<S, 4>(s, c, by),
        }
    }

    // Loops over constant ranges are unrolled, which keeps the block in registers.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    fn block<S: Simd, const WIDE: usize>(self, s: S, c: &mut [f32], by: usize) {
        let Product { a, b, .. } = self;
        let mut block = [[s.splat(0.0); WIDE]; ROWS];
        if self.add {
            for i in 0..ROWS {
                let row = &c[i * by..][..WIDE * S::LANES];
                for j in 0..WIDE {
                    block[i][j] = s.load(&row[j * S::LANES..]);
                }
            }
        }
        // Slices of the loop's own length need no check inside it.
        let mut rows = [&a.0[..self.len]; ROWS];
        for i in 0..ROWS {
            rows[i] = &a.0[i * a.1..][..self.len];
        }
        for t in 0..self.len {
            let b = &b.0[t * b.1..][..WIDE * S::LANES];
            let mut vectors = [s.splat(0.0); WIDE];
            for j in 0..WIDE {
                vectors[j] = s.load(&b[j * S::LANES..]);
            }
            for i in 0..ROWS {
                let x = s.splat(rows[i][t]);
                for j in 0..WIDE {
                    block[i][j] = s.fma(x, vectors[j], block[i][j]);
                }
            }
        }
        for i in 0..ROWS {
            let row = &mut c[i * by..][..WIDE * S::LANES];
            for j in 0..WIDE {
                s.store(&mut row[j * S::LANES..], block[i][j]);
            }
        }
    }
}

/// Keys `[len d]` as panels `[d panel]` of `panel` columns, so that scores need no sum across lanes.
/// What is left of the last panel keeps keys of an earlier tile: their scores are dropped.
#[inline(always)]
pub fn transpose(k: &[f32], d: usize, panel: usize, keys: &mut [f32]) {
    for (k, keys) in k.chunks(panel * d).zip(keys.chunks_exact_mut(panel * d)) {
        for (j, key) in k.chunks_exact(d).enumerate() {
            for (x, column) in key.iter().zip(keys.chunks_exact_mut(panel)) {
                column[j] = *x;
            }
        }
    }
}
