//! Products of a few rows with a matrix that lies transposed: its rows are read once, where they lie.

use super::blocked::{Rows, Scratch};
use super::pack::rows;
use super::{Engine, Of, Out, Shape, Unit};
use crate::kernels::amx::{SIDE, Tiles};
use crate::kernels::cpu::{each, threads};
use crate::kernels::simd::{Kernel, Simd, dispatch_bf16};
use half::bf16;
use std::ops::Range;
use std::sync::Mutex;

/// Rows of `a` at most.
pub const ROWS: usize = 16;
/// With fewer rows than this, vector registers are as fast as memory, and tiles would be empty.
const ROWS_OF_TILES: usize = 5;

/// Writes a·bᵀ for `a [m k]` of at most 16 rows and `b [n k]`.
pub fn product(engine: Engine, out: Out<'_>, a: &[bf16], b: &[bf16], shape: Shape) {
    let Shape { m, n, k } = shape;
    if m * n == 0 {
        return;
    }
    let tiles = match engine.unit {
        Unit::Fma | Unit::Dot => false,
        _ => m >= ROWS_OF_TILES,
    };
    // Tiles read 16 words at a time, registers no more; 16 more so that rows do not lie 4 KiB apart.
    let by = k.div_ceil(2).next_multiple_of(SIDE) + SIDE;
    let mut scratch = Scratch::new(SIDE * by);
    let x = &mut scratch.words()[..SIDE * by];
    let pack = Pack {
        a,
        shape,
        x,
        by,
        tiles,
    };
    dispatch_bf16(engine.tier, pack);
    let x = &*x;
    // More tasks than threads, so that one that is held up does not hold up the other.
    let tasks = (4 * threads()).min(n.div_ceil(SIDE));
    let mut parts = Vec::new();
    let mut rest = Rows::of(out, n);
    let bound = |i: usize| (i * n.div_ceil(SIDE) / tasks * SIDE).min(n);
    for i in 0..tasks {
        let columns = bound(i)..bound(i + 1);
        let (now, later) = rest.split_columns(columns.len());
        rest = later;
        parts.push(Mutex::new((columns, now)));
    }
    each(parts.len(), |i| {
        let mut part = parts[i].lock().expect("a task is done once");
        let (columns, out) = &mut *part;
        let part = Part {
            unit: engine.unit,
            tiles,
            x,
            by,
            b,
            columns: columns.clone(),
            shape,
            out,
        };
        dispatch_bf16(engine.tier, part);
    });
}

/// The rows of `a` as words: rows that start every `by` words, or for tiles `[words 16]`, a column for
/// each row.
struct Pack<'a> {
    a: &'a [bf16],
    shape: Shape,
    x: &'a mut [f32],
    by: usize,
    tiles: bool,
}

impl Kernel for Pack<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Shape { m, k, .. } = self.shape;
        let of = (Of::Bf16(self.a), true);
        match self.tiles {
            true => super::columns(s, of, (0..m, k), (self.x, SIDE)),
            false => rows(
                s,
                of,
                (0..m, k),
                (0, self.by),
                (&mut self.x[..m * self.by], self.by),
            ),
        }
    }
}

/// Some columns of the results: products with as many rows of `b`.
struct Part<'a, 'b> {
    unit: Unit,
    tiles: bool,
    x: &'a [f32],
    by: usize,
    b: &'a [bf16],
    columns: Range<usize>,
    shape: Shape,
    out: &'a mut Rows<'b>,
}

impl Kernel for Part<'_, '_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Amx if self.tiles => self.with_tiles(crate::kernels::amx::Amx::take()),
            #[cfg(test)]
            Unit::Model if self.tiles => self.with_tiles(crate::kernels::amx::Model::unset()),
            _ => self.with_registers(s),
        }
    }
}

impl Part<'_, '_> {
    /// Blocks of 4 rows of `b` and up to 6 of `a`, or of 2 and 2 where there are 16 registers.
    #[inline(always)]
    fn with_registers<S: Simd>(mut self, s: S) {
        let m = self.shape.m;
        let (high, most) = if S::WIDE > 2 { (4, 6) } else { (2, 2) };
        let groups = m.div_ceil(most);
        let mut j = self.columns.start;
        while j < self.columns.end {
            let tall = j + high <= self.columns.end;
            for g in 0..groups {
                let i = g * m / groups;
                let count = (g + 1) * m / groups - i;
                match (tall, high, count) {
                    (true, 4, 1) => self.block::<S, 4, 1>(s, j, i),
                    (true, 4, 2) => self.block::<S, 4, 2>(s, j, i),
                    (true, 4, 3) => self.block::<S, 4, 3>(s, j, i),
                    (true, 4, 4) => self.block::<S, 4, 4>(s, j, i),
                    (true, 4, 5) => self.block::<S, 4, 5>(s, j, i),
                    (true, 4, 6) => self.block::<S, 4, 6>(s, j, i),
                    (true, 2, 1) => self.block::<S, 2, 1>(s, j, i),
                    (true, 2, 2) => self.block::<S, 2, 2>(s, j, i),
                    _ => (i..i + count).for_each(|i| self.block::<S, 1, 1>(s, j, i)),
                }
            }
            j += if tall { high } else { 1 };
        }
    }

