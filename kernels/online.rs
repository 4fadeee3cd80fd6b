//! Σ exp((x − max) / T) of a row in one pass over memory: block by block, a maximum, then exponentials
//! that are added to a sum, which shrinks when the maximum grows (online softmax, Milakov and
//! Gimelshein 2018, arXiv 1805.02867).

use super::simd::Simd;
use super::stream::{Number, load};

/// Numbers that are read together. They stay in the first cache between their two uses; a multiple
/// of every register.
pub const BLOCK: usize = 2048;

/// The factor of exponents.
#[derive(Clone, Copy)]
pub struct Scale<S: Simd> {
    factor: S::V,
    least: S::V,
    temperature: f32,
}

impl<S: Simd> Scale<S> {
    #[inline(always)]
    pub fn new(s: S, temperature: f32) -> Scale<S> {
        let factor = std::f32::consts::LOG2_E / temperature;
        Scale {
            factor: s.splat(factor),
            least: s.splat(-127.0 / factor),
            temperature,
        }
    }

    /// The exponentials of the register at `i` of a block, below `max`; missing lanes give 0. Asks for
    /// the line `ahead` of it, which may belong to the next row.
    #[inline(always)]
    pub fn read<T: Number>(&self, s: S, block: &[T], i: usize, max: S::V, ahead: usize) -> S::V {
        s.prefetch(block, i + ahead);
        self.exp(s, s.sub(load(s, &block[i..], f32::NEG_INFINITY), max))
    }

    /// exp(d / T) for d ≤ 0.
    #[inline(always)]
    pub fn exp(&self, s: S, d: S::V) -> S::V {
        s.exp_scaled(d, self.factor, self.least)
    }

    /// exp(d / T) of one number, exactly 1 for 0.
    #[inline(always)]
    pub fn shrink(&self, d: f32) -> f32 {
        match d == 0.0 {
            true => 1.0,
            false => (d / self.temperature).exp(),
        }
    }
}

/// A maximum and the sum of exponentials below it. NaN changes the sum only.
#[derive(Clone, Copy)]
pub struct Online<S: Simd> {
    pub max: f32,
    sums: S::V,
}

impl<S: Simd> Online<S> {
    /// Of nothing.
    #[inline(always)]
    pub fn new(s: S) -> Online<S> {
        Online {
            // The smallest number, not −∞: −∞ − (−∞) would be NaN.
            max: f32::MIN,
            sums: s.splat(0.0),
        }
    }

    /// Takes the maximum of one more block in, and gives the factor by which what was summed before
    /// shrank.
    #[inline(always)]
    pub fn raise<T: Number>(&mut self, s: S, scale: &Scale<S>, block: &[T]) -> f32 {
        let max = largest(s, block, self.max);
        if max <= self.max {
            return 1.0;
        }
        let factor = scale.shrink(self.max - max);
        self.sums = s.mul(self.sums, s.splat(factor));
        self.max = max;
        factor
    }

    #[inline(always)]
    pub fn add(&mut self, s: S, e: S::V) {
        self.sums = s.add(self.sums, e);
    }

    /// dots + by·(what was summed), lane by lane; infinite steps of empty sums count nothing.
    #[inline(always)]
    pub fn weigh(&self, s: S, by: f32, dots: S::V) -> S::V {
        let step = s.weighed(self.sums, s.splat(by));
        s.fma(self.sums, step, dots)
    }

    #[inline(always)]
    pub fn sum(&self, s: S) -> f32 {
        s.sum(self.sums)
    }
}

/// The largest of the numbers and `floor`, past NaN.
#[inline(always)]
pub fn largest<T: Number, S: Simd>(s: S, x: &[T], floor: f32) -> f32 {
    // Registers side by side, so that one need not wait for the one before.
    let floor = s.splat(floor);
    let (mut a, mut b, mut c, mut d) = (floor, floor, floor, floor);
    let (mut i, step) = (0, S::LANES);
    while i + 4 * step <= x.len() {
        a = s.max(T::load(s, &x[i..]), a);
        b = s.max(T::load(s, &x[i + step..]), b);
        c = s.max(T::load(s, &x[i + 2 * step..]), c);
        d = s.max(T::load(s, &x[i + 3 * step..]), d);
        i += 4 * step;
    }
    while i < x.len() {
        a = s.max(load(s, &x[i..], f32::NEG_INFINITY), a);
        i += step;
    }
    s.largest(s.max(s.max(a, b), s.max(c, d)))
}
