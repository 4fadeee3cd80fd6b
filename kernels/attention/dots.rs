//! Few queries: a step of decoding, bound by the memory that keys and values come from.
//!
//! Each key is read once, in order, for all queries of the block (the heads of a group, or the few
//! tokens of a chunk), and so is each value. Scores are dot products along the head, summed over lanes
//! for as many pairs of query and key at a time as a register has lanes.

use super::plan::{Block, LN_2, LOG2_E, inverse};
use crate::kernels::simd::{Kernel, Simd};

/// Queries in a block, at most.
pub const ROWS: usize = 8;
/// Keys in a tile: with d = 128 they take 32 KiB, and so do the values.
const TILE: usize = 64;

/// A block of 1 to [`ROWS`] queries.
pub struct Dots<'a>(pub Block<'a>);

impl Kernel for Dots<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let block = self.0;
        let (d, dv, count) = (block.d, block.dv, block.rows.len());
        let padded = dv.next_multiple_of(S::LANES);
        let scale = LOG2_E / (d as f32).sqrt();
        let q: Vec<f32> = block.q.iter().map(|x| x * scale).collect();
        let mut sums = vec![0.0; ROWS * padded];
        let mut tail = vec![0.0; if dv < padded { TILE * S::LANES } else { 0 }];
        let mut scores = [0.0; ROWS * TILE];
        let mut softmax = [Softmax::default(); ROWS];
        for range in block.ranges() {
            for first in range.clone().step_by(TILE) {
                let end = range.end.min(first + TILE);
                let len = end - first;
                let k = &block.k[first * d..end * d];
                for i in (0..count).step_by(4) {
                    let (q, scores) = (&q[i * d..], &mut scores[i * TILE..]);
                    match (S::LANES, count - i) {
                        (16, 1) => dots::<S, 1, 16>(s, q, k, d, scores),
                        (16, 2) => dots::<S, 2, 8>(s, q, k, d, scores),
                        (16, 3) => dots::<S, 3, 5>(s, q, k, d, scores),
                        (16, _) => dots::<S, 4, 4>(s, q, k, d, scores),
                        (8, 1) => dots::<S, 1, 8>(s, q, k, d, scores),
                        (8, 2) => dots::<S, 2, 4>(s, q, k, d, scores),
                        (8, 3) => dots::<S, 3, 2>(s, q, k, d, scores),
                        (8, _) => dots::<S, 4, 2>(s, q, k, d, scores),
                        (_, 1) => dots::<S, 1, 4>(s, q, k, d, scores),
                        (_, 2) => dots::<S, 2, 2>(s, q, k, d, scores),
                        (_, 3) => dots::<S, 3, 1>(s, q, k, d, scores),
                        (_, _) => dots::<S, 4, 1>(s, q, k, d, scores),
                    }
                }
                let whole = len.next_multiple_of(S::LANES);
                for (i, scores) in scores.chunks_exact_mut(TILE).enumerate().take(count) {
                    block.adjust_row(i, first, &mut scores[..len]);
                    scores[len..whole].fill(f32::NEG_INFINITY);
                    softmax[i].step(s, &mut scores[..whole], &mut sums[i * padded..][..padded]);
                }
                let v = &block.v[first * dv..end * dv];
                let full = dv / S::LANES * S::LANES;
                if full < dv {
                    let rows = tail.chunks_exact_mut(S::LANES).zip(v.chunks_exact(dv));
                    rows.for_each(|(to, v)| to[..dv - full].copy_from_slice(&v[full..]));
                }
                for i in (0..count).step_by(4) {
                    let (weights, sums) = (&scores[i * TILE..], &mut sums[i * padded..]);
                    match count - i {
                        1 => columns::<S, 1>(s, weights, v, dv, len, &tail, sums),
                        2 => columns::<S, 2>(s, weights, v, dv, len, &tail, sums),
                        3 => columns::<S, 3>(s, weights, v, dv, len, &tail, sums),
                        _ => columns::<S, 4>(s, weights, v, dv, len, &tail, sums),
                    }
                }
            }
        }
        for (lse, softmax) in block.lse.iter_mut().zip(&softmax) {
            *lse = (softmax.max + softmax.sum.log2()) * LN_2;
        }
        let sums = sums.chunks_exact(padded.max(1)).zip(softmax);
        for (out, (sums, softmax)) in block.out.chunks_exact_mut(dv.max(1)).zip(sums) {
            let scale = inverse(softmax.sum);
            let each = out.iter_mut().zip(sums);
            each.for_each(|(out, sum)| *out = sum * scale);
        }
    }
}

impl Block<'_> {
    /// Adds query i's mask and slope to its scores with the keys from `first` on, and drops what it
    /// does not see.
    #[inline(always)]
    fn adjust_row(&self, i: usize, first: usize, scores: &mut [f32]) {
        let row = self.rows[i];
        if let Some(mask) = self.mask {
            let by = mask.strides[3];
            let values = &mask.values[row.mask + first * by..];
            match by {
                1 => scores
                    .iter_mut()
                    .zip(values)
                    .for_each(|(s, x)| *s += LOG2_E * x),
                _ => scores
                    .iter_mut()
                    .enumerate()
                    .for_each(|(j, s)| *s += LOG2_E * values[j * by]),
            }
        }
        if self.slopes {
            let position = (row.seen.position - first as i64) as f32;
            for (j, score) in scores.iter_mut().enumerate() {
                *score += row.slope * (position - j as f32).abs();
            }
        }
        let (seen, end) = (row.seen, first + scores.len());
        if (seen.first <= first && end <= seen.end) || end <= seen.globals {
            return;
        }
        for (j, score) in (first..).zip(scores) {
            if !(j < seen.globals || (seen.first..seen.end).contains(&j)) {
                *score = f32::NEG_INFINITY;
            }
        }
    }
}

