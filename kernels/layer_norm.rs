//! LayerNorm and RMSNorm of every row, each alone, or fused with the residual sum: each input is read
//! from memory once.
//!
//! The second and third pass over a row find it in the first cache. The variance is that of the
//! centred values, since mean(h²) − mean(h)² loses all digits where the mean is large.

use super::cpu::{Tier, split, threads};
use super::simd::{Kernel, Simd, dispatch};
use super::stream::{Number, Writer, is_large, load};
use std::fmt;

/// What is normalised and how, row-major `[rows features]`.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub x: &'a [f32],
    pub sublayer: &'a [f32],
    /// `[features]`
    pub gamma: &'a [f32],
    /// `[features]`, for LayerNorm only.
    pub beta: &'a [f32],
    /// Added to the variance and to the mean square, under the root.
    pub eps: f32,
}

/// Where the results go, each `[rows features]`.
#[derive(Debug)]
pub struct Output<'a> {
    pub sum: &'a mut [f32],
    pub layer_norm: &'a mut [f32],
    pub rms_norm: &'a mut [f32],
}

/// A slice that does not have the elements that the others ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub name: &'static str,
    pub want: usize,
    pub got: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { name, want, got } = self;
        write!(
            f,
            "`{name}` should have {want} elements, it has {got}; give x, sublayer and the outputs whole rows of one size, gamma and beta one row"
        )
    }
}

impl std::error::Error for Error {}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    let tier = Tier::current().name();
    format!("residual norms, {tier}, {} threads", threads())
}

/// sum = x + sublayer, and LayerNorm (Ba et al. 2016, arXiv 1607.06450) and RMSNorm (Zhang and
/// Sennrich 2019, arXiv 1910.07467) of each row of it. Rows are spread over the threads.
///
/// # Errors
/// Where a slice does not fit; `x` sets the number of rows, `gamma` the number of features.
pub fn residual_norms(out: Output<'_>, input: Input<'_>) -> Result<(), Error> {
    residual_norms_on(Tier::current(), out, input)
}

fn residual_norms_on(tier: Tier, out: Output<'_>, input: Input<'_>) -> Result<(), Error> {
    let (d, all) = (input.gamma.len(), input.x.len());
    let rows = all.checked_div(d).unwrap_or(0);
    for (name, want, got) in [
        ("x", rows * d, all),
        ("sublayer", all, input.sublayer.len()),
        ("beta", d, input.beta.len()),
        ("sum", all, out.sum.len()),
        ("layer_norm", all, out.layer_norm.len()),
        ("rms_norm", all, out.rms_norm.len()),
    ] {
        if want != got {
            return Err(Error { name, want, got });
        }
    }
    if rows == 0 {
        return Ok(());
    }
    let stream = is_large(out.sum);
    let sums = out.sum.chunks_exact_mut(d);
    let layers = out.layer_norm.chunks_exact_mut(d);
    let rms = out.rms_norm.chunks_exact_mut(d);
    let outs = sums.zip(layers).zip(rms);
    let mut outs: Vec<_> = outs.map(|((sum, layer), rms)| [sum, layer, rms]).collect();
    split(&mut outs, 1, |range, outs| {
        let range = range.start * d..range.end * d;
        let input = Input {
            x: &input.x[range.clone()],
            sublayer: &input.sublayer[range],
            ..input
        };
        let rows = Rows {
            outs,
            input,
            stream,
        };
        dispatch(tier, rows);
    });
    Ok(())
}

/// LayerNorm (Ba et al. 2016, arXiv 1607.06450) of the rows of `x` `[rows features]`, in f32 or bf16
/// with sums in f32: (x − mean) / √(variance + eps)·γ + β; `gamma` and `beta` `[features]`.
///
/// # Errors
/// Where a slice does not fit; `x` sets the number of rows, `gamma` the number of features.
pub fn layer_norm<T: Number>(
    out: &mut [T],
    x: &[T],
    gamma: &[T],
    beta: &[T],
    eps: f32,
) -> Result<(), Error> {
    norm_on(Tier::current(), out, x, [gamma, beta], Norm::Layer, eps)
}

/// RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467) of the rows of `x` `[rows features]`, in f32 or
/// bf16 with sums in f32: x / √(mean(x²) + eps)·γ; `gamma` `[features]`.
///
/// # Errors
/// As for [`layer_norm`].
pub fn rms_norm<T: Number>(out: &mut [T], x: &[T], gamma: &[T], eps: f32) -> Result<(), Error> {
    norm_on(Tier::current(), out, x, [gamma, gamma], Norm::Rms, eps)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Norm {
    Layer,
    Rms,
}

fn norm_on<T: Number>(
    tier: Tier,
    out: &mut [T],
    x: &[T],
    [gamma, beta]: [&[T]; 2],
    norm: Norm,
    eps: f32,
) -> Result<(), Error> {
    let d = gamma.len();
    let rows = x.len().checked_div(d).unwrap_or(0);
    for (name, want, got) in [
        ("x", rows * d, x.len()),
        ("beta", d, beta.len()),
        ("out", x.len(), out.len()),
    ] {
        if want != got {
            return Err(Error { name, want, got });
        }
    }
    let stream = is_large(out);
    split(out, d, |rows, out| {
        let part = Normed {
            out,
            x: &x[rows.start * d..rows.end * d],
            gamma,
            beta,
            norm,
            eps,
            stream,
        };
        dispatch(tier, part);
    });
    Ok(())
}

/// Whole rows for one norm; `beta` for LayerNorm.
struct Normed<'a, T> {
    out: &'a mut [T],
    x: &'a [T],
    gamma: &'a [T],
    beta: &'a [T],
    norm: Norm,
    eps: f32,
    stream: bool,
}

impl<T: Number> Kernel for Normed<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (d, stream) = (self.gamma.len(), self.stream);
        if d == 0 {
            return;
        }
        let (gamma, beta) = (self.gamma, self.beta);
        let rows = self.out.chunks_exact_mut(d).zip(self.x.chunks_exact(d));
        for (out, x) in rows {
            let mean = match self.norm {
                Norm::Layer => sum(s, x) / d as f32,
                Norm::Rms => 0.0,
            };
            let scale = s.splat(1.0 / (squares(s, x, mean) / d as f32 + self.eps).sqrt());
            let centre = s.splat(mean);
            let mut to = Writer::new(s, out, stream);
            while let Some(i) = to.at() {
                // The next row comes while this one is written.
                s.prefetch(x, d + i);
                let gain = load(s, &gamma[i..], 0.0);
                let x = load(s, &x[i..], 0.0);
                let v = match self.norm {
                    Norm::Layer => {
                        let normed = s.mul(s.sub(x, centre), scale);
                        s.fma(normed, gain, load(s, &beta[i..], 0.0))
                    }
                    Norm::Rms => s.mul(s.mul(x, scale), gain),
                };
                to.put(s, v);
            }
        }
        s.fence();
    }
}

/// Whole rows, each with the rows of its three outputs.
struct Rows<'a, 'b> {
    outs: &'a mut [[&'b mut [f32]; 3]],
    input: Input<'a>,
    stream: bool,
}

impl Kernel for Rows<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Input {
            gamma, beta, eps, ..
        } = self.input;
        let d = gamma.len();
        let rows = self.input.x.chunks_exact(d);
        let rows = rows.zip(self.input.sublayer.chunks_exact(d));
        for ([sum, layer, rms], (x, y)) in self.outs.iter_mut().zip(rows) {
            let mean = add(s, sum, x, y) / d as f32;
            let variance = squares(s, sum, mean) / d as f32;
            // mean(h²) without another pass: both terms are positive, nothing cancels.
            let mean_square = variance + mean * mean;
            let scales = [variance, mean_square].map(|square| 1.0 / (square + eps).sqrt());
            let outs = [&mut **layer, &mut **rms];
            normalise(s, outs, self.stream, sum, [gamma, beta], mean, scales);
        }
        s.fence();
    }
}

/// Four sums side by side, so that an addition need not wait for the one before.
struct Sums<S: Simd>(S::V, S::V, S::V, S::V);

impl<S: Simd> Sums<S> {
    #[inline(always)]
    fn new(s: S) -> Sums<S> {
        let zero = s.splat(0.0);
        Sums(zero, zero, zero, zero)
    }

    /// The total, with the rest that fills no block.
    #[inline(always)]
    fn total(self, s: S, rest: f32) -> f32 {
        s.sum(s.add(s.add(self.0, self.1), s.add(self.2, self.3))) + rest
    }
}

