//! Kernels that do little with each number: memory sets their limit.

use super::{Case, Named};
use crate::draws::{noise, plain_softmax};
use half::bf16;
use llmlab::kernels::cross_entropy::{self, weighted_losses};
use llmlab::kernels::distillation::{Input, distillation, distillation_gradient};
use llmlab::kernels::layer_norm::{layer_norm, rms_norm};
use llmlab::kernels::mixup::{Lambda, mixup};
use llmlab::kernels::rope::{Layout, Shape, Table};
use llmlab::kernels::softmax::softmax_rows;
use llmlab::kernels::stream::Number;
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("softmax f32 8192,4096", || softmax::<f32>(8192, 4096)),
    ("softmax f32 256,131072", || softmax::<f32>(256, 131_072)),
    ("softmax f32 65536,500", || softmax::<f32>(65_536, 500)),
    ("softmax bf16 8192,8192", || softmax::<bf16>(8192, 8192)),
    ("layer_norm f32 8192,4096", || norm::<f32>(true, 8192, 4096)),
    ("layer_norm f32 43690,768", || {
        norm::<f32>(true, 43_690, 768)
    }),
    ("rms_norm f32 8192,4096", || norm::<f32>(false, 8192, 4096)),
    ("rms_norm bf16 8192,8192", || {
        norm::<bf16>(false, 8192, 8192)
    }),
    ("rope f32 half-split 1,32,8192,128", || {
        rope::<f32>(Layout::HalfSplit, 8192)
    }),
    ("rope f32 interleaved 1,32,8192,128", || {
        rope::<f32>(Layout::Interleaved, 8192)
    }),
    ("rope bf16 half-split 1,32,16384,128", || {
        rope::<bf16>(Layout::HalfSplit, 16_384)
    }),
    ("cross_entropy f32 weighted 4096,32000", || {
        weighted(4096, 32_000)
    }),
    ("distillation f32 loss 4096,32000", || distil(false)),
    ("distillation f32 loss and gradient 4096,32000", || {
        distil(true)
    }),
    ("mixup f32 8192,4096", mixed),
];

/// The largest of some errors, which NaN comes through.
fn worst(errors: impl IntoIterator<Item = f64>) -> f64 {
    let larger = |a, b| if b <= a { a } else { b };
    errors.into_iter().fold(0.0, larger)
}

fn numbers<T: Number>(seed: u64, len: usize) -> Vec<T> {
    let noise = noise(seed, len).into_iter();
    noise.map(|x| T::rounded(8.0 * x)).collect()
}

/// How far results of numbers up to 1 may be off.
fn tolerance<T>() -> f64 {
    if size_of::<T>() == 2 { 4e-3 } else { 2e-6 }
}

/// One input, one output of its size, rows of `m`; `plain` is a row in f64.
fn rows<T: Number>(
    [rows, m]: [usize; 2],
    flops: f64,
    mut kernel: impl FnMut(&mut [T], &[T]) + 'static,
    plain: impl Fn(&[f64]) -> Vec<f64> + 'static,
) -> Case {
    let x = Rc::new(numbers::<T>(0, rows * m));
    let out = Rc::new(RefCell::new(vec![T::rounded(0.0); rows * m]));
    let run = {
        let (x, out) = (x.clone(), out.clone());
        move || kernel(&mut out.borrow_mut(), &x)
    };
    let error = move || {
        let out = out.borrow();
        worst([0, rows / 2, rows - 1].into_iter().flat_map(|row| {
            let at = row * m..(row + 1) * m;
            let x: Vec<f64> = x[at.clone()]
                .iter()
                .map(|x| f64::from(x.number()))
                .collect();
            let pairs = plain(&x).into_iter().zip(out[at].to_vec());
            pairs.map(|(want, got)| (want - f64::from(got.number())).abs() / want.abs().max(1.0))
        }))
    };
    Case {
        flops: flops * (rows * m) as f64,
        bytes: (2 * rows * m * size_of::<T>()) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: tolerance::<T>(),
    }
}

fn softmax<T: Number>(count: usize, m: usize) -> Case {
    let run = move |out: &mut [T], x: &[T]| softmax_rows(out, x, m).expect("sizes fit");
    rows([count, m], 5.0, run, plain_softmax)
}

