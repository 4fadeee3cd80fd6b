//! Operands as words of 32 bits, in the order in which blocks read them. A word is a number of f32, or
//! a pair of bf16; what is left of a row, a panel or a pair is 0.

use super::Of;
use crate::kernels::simd::{Simd, pair, wide};
use half::bf16;

/// Words from `first` on of the row of `k` numbers that starts at `at`; what is beyond `k` is 0.
#[inline(always)]
fn row<S: Simd>(
    s: S,
    of: Of<'_>,
    pairs: bool,
    (at, k): (usize, usize),
    first: usize,
    to: &mut [f32],
) {
    match of {
        Of::F32(x) => {
            let len = to.len().min(k.saturating_sub(first));
            let (now, rest) = to.split_at_mut(len);
            now.copy_from_slice(&x[at + first..][..len]);
            rest.fill(0.0);
        }
        Of::Bf16(x) if pairs => {
            let first = 2 * first;
            let len = (2 * to.len()).min(k.saturating_sub(first));
            let x = &x[at + first..][..len];
            let (now, rest) = to.split_at_mut(len / 2);
            rest.fill(0.0);
            if let ([last], Some(to)) = (x.chunks_exact(2).remainder(), rest.first_mut()) {
                *to = pair(*last, bf16::ZERO);
            }
            let whole = now.len() / S::LANES * S::LANES;
            let (vectors, rest) = now.split_at_mut(whole);
            let from = x.chunks_exact(2 * S::LANES);
            for (to, x) in vectors.chunks_exact_mut(S::LANES).zip(from) {
                s.store(to, s.load_bf16(x));
            }
            let from = x[2 * whole..].chunks_exact(2);
            rest.iter_mut()
                .zip(from)
                .for_each(|(to, x)| *to = pair(x[0], x[1]));
        }
        Of::Bf16(x) => {
            let len = to.len().min(k.saturating_sub(first));
            let (now, rest) = to.split_at_mut(len);
            let x = &x[at + first..][..len];
            now.iter_mut().zip(x).for_each(|(to, x)| *to = wide(*x));
            rest.fill(0.0);
        }
    }
}

/// Rows `from`, each of `k` numbers that lie together, as rows of `words` words from word `first` on;
/// they start every `by` in `to`. Rows of `to` beyond those are 0.
#[inline(always)]
pub fn rows<S: Simd>(
    s: S,
    (of, pairs): (Of<'_>, bool),
    (from, k): (std::ops::Range<usize>, usize),
    (first, words): (usize, usize),
    (to, by): (&mut [f32], usize),
) {
    for (i, to) in to.chunks_mut(by).enumerate() {
        let to = &mut to[..words];
        match from.start + i < from.end {
            true => row(s, of, pairs, ((from.start + i) * k, k), first, to),
            false => to.fill(0.0),
        }
    }
}

/// Words of a row that are copied before they are transposed.
const RUN: usize = 128;

/// A panel of the columns `from` of a matrix `[k n]` that lies transposed, each column's `k` numbers
/// together: `to [words width]`.
#[inline(always)]
pub fn columns<S: Simd>(
    s: S,
    (of, pairs): (Of<'_>, bool),
    (from, k): (std::ops::Range<usize>, usize),
    (to, width): (&mut [f32], usize),
) {
    let mut run = [0.0; 16 * (RUN + 16)];
    let by = RUN + 16;
    for (t, to) in to.chunks_mut(RUN * width).enumerate() {
        let words = to.len() / width;
        let whole = words.next_multiple_of(S::LANES);
        for j in (0..width).step_by(S::LANES) {
            let first = (from.start + j).min(from.end);
            let last = (first + S::LANES).min(from.end);
            let lanes = &mut run[..S::LANES * by];
            rows(
                s,
                (of, pairs),
                (first..last, k),
                (t * RUN, whole),
                (lanes, by),
            );
            let mut at = 0;
            while at + S::LANES <= words {
                s.transpose(&run[at..], by, &mut to[at * width + j..], width);
                at += S::LANES;
            }
            for (t, to) in to.chunks_exact_mut(width).enumerate().skip(at) {
                for (i, to) in to[j..][..S::LANES].iter_mut().enumerate() {
                    *to = run[i * by + t];
                }
            }
        }
    }
}

/// A panel of the columns `from` of a matrix `[k n]` that lies row by row: `to [words width]`.
#[inline(always)]
pub fn rows_between(
    (of, pairs): (Of<'_>, bool),
    (from, n): (std::ops::Range<usize>, usize),
    k: usize,
    (to, width): (&mut [f32], usize),
) {
    let len = from.len();
    for (t, to) in to.chunks_exact_mut(width).enumerate() {
        let (to, rest) = to.split_at_mut(len);
        rest.fill(0.0);
        match of {
            Of::F32(x) if t < k => to.copy_from_slice(&x[t * n + from.start..][..len]),
            Of::Bf16(x) if !pairs && t < k => {
                let x = &x[t * n + from.start..][..len];
                to.iter_mut().zip(x).for_each(|(to, x)| *to = wide(*x));
            }
            Of::Bf16(x) if pairs && 2 * t + 1 < k => {
                let a = &x[2 * t * n + from.start..][..len];
                let b = &x[(2 * t + 1) * n + from.start..][..len];
                let both = a.iter().zip(b);
                to.iter_mut()
                    .zip(both)
                    .for_each(|(to, (a, b))| *to = pair(*a, *b));
            }
            Of::Bf16(x) if pairs && 2 * t < k => {
                let x = &x[2 * t * n + from.start..][..len];
                to.iter_mut()
                    .zip(x)
                    .for_each(|(to, a)| *to = pair(*a, bf16::ZERO));
            }
            _ => to.fill(0.0),
        }
    }
}
