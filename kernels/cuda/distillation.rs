//! Distillation of soft targets on the GPU, and its gradient; see `distillation.cu` and the CPU's
//! `distillation`.

use super::rows::{self, Error, Number, ONLINE_PARTS, Rows};
use super::{Gpu, Source};
use cudarc::driver::{CudaView, CudaViewMut, PushKernelArg};

const INSTANCES: [Source; 12] = rows::held(
    "distillation.cu",
    include_str!("distillation.cu"),
    ONLINE_PARTS,
);
pub(super) const SOURCES: &[Source] = &INSTANCES;

/// Logits of both, row-major `[rows classes]`, and the temperature that divides them.
#[derive(Clone, Copy)]
pub struct Input<'a, 'b, T> {
    pub student: &'a CudaView<'b, T>,
    pub teacher: &'a CudaView<'b, T>,
    pub classes: usize,
    pub temperature: f32,
}

impl<T: Number> Input<'_, '_, T> {
    fn check(&self, rows: usize) -> Result<(), Error> {
        let want = rows.saturating_mul(self.classes);
        rows::lengths(&[
            ("student", want, self.student.len()),
            ("teacher", want, self.teacher.len()),
        ])?;
        match self.temperature > 0.0 && self.temperature.is_finite() {
            true => Ok(()),
            false => Err(Error::Temperature(self.temperature)),
        }
    }
}

/// Writes T²·KL(softmax(teacher / T) ‖ softmax(student / T)) of each row to `losses` `[rows]`, and their mean to
/// `mean` `[1]`: 0 without rows. Special values as on the CPU. Does not wait.
///
/// # Errors
/// Where a tensor does not fit, the temperature is not a positive number, or the GPU refuses.
pub fn distillation<T: Number>(
    gpu: &Gpu,
    losses: &mut CudaViewMut<'_, f32>,
    mean: &mut CudaViewMut<'_, f64>,
    input: Input<'_, '_, T>,
) -> Result<(), Error> {
    let count = losses.len();
    input.check(count)?;
    rows::lengths(&[("mean", 1, mean.len())])?;
    if count > 0 {
        let addresses = [input.student, input.teacher].map(|x| rows::address(gpu, x));
        let rows = Rows::new::<T>(count, input.classes, &addresses)?;
        let kernel = rows.plain::<T>(gpu, &INSTANCES, "losses")?;
        let (count, cols) = (count as u64, input.classes as u32);
        let mut launch = gpu.stream.launch_builder(&kernel);
        launch
            .arg(&mut *losses)
            .arg(input.student)
            .arg(input.teacher);
        launch.arg(&count).arg(&cols).arg(&input.temperature);
        // SAFETY: the arguments are those of the kernel, and all have rows·cols numbers or rows.
        unsafe { launch.launch(rows.teams(2)) }?;
    }
    average::<T>(gpu, mean, losses)
}

fn average<T: Number>(
    gpu: &Gpu,
    mean: &mut CudaViewMut<'_, f64>,
    losses: &CudaViewMut<'_, f32>,
) -> Result<(), Error> {
    let kernel = gpu.kernel(&INSTANCES[4 * T::INDEX], "mean")?;
    let count = losses.len() as u64;
    let losses = rows::address(gpu, losses);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *mean).arg(&losses).arg(&count);
    // SAFETY: as above.
    unsafe { launch.launch(rows::config(1, [1024, 1])) }?;
    Ok(())
}

