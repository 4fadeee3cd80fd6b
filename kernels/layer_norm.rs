//! Residual sum, LayerNorm and RMSNorm of every row, fused: each input is read from memory once.
//!
//! The second and third pass over a row find it in the first cache. The variance is that of the
//! centred values, since mean(h²) − mean(h)² loses all digits where the mean is large.

use super::cpu;
use crate::tiered;
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
    format!(
        "residual norms, {}, {} threads",
        cpu::Tier::current().name(),
        cpu::threads()
    )
}

/// sum = x + sublayer, and LayerNorm (Ba et al. 2016, arXiv 1607.06450) and RMSNorm (Zhang and
/// Sennrich 2019, arXiv 1910.07467) of each row of it. Rows are spread over the threads.
///
/// # Errors
/// Where a slice does not fit; `x` sets the number of rows, `gamma` the number of features.
pub fn residual_norms(out: Output<'_>, input: Input<'_>) -> Result<(), Error> {
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
    let sums = out.sum.chunks_exact_mut(d);
    let layers = out.layer_norm.chunks_exact_mut(d);
    let rms = out.rms_norm.chunks_exact_mut(d);
    let mut outs: Vec<_> = sums.zip(layers).zip(rms).collect();
    cpu::split(&mut outs, 1, |range, outs| {
        for (i, ((sum, layer), rms)) in range.zip(outs) {
            let row = i * d..(i + 1) * d;
            let mean = add(sum, &input.x[row.clone()], &input.sublayer[row]) / d as f32;
            let variance = squares(sum, mean) / d as f32;
            // mean(h²) without another pass: both terms are positive, nothing cancels.
            let mean_square = variance + mean * mean;
            let scales = [variance, mean_square].map(|square| 1.0 / (square + input.eps).sqrt());
            affine(layer, sum, input.gamma, input.beta, mean, scales[0]);
            scale(rms, sum, input.gamma, scales[1]);
        }
    });
    Ok(())
}

/// Sums of this many elements run side by side: one AVX-512 register, four of them.
const LANES: usize = 64;

tiered! {
    /// Writes x + y and gives its sum.
    fn add(out: &mut [f32], x: &[f32], y: &[f32]) -> f32 {
        let mut total = [0.0; LANES];
        let (blocks, rest) = out.as_chunks_mut::<LANES>();
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        for ((out, x), y) in blocks.iter_mut().zip(x).zip(y) {
            for lane in 0..LANES {
                out[lane] = x[lane] + y[lane];
                total[lane] += out[lane];
            }
        }
        for (((out, x), y), total) in rest.iter_mut().zip(x_rest).zip(y_rest).zip(&mut total) {
            *out = x + y;
            *total += *out;
        }
        total.iter().sum()
    }
}

tiered! {
    /// Σ (h − mean)²
    fn squares(h: &[f32], mean: f32) -> f32 {
        let mut total = [0.0; LANES];
        let (blocks, rest) = h.as_chunks::<LANES>();
        for h in blocks {
            for lane in 0..LANES {
                total[lane] += (h[lane] - mean) * (h[lane] - mean);
            }
        }
        for (h, total) in rest.iter().zip(&mut total) {
            *total += (h - mean) * (h - mean);
        }
        total.iter().sum()
    }
}

tiered! {
    fn affine(out: &mut [f32], h: &[f32], gamma: &[f32], beta: &[f32], mean: f32, by: f32) {
        for (((out, h), gamma), beta) in out.iter_mut().zip(h).zip(gamma).zip(beta) {
            *out = (h - mean) * by * gamma + beta;
        }
    }
}

tiered! {
    fn scale(out: &mut [f32], h: &[f32], gamma: &[f32], by: f32) {
        for ((out, h), gamma) in out.iter_mut().zip(h).zip(gamma) {
            *out = h * by * gamma;
        }
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
        for (rows, d, offset) in [
            (0, 5, 0.0),
            (1, 1, 0.0),
            (3, 2, 1.0),
            (2, 17, -4.0),
            (5, 64, 0.5),
            (7, 200, 1000.0),
        ] {
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
            residual_norms(out, input).unwrap();
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
                        assert!(err <= tol, "{rows} rows of {d}: {err} > {tol}");
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
