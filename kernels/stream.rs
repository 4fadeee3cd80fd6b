//! Rows that come from memory and go to memory: numbers of either width, and writing past the caches.
//!
//! An ordinary store reads its line from memory first. What is far larger than the cache is written
//! with stores that do not, in whole lines: a line that is written in parts is slower than either.

use super::cpu::{Tier, split};
use super::simd::{Kernel, Simd, dispatch, round, wide};
use half::bf16;

/// A number as it lies in memory; kernels compute in f32.
pub trait Number: Copy + Send + Sync + 'static {
    /// The first `LANES` numbers. Panics when there are fewer.
    fn load<S: Simd>(s: S, from: &[Self]) -> S::V;
    /// Fewer than `LANES` numbers, then copies of `fill`.
    fn load_part<S: Simd>(s: S, from: &[Self], fill: f32) -> S::V;
    /// Writes the first `LANES` numbers, rounded. Panics when there is no room.
    fn store<S: Simd>(s: S, to: &mut [Self], v: S::V);
    /// Writes the first lanes, as many as there is room for, but fewer than `LANES`.
    fn store_part<S: Simd>(s: S, to: &mut [Self], v: S::V);
    /// As `store`, past the caches.
    fn stream<S: Simd>(s: S, to: &mut [Self], v: S::V);
    fn number(self) -> f32;
    /// Rounded to nearest, ties to even.
    fn rounded(x: f32) -> Self;
}

impl Number for f32 {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[f32]) -> S::V {
        s.load(from)
    }
    #[inline(always)]
    fn load_part<S: Simd>(s: S, from: &[f32], fill: f32) -> S::V {
        s.load_part(from, fill)
    }
    #[inline(always)]
    fn store<S: Simd>(s: S, to: &mut [f32], v: S::V) {
        s.store(to, v);
    }
    #[inline(always)]
    fn store_part<S: Simd>(s: S, to: &mut [f32], v: S::V) {
        s.store_part(to, v);
    }
    #[inline(always)]
    fn stream<S: Simd>(s: S, to: &mut [f32], v: S::V) {
        s.stream(to, v);
    }
    #[inline(always)]
    fn number(self) -> f32 {
        self
    }
    #[inline(always)]
    fn rounded(x: f32) -> f32 {
        x
    }
}

impl Number for bf16 {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[bf16]) -> S::V {
        s.widen(from)
    }
    #[inline(always)]
    fn load_part<S: Simd>(s: S, from: &[bf16], fill: f32) -> S::V {
        let mut padded = [fill; 16];
        for (padded, x) in padded.iter_mut().zip(from) {
            *padded = wide(*x);
        }
        s.load(&padded)
    }
    #[inline(always)]
    fn store<S: Simd>(s: S, to: &mut [bf16], v: S::V) {
        s.round_to(to, v);
    }
    #[inline(always)]
    fn store_part<S: Simd>(s: S, to: &mut [bf16], v: S::V) {
        let mut padded = [bf16::ZERO; 16];
        s.round_to(&mut padded, v);
        to.copy_from_slice(&padded[..to.len()]);
    }
    #[inline(always)]
    fn stream<S: Simd>(s: S, to: &mut [bf16], v: S::V) {
        s.stream_round_to(to, v);
    }
    #[inline(always)]
    fn number(self) -> f32 {
        wide(self)
    }
    #[inline(always)]
    fn rounded(x: f32) -> bf16 {
        round(x)
    }
}

/// Bytes of output from which it is written past the caches: what is smaller may still be there when
/// the next kernel reads it.
const LARGE: usize = 16 << 20;

/// Whether an output goes past the caches.
pub(super) fn is_large<T>(out: &[T]) -> bool {
    size_of_val(out) >= LARGE
}

/// A register from the start of `from`; what is missing at the end comes as `fill`.
#[inline(always)]
pub(super) fn load<T: Number, S: Simd>(s: S, from: &[T], fill: f32) -> S::V {
    match from.len() >= S::LANES {
        true => T::load(s, from),
        false => T::load_part(s, from, fill),
    }
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Writes a slice register by register, where asked past the caches in whole lines:
///
/// ```text
/// let mut to = Writer::new(s, out, stream);
/// while let Some(i) = to.at() {
///     to.put(s, the register for the elements from i on);
/// }
/// ```
///
/// Not a function that takes a closure: a closure is compiled without the tier's instructions unless
/// the compiler happens to inline it. Call [`Simd::fence`] after the last.
pub(super) struct Writer<'a, T> {
    out: &'a mut [T],
    at: usize,
    /// Where whole lines start and end.
    lines: [usize; 2],
}

