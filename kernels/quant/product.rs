//! The product itself, for both kinds of weights.

use super::columns::Columns;
use super::mac::{BLOCK, CHUNK, Mac, Register, Work, in_f32, in_pairs};
use super::{Misfit, Real, length, size, tiled};
use crate::kernels::cpu::{each, split};
use crate::kernels::gemm::{Engine, Unit};
use crate::kernels::simd::Simd;
use std::ops::Range;

/// Rows and columns of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub n: usize,
    pub k: usize,
}

impl Shape {
    /// Blocks of 16 rows, the last perhaps with rows of zeros.
    pub fn blocks(self) -> usize {
        self.n.div_ceil(BLOCK)
    }

    /// Columns with padding to whole chunks.
    pub fn padded(self) -> usize {
        self.k.next_multiple_of(CHUNK)
    }
}

/// Weights as they are stored.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    pub shape: Shape,
    /// Blocks, each of k/8 chunks.
    pub data: &'a [T],
    /// Columns that are summed before a scale is applied, a multiple of 8.
    pub group: usize,
    /// Of each block, 16 for each group.
    pub scales: &'a [f32],
    /// From a group's scales to the next: 16, or 0 where all groups have the same.
    pub scales_by: usize,
    /// What a group's sum of activations counts, in the order of scales.
    pub shifts: Option<&'a [f32]>,
}

/// What weights are stored as: u32 for eight of 4 bits, i8 for one of 8 bits.
pub trait Code: Copy + Sync {
    /// Elements of a chunk of a block.
    const CHUNK: usize;
    /// A step's weights of a chunk, for the rows from `lane` on.
    fn decode<M: Mac>(mac: M, chunk: &[Self], lane: usize, step: usize) -> Register<M>;
}

impl Code for u32 {
    const CHUNK: usize = BLOCK;
    #[inline(always)]
    fn decode<M: Mac>(mac: M, chunk: &[u32], lane: usize, step: usize) -> Register<M> {
        mac.nibbles(&chunk[lane..], step)
    }
}

impl Code for i8 {
    const CHUNK: usize = BLOCK * CHUNK;
    #[inline(always)]
    fn decode<M: Mac>(mac: M, chunk: &[i8], lane: usize, step: usize) -> Register<M> {
        mac.bytes(&chunk[lane..], step)
    }
}

/// Blocks that a thread takes at a time.
const BLOCKS: usize = 8;

/// Writes x·wᵀ to `out`. From `half_from` activations on, bf16 is multiplied as bf16, where the engine
/// can.
pub fn product_on<T: Code, X: Real, O: Real>(
    engine: Engine,
    out: &mut [O],
    x: &[X],
    w: Matrix<'_, T>,
    m: usize,
    half_from: usize,
) -> Result<(), Misfit> {
    let Shape { n, k } = w.shape;
    length("x", x.len(), size(m, k)?)?;
    length("out", out.len(), size(m, n)?)?;
    let (tiles, half) = match engine.unit {
        Unit::Fma => (false, false),
        Unit::Dot => (false, m >= half_from),
        _ => (m >= tiled::FROM, m >= half_from),
    };
    let out = Columns::new(out, n);
    if let (true, Some(x)) = (tiles, X::halves(x)) {
        tiled::product(engine, &out, x, w, m);
        return Ok(());
    }
    let half = X::HALF && half;
    let mut panels = Vec::new();
    let mut first = 0;
    while first < m {
        let used = ROWS.min(m - first);
        panels.push(Panel::new(
            &x[first * k..][..used * k],
            first,
            used,
            half,
            &w,
        ));
        first += used;
    }
    let blocks = w.shape.blocks();
    each(blocks.div_ceil(BLOCKS), |i| {
        let task = Task {
            w,
            panels: &panels,
            out: &out,
            first: i * BLOCKS,
            last: blocks.min((i + 1) * BLOCKS),
        };
        match half {
            true => in_pairs(engine.tier, task),
            false => in_f32(engine.tier, task),
        }
    });
    Ok(())
}

/// Activations that are multiplied together: sums of a group and of all groups take 16 registers.
const ROWS: usize = 8;

/// Numbers that are worth a thread's while to write.
const PART: usize = 16 * 1024;

