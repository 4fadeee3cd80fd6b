//! The same computation with every mistake and every convention behind a switch.

use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array3, Axis, Ix1, Ix3};

/// The two norms with planted bugs, and what they need.
struct Norms<'a> {
    variant: &'a Variant,
    gamma: Array1<f64>,
    beta: Array1<f64>,
    eps: f64,
}

/// Residual sum and both norms in f64 with planted bugs and conventions; with none it equals the
/// reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let on = |id| variant.has(id);
    let three = |name| inputs.f64(name).into_dimensionality::<Ix3>();
    let one = |name| inputs.f64(name).into_dimensionality::<Ix1>();
    let x = three("x").expect("axes b n d");
    let sublayer = three("sublayer").expect("axes b n d");
    let norms = Norms {
        variant,
        gamma: one("gamma").expect("axis d"),
        beta: one("beta").expect("axis d"),
        eps: match () {
            () if on("eps-missing") => 0.0,
            () if on("eps-hardcoded") => 1e-5,
            () => inputs.number("eps"),
        },
    };
    let sum = match () {
        () if on("no-residual") => sublayer.clone(),
        () if on("residual-from-normed") => norms.layer(&x) + &sublayer,
        () => &x + &sublayer,
    };
    let normed = match () {
        () if on("norm-of-x") => &x,
        () if on("norm-of-sublayer") => &sublayer,
        () => &sum,
    };
    let (mut layer, mut rms) = match () {
        () if on("no-final-norm") => (sum.clone(), sum.clone()),
        () if on("rms-of-normed") => (norms.layer(normed), norms.rms(&norms.layer(normed))),
        () => (norms.layer(normed), norms.rms(normed)),
    };
    if on("norm-of-sublayer") || on("residual-after-norm") {
        layer += &x;
        rms += &x;
    }
    let sum = if on("sum-normed") { layer.clone() } else { sum };
    [sum, layer, rms].map(Array3::into_dyn).to_vec()
}

impl Norms<'_> {
    fn on(&self, id: &str) -> bool {
        self.variant.has(id)
    }

    /// The mean over what is normalised together, and how many elements that are.
    fn mean(&self, h: &Array3<f64>) -> (Array3<f64>, f64) {
        let axes: &[usize] = match () {
            () if self.on("axis-0") => &[0],
            () if self.on("time-axis") => &[1],
            () if self.on("batch-norm") => &[0, 1],
            () if self.on("whole-sequence") => &[1, 2],
            () if self.on("whole-tensor") => &[0, 1, 2],
            () => &[2],
        };
        let (mut mean, mut count) = (h.clone(), 1.0);
        for &axis in axes {
            count *= mean.len_of(Axis(axis)) as f64;
            mean = mean.sum_axis(Axis(axis)).insert_axis(Axis(axis));
        }
        (mean / count, count)
    }

    fn divisor(&self, square: f64) -> f64 {
        if self.on("no-sqrt") {
            square + self.eps
        } else {
            (square + self.eps).sqrt()
        }
    }

    fn layer(&self, h: &Array3<f64>) -> Array3<f64> {
        let (mean, count) = self.mean(h);
        let centred = h - &mean;
        let squared = if self.on("var-not-centred") {
            h
        } else {
            &centred
        };
        let mut variance = self.mean(&(squared * squared)).0;
        if self.on("unbiased-var") {
            variance *= count / (count - 1.0);
        }
        let std = variance.mapv(|v| match () {
            () if self.on("eps-outside") && !self.on("no-sqrt") => v.sqrt() + self.eps,
            () => self.divisor(v),
        });
        let normed = if self.on("no-mean-subtraction") {
            h
        } else {
            &centred
        } / &std;
        let (gain, shift) = match () {
            () if self.on("gamma-beta-swapped") => (&self.beta, &self.gamma),
            () => (&self.gamma, &self.beta),
        };
        let ones = Array1::ones(gain.len());
        let zeros = Array1::zeros(gain.len());
        let gain = if self.on("no-gamma") { &ones } else { gain };
        let shift = if self.on("no-beta") { &zeros } else { shift };
        if self.on("affine-order") {
            (normed + shift) * gain
        } else {
            normed * gain + shift
        }
    }

    fn rms(&self, h: &Array3<f64>) -> Array3<f64> {
        let centred = h - &self.mean(h).0;
        let both = self.on("rms-with-mean-subtraction");
        let numerator = if both { &centred } else { h };
        let squared = if both || self.on("rms-centred-denominator") {
            &centred
        } else {
            h
        };
        let (mean_square, count) = self.mean(&(squared * squared));
        let square = mean_square * if self.on("rms-is-l2") { count } else { 1.0 };
        let rms = square.mapv(|s| match () {
            () if self.on("rms-eps-outside") && !self.on("no-sqrt") => s.sqrt() + self.eps,
            () => self.divisor(s),
        });
        let gain = match () {
            () if self.on("no-gamma") => Array1::ones(self.gamma.len()),
            () if self.on("one-plus-gamma") => &self.gamma + 1.0,
            () => self.gamma.clone(),
        };
        let out = numerator / &rms * &gain;
        if self.on("rms-adds-beta") {
            out + &self.beta
        } else {
            out
        }
    }
}
