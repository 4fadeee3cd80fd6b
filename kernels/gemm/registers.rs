//! A block of results: in vector registers, or in tiles.

use crate::kernels::amx::{SIDE, Tiles};
use crate::kernels::simd::Simd;

/// What multiplies some rows of words with a panel of words. A word is a number of f32, or a pair of
/// bf16 that follow each other along the sum.
pub trait Block {
    /// Rows of a block.
    const ROWS: usize;
    /// Columns of a block are a multiple of this…
    const LANES: usize;
    /// …up to so many times.
    const WIDE: usize;
    /// The words of a sum are a multiple of this.
    const STEP: usize;

    /// Writes the product of `a [ROWS len]`, whose rows start every `by` words, and `b [len wide·LANES]`
    /// to `c`, whose rows start every `c_by`; with `add`, adds it to what is there. Only the first
    /// `rows` rows need be right.
    fn multiply(
        &mut self,
        rows: usize,
        a_by: (&[f32], usize),
        b_wide: (&[f32], usize),
        len: usize,
        c_by: (&mut [f32], usize),
        add: bool,
    );
}

/// 6 rows of up to 4 of 32 registers, or 2 of 16. With `PAIRS` words are pairs of bf16.
pub struct Vectors<S, const PAIRS: bool>(pub S);

impl<S: Simd, const PAIRS: bool> Block for Vectors<S, PAIRS> {
    const ROWS: usize = 6;
    const LANES: usize = S::LANES;
    const WIDE: usize = S::WIDE;
    const STEP: usize = 1;

    #[inline(always)]
    fn multiply(
        &mut self,
        _: usize,
        a: (&[f32], usize),
        (b, wide): (&[f32], usize),
        len: usize,
        c: (&mut [f32], usize),
        add: bool,
    ) {
        match wide {
            1 => block::<S, PAIRS, 1>(self.0, a, b, len, c, add),
            2 => block::<S, PAIRS, 2>(self.0, a, b, len, c, add),
            3 => block::<S, PAIRS, 3>(self.0, a, b, len, c, add),
            _ => block::<S, PAIRS, 4>(self.0, a, b, len, c, add),
        }
    }
}

// Loops over constant ranges are unrolled, which keeps the block in registers.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn block<S: Simd, const PAIRS: bool, const WIDE: usize>(
    s: S,
    (a, by): (&[f32], usize),
    b: &[f32],
    len: usize,
    (c, c_by): (&mut [f32], usize),
    add: bool,
) {
    const ROWS: usize = 6;
    let mut block = [[s.splat(0.0); WIDE]; ROWS];
    // Slices of the loop's own length need no check inside it.
    let mut rows = [&a[..len]; ROWS];
    for i in 0..ROWS {
        rows[i] = &a[i * by..][..len];
    }
    let b = &b[..len * WIDE * S::LANES];
    for (t, b) in b.chunks_exact(WIDE * S::LANES).enumerate().take(len) {
        let mut vectors = [s.splat(0.0); WIDE];
        for j in 0..WIDE {
            vectors[j] = s.load(&b[j * S::LANES..]);
        }
        for i in 0..ROWS {
            let x = s.splat(rows[i][t]);
            for j in 0..WIDE {
                block[i][j] = match PAIRS {
                    true => s.dot(x, vectors[j], block[i][j]),
                    false => s.fma(x, vectors[j], block[i][j]),
                };
            }
        }
    }
    for i in 0..ROWS {
        let row = &mut c[i * c_by..][..WIDE * S::LANES];
        for j in 0..WIDE {
            let to = &mut row[j * S::LANES..];
            let sum = match add {
                true => s.add(s.load(to), block[i][j]),
                false => block[i][j],
            };
            s.store(to, sum);
        }
    }
}

/// 2 by 2 tiles of results, of 16 rows and columns each; words are pairs of bf16.
pub struct TileBlock<T>(pub T);

impl<T: Tiles> Block for TileBlock<T> {
    const ROWS: usize = 2 * SIDE;
    const LANES: usize = SIDE;
    const WIDE: usize = 2;
    const STEP: usize = SIDE;

    /// Tiles 0 to 3 are results, 4 and 5 rows of `a`, 6 and 7 columns of `b`.
    #[inline(always)]
    fn multiply(
        &mut self,
        rows: usize,
        (a, by): (&[f32], usize),
        (b, wide): (&[f32], usize),
        len: usize,
        (c, c_by): (&mut [f32], usize),
        add: bool,
    ) {
        let tiles = &mut self.0;
        let (low, right) = (rows > SIDE, wide > 1);
        let b_by = wide * SIDE;
        if add {
            tiles.load::<0>(c, c_by);
            if right {
                tiles.load::<1>(&c[SIDE..], c_by);
            }
            if low {
                tiles.load::<2>(&c[SIDE * c_by..], c_by);
            }
            if low && right {
                tiles.load::<3>(&c[SIDE * c_by + SIDE..], c_by);
            }
        } else {
            tiles.zero::<0>();
            tiles.zero::<1>();
            tiles.zero::<2>();
            tiles.zero::<3>();
        }
        match (low, right) {
            (true, true) => {
                for t in (0..len).step_by(SIDE) {
                    let b = &b[t * b_by..];
                    tiles.load::<6>(b, b_by);
                    tiles.load::<4>(&a[t..], by);
                    tiles.dot::<0, 4, 6>();
                    tiles.load::<7>(&b[SIDE..], b_by);
                    tiles.dot::<1, 4, 7>();
                    tiles.load::<5>(&a[SIDE * by + t..], by);
                    tiles.dot::<2, 5, 6>();
                    tiles.dot::<3, 5, 7>();
                }
            }
            (true, false) => {
                for t in (0..len).step_by(SIDE) {
                    tiles.load::<6>(&b[t * b_by..], b_by);
                    tiles.load::<4>(&a[t..], by);
                    tiles.dot::<0, 4, 6>();
                    tiles.load::<5>(&a[SIDE * by + t..], by);
                    tiles.dot::<2, 5, 6>();
                }
            }
            (false, true) => {
                for t in (0..len).step_by(SIDE) {
                    let b = &b[t * b_by..];
                    tiles.load::<6>(b, b_by);
                    tiles.load::<4>(&a[t..], by);
                    tiles.dot::<0, 4, 6>();
                    tiles.load::<7>(&b[SIDE..], b_by);
                    tiles.dot::<1, 4, 7>();
                }
            }
            (false, false) => {
                for t in (0..len).step_by(SIDE) {
                    tiles.load::<6>(&b[t * b_by..], b_by);
                    tiles.load::<4>(&a[t..], by);
                    tiles.dot::<0, 4, 6>();
                }
            }
        }
        tiles.store::<0>(c, c_by);
        if right {
            tiles.store::<1>(&mut c[SIDE..], c_by);
        }
        if low {
            tiles.store::<2>(&mut c[SIDE * c_by..], c_by);
        }
        if low && right {
            tiles.store::<3>(&mut c[SIDE * c_by + SIDE..], c_by);
        }
    }
}