/// Some rows of activations, column by column.
struct Panel {
    /// The first row.
    first: usize,
    /// 1, 2, 4 or 8; rows that are not there are 0.
    rows: usize,
    /// `[k rows]` in bits of f32, or `[k/2 rows]` in pairs of bf16; k padded to a multiple of 8.
    x: Vec<u32>,
    /// `[groups rows]`: the sum of each group, where weights are shifted.
    sums: Vec<f32>,
}

impl Panel {
    /// From `x [used k]`.
    fn new<T, X: Real>(x: &[X], first: usize, used: usize, half: bool, w: &Matrix<'_, T>) -> Panel {
        let (k, rows) = (w.shape.k, used.next_power_of_two());
        let by = if half { 2 } else { 1 };
        let mut columns = vec![0; w.shape.padded() / by * rows];
        // A part is worth a thread of its own, or is all.
        let part = (PART / rows).max(1);
        let parts = |items: Range<usize>, out: &mut [u32]| {
            let (start, len) = (items.start * part * by, out.len() / rows * by);
            for (row, x) in x.chunks_exact(k.max(1)).enumerate() {
                let x = &x[start.min(k)..k.min(start + len)];
                columns_of(x, &mut out[row..], rows, half);
            }
        };
        match columns.len() % (part * rows) {
            0 => split(&mut columns, part * rows, parts),
            _ => parts(0..1, &mut columns),
        }
        let mut sums = Vec::new();
        if w.shifts.is_some() {
            sums = vec![0.0; k.div_ceil(w.group) * rows];
            for (row, x) in x.chunks_exact(k.max(1)).enumerate() {
                let to = sums.iter_mut().skip(row).step_by(rows);
                to.zip(x.chunks(w.group)).for_each(|(to, x)| *to = sum(x));
            }
        }
        Panel {
            first,
            rows,
            x: columns,
            sums,
        }
    }
}

/// Writes a row of activations to every `rows`-th place.
fn columns_of<X: Real>(x: &[X], out: &mut [u32], rows: usize, half: bool) {
    let bits = |x: &X| x.number().to_bits();
    if !half {
        let out = out.iter_mut().step_by(rows);
        return out.zip(x).for_each(|(out, x)| *out = bits(x));
    }
    let (pairs, last) = x.as_chunks::<2>();
    let mut out = out.iter_mut().step_by(rows);
    for (pair, out) in pairs.iter().zip(&mut out) {
        *out = bits(&pair[0]) >> 16 | bits(&pair[1]);
    }
    for (x, out) in last.iter().zip(out) {
        *out = bits(x) >> 16;
    }
}

/// In eight sums, which a register holds.
fn sum<X: Real>(x: &[X]) -> f32 {
    let mut sums = [0.0; 8];
    for x in x.chunks(8) {
        sums.iter_mut()
            .zip(x)
            .for_each(|(sum, x)| *sum += x.number());
    }
    sums.iter().sum()
}

/// Bytes between weights in use and those that are fetched into the cache meanwhile.
const AHEAD: usize = 2048;
/// The same for scales, in groups.
const GROUPS_AHEAD: usize = 4;

/// Some blocks of weights, for all activations.
struct Task<'a, T, O> {
    w: Matrix<'a, T>,
    panels: &'a [Panel],
    out: &'a Columns<'a, O>,
    first: usize,
    last: usize,
}

/// Registers of rows that are worked on for all activations before the next: they stay in the cache.
const WIDE: usize = 4;

impl<T: Code, O: Real> Work for Task<'_, T, O> {
    #[inline(always)]
    fn run<M: Mac>(self, mac: M) {
        let (mut at, last) = (self.first * BLOCK, self.last * BLOCK);
        while at < last {
            let wide = last - at >= WIDE * M::LANES;
            let rows = at..at + M::LANES * if wide { WIDE } else { 1 };
            at = rows.end;
            for panel in self.panels {
                // Sums that do not wait for each other hide the time that a multiplication takes.
                match (panel.rows, wide) {
                    (1, true) => self.tiles::<M, 1, 4>(mac, panel, rows.clone()),
                    (1, false) => self.tiles::<M, 1, 1>(mac, panel, rows.clone()),
                    (2, true) => self.tiles::<M, 2, 4>(mac, panel, rows.clone()),
                    (2, false) => self.tiles::<M, 2, 1>(mac, panel, rows.clone()),
                    (4, true) => self.tiles::<M, 4, 2>(mac, panel, rows.clone()),
                    (4, false) => self.tiles::<M, 4, 1>(mac, panel, rows.clone()),
                    _ => self.tiles::<M, 8, 1>(mac, panel, rows.clone()),
                }
            }
        }
    }
}