fn norm<T: Number>(layer: bool, count: usize, m: usize) -> Case {
    let (gamma, beta) = (numbers::<T>(1, m), numbers::<T>(2, m));
    let wide = |x: &[T]| -> Vec<f64> { x.iter().map(|x| f64::from(x.number())).collect() };
    let (gain, shift) = (wide(&gamma), wide(&beta));
    let run = move |out: &mut [T], x: &[T]| {
        let done = match layer {
            true => layer_norm(out, x, &gamma, &beta, 1e-5),
            false => rms_norm(out, x, &gamma, 1e-5),
        };
        done.expect("sizes fit");
    };
    let plain = move |x: &[f64]| {
        let d = x.len() as f64;
        let mean = if layer {
            x.iter().sum::<f64>() / d
        } else {
            0.0
        };
        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / d;
        let normed = x.iter().map(|x| (x - mean) / (square + 1e-5).sqrt());
        let shifted = normed.zip(&gain).zip(&shift);
        let value =
            |((x, gain), shift): ((f64, &f64), &f64)| x * gain + if layer { *shift } else { 0.0 };
        shifted.map(value).collect()
    };
    let mut case = rows([count, m], 7.0, run, plain);
    case.tolerance *= 5.0;
    case
}

fn rope<T: Number>(layout: Layout, tokens: usize) -> Case {
    let shape = Shape {
        batch: 1,
        heads: 32,
        rows: tokens,
        head_dim: 128,
    };
    let positions: Vec<i64> = (0..tokens as i64).collect();
    let table = Table::new(shape, &positions, 1e4).expect("one position each");
    let x = Rc::new(numbers::<T>(0, 32 * tokens * 128));
    let out = Rc::new(RefCell::new(vec![T::rounded(0.0); x.len()]));
    let run = {
        let (x, out) = (x.clone(), out.clone());
        move || {
            let out = &mut out.borrow_mut();
            table.rotate(out, &x, 32, layout).expect("sizes fit");
        }
    };
    let error = move || {
        let out = out.borrow();
        let items = [0, 1, tokens / 2, 5 * tokens + 77, 32 * tokens - 1];
        worst(items.into_iter().flat_map(|item| {
            let token = (item % tokens) as f64;
            let (x, out) = (&x[item * 128..][..128], &out[item * 128..][..128]);
            let errors = (0..64).flat_map(move |i| {
                let angle = token * 1e4f64.powf(-2.0 * i as f64 / 128.0);
                let (p, q) = match layout {
                    Layout::Interleaved => (2 * i, 2 * i + 1),
                    Layout::HalfSplit => (i, i + 64),
                };
                let [x0, x1] = [x[p], x[q]].map(|x| f64::from(x.number()));
                let wants = [
                    x0 * angle.cos() - x1 * angle.sin(),
                    x0 * angle.sin() + x1 * angle.cos(),
                ];
                let gots = [out[p], out[q]].map(|x| f64::from(x.number()));
                [0, 1].map(|k| (wants[k] - gots[k]).abs() / wants[k].abs().max(1.0))
            });
            errors.collect::<Vec<f64>>()
        }))
    };
    let size = size_of::<T>() * 2 * 32 + 4;
    Case {
        flops: (3 * 32 * tokens * 128) as f64,
        bytes: (size * tokens * 128) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: tolerance::<T>(),
    }
}

fn weighted(rows: usize, classes: usize) -> Case {
    let logits = Rc::new(numbers::<f32>(0, rows * classes));
    let targets: Rc<Vec<i64>> = Rc::new((0..rows).map(|i| (i * 7919 % classes) as i64).collect());
    let weights: Vec<f32> = noise(1, classes).iter().map(|w| 1.5 + w).collect();
    let losses = Rc::new(RefCell::new(vec![0.0; rows]));
    let shape = cross_entropy::Shape {
        rows,
        classes,
        ignored: -100,
    };
    let run = {
        let (logits, targets, losses) = (logits.clone(), targets.clone(), losses.clone());
        move || {
            let losses = &mut losses.borrow_mut();
            weighted_losses(losses, &logits, &targets, &weights, shape).expect("sizes fit");
        }
    };
    let error = move || {
        let losses = losses.borrow();
        worst([0, rows / 2, rows - 1].map(|row| {
            let z = &logits[row * classes..][..classes];
            let sum: f64 = z.iter().map(|z| f64::from(*z).exp()).sum();
            let want = sum.ln() - f64::from(z[targets[row] as usize]);
            (want - f64::from(losses[row])).abs()
        }))
    };
    Case {
        flops: (3 * rows * classes) as f64,
        bytes: (4 * rows * classes) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: 2e-5,
    }
}

