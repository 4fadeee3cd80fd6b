//! The product in tiles: some weights at a time become pairs of bf16 that stay in the first cache, and
//! are multiplied with all activations. Scales and shifts are applied to sums of whole groups.

use super::Real;
use super::columns::Columns;
use super::mac::{BLOCK, CHUNK, Mac, Pairs};
use super::product::{Code, Matrix};
use crate::kernels::cpu::{each, split};
use crate::kernels::gemm::{Block, Engine, Of, Scratch, TileBlock, Unit, rows};
use crate::kernels::simd::{Kernel, Simd, dispatch_bf16};
use half::bf16;
use std::ops::Range;

/// From so many activations on, tiles are faster than registers, which read weights as fast as memory
/// gives them.
pub const FROM: usize = 3;

/// Blocks of weights that a thread takes at a time.
const BLOCKS: usize = 8;
/// Blocks of weights that are multiplied together.
const WIDE: usize = 2;
/// Activations whose results are collected together: with all blocks of a thread, 128 KiB.
const ROWS: usize = 256;
/// Up to so many activations, the weights of two blocks are read from end to end; with more, those of
/// all blocks of a thread in turn, so that activations are read less often.
const FEW: usize = 32;
/// Columns that are decoded together, at least: whole groups.
const SPAN: usize = 128;

/// Writes x·wᵀ to `out`, for `x [m k]`.
pub fn product<T: Code, O: Real>(
    engine: Engine,
    out: &Columns<'_, O>,
    x: &[bf16],
    w: Matrix<'_, T>,
    m: usize,
) {
    if m == 0 {
        return;
    }
    let k = w.shape.k;
    let groups = k.div_ceil(w.group);
    // Whole spans, so that a product may read them; each row has the sums of its groups at the end.
    let span = w.group.max(SPAN);
    let words = k.div_ceil(span) * span / 2;
    let by = (words + groups).next_multiple_of(BLOCK) + BLOCK;
    let mut scratch = Scratch::new(m.next_multiple_of(FEW) * by);
    split(scratch.words(), FEW * by, |items, part| {
        let rows = items.start * FEW..m.min(items.end * FEW);
        let pack = Pack {
            x,
            k,
            rows,
            group: w.group / 2,
            words,
            to: part,
            by,
        };
        dispatch_bf16(engine.tier, pack);
    });
    let x = &*scratch.words();
    let blocks = w.shape.blocks();
    each(blocks.div_ceil(BLOCKS), |i| {
        let part = Part {
            unit: engine.unit,
            w,
            x,
            words,
            by,
            m,
            out,
            blocks: i * BLOCKS..blocks.min((i + 1) * BLOCKS),
        };
        dispatch_bf16(engine.tier, part);
    });
}

/// Rows of activations as words, and the sums of their groups.
struct Pack<'a> {
    x: &'a [bf16],
    k: usize,
    rows: Range<usize>,
    /// Words of a group, and of all.
    group: usize,
    words: usize,
    to: &'a mut [f32],
    by: usize,
}

impl Kernel for Pack<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let of = (Of::Bf16(self.x), true);
        rows(
            s,
            of,
            (self.rows, self.k),
            (0, self.words),
            (self.to, self.by),
        );
        let ones = s.narrow(s.splat(1.0), s.splat(1.0));
        for row in self.to.chunks_exact_mut(self.by) {
            let (x, sums) = row.split_at_mut(self.words);
            for (g, x) in x.chunks_exact(self.group).enumerate() {
                let mut sum = s.splat(0.0);
                for x in x.chunks_exact(S::LANES) {
                    sum = s.dot(s.load(x), ones, sum);
                }
                sums[g] = s.sum(sum);
            }
        }
    }
}

/// Some blocks of weights, for all activations.
struct Part<'a, T, O> {
    unit: Unit,
    w: Matrix<'a, T>,
    /// Rows of `by` words, of which `words` are activations.
    x: &'a [f32],
    words: usize,
    by: usize,
    m: usize,
    out: &'a Columns<'a, O>,
    blocks: Range<usize>,
}

impl<T: Code, O: Real> Kernel for Part<'_, T, O> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Amx => self.with(s, TileBlock(crate::kernels::amx::Amx::take())),
            #[cfg(test)]
            Unit::Model => self.with(s, TileBlock(crate::kernels::amx::Model::unset())),
            _ => unreachable!("only engines with tiles come here"),
        }
    }
}