impl<T: Code, O: Real> Task<'_, T, O> {
    /// Results of `R` activations and some rows of weights, `V` registers of rows at a time.
    #[inline(always)]
    fn tiles<M: Mac, const R: usize, const V: usize>(
        &self,
        mac: M,
        panel: &Panel,
        rows: Range<usize>,
    ) {
        for first in rows.step_by(V * M::LANES) {
            let sums = self.tile::<M, R, V>(mac, panel, first);
            for (r, sums) in sums.iter().enumerate() {
                let mut values = [0.0; WIDE * BLOCK];
                for (values, sum) in values.chunks_exact_mut(M::LANES).zip(sums) {
                    mac.simd().store(values, *sum);
                }
                // SAFETY: each column belongs to one block, and each block to one task.
                unsafe {
                    let values = &values[..V * M::LANES];
                    self.out.write(mac.simd(), panel.first + r, first, values);
                }
            }
        }
    }

    // Loops over constant ranges are unrolled, which keeps the sums in registers.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    fn tile<M: Mac, const R: usize, const V: usize>(
        &self,
        mac: M,
        panel: &Panel,
        first: usize,
    ) -> [[Register<M>; V]; R] {
        let Matrix { shape, group, .. } = self.w;
        let chunks = shape.padded() / CHUNK;
        let by_group = group / CHUNK;
        let groups = chunks.div_ceil(by_group);
        let s = mac.simd();
        let zero = s.splat(0.0);
        let mut totals = [[zero; V]; R];
        let at = |v: usize| {
            let row = first + v * M::LANES;
            (row / BLOCK, row % BLOCK)
        };
        for g in 0..groups {
            let count = by_group.min(chunks - g * by_group);
            let x = &panel.x[g * by_group * M::STEPS * R..][..count * M::STEPS * R];
            let mut data = [&self.w.data[..0]; V];
            for v in 0..V {
                let start = (at(v).0 * chunks + g * by_group) * T::CHUNK;
                data[v] = &self.w.data[start..][..count * T::CHUNK];
            }
            let mut sums = [[zero; V]; R];
            for c in 0..count {
                let x = &x[c * M::STEPS * R..][..M::STEPS * R];
                let mut chunks = [&self.w.data[..0]; V];
                for v in 0..V {
                    chunks[v] = &data[v][c * T::CHUNK..][..T::CHUNK];
                    mac.fetch(chunks[v], AHEAD / size_of::<T>());
                }
                // Written out, so that a step is a constant where weights are shifted by it.
                macro_rules! steps {
                    ($($step:literal)*) => {$(
                        if $step < M::STEPS {
                            let x = &x[$step * R..][..R];
                            for v in 0..V {
                                let w = T::decode(mac, chunks[v], at(v).1, $step);
                                for r in 0..R {
                                    sums[r][v] = mac.mac(w, x[r], sums[r][v]);
                                }
                            }
                        }
                    )*};
                }
                steps!(0 1 2 3 4 5 6 7);
            }
            for v in 0..V {
                let (block, lane) = at(v);
                let first = match self.w.scales_by {
                    0 => block * BLOCK + lane,
                    by => (block * groups + g) * by + lane,
                };
                let scales = &self.w.scales[first..][..M::LANES];
                mac.fetch(scales, GROUPS_AHEAD * self.w.scales_by);
                let scales = s.load(scales);
                let Some(shifts) = self.w.shifts else {
                    for r in 0..R {
                        totals[r][v] = s.fma(sums[r][v], scales, totals[r][v]);
                    }
                    continue;
                };
                let shifts = &shifts[first..][..M::LANES];
                mac.fetch(shifts, GROUPS_AHEAD * self.w.scales_by);
                let shifts = s.load(shifts);
                let x = &panel.sums[g * R..][..R];
                for r in 0..R {
                    let total = s.fma(sums[r][v], scales, totals[r][v]);
                    totals[r][v] = s.fma(s.splat(x[r]), shifts, total);
                }
            }
        }
        totals
    }
}
