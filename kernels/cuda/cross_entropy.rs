//! Class-weighted cross-entropy on the GPU, and its gradient; see `cross_entropy.cu` and the CPU's
//! `cross_entropy`.

use super::rows::{self, Error, Number, ONLINE_PARTS, Rows, Way};
use super::{Gpu, Source};
pub use crate::kernels::cross_entropy::{Shape, Sums};
use cudarc::driver::{CudaView, CudaViewMut, PushKernelArg};

const INSTANCES: [Source; 12] = rows::held(
    "cross_entropy.cu",
    include_str!("cross_entropy.cu"),
    ONLINE_PARTS,
);
pub(super) const SOURCES: &[Source] = &INSTANCES;

/// What a loss is made of. Targets lie on the GPU, so that one which is no class is found by its results: NaN.
#[derive(Clone, Copy)]
pub struct Input<'a, 'b, T> {
    /// `[rows classes]`
    pub logits: &'a CudaView<'b, T>,
    /// `[rows]`
    pub targets: &'a CudaView<'b, i64>,
    /// `[classes]`
    pub weights: &'a CudaView<'b, f32>,
    pub shape: Shape,
}

impl<T: Number> Input<'_, '_, T> {
    fn check(&self) -> Result<(), Error> {
        let Shape { rows, classes, .. } = self.shape;
        rows::lengths(&[
            ("logits", rows.saturating_mul(classes), self.logits.len()),
            ("targets", rows, self.targets.len()),
            ("weights", classes, self.weights.len()),
        ])
    }
}

/// The sums that the GPU wrote: Σ w·ℓ and Σ w.
pub fn sums([loss, weight]: [f64; 2]) -> Sums {
    Sums { loss, weight }
}

/// Writes `−log softmax(logits)[target]` of each row to `losses` `[rows]` (0 where ignored), the logarithm of
/// its exponentials' sum to `logsumexp` `[rows]`, and Σ w·ℓ and Σ w to `sums` `[2]`. Does not wait.
///
/// # Errors
/// Where a tensor does not fit the shape, or the GPU refuses.
pub fn weighted_losses<T: Number>(
    gpu: &Gpu,
    losses: &mut CudaViewMut<'_, f32>,
    logsumexp: &mut CudaViewMut<'_, f32>,
    sums: &mut CudaViewMut<'_, f64>,
    input: Input<'_, '_, T>,
) -> Result<(), Error> {
    input.check()?;
    let Shape {
        rows: count,
        classes,
        ignored,
    } = input.shape;
    rows::lengths(&[
        ("losses", count, losses.len()),
        ("logsumexp", count, logsumexp.len()),
        ("sums", 2, sums.len()),
    ])?;
    if count > 0 {
        let rows = Rows::new::<T>(count, classes, &[rows::address(gpu, input.logits)])?;
        let kernel = rows.plain::<T>(gpu, &INSTANCES, "losses")?;
        let (count, cols) = (count as u64, classes as u32);
        let mut launch = gpu.stream.launch_builder(&kernel);
        launch.arg(&mut *losses).arg(&mut *logsumexp);
        launch.arg(input.logits).arg(input.targets);
        launch.arg(&count).arg(&cols).arg(&ignored);
        // SAFETY: the arguments are those of the kernel, and all have the sizes of the shape.
        unsafe { launch.launch(rows.teams(4)) }?;
    }
    totals(gpu, sums, Some(losses), input)
}

/// Σ w·ℓ and Σ w; the first is 0 without losses.
fn totals<T: Number>(
    gpu: &Gpu,
    sums: &mut CudaViewMut<'_, f64>,
    losses: Option<&CudaViewMut<'_, f32>>,
    input: Input<'_, '_, T>,
) -> Result<(), Error> {
    let Shape {
        rows: count,
        classes,
        ignored,
    } = input.shape;
    let kernel = gpu.kernel(&INSTANCES[4 * T::INDEX], "totals")?;
    let losses = losses.map_or(0, |losses| rows::address(gpu, losses));
    let (count, cols) = (count as u64, classes as u32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *sums).arg(&losses);
    launch.arg(input.targets).arg(input.weights);
    launch.arg(&count).arg(&cols).arg(&ignored);
    // SAFETY: as above; the losses are null or one for each row.
    unsafe { launch.launch(rows::config(1, [1024, 1])) }?;
    Ok(())
}

/// Writes the gradient of the weighted mean, w·(softmax − one-hot) / Σ w, to `gradient` `[rows classes]`, from
/// what [`weighted_losses`] wrote. Does not wait.
///
/// # Errors
/// As for [`weighted_losses`].
pub fn gradient<T: Number>(
    gpu: &Gpu,
    gradient: &mut CudaViewMut<'_, T>,
    logsumexp: &CudaView<'_, f32>,
    sums: &CudaView<'_, f64>,
    input: Input<'_, '_, T>,
) -> Result<(), Error> {
    input.check()?;
    let Shape {
        rows: count,
        classes,
        ignored,
    } = input.shape;
    rows::lengths(&[
        ("gradient", input.logits.len(), gradient.len()),
        ("logsumexp", count, logsumexp.len()),
        ("sums", 2, sums.len()),
    ])?;
    if input.logits.is_empty() {
        return Ok(());
    }
    let rows = Rows::new::<T>(count, classes, &rows::both(gpu, gradient, input.logits))?;
    let kernel = rows.plain::<T>(gpu, &INSTANCES, "gradient")?;
    let (config, pieces) = rows.pieces(2)?;
    let (count, cols) = (count as u64, classes as u32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *gradient).arg(input.logits).arg(logsumexp);
    launch.arg(input.targets).arg(input.weights).arg(sums);
    launch.arg(&count).arg(&cols).arg(&ignored).arg(&pieces);
    // SAFETY: as above.
    unsafe { launch.launch(config) }?;
    Ok(())
}

