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
            let mut i = 0;
            while i + S::LANES <= now.len() {
                s.store(&mut now[i..], s.load_bf16(&x[2 * i..]));
                i += S::LANES;
            }
            while i < now.len() {
                now[i] = pair(x[2 * i], x[2 * i + 1]);
                i += 1;
            }
        }
        Of::Bf16(x) => {
            let len = to.len().min(k.saturating_sub(first));
            let (now, rest) = to.split_at_mut(len);
            widen(s, now, &x[at + first..][..len]);
            rest.fill(0.0);
        }
    }
}

// Loops here count instead of zipping slices: what the compiler does not inline of an iterator, it
// compiles without the instructions of the kernel around it.

/// bf16 as f32.
#[inline(always)]
fn widen<S: Simd>(s: S, to: &mut [f32], x: &[bf16]) {
    let mut i = 0;
    while i + S::LANES <= x.len() {
        s.store(&mut to[i..], s.widen(&x[i..]));
        i += S::LANES;
    }
    while i < x.len() {
        to[i] = wide(x[i]);
        i += 1;
    }
}

/// Numbers of two rows as pairs.
#[inline(always)]
fn pair_up<S: Simd>(s: S, to: &mut [f32], first: &[bf16], second: &[bf16]) {
    let mut i = 0;
    while i + S::LANES <= to.len() {
        s.store(&mut to[i..], s.pairs(&first[i..], &second[i..]));
        i += S::LANES;
    }
    while i < to.len() {
        to[i] = pair(first[i], second[i]);
        i += 1;
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

/// A panel of the columns `from` of a matrix `[k n]` that lies row by row: `to [words width]`, its
/// words from word `start` on.
#[inline(always)]
pub fn rows_between<S: Simd>(
    s: S,
    (of, pairs): (Of<'_>, bool),
    (from, n): (std::ops::Range<usize>, usize),
    (k, start): (usize, usize),
    (to, width): (&mut [f32], usize),
) {
    let len = from.len();
    for (t, to) in to.chunks_exact_mut(width).enumerate() {
        let t = start + t;
        let (to, rest) = to.split_at_mut(len);
        rest.fill(0.0);
        match of {
            Of::F32(x) if t < k => to.copy_from_slice(&x[t * n + from.start..][..len]),
            Of::Bf16(x) if !pairs && t < k => widen(s, to, &x[t * n + from.start..][..len]),
            Of::Bf16(x) if pairs && 2 * t + 1 < k => {
                let first = &x[2 * t * n + from.start..][..len];
                let second = &x[(2 * t + 1) * n + from.start..][..len];
                pair_up(s, to, first, second);
            }
            Of::Bf16(x) if pairs && 2 * t < k => {
                let x = &x[2 * t * n + from.start..][..len];
                for (i, to) in to.iter_mut().enumerate() {
                    *to = pair(x[i], bf16::ZERO);
                }
            }
            _ => to.fill(0.0),
        }
    }
}