impl<'a, T: Number> Writer<'a, T> {
    #[inline(always)]
    pub fn new<S: Simd>(s: S, out: &'a mut [T], stream: bool) -> Writer<'a, T> {
        let (len, per_line) = (out.len(), LINE / size_of::<T>());
        let lead = out.as_ptr().addr().wrapping_neg() % LINE / size_of::<T>();
        let lines = match stream && lead < len {
            true => {
                // The line that is shared with the next row is read before it is written.
                s.prefetch(out, len - 1);
                [lead, len - (len - lead) % per_line]
            }
            false => [len, len],
        };
        Writer { out, at: 0, lines }
    }

    /// Where the next register goes; none at the end.
    #[inline(always)]
    pub fn at(&self) -> Option<usize> {
        (self.at < self.out.len()).then_some(self.at)
    }

    /// Writes a register, or as many of its first lanes as there is room for.
    #[inline(always)]
    pub fn put<S: Simd>(&mut self, s: S, v: S::V) {
        let [start, end] = self.lines;
        if start <= self.at && self.at < end {
            T::stream(s, &mut self.out[self.at..], v);
            self.at += S::LANES;
            return;
        }
        let room = if self.at < start {
            start
        } else {
            self.out.len()
        } - self.at;
        if room >= S::LANES {
            T::store(s, &mut self.out[self.at..], v);
            self.at += S::LANES;
        } else {
            T::store_part(s, &mut self.out[self.at..self.at + room], v);
            self.at += room;
        }
    }
}

/// Copies with the instructions of `tier`, past the caches, on all threads.
///
/// # Panics
/// When the lengths differ.
pub(super) fn copy(tier: Tier, to: &mut [f32], from: &[f32]) {
    assert_eq!(to.len(), from.len(), "a copy is as long as its source");
    split(to, 1, |range, to| {
        let from = &from[range];
        dispatch(tier, Copied { to, from });
    });
}

struct Copied<'a> {
    to: &'a mut [f32],
    from: &'a [f32],
}

impl Kernel for Copied<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut to = Writer::new(s, self.to, true);
        while let Some(i) = to.at() {
            to.put(s, load(s, &self.from[i..], 0.0));
        }
        s.fence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Doubled<'a, T> {
        to: &'a mut [T],
        from: &'a [T],
        stream: bool,
    }

    impl<T: Number> Kernel for Doubled<'_, T> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let mut to = Writer::new(s, self.to, self.stream);
            while let Some(i) = to.at() {
                let v = load(s, &self.from[i..], 0.0);
                to.put(s, s.add(v, v));
            }
            s.fence();
        }
    }

    /// Every start within a line and every length up to a few lines; neighbours keep their values.
    fn everywhere<T: Number + PartialEq + std::fmt::Debug>() {
        let count = if cfg!(miri) { 20 } else { 150 };
        let from: Vec<T> = (0..count).map(|i| T::rounded(i as f32)).collect();
        let nothing = T::rounded(-1.0);
        for tier in Tier::all() {
            for start in 0..count.min(33) {
                for end in start..count {
                    for stream in [false, true] {
                        let mut out = vec![nothing; count];
                        let (to, from) = (&mut out[start..end], &from[start..end]);
                        dispatch(tier, Doubled { to, from, stream });
                        for (i, x) in out.into_iter().enumerate() {
                            let inside = (start..end).contains(&i);
                            let want = if inside { 2.0 * i as f32 } else { -1.0 };
                            assert_eq!(x, T::rounded(want), "{tier:?} {start}..{end} at {i}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn any_slice_is_written_and_nothing_else() {
        everywhere::<f32>();
        everywhere::<bf16>();
    }

    #[test]
    fn a_copy_is_equal() {
        let from: Vec<f32> = (0..1003).map(|i| i as f32).collect();
        for tier in Tier::all() {
            let mut to = vec![0.0; 1003];
            copy(tier, &mut to[1..], &from[1..]);
            assert_eq!(to, from);
        }
    }
}
