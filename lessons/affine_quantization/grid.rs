//! The integers that stand for a range of numbers: what the lessons on quantisation share.

use crate::kernels::affine;

/// Code q stands for scale·(q − zero_point), least ≤ q ≤ most (Jacob et al. 2017, arXiv 1712.05877,
/// eq. 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub scale: f64,
    pub zero_point: f64,
    pub least: f64,
    pub most: f64,
}

impl Grid {
    /// Codes 0 … 2^bits − 1 for `low` … `high`, a range that is widened to hold 0. An empty one gets
    /// scale 1.
    pub fn asymmetric(low: f64, high: f64, bits: f64) -> Grid {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let most = 2f64.powf(bits) - 1.0;
        let scale = or_one((high - low) / most);
        Grid {
            scale,
            // Not −low/scale, which is −0 where low is 0.
            zero_point: (0.0 - low / scale).round_ties_even(),
            least: 0.0,
            most,
        }
    }

    /// Codes ±(2^(bits−1) − 1) for −max … max; 0 is code 0. An empty range gets scale 1.
    pub fn symmetric(max: f64, bits: f64) -> Grid {
        let most = 2f64.powf(bits - 1.0) - 1.0;
        Grid {
            scale: or_one(max / most),
            zero_point: 0.0,
            least: -most,
            most,
        }
    }

    /// The code of x, rounded half to even.
    pub fn code(&self, x: f64) -> f64 {
        ((x / self.scale).round_ties_even() + self.zero_point).clamp(self.least, self.most)
    }

    /// The number that a code stands for.
    pub fn value(&self, code: f64) -> f64 {
        self.scale * (code - self.zero_point)
    }

    /// x as its code gives it back.
    pub fn nearest(&self, x: f64) -> f64 {
        self.value(self.code(x))
    }
}

impl From<Grid> for affine::Grid {
    fn from(grid: Grid) -> affine::Grid {
        affine::Grid {
            scale: grid.scale as f32,
            zero_point: grid.zero_point as f32,
            codes: [grid.least as f32, grid.most as f32],
        }
    }
}

/// `scale`, or 1 where it is 0: the numbers are all 0, and any scale gives them back.
pub fn or_one(scale: f64) -> f64 {
    if scale == 0.0 { 1.0 } else { scale }
}

/// How near to a tie, in steps, inputs of an exercise may be: rounding in f32, which is off by less
/// than 2⁻¹⁴ steps with codes of 8 bits, then gives the same code.
const NEAR: f64 = 0.02;

/// Whether x/scale is so near to half an integer that f32 may round it to the other side.
pub fn is_tie(x: f64, scale: f64) -> bool {
    ((x / scale).rem_euclid(1.0) - 0.5).abs() < NEAR
}

/// x, or a number a few hundredths of a step away, which is no tie.
pub fn settled(x: f32, scale: f64) -> f32 {
    match is_tie(x.into(), scale) {
        true => (f64::from(x) - 3.0 * NEAR * scale * f64::from(x).signum()) as f32,
        false => x,
    }
}

/// The end of a range, perhaps a little farther out, so that the zero point is no tie either.
pub fn settled_high(low: f32, mut high: f32, bits: f64) -> f32 {
    let levels = 2f64.powf(bits) - 1.0;
    let scale = |high: f32| (f64::from(high) - f64::from(low)) / levels;
    while low < 0.0 && high > 0.0 && is_tie(low.into(), scale(high)) {
        high *= 1.01;
    }
    high
}
