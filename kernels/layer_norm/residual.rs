//! The residual sum and both norms of it.

use super::super::cpu::{Tier, split};
use super::super::simd::{Kernel, Simd, dispatch};
use super::super::stream::{Writer, is_large, load};
use super::Error;
use super::sums::{Sums, squares};

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
    use super::super::tests::wave;
    use super::*;

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