/// The same, and the gradient of that mean with respect to the student's logits, `[rows classes]`:
/// T·(softmax(student / T) − softmax(teacher / T)) / rows. One read of the logits, where a cluster's registers
/// hold both rows. Does not wait.
///
/// # Errors
/// As for [`distillation`].
pub fn distillation_gradient<T: Number>(
    gpu: &Gpu,
    losses: &mut CudaViewMut<'_, f32>,
    gradient: &mut CudaViewMut<'_, T>,
    mean: &mut CudaViewMut<'_, f64>,
    input: Input<'_, '_, T>,
) -> Result<(), Error> {
    let count = losses.len();
    input.check(count)?;
    rows::lengths(&[
        ("gradient", input.student.len(), gradient.len()),
        ("mean", 1, mean.len()),
    ])?;
    if count > 0 {
        let [to, student] = rows::both(gpu, gradient, input.student);
        let teacher = rows::address(gpu, input.teacher);
        let rows = Rows::new::<T>(count, input.classes, &[to, student, teacher])?;
        let held = rows.held(gpu, &[4], &[2, 4], 2);
        let (kernel, config) = rows.kernel::<T>(gpu, &INSTANCES, held, "")?;
        let (count, cols) = (count as u64, input.classes as u32);
        let mut launch = gpu.stream.launch_builder(&kernel);
        launch.arg(&mut *losses).arg(&mut *gradient);
        launch.arg(input.student).arg(input.teacher);
        launch.arg(&count).arg(&cols).arg(&input.temperature);
        // SAFETY: as above.
        unsafe { launch.launch(config) }?;
    }
    average::<T>(gpu, mean, losses)
}

#[cfg(test)]
mod tests {
    use super::super::rows::check::{close_to, numbers, shapes, twice, wide};
    use super::*;
    use half::{bf16, f16};

    const LOW: f32 = f32::NEG_INFINITY;

    /// T²·KL and the gradient, by the definition.
    fn plain(student: &[f64], teacher: &[f64], t: f64, rows: usize) -> (f64, Vec<f64>) {
        let log = |x: &[f64]| -> Vec<f64> {
            let max = x.iter().copied().fold(f64::MIN, f64::max);
            let d: Vec<f64> = x.iter().map(|x| (x - max) / t).collect();
            let sum: f64 = d.iter().map(|d| d.exp()).sum();
            d.iter().map(|d| d - sum.ln()).collect()
        };
        let (ls, lt) = (log(student), log(teacher));
        let terms = lt.iter().zip(&ls).filter(|(p, _)| p.exp() > 0.0);
        let kl: f64 = terms.map(|(p, q)| p.exp() * (p - q)).sum();
        let gradient = ls.iter().zip(&lt);
        let gradient = gradient.map(|(q, p)| t * (q.exp() - p.exp()) / rows as f64);
        (t * t * kl, gradient.collect())
    }

    /// The gradient in f32.
    fn plain_f32(student: &[f64], teacher: &[f64], t: f32, rows: usize) -> Vec<f64> {
        let [q, p] = [student, teacher].map(|x| -> Vec<f32> {
            let max = x.iter().copied().fold(f64::MIN, f64::max) as f32;
            let e: Vec<f32> = x.iter().map(|x| ((*x as f32 - max) / t).exp()).collect();
            let sum: f32 = e.iter().sum();
            e.iter().map(|e| e / sum).collect()
        });
        let pairs = q.iter().zip(&p);
        pairs
            .map(|(q, p)| f64::from(t * (q - p) / rows as f32))
            .collect()
    }

    fn run<T: Number>(
        gpu: &Gpu,
        student: &[T],
        teacher: &[T],
        classes: usize,
        temperature: f32,
        from: usize,
    ) -> (Vec<f32>, Vec<f32>, Vec<T>) {
        let [v, u] = [student, teacher].map(|x| gpu.stream.clone_htod(x).unwrap());
        let input = Input {
            student: &v.slice(from..),
            teacher: &u.slice(from..),
            classes,
            temperature,
        };
        let rows = (student.len() - from) / classes;
        let mut mean = gpu.stream.alloc_zeros::<f64>(1).unwrap();
        let losses = twice(gpu, rows, |out| {
            distillation(gpu, out, &mut mean.as_view_mut(), input).unwrap();
        });
        let got = gpu.stream.clone_dtoh(&mean).unwrap()[0];
        let want = losses.iter().map(|x| f64::from(*x)).sum::<f64>() / rows as f64;
        assert!((got - want).abs() <= 1e-12 * want.abs() || !want.is_finite());
        let mut with = gpu.stream.alloc_zeros::<f32>(rows).unwrap();
        let slopes = twice(gpu, student.len() - from, |out| {
            let (losses, mean) = (&mut with.as_view_mut(), &mut mean.as_view_mut());
            distillation_gradient(gpu, losses, out, mean, input).unwrap();
        });
        (losses, gpu.stream.clone_dtoh(&with).unwrap(), slopes)
    }