fn distil(with_gradient: bool) -> Case {
    const ROWS: usize = 4096;
    const CLASSES: usize = 32_000;
    const T: f64 = 2.0;
    let [student, teacher] = [0, 1].map(|seed| Rc::new(numbers::<f32>(seed, ROWS * CLASSES)));
    let size = if with_gradient { ROWS * CLASSES } else { 0 };
    let out = Rc::new(RefCell::new((vec![0.0; ROWS], vec![0.0; size])));
    let run = {
        let (student, teacher, out) = (student.clone(), teacher.clone(), out.clone());
        move || {
            let (losses, gradient) = &mut *out.borrow_mut();
            let input = Input {
                student: &student,
                teacher: &teacher,
                classes: CLASSES,
                temperature: T as f32,
            };
            let done = match with_gradient {
                true => distillation_gradient(losses, gradient, input),
                false => distillation(losses, input),
            };
            done.expect("sizes fit");
        }
    };
    let error = move || {
        let (losses, gradient) = &*out.borrow();
        worst([0, ROWS / 2, ROWS - 1].map(|row| {
            let at = row * CLASSES..(row + 1) * CLASSES;
            let [q, p] = [&student, &teacher].map(|x| {
                let x = x[at.clone()].iter().map(|x| f64::from(*x) / T);
                plain_softmax(&x.collect::<Vec<f64>>())
            });
            let kl: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
            let loss = (T * T * kl - f64::from(losses[row])).abs() / (T * T * kl);
            let slopes = gradient.get(at).unwrap_or_default();
            let slopes = slopes.iter().zip(p.iter().zip(&q)).map(|(got, (p, q))| {
                let want = T * (q - p) / ROWS as f64;
                // Relative to the size of what is subtracted.
                (want - f64::from(*got)).abs() * ROWS as f64 / (T * (p + q))
            });
            worst(slopes).max(loss)
        }))
    };
    let tensors = if with_gradient { 3 } else { 2 };
    Case {
        flops: (10 * ROWS * CLASSES) as f64,
        bytes: (4 * tensors * ROWS * CLASSES) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: 1e-5,
    }
}

fn mixed() -> Case {
    const ROWS: usize = 8192;
    const FEATURES: usize = 4096;
    let x = Rc::new(numbers::<f32>(0, ROWS * FEATURES));
    // A permutation far from the row itself.
    let partners: Vec<usize> = (0..ROWS).map(|i| (i * 5 + 4001) % ROWS).collect();
    let out = Rc::new(RefCell::new(vec![0.0; ROWS * FEATURES]));
    let run = {
        let (x, partners, out) = (x.clone(), partners.clone(), out.clone());
        move || {
            let lambda = Lambda::Batch(0.3);
            mixup(&mut out.borrow_mut(), &x, &partners, lambda, FEATURES).expect("sizes fit")
        }
    };
    let error = move || {
        let out = out.borrow();
        let rows = [0, ROWS / 2, ROWS - 1].into_iter();
        worst(
            rows.flat_map(|row| (0..FEATURES).map(move |j| (row, j)))
                .map(|(row, j)| {
                    let [own, other] = [row, partners[row]].map(|i| f64::from(x[i * FEATURES + j]));
                    let want = f64::from(0.3f32) * own + f64::from(1.0 - 0.3f32) * other;
                    (want - f64::from(out[row * FEATURES + j])).abs() / want.abs().max(1.0)
                }),
        )
    };
    Case {
        flops: (3 * ROWS * FEATURES) as f64,
        bytes: (3 * 4 * ROWS * FEATURES) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: 2e-6,
    }
}
