//! Many queries: a block of them stands side by side in the lanes of registers.
//!
//! Scores are kept transposed, `[keys queries]`, and so are the sums `[dv queries]`. Then both
//! products multiply a number, straight from the row-major keys or values, with registers of queries
//! or weights: nothing is packed but the queries, once. The softmax needs no operation across lanes,
//! and a block of 8 rows by 3 registers (AVX-512) or 4 by 3 holds its results in registers.

use super::Mask;
use super::plan::{Block, LN_2, LOG2_E, Room, Row, inverse};
use crate::kernels::simd::{Kernel, Simd};
use std::ops::Range;

/// Registers of queries in a block, at most.
pub const WIDE: usize = 3;
/// Keys in a tile: their scores for 48 queries take 18 KiB.
const TILE: usize = 96;

/// A block of 1 to [`WIDE`] registers of queries.
pub struct Tiles<'a>(pub Block<'a>, pub &'a mut Room);

impl Kernel for Tiles<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match (S::WIDE, self.0.rows.len().div_ceil(S::LANES)) {
            (4, 1) => self.0.go::<S, 8, 1>(s, self.1),
            (4, 2) => self.0.go::<S, 8, 2>(s, self.1),
            (4, _) => self.0.go::<S, 8, 3>(s, self.1),
            (_, 1) => self.0.go::<S, 4, 1>(s, self.1),
            (_, 2) => self.0.go::<S, 4, 2>(s, self.1),
            (_, _) => self.0.go::<S, 4, 3>(s, self.1),
        }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn go<S: Simd, const R: usize, const W: usize>(self, s: S, room: &mut Room) {
        let (d, dv, lanes) = (self.d, self.dv, W * S::LANES);
        let padded = dv.next_multiple_of(R);
        let ranges = self.ranges();
        let longest = ranges.iter().map(Range::len).max().unwrap_or(0);
        let tile = TILE.min(longest).next_multiple_of(R);
        let sizes = [
            d * lanes,
            tile * lanes,
            padded * lanes,
            if self.mask.is_some() { tile * lanes } else { 0 },
            if dv < padded { tile * R } else { 0 },
        ];
        let [q, scores, sums, mask, rest] = room.parts(sizes);
        sums.fill(0.0);
        self.turn_queries::<S, W>(s, q);

        let mut softmax = Softmax::<S, W>::new(s);
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                let keys = at..range.end.min(at + TILE);
                at = keys.end;
                let len = keys.len();
                if self.turn_mask::<S, W>(s, &keys, mask) {
                    continue;
                }
                for j in (0..len).step_by(R) {
                    let k = &self.k[(keys.start + j) * d..keys.end * d];
                    let scores = &mut scores[j * lanes..][..R * lanes];
                    multiply::<S, R, W>(s, k, d, q, scores);
                }
                let scores = &mut scores[..len * lanes];
                self.adjust::<S, W>(s, &keys, mask, scores);
                let keep = softmax.step(s, scores);
                let v = &self.v[keys.start * dv..keys.end * dv];
                for t in (0..dv).step_by(R) {
                    let sums = &mut sums[t * lanes..][..R * lanes];
                    if t + R <= dv {
                        add_values::<S, R, W>(s, &v[t..], dv, scores, &keep, sums);
                    } else {
                        let rows = rest.chunks_exact_mut(R).zip(v.chunks_exact(dv));
                        rows.for_each(|(to, v)| to[..dv - t].copy_from_slice(&v[t..]));
                        add_values::<S, R, W>(s, rest, R, scores, &keep, sums);
                    }
                }
            }
        }
        self.finish::<S, W>(s, softmax, sums);
    }

    /// Queries as columns, times log₂e/√d: weights are powers of 2.
    #[inline(always)]
    fn turn_queries<S: Simd, const W: usize>(&self, s: S, to: &mut [f32]) {
        let (d, lanes, count) = (self.d, W * S::LANES, self.rows.len());
        for i in (0..count).step_by(S::LANES) {
            let mut t = 0;
            while i + S::LANES <= count && t + S::LANES <= d {
                s.transpose(&self.q[i * d + t..], d, &mut to[t * lanes + i..], lanes);
                t += S::LANES;
            }
            for i in i..count.min(i + S::LANES) {
                for t in t..d {
                    to[t * lanes + i] = self.q[i * d + t];
                }
            }
        }
        let scale = s.splat(LOG2_E / (d as f32).sqrt());
        for x in to.chunks_exact_mut(S::LANES) {
            s.store(x, s.mul(s.load(x), scale));
        }
    }

    /// The mask of some keys as `[keys queries]`, and whether it drops all of them.
    #[inline(always)]
    fn turn_mask<S: Simd, const W: usize>(
        &self,
        s: S,
        keys: &Range<usize>,
        to: &mut [f32],
    ) -> bool {
        let Some(Mask { values, strides }) = self.mask else {
            return false;
        };
        let [_, _, by_row, by_key] = strides;
        let lanes = W * S::LANES;
        let to = &mut to[..keys.len() * lanes];
        let start = |i: usize| self.rows[i].mask + keys.start * by_key;
        for i in (0..lanes).step_by(S::LANES) {
            let end = self.rows.len().min(i + S::LANES);
            let mut j = 0;
            if end == i + S::LANES && by_key == 1 {
                let even = (i..end).all(|row| start(row) == start(i) + (row - i) * by_row);
                while even && j + S::LANES <= keys.len() {
                    s.transpose(
                        &values[start(i) + j..],
                        by_row,
                        &mut to[j * lanes + i..],
                        lanes,
                    );
                    j += S::LANES;
                }
            }
            for row in i..i + S::LANES {
                // A query that is not there counts as one that sees nothing.
                let from = (row < end).then(|| &values[start(row)..]);
                for (j, to) in to.chunks_exact_mut(lanes).enumerate().skip(j) {
                    to[row] = from.map_or(f32::NEG_INFINITY, |from| from[j * by_key]);
                }
            }
        }
        to.iter().all(|x| *x == f32::NEG_INFINITY)
    }

    /// Adds the mask and the slopes, and drops what is not seen.
    #[inline(always)]
    fn adjust<S: Simd, const W: usize>(
        &self,
        s: S,
        keys: &Range<usize>,
        mask: &[f32],
        scores: &mut [f32],
    ) {
        let lanes = W * S::LANES;
        if self.mask.is_some() {
            let parts = scores.chunks_exact_mut(S::LANES);
            for (x, mask) in parts.zip(mask.chunks_exact(S::LANES)) {
                s.store(x, s.fma(s.load(mask), s.splat(LOG2_E), s.load(x)));
            }
        }
        // Counted from the tile's first key: whole numbers in f32 are exact where it matters.
        let from_here = |at: i64| (at - keys.start as i64) as f32;
        if self.slopes {
            let position = self.column::<S, W>(s, |row| from_here(row.seen.position));
            let slope = self.column::<S, W>(s, |row| row.slope);
            for j in 0..keys.len() {
                let x = &mut scores[j * lanes..][..lanes];
                for w in 0..W {
                    let x = &mut x[w * S::LANES..][..S::LANES];
                    let behind = s.add(position[w], s.splat(-(j as f32)));
                    let distance = s.max(behind, s.mul(behind, s.splat(-1.0)));
                    s.store(x, s.fma(distance, slope[w], s.load(x)));
                }
            }
        }
        let whole = |row: &Row| {
            let seen = row.seen;
            (seen.first <= keys.start && keys.end <= seen.end) || keys.end <= seen.globals
        };
        if self.rows.iter().all(whole) {
            return;
        }
        let first = self.column::<S, W>(s, |row| from_here(row.seen.first as i64));
        let last = self.column::<S, W>(s, |row| from_here(row.seen.end as i64 - 1));
        let last_global = self.column::<S, W>(s, |row| from_here(row.seen.globals as i64 - 1));
        let globals = self.rows.iter().map(|row| row.seen.globals).max();
        let globals = globals.unwrap_or(0).saturating_sub(keys.start);
        for j in 0..keys.len() {
            let x = &mut scores[j * lanes..][..lanes];
            let at = s.splat(j as f32);
            for w in 0..W {
                let x = &mut x[w * S::LANES..][..S::LANES];
                // Who does not see a global key does not see it as a near one.
                let seen = match j < globals {
                    true => s.at_most(at, last_global[w], s.load(x)),
                    false => s.at_most(first[w], at, s.at_most(at, last[w], s.load(x))),
                };
                s.store(x, seen);
            }
        }
    }

    /// A number of each query; lanes without a query have that of the last one.
    #[inline(always)]
    fn column<S: Simd, const W: usize>(&self, s: S, number: impl Fn(&Row) -> f32) -> [S::V; W] {
        let mut columns = [s.splat(0.0); W];
        for (w, column) in columns.iter_mut().enumerate() {
            let mut numbers = [0.0; 16];
            for (i, x) in numbers.iter_mut().enumerate().take(S::LANES) {
                *x = number(&self.rows[(w * S::LANES + i).min(self.rows.len() - 1)]);
            }
            *column = s.load(&numbers);
        }
        columns
    }

    /// Divides the sums and writes them row by row.
    #[inline(always)]
    fn finish<S: Simd, const W: usize>(self, s: S, softmax: Softmax<S, W>, sums: &mut [f32]) {
        let (dv, lanes, count) = (self.dv, W * S::LANES, self.rows.len());
        let (mut largest, mut totals) = ([0.0; WIDE * 16], [0.0; WIDE * 16]);
        for w in 0..W {
            s.store(&mut largest[w * S::LANES..], softmax.max[w]);
            s.store(&mut totals[w * S::LANES..], softmax.sum[w]);
        }
        for (lse, (max, sum)) in self.lse.iter_mut().zip(largest.iter().zip(&totals)) {
            *lse = (max + sum.log2()) * LN_2;
        }
        let scales = totals.map(inverse);
        for sums in sums.chunks_exact_mut(lanes) {
            for w in 0..W {
                let sums = &mut sums[w * S::LANES..][..S::LANES];
                s.store(sums, s.mul(s.load(sums), s.load(&scales[w * S::LANES..])));
            }
        }
        for i in (0..count).step_by(S::LANES) {
            let mut t = 0;
            while i + S::LANES <= count && t + S::LANES <= dv {
                s.transpose(
                    &sums[t * lanes + i..],
                    lanes,
                    &mut self.out[i * dv + t..],
                    dv,
                );
                t += S::LANES;
            }
            for i in i..count.min(i + S::LANES) {
                for t in t..dv {
                    self.out[i * dv + t] = sums[t * lanes + i];
                }
            }
        }
    }
}

