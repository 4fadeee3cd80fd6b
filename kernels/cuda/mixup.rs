//! MixUp on the GPU; see `mixup.cu` and the CPU's `mixup`.

use super::rows::{self, Error, Number, Rows};
use super::{Gpu, Source};
use cudarc::driver::{CudaView, CudaViewMut, PushKernelArg};

const INSTANCES: [Source; 6] = rows::simple("mixup.cu", include_str!("mixup.cu"));
pub(super) const SOURCES: &[Source] = &INSTANCES;

/// λ: the share of an example itself, beside its partner's 1 − λ.
#[derive(Clone, Copy)]
pub enum Lambda<'a, 'b> {
    /// One for the batch, as in the paper's own code.
    Batch(f32),
    /// One for each example, `[rows]`.
    Each(&'a CudaView<'b, f32>),
}

/// out = λ·x + (1 − λ)·x[partners], row by row: `x` and `out` `[rows features]`, `partners` `[rows]`, usually a
/// permutation. A partner that is no row makes its row NaN. Does not wait.
///
/// # Errors
/// Where a tensor does not fit `partners` and `features`, or the GPU refuses.
pub fn mixup<T: Number>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    x: &CudaView<'_, T>,
    partners: &CudaView<'_, i64>,
    lambda: Lambda<'_, '_>,
    features: usize,
) -> Result<(), Error> {
    let count = partners.len();
    let want = count.saturating_mul(features);
    let (one, each) = match lambda {
        Lambda::Batch(one) => (one, None),
        Lambda::Each(each) => (0.0, Some(each)),
    };
    rows::lengths(&[
        ("x", want, x.len()),
        ("out", want, out.len()),
        ("lambda", count, each.map_or(count, |each| each.len())),
    ])?;
    if want == 0 {
        return Ok(());
    }
    let rows = Rows::new::<T>(count, features, &rows::both(gpu, out, x))?;
    let kernel = gpu.kernel(&INSTANCES[rows.simple::<T>()], "mixup")?;
    // A thread takes four vectors, or eight numbers.
    let (config, pieces) = match rows.ragged {
        false => rows.pieces(4)?,
        true => {
            let blocks = features.div_ceil(256 * 8);
            let all = i32::try_from(blocks.saturating_mul(count)).map_err(|_| Error::TooLarge {
                rows: count,
                cols: features,
            })?;
            (rows::config(all as usize, [256, 1]), blocks as u32)
        }
    };
    let lambdas = each.map_or(0, |each| rows::address(gpu, each));
    let (count, cols) = (count as u64, features as u32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *out).arg(x).arg(partners);
    launch.arg(&lambdas).arg(&one);
    launch.arg(&count).arg(&cols).arg(&pieces);
    // SAFETY: the arguments are those of the kernel; the λs are null or one for each row.
    unsafe { launch.launch(config) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::rows::check::{close, numbers, shapes, twice, wide};
    use super::*;
    use half::{bf16, f16};

    fn equals_f64<T: Number>(gpu: &Gpu, name: &str) {
        for (rows, features) in shapes() {
            for from in [0, 1] {
                let x: Vec<T> = numbers(9, rows * features + from, 3.0);
                let partners: Vec<i64> = (0..rows).map(|i| ((i * 5 + 3) % rows) as i64).collect();
                let lambdas: Vec<f32> = (0..rows).map(|i| i as f32 / rows as f32).collect();
                let there = gpu.stream.clone_htod(&x).unwrap();
                let with = gpu.stream.clone_htod(&partners).unwrap();
                let each = gpu.stream.clone_htod(&lambdas).unwrap();
                for batch in [true, false] {
                    let got = twice(gpu, rows * features, |out| {
                        let (x, each) = (there.slice(from..), each.as_view());
                        let lambda = match batch {
                            true => Lambda::Batch(0.3),
                            false => Lambda::Each(&each),
                        };
                        mixup(gpu, out, &x, &with.as_view(), lambda, features).unwrap();
                    });
                    let x = wide(&x[from..]);
                    let value = |at: usize, f32s: bool| {
                        let (row, j) = (at / features, at % features);
                        let lambda = if batch { 0.3 } else { lambdas[row] };
                        let other = x[partners[row] as usize * features + j];
                        match f32s {
                            true => {
                                f64::from(lambda * x[at] as f32 + (1.0 - lambda) * other as f32)
                            }
                            false => {
                                let share = f64::from(lambda);
                                share * x[at] + (1.0 - share) * other
                            }
                        }
                    };
                    let [want, naive] = [false, true]
                        .map(|f32s| (0..x.len()).map(|at| value(at, f32s)).collect::<Vec<f64>>());
                    let what = format!("mixup {name} {rows}×{features} from {from}");
                    close(&what, &got, &want, &naive);
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
    fn a_partner_that_is_no_row_is_nan_and_misfits_are_refused() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        for features in [3, 8] {
            let x = gpu.stream.clone_htod(&vec![1f32; 3 * features]).unwrap();
            let partners = gpu.stream.clone_htod(&[2i64, 3, -1]).unwrap();
            let (x, partners) = (x.as_view(), partners.as_view());
            let lambda = Lambda::Batch(0.5);
            let got = twice(gpu, 3 * features, |out| {
                mixup(gpu, out, &x, &partners, lambda, features).unwrap();
            });
            assert!(got[..features].iter().all(|x| *x == 1.0));
            assert!(got[features..].iter().all(|x| x.is_nan()));
            let mut out = gpu.stream.alloc_zeros::<f32>(3 * features).unwrap();
            let out = &mut out.as_view_mut();
            let refused = mixup(gpu, out, &x, &partners, lambda, features + 1);
            let words = refused.unwrap_err().to_string();
            assert!(words.starts_with("x has"), "{words}");
        }
    }
}
