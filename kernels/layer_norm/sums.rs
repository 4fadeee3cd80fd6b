//! Sums over a row.

use super::super::simd::Simd;
use super::super::stream::Number;

/// Four sums side by side, so that an addition need not wait for the one before.
pub struct Sums<S: Simd>(pub S::V, pub S::V, pub S::V, pub S::V);

impl<S: Simd> Sums<S> {
    #[inline(always)]
    pub fn new(s: S) -> Sums<S> {
        let zero = s.splat(0.0);
        Sums(zero, zero, zero, zero)
    }

    /// The total, with the rest that fills no block.
    #[inline(always)]
    pub fn total(self, s: S, rest: f32) -> f32 {
        s.sum(s.add(s.add(self.0, self.1), s.add(self.2, self.3))) + rest
    }
}

/// Σ x
#[inline(always)]
pub fn sum<T: Number, S: Simd>(s: S, x: &[T]) -> f32 {
    let (mut sums, mut i, step) = (Sums::new(s), 0, S::LANES);
    while i + 4 * step <= x.len() {
        sums.0 = s.add(T::load(s, &x[i..]), sums.0);
        sums.1 = s.add(T::load(s, &x[i + step..]), sums.1);
        sums.2 = s.add(T::load(s, &x[i + 2 * step..]), sums.2);
        sums.3 = s.add(T::load(s, &x[i + 3 * step..]), sums.3);
        i += 4 * step;
    }
    let mut rest = 0.0;
    while i < x.len() {
        rest += x[i].number();
        i += 1;
    }
    sums.total(s, rest)
}

/// sum + (x − mean)² of the register at `i`.
#[inline(always)]
fn square<T: Number, S: Simd>(s: S, x: &[T], i: usize, mean: S::V, sum: S::V) -> S::V {
    let centred = s.sub(T::load(s, &x[i..]), mean);
    s.fma(centred, centred, sum)
}

/// Σ (x − mean)²
#[inline(always)]
pub fn squares<T: Number, S: Simd>(s: S, x: &[T], mean: f32) -> f32 {
    let (mut sums, mut i, step) = (Sums::new(s), 0, S::LANES);
    let centre = s.splat(mean);
    while i + 4 * step <= x.len() {
        sums.0 = square(s, x, i, centre, sums.0);
        sums.1 = square(s, x, i + step, centre, sums.1);
        sums.2 = square(s, x, i + 2 * step, centre, sums.2);
        sums.3 = square(s, x, i + 3 * step, centre, sums.3);
        i += 4 * step;
    }
    let mut rest = 0.0;
    while i < x.len() {
        let centred = x[i].number() - mean;
        rest += centred * centred;
        i += 1;
    }
    sums.total(s, rest)
}