/// Each query's largest score so far, and the sum of 2^(score − largest).
struct Softmax<S: Simd, const W: usize> {
    max: [S::V; W],
    sum: [S::V; W],
}

impl<S: Simd, const W: usize> Softmax<S, W> {
    #[inline(always)]
    fn new(s: S) -> Self {
        Softmax {
            max: [s.splat(f32::NEG_INFINITY); W],
            sum: [s.splat(0.0); W],
        }
    }

    /// Turns a tile's scores into weights; returns what the sums before are to be multiplied by.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    fn step(&mut self, s: S, scores: &mut [f32]) -> [S::V; W] {
        let lanes = W * S::LANES;
        let mut max = self.max;
        let count = scores.len() / lanes;
        for j in 0..count {
            let x = &scores[j * lanes..][..lanes];
            for w in 0..W {
                max[w] = s.max(s.load(&x[w * S::LANES..]), max[w]);
            }
        }
        let (mut keep, mut minus) = (max, max);
        for w in 0..W {
            // The smallest number, not −∞, for a query that has seen nothing: −∞ − (−∞) would be NaN.
            let base = s.max(max[w], s.splat(f32::MIN));
            minus[w] = s.mul(base, s.splat(-1.0));
            keep[w] = s.exp2(s.add(self.max[w], minus[w]));
            self.sum[w] = s.mul(self.sum[w], keep[w]);
        }
        self.max = max;
        let mut sum = self.sum;
        for j in 0..count {
            let x = &mut scores[j * lanes..][..lanes];
            for w in 0..W {
                let x = &mut x[w * S::LANES..];
                let weight = s.exp2(s.add(s.load(x), minus[w]));
                s.store(x, weight);
                sum[w] = s.add(sum[w], weight);
            }
        }
        self.sum = sum;
        keep
    }
}