/// Both, with one read of the logits where a cluster's registers hold a row. Does not wait.
///
/// # Errors
/// As for [`weighted_losses`].
pub fn losses_and_gradient<T: Number>(
    gpu: &Gpu,
    losses: &mut CudaViewMut<'_, f32>,
    out: &mut CudaViewMut<'_, T>,
    sums: &mut CudaViewMut<'_, f64>,
    input: Input<'_, '_, T>,
) -> Result<(), Error> {
    input.check()?;
    let Shape {
        rows: count,
        classes,
        ignored,
    } = input.shape;
    rows::lengths(&[
        ("losses", count, losses.len()),
        ("gradient", input.logits.len(), out.len()),
        ("sums", 2, sums.len()),
    ])?;
    if input.logits.is_empty() {
        return totals(gpu, sums, None, input);
    }
    let rows = Rows::new::<T>(count, classes, &rows::both(gpu, out, input.logits))?;
    let held = rows.held(gpu, &[4, 8], &[4, 8], 1);
    if held.way == Way::Twice {
        let mut logsumexp = gpu.stream.alloc_zeros::<f32>(count)?;
        weighted_losses(gpu, losses, &mut logsumexp.as_view_mut(), sums, input)?;
        return gradient(gpu, out, &logsumexp.as_view(), &sums.as_view(), input);
    }
    // The gradient needs Σ w, and that needs the targets alone.
    totals(gpu, sums, None, input)?;
    let (kernel, config) = rows.kernel::<T>(gpu, &INSTANCES, held, "")?;
    let (count, cols) = (count as u64, classes as u32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *losses).arg(&mut *out).arg(input.logits);
    launch.arg(input.targets).arg(input.weights).arg(&mut *sums);
    launch.arg(&count).arg(&cols).arg(&ignored);
    // SAFETY: as above.
    unsafe { launch.launch(config) }?;
    totals(gpu, sums, Some(losses), input)
}

#[cfg(test)]
mod tests {
    use super::super::rows::check::{close, noise, numbers, shapes, twice, wide};
    use super::*;
    use half::{bf16, f16};

    const IGNORED: i64 = -100;

    /// The loss and softmax of a row.
    fn plain(z: &[f64], target: i64) -> (f64, Vec<f64>) {
        let max = z.iter().copied().fold(f64::MIN, f64::max);
        let e: Vec<f64> = z.iter().map(|z| (z - max).exp()).collect();
        let sum: f64 = e.iter().sum();
        let loss = max - z[target as usize] + sum.ln();
        (loss, e.iter().map(|e| e / sum).collect())
    }

    fn plain_f32(z: &[f64], target: i64) -> f64 {
        let z: Vec<f32> = z.iter().map(|z| *z as f32).collect();
        let max = z.iter().copied().fold(f32::MIN, f32::max);
        let e: Vec<f32> = z.iter().map(|z| (z - max).exp()).collect();
        let sum: f32 = e.iter().sum();
        f64::from(max - z[target as usize] + sum.ln())
    }