    fn equals_f64<T: Number>(gpu: &Gpu, name: &str) {
        for (rows, classes) in shapes() {
            for (scale, t, from) in [(4.0, 1.0, 0), (4.0, 3.0, 1), (300.0, 2.5, 0)] {
                let [student, teacher]: [Vec<T>; 2] =
                    [5, 6].map(|seed| numbers(seed, rows * classes + from, scale));
                let (losses, with, slopes) = run(gpu, &student, &teacher, classes, t, from);
                for row in 0..rows {
                    let at = row * classes..(row + 1) * classes;
                    let [v, u] = [&student, &teacher].map(|x| wide(&x[from..][at.clone()]));
                    let (want, gradient) = plain(&v, &u, f64::from(t), rows);
                    let what = format!("distillation {name} {classes} ×{scale} row {row}");
                    // Of the terms u − v, which cancel, times T².
                    let tol = 2e-6 * f64::from(4.0 * scale as f32 * t + t * t * 10.0);
                    for got in [losses[row], with[row]] {
                        let err = (f64::from(got) - want).abs();
                        assert!(err <= tol, "{what}: {got} is not {want}");
                    }
                    let naive = plain_f32(&v, &u, t, rows);
                    // Of what is subtracted.
                    let size = f64::from(t) / rows as f64;
                    close_to(&what, &slopes[at], &gradient, &naive, size);
                }
            }
        }
    }

    #[test]
    fn equals_the_definition_on_rows_of_any_size() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        equals_f64::<f32>(gpu, "f32");
        equals_f64::<bf16>(gpu, "bf16");
        equals_f64::<f16>(gpu, "f16");
    }

    #[test]
    fn excluded_classes_and_nan_are_as_on_the_cpu() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        let x = [1.0, -3.0, LOW, 2.0, 8.0];
        let (losses, with, slopes) = run(gpu, &x, &x, 5, 3.0, 0);
        assert!(losses[0].abs() <= 1e-5 && with[0].abs() <= 1e-5);
        assert!(slopes.iter().all(|g| g.abs() <= 1e-6));
        let (losses, ..) = run(gpu, &[0.0, 0.0], &[0.0, LOW], 2, 1.0, 0);
        assert!((losses[0] - 2f32.ln()).abs() <= 1e-6, "{losses:?}");
        let (losses, with, slopes) = run(gpu, &[0.0, LOW], &[0.0, 0.0], 2, 1.0, 0);
        assert_eq!([losses[0], with[0]], [f32::INFINITY; 2]);
        assert_eq!(slopes, [0.5, -0.5]);
        for bad in [[f32::NAN, 0.0], [LOW, LOW]] {
            for (v, u) in [(bad, [0.0, 1.0]), ([0.0, 1.0], bad)] {
                let (losses, with, _) = run(gpu, &v, &u, 2, 1.0, 0);
                assert!(losses[0].is_nan() && with[0].is_nan(), "{v:?} {u:?}");
            }
        }
    }

    #[test]
    fn a_temperature_that_is_none_is_refused() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        let x = gpu.stream.clone_htod(&[0f32; 6]).unwrap();
        let mut losses = gpu.stream.alloc_zeros::<f32>(2).unwrap();
        let mut mean = gpu.stream.alloc_zeros::<f64>(1).unwrap();
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let input = Input {
                student: &x.as_view(),
                teacher: &x.as_view(),
                classes: 3,
                temperature,
            };
            let (losses, mean) = (&mut losses.as_view_mut(), &mut mean.as_view_mut());
            let words = distillation(gpu, losses, mean, input)
                .unwrap_err()
                .to_string();
            assert!(words.contains("above 0"), "{words}");
        }
    }
}
