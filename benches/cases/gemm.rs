//! Matrix products: f32, bf16, and a few rows with weights `[n k]`.

use super::{Case, Named};
use crate::draws::noise;
use half::bf16;
use llmlab::kernels::gemm::{Form, Shape, gemm_bf16, gemm_f32};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("gemm f32 1024", || f32s(1024)),
    ("gemm f32 2048", || f32s(2048)),
    ("gemm bf16 1024", || bf16s(1024, 1024, Form::Plain)),
    ("gemm bf16 2048", || bf16s(2048, 2048, Form::Plain)),
    ("linear bf16 1,4096,4096", || {
        bf16s(1, 4096, Form::Transposed)
    }),
    ("linear bf16 16,4096,4096", || {
        bf16s(16, 4096, Form::Transposed)
    }),
];

/// Rows of which the error is taken: the first, a middle and the last.
fn picked(m: usize) -> [usize; 3] {
    [0, m / 2, m - 1]
}

/// The largest of the errors, through which NaN comes.
fn worst(errors: impl Iterator<Item = f64>) -> f64 {
    errors.fold(0.0, |a, b| if b <= a { a } else { b })
}

fn case(shape: Shape, size: usize, tolerance: f64) -> Case {
    let Shape { m, n, k } = shape;
    Case {
        flops: 2.0 * (m * n * k) as f64,
        bytes: (size * (m * k + k * n + m * n)) as f64,
        run: Box::new(|| {}),
        error: Box::new(|| 0.0),
        tolerance,
    }
}

fn f32s(size: usize) -> Case {
    let (m, n, k) = (size, size, size);
    let shape = Shape { m, n, k };
    let (a, b) = (Rc::new(noise(0, m * k)), Rc::new(noise(1, k * n)));
    let out = Rc::new(RefCell::new(vec![0.0; m * n]));
    let run = {
        let (a, b, out) = (a.clone(), b.clone(), out.clone());
        move || gemm_f32(&mut out.borrow_mut(), &a, &b, Form::Plain, shape).expect("sizes fit")
    };
    let error = move || {
        let out = out.borrow();
        let errors = picked(m).into_iter().flat_map(|i| {
            let mut want = vec![0.0; n];
            for t in 0..k {
                let x = f64::from(a[i * k + t]);
                let row = b[t * n..][..n].iter();
                want.iter_mut()
                    .zip(row)
                    .for_each(|(to, b)| *to += x * f64::from(*b));
            }
            let row = out[i * n..][..n].iter();
            let errors = row
                .zip(want)
                .map(|(got, want)| (f64::from(*got) - want).abs());
            errors.collect::<Vec<f64>>()
        });
        worst(errors)
    };
    Case {
        run: Box::new(run),
        error: Box::new(error),
        ..case(shape, 4, 1e-3)
    }
}

fn bf16s(m: usize, size: usize, form: Form) -> Case {
    let (n, k) = (size, size);
    let shape = Shape { m, n, k };
    let numbers = |seed, len| -> Rc<Vec<bf16>> {
        Rc::new(noise(seed, len).into_iter().map(bf16::from_f32).collect())
    };
    let (a, b) = (numbers(0, m * k), numbers(1, k * n));
    let out = Rc::new(RefCell::new(vec![bf16::ZERO; m * n]));
    let run = {
        let (a, b, out) = (a.clone(), b.clone(), out.clone());
        move || gemm_bf16(&mut out.borrow_mut(), &a, &b, form, shape).expect("sizes fit")
    };
    let error = move || {
        let out = out.borrow();
        let errors = picked(m).into_iter().flat_map(|i| {
            let product = |j: usize| -> f64 {
                let b = |t: usize| match form {
                    Form::Plain => b[t * n + j],
                    Form::Transposed => b[j * k + t],
                };
                (0..k).map(|t| a[i * k + t].to_f64() * b(t).to_f64()).sum()
            };
            // Every 37th: columns of a matrix are slow to read.
            let columns = (0..n).step_by(37);
            let errors = columns.map(|j| (out[i * n + j].to_f64() - product(j)).abs());
            errors.collect::<Vec<f64>>()
        });
        worst(errors)
    };
    // Half of the last of 8 bits of a result, which may be beyond 64.
    Case {
        run: Box::new(run),
        error: Box::new(error),
        ..case(shape, 2, 0.5)
    }
}