/// Σ x
#[inline(always)]
fn sum<T: Number, S: Simd>(s: S, x: &[T]) -> f32 {
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

/// Writes x + y and gives its sum.
#[inline(always)]
fn add<S: Simd>(s: S, out: &mut [f32], x: &[f32], y: &[f32]) -> f32 {
    let (mut sums, mut i, step) = (Sums::new(s), 0, S::LANES);
    while i + 2 * step <= x.len() {
        let a = s.add(s.load(&x[i..]), s.load(&y[i..]));
        let b = s.add(s.load(&x[i + step..]), s.load(&y[i + step..]));
        s.store(&mut out[i..], a);
        s.store(&mut out[i + step..], b);
        sums.0 = s.add(a, sums.0);
        sums.1 = s.add(b, sums.1);
        i += 2 * step;
    }
    let mut rest = 0.0;
    while i < x.len() {
        out[i] = x[i] + y[i];
        rest += out[i];
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
fn squares<T: Number, S: Simd>(s: S, x: &[T], mean: f32) -> f32 {
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

/// layer = (h − mean)·scale₀·γ + β and rms = h·scale₁·γ.
#[inline(always)]
fn normalise<S: Simd>(
    s: S,
    [layer, rms]: [&mut [f32]; 2],
    stream: bool,
    h: &[f32],
    [gamma, beta]: [&[f32]; 2],
    mean: f32,
    scales: [f32; 2],
) {
    let (mean, scale) = (s.splat(mean), s.splat(scales[0]));
    let mut to = Writer::new(s, layer, stream);
    while let Some(i) = to.at() {
        let normed = s.mul(s.sub(load(s, &h[i..], 0.0), mean), scale);
        let shift = load(s, &beta[i..], 0.0);
        to.put(s, s.fma(normed, load(s, &gamma[i..], 0.0), shift));
    }
    let scale = s.splat(scales[1]);
    let mut to = Writer::new(s, rms, stream);
    while let Some(i) = to.at() {
        let normed = s.mul(load(s, &h[i..], 0.0), scale);
        to.put(s, s.mul(normed, load(s, &gamma[i..], 0.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(len: usize, step: f32, offset: f32) -> Vec<f32> {
        (0..len).map(|i| (i as f32 * step).sin() + offset).collect()
    }

    #[test]
    fn ragged_shapes_equal_the_definition() {
        let shapes = [
            (0, 5, 0.0),
            (1, 1, 0.0),
            (3, 2, 1.0),
            (2, 17, -4.0),
            (5, 64, 0.5),
            (7, 200, 1000.0),
        ];
        let everywhere = |shape| Tier::all().into_iter().map(move |tier| (tier, shape));
        for (tier, (rows, d, offset)) in shapes.into_iter().flat_map(everywhere) {
            let (x, sublayer) = (wave(rows * d, 0.7, offset), wave(rows * d, 1.9, 0.0));
            let (gamma, beta) = (wave(d, 0.3, 1.0), wave(d, 0.9, 0.0));
            let [mut sum, mut layer_norm, mut rms_norm] = [(); 3].map(|()| vec![0.0; rows * d]);
            let eps = 1e-3;
            let out = Output {
                sum: &mut sum,
                layer_norm: &mut layer_norm,
                rms_norm: &mut rms_norm,
            };
            let input = Input {
                x: &x,
                sublayer: &sublayer,
                gamma: &gamma,
                beta: &beta,
                eps,
            };
            residual_norms_on(tier, out, input).unwrap();
            for row in 0..rows {
                let at = |i: usize| row * d + i;
                let h: Vec<f64> = (0..d)
                    .map(|i| f64::from(x[at(i)]) + f64::from(sublayer[at(i)]))
                    .collect();
                let mean = h.iter().sum::<f64>() / d as f64;
                let variance = h.iter().map(|h| (h - mean) * (h - mean)).sum::<f64>() / d as f64;
                let square = h.iter().map(|h| h * h).sum::<f64>() / d as f64;
                let [std, rms] = [variance, square].map(|s| (s + f64::from(eps)).sqrt());
                let tol = 2e-6 * (1.0 + f64::from(offset.abs())) / std;
                for i in 0..d {
                    let (gamma, beta) = (f64::from(gamma[i]), f64::from(beta[i]));
                    for (got, want, tol) in [
                        (sum[at(i)], h[i], 1e-7 * h[i].abs()),
                        (layer_norm[at(i)], (h[i] - mean) / std * gamma + beta, tol),
                        (rms_norm[at(i)], h[i] / rms * gamma, 4e-6),
                    ] {
                        let err = (f64::from(got) - want).abs();
                        assert!(err <= tol, "{tier:?}, {rows} rows of {d}: {err} > {tol}");
                    }
                }
            }
        }
    }

    #[test]
    fn slices_that_do_not_fit_are_refused() {
        let mut out = [[0.0; 6]; 3];
        let [sum, layer_norm, rms_norm] = &mut out;
        let out = Output {
            sum,
            layer_norm,
            rms_norm: &mut rms_norm[..5],
        };
        let input = Input {
            x: &[1.0; 6],
            sublayer: &[1.0; 6],
            gamma: &[1.0; 3],
            beta: &[0.0; 3],
            eps: 1e-5,
        };
        let error = residual_norms(out, input).unwrap_err();
        assert_eq!((error.name, error.want, error.got), ("rms_norm", 6, 5));
        assert!(error.to_string().contains("`rms_norm` should have 6"));
    }
}