impl<T: Code, O: Real> Part<'_, T, O> {
    #[inline(always)]
    fn with<S: Simd, B: Block>(self, s: S, mut block: B) {
        let step = if self.m > FEW { BLOCKS } else { WIDE };
        for first in self.blocks.clone().step_by(step) {
            let blocks = first..self.blocks.end.min(first + step);
            for row in (0..self.m).step_by(ROWS) {
                let rows = row..self.m.min(row + ROWS);
                self.results(s, &mut block, blocks.clone(), rows);
            }
        }
    }

    /// The results of some rows of activations and some blocks of weights.
    #[inline(always)]
    fn results<S: Simd, B: Block>(
        &self,
        s: S,
        block: &mut B,
        blocks: Range<usize>,
        rows: Range<usize>,
    ) {
        let Matrix {
            shape,
            group,
            scales_by,
            ..
        } = self.w;
        let span = group.max(SPAN);
        let (chunks, words) = (shape.padded() / CHUNK, span / 2);
        let groups = chunks.div_ceil(group / CHUNK);
        let width = BLOCK * blocks.len();
        let count = rows.len();
        let size = B::ROWS * BLOCK * WIDE;
        let mut scratch = Scratch::new(
            words * BLOCK * WIDE + span / group * size + count.next_multiple_of(B::ROWS) * width,
        );
        let (weights, rest) = scratch.words().split_at_mut(words * BLOCK * WIDE);
        let (results, totals) = rest.split_at_mut(span / group * size);
        totals.fill(0.0);
        for from in (0..chunks).step_by(span / CHUNK) {
            let now = from..chunks.min(from + span / CHUNK);
            for at in (0..blocks.len()).step_by(WIDE) {
                let wide = WIDE.min(blocks.len() - at);
                let weights = &mut weights[..words * wide * BLOCK];
                for b in 0..wide {
                    let start = (blocks.start + at + b) * chunks;
                    self.decode(s, start + now.start..start + now.end, b, wide, weights);
                }
                for i in (0..count).step_by(B::ROWS) {
                    let here = B::ROWS.min(count - i);
                    let x = &self.x[(rows.start + i) * self.by..];
                    let (a, b) = (&x[from * CHUNK / 2..], (&*weights, wide));
                    let totals = &mut totals[i * width + at * BLOCK..];
                    if scales_by == 0 {
                        // One scale for all groups: sums stay as they are.
                        block.multiply(here, (a, self.by), b, words, (totals, width), true);
                        continue;
                    }
                    let first = from / (group / CHUNK);
                    let last = groups.min(first + span / group);
                    let words = group / 2;
                    for g in first..last {
                        let done = (g - first) * words;
                        let a = (&a[done..], self.by);
                        let b = (&weights[done * wide * BLOCK..], wide);
                        let c = (&mut results[(g - first) * size..], wide * BLOCK);
                        block.multiply(here, a, b, words, c, false);
                    }
                    for b in 0..wide {
                        let block = (blocks.start + at + b) * groups;
                        self.collect(
                            s,
                            here,
                            (block + first..block + last, size),
                            (&x[self.words + first..], self.by),
                            (&results[b * BLOCK..], wide * BLOCK),
                            (&mut totals[b * BLOCK..], width),
                        );
                    }
                }
            }
        }
        let first = blocks.start * BLOCK;
        for (i, row) in rows.enumerate() {
            let totals = &mut totals[i * width..][..width];
            if scales_by == 0 {
                let scales = &self.w.scales[first..][..width];
                for at in (0..width).step_by(S::LANES) {
                    let total = s.mul(s.load(&totals[at..]), s.load(&scales[at..]));
                    s.store(&mut totals[at..], total);
                }
            }
            // SAFETY: each column belongs to one block, and each block to one task.
            unsafe { self.out.write(s, row, first, totals) }
        }
    }

    /// Chunks of a block as pairs, a row of words for each pair of columns: block `b` of `wide`. What
    /// is beyond the chunks is 0.
    #[inline(always)]
    fn decode<S: Simd>(&self, s: S, chunks: Range<usize>, b: usize, wide: usize, to: &mut [f32]) {
        /// Bytes between weights in use and those that are fetched into the cache meanwhile.
        const AHEAD: usize = 2048;
        let mac = Pairs(s);
        let mut row = 0;
        for chunk in chunks {
            let chunk = &self.w.data[chunk * T::CHUNK..][..T::CHUNK];
            mac.fetch(chunk, AHEAD / size_of::<T>());
            for step in 0..CHUNK / 2 {
                let to = &mut to[(row * wide + b) * BLOCK..][..BLOCK];
                for lane in (0..BLOCK).step_by(S::LANES) {
                    s.store(&mut to[lane..], T::decode(mac, chunk, lane, step));
                }
                row += 1;
            }
        }
        while row < to.len() / (wide * BLOCK) {
            to[(row * wide + b) * BLOCK..][..BLOCK].fill(0.0);
            row += 1;
        }
    }

    /// Adds the results of some groups, `size` apart, for 16 columns to totals, scaled and shifted.
    #[inline(always)]
    fn collect<S: Simd>(
        &self,
        s: S,
        rows: usize,
        (groups, size): (Range<usize>, usize),
        (sums, by): (&[f32], usize),
        (results, results_by): (&[f32], usize),
        (totals, totals_by): (&mut [f32], usize),
    ) {
        for lane in (0..BLOCK).step_by(S::LANES) {
            for (g, at) in groups.clone().enumerate() {
                let at = at * BLOCK + lane;
                let scale = s.load(&self.w.scales[at..]);
                let shift = match self.w.shifts {
                    Some(shifts) => s.load(&shifts[at..]),
                    None => s.splat(0.0),
                };
                for r in 0..rows {
                    let to = &mut totals[r * totals_by + lane..];
                    let result = s.load(&results[g * size + r * results_by + lane..]);
                    let mut total = s.fma(result, scale, s.load(to));
                    if self.w.shifts.is_some() {
                        total = s.fma(s.splat(sums[r * by + g]), shift, total);
                    }
                    s.store(to, total);
                }
            }
        }
    }
}