/// Scores `[R queries]` of the first R keys `[keys d]`, for `q [d queries]`. Where there are fewer
/// keys, the last one's scores stand for those that are missing.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn multiply<S: Simd, const R: usize, const W: usize>(
    s: S,
    k: &[f32],
    d: usize,
    q: &[f32],
    scores: &mut [f32],
) {
    let lanes = W * S::LANES;
    let last = k.len() / d - 1;
    let mut rows = [&k[..d]; R];
    for i in 0..R {
        rows[i] = &k[i.min(last) * d..][..d];
    }
    let mut block = [[s.splat(0.0); W]; R];
    for t in 0..d {
        let q = &q[t * lanes..][..lanes];
        let mut vectors = [s.splat(0.0); W];
        for w in 0..W {
            vectors[w] = s.load(&q[w * S::LANES..]);
        }
        for i in 0..R {
            let x = s.splat(rows[i][t]);
            for w in 0..W {
                block[i][w] = s.fma(x, vectors[w], block[i][w]);
            }
        }
    }
    let scores = &mut scores[..R * lanes];
    for i in 0..R {
        for w in 0..W {
            s.store(&mut scores[i * lanes + w * S::LANES..], block[i][w]);
        }
    }
}

/// sums = keep·sums + Σ value·weights, for R columns of the values, whose rows start every `by`.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn add_values<S: Simd, const R: usize, const W: usize>(
    s: S,
    v: &[f32],
    by: usize,
    weights: &[f32],
    keep: &[S::V; W],
    sums: &mut [f32],
) {
    let lanes = W * S::LANES;
    let sums = &mut sums[..R * lanes];
    let mut block = [[s.splat(0.0); W]; R];
    for i in 0..R {
        for w in 0..W {
            block[i][w] = s.mul(keep[w], s.load(&sums[i * lanes + w * S::LANES..]));
        }
    }
    for j in 0..weights.len() / lanes {
        let (weights, v) = (&weights[j * lanes..][..lanes], &v[j * by..][..R]);
        let mut vectors = [s.splat(0.0); W];
        for w in 0..W {
            vectors[w] = s.load(&weights[w * S::LANES..]);
        }
        for i in 0..R {
            let x = s.splat(v[i]);
            for w in 0..W {
                block[i][w] = s.fma(x, vectors[w], block[i][w]);
            }
        }
    }
    for i in 0..R {
        for w in 0..W {
            s.store(&mut sums[i * lanes + w * S::LANES..], block[i][w]);
        }
    }
}
