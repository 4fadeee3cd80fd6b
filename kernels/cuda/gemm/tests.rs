use super::*;
use crate::kernels::cuda::{
    self,
    guarded::{Guarded, Plain},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn numbers<T: Half>(seed: u64, len: usize, by: f32) -> Vec<T> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..len)
        .map(|_| T::from_f32(by * rng.random_range(-1.0..1.0)))
        .collect()
}

/// Results are off by at most twice what a sum in f32, one product after the other, is off by when it is
/// rounded, and on average by no more than 1.2 times that. Two runs give the same bits, and nothing else is written.
fn check<T: Half + Plain>(gpu: &Gpu, [m, n, k]: [usize; 3], form: Form, by: f32) {
    let (a, b) = (numbers::<T>(1, m * k, by), numbers::<T>(2, k * n, by));
    let shape = Shape { m, n, k };
    let [left, right] = [&a, &b].map(|x| gpu.stream.clone_htod(x).unwrap());
    let once = || {
        let mut out = Guarded::<T>::new(gpu, m * n).unwrap();
        let (left, right) = (left.as_view(), right.as_view());
        gemm(gpu, &mut out.room(), &left, &right, form, shape).unwrap();
        out.values(gpu).unwrap().unwrap()
    };
    let (out, again) = (once(), once());
    let same = |(one, other): (&T, &T)| one.to_f64().to_bits() == other.to_f64().to_bits();
    assert!(out.iter().zip(&again).all(same), "two runs differ");
    let [mut worst, mut sum, mut usual_worst, mut usual_sum, mut step] = [0f64; 5];
    for (at, out) in out.iter().enumerate() {
        let (i, j) = (at / n, at % n);
        // Of many rows, some of every tile, and the last.
        if m > 1000 && i % 31 != 0 && i + 1 != m {
            continue;
        }
        let of_b = |t: usize| match form {
            Form::Plain => b[t * n + j].to_f64(),
            Form::Transposed => b[j * k + t].to_f64(),
        };
        let terms = || (0..k).map(|t| a[i * k + t].to_f64() * of_b(t));
        let want: f64 = terms().sum();
        let usual: f32 = terms().map(|term| term as f32).sum();
        let usual = (T::from_f32(usual).to_f64() - want).abs();
        let err = (out.to_f64() - want).abs();
        worst = if err <= worst { worst } else { err };
        sum += err;
        usual_worst = usual_worst.max(usual);
        usual_sum += usual;
        // Where there are few results, the usual way may be exact by chance.
        step = step.max(want.abs() / 512.0);
    }
    assert!(
        worst <= 2.0 * usual_worst + step && sum <= 1.2 * usual_sum + step,
        "{} {form:?} {shape:?}: off by {worst:e} at most, usual is {usual_worst:e}; {sum:e} together, usual is {usual_sum:e}",
        T::NAME
    );
}

fn everywhere(gpu: &Gpu, sizes: [usize; 3], by: f32) {
    for form in [Form::Plain, Form::Transposed] {
        check::<f16>(gpu, sizes, form, by);
        if gpu.capability >= (8, 0) {
            check::<bf16>(gpu, sizes, form, by);
        }
    }
}

macro_rules! gpu_or_skip {
    () => {
        match cuda::gpu() {
            Ok(gpu) => gpu,
            Err(_) => return println!("skipped: no GPU"),
        }
    };
}

#[test]
fn products_equal_f64_on_ragged_shapes() {
    let gpu = gpu_or_skip!();
    // Some have rows of whole 16 bytes, some not.
    for sizes in [
        [1, 1, 1],
        [63, 65, 7],
        [129, 127, 65],
        [8, 8, 8],
        [130, 264, 72],
        [257, 136, 200],
        [1, 520, 64],
        [300, 8, 136],
    ] {
        everywhere(gpu, sizes, 1.0);
    }
}

#[test]
fn long_sums_and_many_tiles_equal_f64() {
    let gpu = gpu_or_skip!();
    everywhere(gpu, [20, 40, 5000], 1.0);
    // More tiles than there are multiprocessors, in each of Hopper's widths.
    everywhere(gpu, [2100, 520, 16], 1.0);
    everywhere(gpu, [2100, 1032, 16], 1.0);
    everywhere(gpu, [2100, 2056, 16], 1.0);
}

#[test]
fn numbers_may_be_large() {
    let gpu = gpu_or_skip!();
    everywhere(gpu, [70, 136, 64], 50.0);
    if gpu.capability >= (8, 0) {
        check::<bf16>(gpu, [70, 136, 64], Form::Plain, 1e15);
    }
}

#[test]
fn views_may_begin_anywhere() {
    let gpu = gpu_or_skip!();
    let shape = Shape { m: 9, n: 16, k: 8 };
    let all = gpu.stream.clone_htod(&vec![f16::ONE; 9 * 8 + 1]).unwrap();
    let b = gpu.stream.clone_htod(&vec![f16::ONE; 16 * 8 + 3]).unwrap();
    let mut out = Guarded::<f16>::new(gpu, 9 * 16).unwrap();
    gemm(
        gpu,
        &mut out.room(),
        &all.slice(1..),
        &b.slice(3..),
        Form::Plain,
        shape,
    )
    .unwrap();
    let out = out.values(gpu).unwrap().unwrap();
    assert!(out.iter().all(|x| *x == f16::from_f32(8.0)));
}

#[test]
fn a_dimension_may_be_zero() {
    let gpu = gpu_or_skip!();
    let some = gpu.stream.clone_htod(&[f16::ONE; 16]).unwrap();
    for [m, n, k] in [[0, 2, 8], [2, 0, 8], [2, 2, 0]] {
        let mut out = Guarded::<f16>::new(gpu, m * n).unwrap();
        let (a, b) = (some.slice(..m * k), some.slice(..n * k));
        let shape = Shape { m, n, k };
        gemm(gpu, &mut out.room(), &a, &b, Form::Plain, shape).unwrap();
        assert!(
            out.values(gpu)
                .unwrap()
                .unwrap()
                .iter()
                .all(|x| *x == f16::ZERO)
        );
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let gpu = gpu_or_skip!();
    let some = gpu.stream.clone_htod(&[f16::ONE; 16]).unwrap();
    let mut out = gpu.stream.alloc_zeros::<f16>(4).unwrap();
    let (short, whole) = (some.slice(..15), some.as_view());
    let shape = Shape { m: 2, n: 2, k: 8 };
    let wrong = gemm(
        gpu,
        &mut out.as_view_mut(),
        &short,
        &whole,
        Form::Plain,
        shape,
    );
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .starts_with("a has 15 elements and should have 16")
    );
}