    fn equals_f64<T: Number>(gpu: &Gpu, name: &str) {
        for (rows, classes) in shapes() {
            for (scale, from) in [(4.0, 0), (300.0, 1)] {
                let z: Vec<T> = numbers(classes as u64, rows * classes + from, scale);
                let target = |i: usize| match i % 3 {
                    1 => IGNORED,
                    _ => (i * 7919 % classes) as i64,
                };
                let targets: Vec<i64> = (0..rows).map(target).collect();
                let weights: Vec<f32> = noise(3, classes).iter().map(|w| 1.5 + *w as f32).collect();
                let logits = gpu.stream.clone_htod(&z).unwrap();
                let logits = logits.slice(from..);
                let there = gpu.stream.clone_htod(&targets).unwrap();
                let by = gpu.stream.clone_htod(&weights).unwrap();
                let shape = Shape {
                    rows,
                    classes,
                    ignored: IGNORED,
                };
                let input = Input {
                    logits: &logits,
                    targets: &there.as_view(),
                    weights: &by.as_view(),
                    shape,
                };
                let mut both = gpu.stream.alloc_zeros::<f64>(2).unwrap();
                let mut lse = gpu.stream.alloc_zeros::<f32>(rows).unwrap();
                let losses = twice(gpu, rows, |out| {
                    let (lse, both) = (&mut lse.as_view_mut(), &mut both.as_view_mut());
                    weighted_losses(gpu, out, lse, both, input).unwrap();
                });
                let total = sums(gpu.stream.clone_dtoh(&both).unwrap().try_into().unwrap());
                let slopes = twice(gpu, rows * classes, |out: &mut CudaViewMut<'_, T>| {
                    gradient(gpu, out, &lse.as_view(), &both.as_view(), input).unwrap();
                });
                let mut fused = gpu.stream.alloc_zeros::<f32>(rows).unwrap();
                let fused_slopes = twice(gpu, rows * classes, |out: &mut CudaViewMut<'_, T>| {
                    let (losses, both) = (&mut fused.as_view_mut(), &mut both.as_view_mut());
                    losses_and_gradient(gpu, losses, out, both, input).unwrap();
                });
                let fused = gpu.stream.clone_dtoh(&fused).unwrap();
                let again = sums(gpu.stream.clone_dtoh(&both).unwrap().try_into().unwrap());
                let (mut want_sums, mut wants, mut naives) = ([0.0; 2], vec![], vec![]);
                for (row, y) in targets.iter().enumerate() {
                    let z = wide(&z[from + row * classes..][..classes]);
                    let counted = (*y != IGNORED).then(|| (plain(&z, *y), plain_f32(&z, *y)));
                    let Some(((want, p), naive)) = counted else {
                        assert_eq!([losses[row], fused[row]], [0.0; 2]);
                        let at = row * classes..(row + 1) * classes;
                        let zeros = slopes[at.clone()].iter().chain(&fused_slopes[at]);
                        assert!(zeros.into_iter().all(|g| g.number() == 0.0));
                        continue;
                    };
                    let w = f64::from(weights[*y as usize]);
                    want_sums[0] += w * want;
                    want_sums[1] += w;
                    wants.push((row, want, p));
                    naives.push(naive);
                }
                let off = (total.loss - want_sums[0]).abs();
                assert!(
                    off <= 1e-5 * want_sums[0].abs() + 1e-6 * rows as f64,
                    "{off} {name}"
                );
                assert!((total.weight - want_sums[1]).abs() <= 1e-9 * want_sums[1]);
                assert_eq!(again.weight.to_bits(), total.weight.to_bits());
                assert!((again.loss - total.loss).abs() <= 1e-5 * total.loss.abs() + 1e-9);
                for ((row, want, p), naive) in wants.iter().zip(&naives) {
                    let what = format!("cross-entropy {name} {classes} ×{scale} row {row}");
                    // Of numbers as large as the logits.
                    let tol = 2.0 * (naive - want).abs() + 3e-7 * (scale + want.abs());
                    for got in [losses[*row], fused[*row]] {
                        let err = (f64::from(got) - want).abs();
                        assert!(err <= tol, "{what}: {got} is not {want}");
                    }
                    let y = targets[*row] as usize;
                    let share = f64::from(weights[y]) / want_sums[1];
                    let slope = |p: &[f64]| -> Vec<f64> {
                        let hit = |i| f64::from(u8::from(i == y));
                        let slopes = p.iter().enumerate().map(|(i, p)| (p - hit(i)) * share);
                        slopes.collect()
                    };
                    let at = row * classes..(row + 1) * classes;
                    // The logarithm, and what exp2 takes, are rounded to f32: an error of their exponential.
                    let lse = 6e-8 * (scale + 20.0);
                    let near: Vec<f64> = p.iter().map(|p| p * (1.0 + lse)).collect();
                    let fused = format!("{what} fused");
                    close(&fused, &fused_slopes[at.clone()], &slope(p), &slope(&near));
                    close(&what, &slopes[at], &slope(p), &slope(&near));
                }
            }
        }
    }

    #[test]
    fn equals_f64_on_rows_of_any_size() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        equals_f64::<f32>(gpu, "f32");
        equals_f64::<bf16>(gpu, "bf16");
        equals_f64::<f16>(gpu, "f16");
    }

    #[test]
    fn a_target_that_is_no_class_is_nan_and_nothing_is_read_there() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        let logits = gpu.stream.clone_htod(&[0f32; 12]).unwrap();
        let targets = gpu.stream.clone_htod(&[1i64, 4, -1]).unwrap();
        let weights = gpu.stream.clone_htod(&[1f32; 4]).unwrap();
        let input = Input {
            logits: &logits.as_view(),
            targets: &targets.as_view(),
            weights: &weights.as_view(),
            shape: Shape {
                rows: 3,
                classes: 4,
                ignored: IGNORED,
            },
        };
        let mut lse = gpu.stream.alloc_zeros::<f32>(3).unwrap();
        let mut both = gpu.stream.alloc_zeros::<f64>(2).unwrap();
        let losses = twice(gpu, 3, |out| {
            let (lse, both) = (&mut lse.as_view_mut(), &mut both.as_view_mut());
            weighted_losses(gpu, out, lse, both, input).unwrap();
        });
        assert!((losses[0] - 4f32.ln()).abs() <= 1e-6);
        assert!(losses[1].is_nan() && losses[2].is_nan());
        assert!(gpu.stream.clone_dtoh(&both).unwrap()[0].is_nan());
    }
}