    // Loops over constant ranges are unrolled, which keeps the block in registers.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    fn block<S: Simd, const TALL: usize, const WIDE: usize>(&mut self, s: S, j: usize, i: usize) {
        let k = self.shape.k;
        let step = 2 * S::LANES;
        let whole = k / step * step;
        let mut block = [[s.splat(0.0); WIDE]; TALL];
        let mut b = [&self.b[..whole]; TALL];
        for r in 0..TALL {
            b[r] = &self.b[(j + r) * k..][..whole];
        }
        let mut x = [&self.x[..whole / 2]; WIDE];
        for c in 0..WIDE {
            x[c] = &self.x[(i + c) * self.by..][..whole / 2];
        }
        for t in 0..whole / step {
            let mut rows = [s.splat(0.0); TALL];
            for r in 0..TALL {
                // SAFETY: t < whole / step, and each of `b` has `whole` numbers. With a check in the
                // loop the compiler keeps sums in memory.
                rows[r] = s.load_bf16(unsafe { b[r].get_unchecked(t * step..t * step + step) });
            }
            for c in 0..WIDE {
                let at = t * S::LANES..t * S::LANES + S::LANES;
                // SAFETY: as above; each of `x` has half as many words.
                let x = s.load(unsafe { x[c].get_unchecked(at) });
                for r in 0..TALL {
                    block[r][c] = s.dot(rows[r], x, block[r][c]);
                }
            }
        }
        if whole < k {
            for r in 0..TALL {
                let mut rest = [bf16::ZERO; 32];
                rest[..k - whole].copy_from_slice(&self.b[(j + r) * k + whole..][..k - whole]);
                for c in 0..WIDE {
                    let x = s.load(&self.x[(i + c) * self.by + whole / 2..]);
                    block[r][c] = s.dot(s.load_bf16(&rest), x, block[r][c]);
                }
            }
        }
        for r in 0..TALL {
            for c in 0..WIDE {
                let column = j + r - self.columns.start;
                self.out.set(i + c, column, s.sum(block[r][c]));
            }
        }
    }

    /// 16 rows of `b` at a time are the left operand, and the results a column for each row of `a`.
    /// Two tiles of results in turn: a product need not wait for the one before.
    #[inline(always)]
    fn with_tiles(self, mut tiles: impl Tiles) {
        let Shape { m, k, .. } = self.shape;
        let whole = k / 32 * 32;
        let mut results = [0.0; SIDE * SIDE];
        for j in self.columns.clone().step_by(SIDE) {
            let count = SIDE.min(self.columns.end - j);
            tiles.zero::<0>();
            tiles.zero::<1>();
            let mut from = 0;
            if count == SIDE {
                let b = &self.b[j * k..];
                while from + 64 <= whole {
                    ahead(b, k, from + 64);
                    tiles.load_bf16::<4>(&b[from..], k);
                    tiles.load::<6>(&self.x[from / 2 * SIDE..], SIDE);
                    tiles.dot::<0, 4, 6>();
                    tiles.load_bf16::<5>(&b[from + 32..], k);
                    tiles.load::<7>(&self.x[(from / 2 + SIDE) * SIDE..], SIDE);
                    tiles.dot::<1, 5, 7>();
                    from += 64;
                }
            }
            // What does not fill tiles goes through a copy, padded with 0.
            while from < k {
                let len = 32.min(k - from);
                let mut rest = [bf16::ZERO; SIDE * 32];
                for (r, to) in rest.chunks_exact_mut(32).enumerate().take(count) {
                    to[..len].copy_from_slice(&self.b[(j + r) * k + from..][..len]);
                }
                tiles.load_bf16::<4>(&rest, 32);
                tiles.load::<6>(&self.x[from / 2 * SIDE..], SIDE);
                tiles.dot::<0, 4, 6>();
                from += 32;
            }
            let mut second = [0.0; SIDE * SIDE];
            tiles.store::<0>(&mut results, SIDE);
            tiles.store::<1>(&mut second, SIDE);
            results.iter_mut().zip(second).for_each(|(to, x)| *to += x);
            for (r, row) in results.chunks_exact(SIDE).enumerate().take(count) {
                for (i, x) in row[..m].iter().enumerate() {
                    self.out.set(i, j + r - self.columns.start, *x);
                }
            }
        }
    }
}

/// Asks for what 16 rows have a little further on, for the processor follows fewer streams by itself.
#[inline(always)]
fn ahead(b: &[bf16], by: usize, from: usize) {
    #[cfg(target_arch = "x86_64")]
    for r in 0..SIDE {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const FAR: usize = 512;
        for line in [0, 32] {
            let at = b.as_ptr().wrapping_add(r * by + from + FAR + line);
            // SAFETY: a prefetch of any address reads nothing that the program sees.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (b, by, from);
}
