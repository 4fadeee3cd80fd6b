//! Products of matrices of 16-bit numbers.

use super::{Case, Named, told};
use crate::draws::noise;
use half::{bf16, f16};
use llmlab::kernels::cuda::gemm::{Half, gemm};
use llmlab::kernels::cuda::{Gpu, Trouble};
use llmlab::kernels::gemm::{Form, Shape};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("gemm bf16 1024", |gpu| {
        product::<bf16>(gpu, 1024, Form::Plain)
    }),
    ("gemm bf16 2048", |gpu| {
        product::<bf16>(gpu, 2048, Form::Plain)
    }),
    ("gemm bf16 4096", |gpu| {
        product::<bf16>(gpu, 4096, Form::Plain)
    }),
    ("gemm bf16 8192", |gpu| {
        product::<bf16>(gpu, 8192, Form::Plain)
    }),
    ("gemm bf16 transposed 4096", |gpu| {
        product::<bf16>(gpu, 4096, Form::Transposed)
    }),
    ("gemm bf16 transposed 8192", |gpu| {
        product::<bf16>(gpu, 8192, Form::Transposed)
    }),
    ("gemm f16 4096", |gpu| {
        product::<f16>(gpu, 4096, Form::Plain)
    }),
];

fn product<T: Half>(gpu: &'static Gpu, size: usize, form: Form) -> Result<Case, Trouble> {
    let numbers = |seed| -> Vec<T> {
        let noise = noise(seed, size * size).into_iter();
        noise.map(T::from_f32).collect()
    };
    let (a, b) = (numbers(1), numbers(2));
    let (left, right) = (gpu.stream.clone_htod(&a)?, gpu.stream.clone_htod(&b)?);
    let out = Rc::new(RefCell::new(gpu.stream.alloc_zeros::<T>(size * size)?));
    let written = out.clone();
    let error = move || {
        let out = gpu.stream.clone_dtoh(&*written.borrow())?;
        let mut worst = 0.0;
        // Places of every kind in a tile, in a few rows.
        for i in (0..size).step_by(size / 4 - 1) {
            for j in (0..size).step_by(61) {
                let at = |t: usize| match form {
                    Form::Plain => b[t * size + j],
                    Form::Transposed => b[j * size + t],
                };
                let terms = (0..size).map(|t| a[i * size + t].to_f64() * at(t).to_f64());
                let (want, square) = terms.fold((0.0, 0.0), |(sum, square), term| {
                    (sum + term, square + term * term)
                });
                let scale = f64::max(square.sqrt(), f64::abs(want));
                let err = (out[i * size + j].to_f64() - want).abs() / scale;
                worst = if err <= worst { worst } else { err };
            }
        }
        // Half of bf16's step, 2⁻⁸, and a little for sums in f32.
        Ok((worst, 1.0 / 256.0))
    };
    let shape = Shape {
        m: size,
        n: size,
        k: size,
    };
    let launch = move || {
        let out = &mut *out.borrow_mut();
        let (left, right) = (left.as_view(), right.as_view());
        gemm(gpu, &mut out.as_view_mut(), &left, &right, form, shape).map_err(told)
    };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: 2.0 * (size as f64).powi(3),
        bytes: 6.0 * (size as f64).powi(2),
    })
}