/// Scores of the first Q queries `[Q d]` with all keys `[len d]`, K at a time; rows of scores start
/// every [`TILE`]. Q·K is at most a register's lanes.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn dots<S: Simd, const Q: usize, const K: usize>(
    s: S,
    q: &[f32],
    k: &[f32],
    d: usize,
    scores: &mut [f32],
) {
    let (len, whole) = (k.len() / d, d / S::LANES * S::LANES);
    let mut queries = [&q[..d]; Q];
    for i in 0..Q {
        queries[i] = &q[i * d..][..d];
    }
    for first in (0..len).step_by(K) {
        let mut keys = [&k[..d]; K];
        for j in 0..K {
            keys[j] = &k[(first + j).min(len - 1) * d..][..d];
        }
        let mut sums = [s.splat(0.0); 16];
        for t in (0..whole).step_by(S::LANES) {
            let mut x = [s.splat(0.0); Q];
            for i in 0..Q {
                x[i] = s.load(&queries[i][t..]);
            }
            for j in 0..K {
                let key = s.load(&keys[j][t..]);
                for i in 0..Q {
                    sums[i * K + j] = s.fma(x[i], key, sums[i * K + j]);
                }
            }
        }
        let mut numbers = [0.0; 16];
        s.store(&mut numbers, s.sums(&sums));
        for i in 0..Q {
            for j in 0..K.min(len - first) {
                let mut sum = numbers[i * K + j];
                for t in whole..d {
                    sum += queries[i][t] * keys[j][t];
                }
                scores[i * TILE + first + j] = sum;
            }
        }
    }
}

/// Adds weights·values to the sums of R queries, some registers of columns at a time. What does not
/// fill a register stands in `tail`.
#[inline(always)]
fn columns<S: Simd, const R: usize>(
    s: S,
    weights: &[f32],
    v: &[f32],
    dv: usize,
    len: usize,
    tail: &[f32],
    sums: &mut [f32],
) {
    let padded = dv.next_multiple_of(S::LANES);
    let mut t = 0;
    while t + 4 * S::LANES <= dv && S::WIDE == 4 {
        add::<S, R, 4>(s, weights, &v[t..], dv, len, &mut sums[t..], padded);
        t += 4 * S::LANES;
    }
    while t + 2 * S::LANES <= dv {
        add::<S, R, 2>(s, weights, &v[t..], dv, len, &mut sums[t..], padded);
        t += 2 * S::LANES;
    }
    if t + S::LANES <= dv {
        add::<S, R, 1>(s, weights, &v[t..], dv, len, &mut sums[t..], padded);
        t += S::LANES;
    }
    if t < dv {
        add::<S, R, 1>(s, weights, tail, S::LANES, len, &mut sums[t..], padded);
    }
}

#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn add<S: Simd, const R: usize, const W: usize>(
    s: S,
    weights: &[f32],
    v: &[f32],
    by: usize,
    len: usize,
    sums: &mut [f32],
    padded: usize,
) {
    let mut block = [[s.splat(0.0); W]; R];
    let mut rows = [&weights[..len]; R];
    for i in 0..R {
        rows[i] = &weights[i * TILE..][..len];
        for w in 0..W {
            block[i][w] = s.load(&sums[i * padded + w * S::LANES..]);
        }
    }
    for j in 0..len {
        let v = &v[j * by..][..W * S::LANES];
        for w in 0..W {
            let x = s.load(&v[w * S::LANES..]);
            for i in 0..R {
                block[i][w] = s.fma(s.splat(rows[i][j]), x, block[i][w]);
            }
        }
    }
    for i in 0..R {
        for w in 0..W {
            s.store(&mut sums[i * padded + w * S::LANES..], block[i][w]);
        }
    }
}

/// A query's largest score so far, and the sum of 2^(score − largest).
#[derive(Clone, Copy)]
struct Softmax {
    max: f32,
    sum: f32,
}

impl Default for Softmax {
    fn default() -> Softmax {
        Softmax {
            max: f32::NEG_INFINITY,
            sum: 0.0,
        }
    }
}

impl Softmax {
    /// Turns a tile's scores into weights, and rescales what came before where the maximum grows.
    #[inline(always)]
    fn step<S: Simd>(&mut self, s: S, scores: &mut [f32], sums: &mut [f32]) {
        let mut max = s.splat(self.max);
        for x in scores.chunks_exact(S::LANES) {
            max = s.max(s.load(x), max);
        }
        let max = s.largest(max);
        // The smallest number, not −∞: −∞ − (−∞) would be NaN.
        let base = max.max(f32::MIN);
        if max > self.max {
            let keep = (self.max - base).exp2();
            self.sum *= keep;
            for x in sums.chunks_exact_mut(S::LANES) {
                s.store(x, s.mul(s.load(x), s.splat(keep)));
            }
            self.max = max;
        }
        let mut sum = s.splat(0.0);
        for x in scores.chunks_exact_mut(S::LANES) {
            let weights = s.exp2(s.add(s.load(x), s.splat(-base)));
            s.store(x, weights);
            sum = s.add(sum, weights);
        }
        self.sum += s.sum(sum);
    }
}
