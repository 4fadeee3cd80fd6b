//! Softmax of rows on the GPU; see `softmax.cu` and the CPU's `softmax`.

use super::rows::{self, Error, Number, ONLINE_PARTS, Rows};
use super::{Gpu, Source};
use cudarc::driver::{CudaView, CudaViewMut, PushKernelArg};

const INSTANCES: [Source; 12] = rows::held("softmax.cu", include_str!("softmax.cu"), ONLINE_PARTS);
pub(super) const SOURCES: &[Source] = &INSTANCES;

/// Softmax of the rows of `x` `[rows m]`, with sums in f32. A row of −∞ alone gives 0; where k entries are
/// +∞ they share the weight. NaN spreads over its row. Does not wait.
///
/// # Errors
/// When `m` is 0, `x` and `out` are not whole rows of one number, or the GPU refuses.
pub fn softmax_rows<T: Number>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    x: &CudaView<'_, T>,
    m: usize,
) -> Result<(), Error> {
    if m == 0 {
        return Err(Error::EmptyRow);
    }
    let want = x.len() / m * m;
    rows::lengths(&[("x", want, x.len()), ("out", want, out.len())])?;
    if want == 0 {
        return Ok(());
    }
    let rows = Rows::new::<T>(want / m, m, &rows::both(gpu, out, x))?;
    let held = rows.held(gpu, &[4, 8], &[4, 8], 1);
    let (kernel, config) = rows.kernel::<T>(gpu, &INSTANCES, held, "")?;
    let (count, cols) = (rows.rows as u64, rows.cols as u32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *out).arg(x).arg(&count).arg(&cols);
    // SAFETY: the arguments are those of the kernel; both tensors have rows·cols numbers.
    unsafe { launch.launch(config) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::rows::check::{close, numbers, shapes, twice, wide};
    use super::*;
    use half::{bf16, f16};

    fn plain(x: &[f64]) -> Vec<f64> {
        let max = x.iter().copied().fold(f64::MIN, f64::max);
        let e: Vec<f64> = x.iter().map(|x| (x - max).exp()).collect();
        let sum: f64 = e.iter().sum();
        e.iter().map(|e| e / sum).collect()
    }

    fn plain_f32(x: &[f64]) -> Vec<f64> {
        let max = x.iter().copied().fold(f64::MIN, f64::max) as f32;
        let e: Vec<f32> = x.iter().map(|x| (*x as f32 - max).exp()).collect();
        let sum: f32 = e.iter().sum();
        e.iter().map(|e| f64::from(e / sum)).collect()
    }

    fn run<T: Number>(gpu: &Gpu, x: &[T], m: usize, from: usize) -> Vec<T> {
        let there = gpu.stream.clone_htod(x).unwrap();
        let len = x.len() - from;
        twice(gpu, len, |out| {
            softmax_rows(gpu, out, &there.slice(from..), m).unwrap()
        })
    }

    fn equals_f64<T: Number>(gpu: &Gpu, name: &str) {
        for (rows, m) in shapes() {
            // Small, large, and beginning at the second number.
            for (scale, from) in [(4.0, 0), (3000.0, 0), (4.0, 1)] {
                let x: Vec<T> = numbers(m as u64, rows * m + from, scale);
                let got = run(gpu, &x, m, from);
                let rows = got.chunks(m).zip(x[from..].chunks(m));
                for (row, (got, x)) in rows.enumerate() {
                    let x = wide(x);
                    let what = format!("softmax {name} {m} ×{scale} row {row} from {from}");
                    close(&what, got, &plain(&x), &plain_f32(&x));
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
    fn infinities_share_and_nan_stays_in_its_row() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        const LOW: f32 = f32::NEG_INFINITY;
        for m in [5, 64, 700, 9000, 20_000, 70_000] {
            let mut x = vec![0.5f32; 5 * m];
            x[..m].fill(LOW);
            x[m] = f32::INFINITY;
            x[2 * m - 1] = f32::INFINITY;
            x[3 * m - 2] = f32::NAN;
            x[3 * m..4 * m].fill(LOW);
            x[4 * m - 2] = -1e30;
            x[4 * m] = f32::INFINITY;
            x[4 * m + 2] = f32::NAN;
            let got = run(gpu, &x, m, 0);
            let rows: Vec<&[f32]> = got.chunks(m).collect();
            assert!(rows[0].iter().all(|p| *p == 0.0), "{m}");
            assert!(rows[1][0] == 0.5 && rows[1][m - 1] == 0.5, "{m}");
            assert!(rows[1][1..m - 1].iter().all(|p| *p == 0.0), "{m}");
            assert!(rows[2].iter().all(|p| p.is_nan()), "{m}");
            assert!(rows[3][m - 2] == 1.0 && rows[3][0] == 0.0, "{m}");
            assert!(rows[4].iter().all(|p| p.is_nan()), "{m}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_sentence() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        let x = gpu.stream.clone_htod(&[0f32; 7]).unwrap();
        let mut out = gpu.stream.clone_htod(&[0f32; 7]).unwrap();
        let mut refuse = |m| softmax_rows(gpu, &mut out.as_view_mut(), &x.as_view(), m);
        let words = refuse(3).unwrap_err().to_string();
        assert!(
            words.contains("x has 7 elements and should have 6"),
            "{words}"
        );
        assert_eq!(refuse(0), Err(Error::EmptyRow));
    }
}
