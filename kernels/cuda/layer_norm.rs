//! LayerNorm and RMSNorm of rows on the GPU; see `layer_norm.cu` and the CPU's `layer_norm`.

use super::rows::{self, Error, Number, PARTS, Rows};
use super::{Gpu, Source};
use cudarc::driver::{CudaView, CudaViewMut, PushKernelArg};

const INSTANCES: [Source; 12] = rows::held("layer_norm.cu", include_str!("layer_norm.cu"), PARTS);
pub(super) const SOURCES: &[Source] = &INSTANCES;

/// LayerNorm of the rows of `x` `[rows features]`, with sums in f32: (x − mean) / √(variance + eps)·γ + β;
/// `gamma` and `beta` `[features]`. Does not wait.
///
/// # Errors
/// Where a tensor does not fit, or the GPU refuses; `x` sets the number of rows, `gamma` that of features.
pub fn layer_norm<T: Number>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    x: &CudaView<'_, T>,
    gamma: &CudaView<'_, T>,
    beta: &CudaView<'_, T>,
    eps: f32,
) -> Result<(), Error> {
    norm(gpu, out, x, [gamma, beta], eps, "layer_")
}

/// RMSNorm of the rows of `x` `[rows features]`, with sums in f32: x / √(mean(x²) + eps)·γ; `gamma`
/// `[features]`. Does not wait.
///
/// # Errors
/// As for [`layer_norm`].
pub fn rms_norm<T: Number>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    x: &CudaView<'_, T>,
    gamma: &CudaView<'_, T>,
    eps: f32,
) -> Result<(), Error> {
    norm(gpu, out, x, [gamma, gamma], eps, "rms_")
}

fn norm<T: Number>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    x: &CudaView<'_, T>,
    [gamma, beta]: [&CudaView<'_, T>; 2],
    eps: f32,
    prefix: &str,
) -> Result<(), Error> {
    let d = gamma.len();
    let count = x.len().checked_div(d).unwrap_or(0);
    rows::lengths(&[
        ("x", count * d, x.len()),
        ("beta", d, beta.len()),
        ("out", x.len(), out.len()),
    ])?;
    if count == 0 {
        return Ok(());
    }
    let [to, from] = rows::both(gpu, out, x);
    let [gain, shift] = [gamma, beta].map(|each| rows::address(gpu, each));
    let rows = Rows::new::<T>(count, d, &[to, from, gain, shift])?;
    let held = rows.held(gpu, &[4, 8], &[4, 8], 1);
    let (kernel, config) = rows.kernel::<T>(gpu, &INSTANCES, held, prefix)?;
    let (count, cols) = (count as u64, d as u32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *out).arg(x).arg(gamma).arg(beta);
    launch.arg(&count).arg(&cols).arg(&eps);
    // SAFETY: the arguments are those of the kernel; tensors have rows·cols numbers, γ and β cols.
    unsafe { launch.launch(config) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::rows::check::{close, numbers, shapes, twice, wide};
    use super::*;
    use half::{bf16, f16};

    /// In f64, or in f32 with plain loops.
    fn plain(x: &[f64], gamma: &[f64], beta: &[f64], eps: f64, layer: bool) -> Vec<f64> {
        let d = x.len() as f64;
        let mean = if layer {
            x.iter().sum::<f64>() / d
        } else {
            0.0
        };
        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / d;
        let scale = 1.0 / (square + eps).sqrt();
        let out = x.iter().zip(gamma).zip(beta);
        let out = out.map(|((x, g), b)| (x - mean) * scale * g + if layer { *b } else { 0.0 });
        out.collect()
    }

    fn plain_f32(x: &[f64], gamma: &[f64], beta: &[f64], eps: f32, layer: bool) -> Vec<f64> {
        let d = x.len() as f32;
        let x: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        let mean = if layer {
            x.iter().sum::<f32>() / d
        } else {
            0.0
        };
        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / d;
        let scale = 1.0 / (square + eps).sqrt();
        let out = x.iter().zip(gamma).zip(beta);
        let out = out.map(|((x, g), b)| {
            (x - mean) * scale * *g as f32 + if layer { *b as f32 } else { 0.0 }
        });
        out.map(f64::from).collect()
    }

    fn equals_f64<T: Number>(gpu: &Gpu, name: &str) {
        for (count, d) in shapes() {
            for (offset, from) in [(0.0, 0), (30.0, 0), (1.0, 1)] {
                let x = numbers::<T>(d as u64, count * d + from, 2.0).into_iter();
                let x: Vec<T> = x.map(|x| T::rounded(x.number() + offset)).collect();
                let [gamma, beta] = [1, 2].map(|seed| numbers::<T>(seed, d, 1.5));
                let [there, gain, shift] =
                    [&x, &gamma, &beta].map(|x| gpu.stream.clone_htod(x).unwrap());
                for layer in [true, false] {
                    let got = twice(gpu, count * d, |out| {
                        let (x, gain) = (there.slice(from..), gain.as_view());
                        let done = match layer {
                            true => layer_norm(gpu, out, &x, &gain, &shift.as_view(), 1e-3),
                            false => rms_norm(gpu, out, &x, &gain, 1e-3),
                        };
                        done.unwrap();
                    });
                    let rows = got.chunks(d).zip(x[from..].chunks(d));
                    for (row, (got, x)) in rows.enumerate() {
                        let (x, gamma, beta) = (wide(x), wide(&gamma), wide(&beta));
                        let want = plain(&x, &gamma, &beta, f64::from(1e-3f32), layer);
                        let naive = plain_f32(&x, &gamma, &beta, 1e-3, layer);
                        let what = format!("norm {layer} {name} {d} +{offset} row {row}");
                        close(&what, got, &want, &naive);
                    }
                }
            }
        }
    }

    #[test]
    fn both_equal_f64_on_rows_of_any_size() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        equals_f64::<f32>(gpu, "f32");
        equals_f64::<bf16>(gpu, "bf16");
        equals_f64::<f16>(gpu, "f16");
    }

    #[test]
    fn nan_stays_in_its_row_and_what_does_not_fit_is_refused() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        for d in [3, 700, 20_000, 300_000] {
            let mut x = vec![1f32; 3 * d];
            x[2 * d - 1] = f32::NAN;
            let there = gpu.stream.clone_htod(&x).unwrap();
            let [gain, shift] = [1f32, 0.5].map(|x| gpu.stream.clone_htod(&vec![x; d]).unwrap());
            let got = twice(gpu, 3 * d, |out| {
                let (x, gain, shift) = (there.as_view(), gain.as_view(), shift.as_view());
                layer_norm(gpu, out, &x, &gain, &shift, 1e-5).unwrap();
            });
            assert!(got[..d].iter().all(|x| *x == 0.5), "{d}");
            assert!(got[d..2 * d].iter().all(|x| x.is_nan()), "{d}");
            assert!(got[2 * d..].iter().all(|x| *x == 0.5), "{d}");
            let mut out = gpu.stream.clone_htod(&x).unwrap();
            let (gain, mut out) = (gain.as_view(), out.slice_mut(1..));
            let words = rms_norm(gpu, &mut out, &there.as_view(), &gain, 1e-5);
            let words = words.unwrap_err().to_string();
            assert!(words.starts_with("out has"), "{words}");
        }
    }
}
