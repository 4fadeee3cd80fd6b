//! Kernels that do little with each number: memory sets their limit. No operand fits into L2.

use super::{Case, Named};
use crate::draws::plain_softmax;
use cudarc::driver::{CudaSlice, CudaViewMut, LaunchConfig, PushKernelArg};
use half::bf16;
use llmlab::kernels::cuda::adam8bit::{self, Hyper, adam8bit_step};
use llmlab::kernels::cuda::cross_entropy::{self, gradient, losses_and_gradient, weighted_losses};
use llmlab::kernels::cuda::distillation::{self, distillation, distillation_gradient};
use llmlab::kernels::cuda::layer_norm::{layer_norm, rms_norm};
use llmlab::kernels::cuda::mixup::{self, mixup};
use llmlab::kernels::cuda::rope::{self, Layout, Shape};
use llmlab::kernels::cuda::rows::{Error, Number};
use llmlab::kernels::cuda::softmax::softmax_rows;
use llmlab::kernels::cuda::{Gpu, Trouble};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("softmax bf16 16384,8192", |gpu| {
        softmax::<bf16>(gpu, 16_384, 8192)
    }),
    ("softmax bf16 131072,1000", |gpu| {
        softmax::<bf16>(gpu, 131_072, 1000)
    }),
    ("softmax bf16 131072,1001", |gpu| {
        softmax::<bf16>(gpu, 131_072, 1001)
    }),
    ("softmax f32 32768,4096", |gpu| {
        softmax::<f32>(gpu, 32_768, 4096)
    }),
    ("softmax f32 8192,16384", |gpu| {
        softmax::<f32>(gpu, 8192, 16_384)
    }),
    ("softmax f32 1024,131072", |gpu| {
        softmax::<f32>(gpu, 1024, 131_072)
    }),
    ("layer_norm bf16 16384,8192", |gpu| {
        norm::<bf16>(gpu, true, 16_384, 8192)
    }),
    ("layer_norm f32 131072,768", |gpu| {
        norm::<f32>(gpu, true, 131_072, 768)
    }),
    ("rms_norm bf16 16384,8192", |gpu| {
        norm::<bf16>(gpu, false, 16_384, 8192)
    }),
    ("rms_norm f32 16384,8192", |gpu| {
        norm::<f32>(gpu, false, 16_384, 8192)
    }),
    ("rope bf16 half-split 4,32,8192,128", |gpu| {
        rotate::<bf16>(gpu, Layout::HalfSplit)
    }),
    ("rope bf16 interleaved 4,32,8192,128", |gpu| {
        rotate::<bf16>(gpu, Layout::Interleaved)
    }),
    ("rope f32 half-split 4,32,8192,128", |gpu| {
        rotate::<f32>(gpu, Layout::HalfSplit)
    }),
    ("cross_entropy bf16 weighted 8192,128256", |gpu| {
        weighted::<bf16>(gpu, [8192, 128_256], Part::Losses)
    }),
    ("cross_entropy bf16 gradient 8192,128256", |gpu| {
        weighted::<bf16>(gpu, [8192, 128_256], Part::Gradient)
    }),
    ("cross_entropy bf16 loss and gradient 8192,128256", |gpu| {
        weighted::<bf16>(gpu, [8192, 128_256], Part::Both)
    }),
    ("cross_entropy f32 weighted 8192,32000", |gpu| {
        weighted::<f32>(gpu, [8192, 32_000], Part::Losses)
    }),
    ("distillation bf16 loss 4096,128256", |gpu| {
        distil::<bf16>(gpu, [4096, 128_256], false)
    }),
    ("distillation bf16 loss and gradient 4096,128256", |gpu| {
        distil::<bf16>(gpu, [4096, 128_256], true)
    }),
    ("distillation f32 loss and gradient 4096,32000", |gpu| {
        distil::<f32>(gpu, [4096, 32_000], true)
    }),
    ("mixup bf16 16384,8192", |gpu| {
        mixed::<bf16>(gpu, 16_384, 8192)
    }),
    ("mixup f32 16384,4096", |gpu| {
        mixed::<f32>(gpu, 16_384, 4096)
    }),
    ("adam8bit f32 67108864", |gpu| {
        adam::<f32>(gpu, 1 << 26, 256)
    }),
    ("adam8bit bf16 gradients 67108864", |gpu| {
        adam::<bf16>(gpu, 1 << 26, 256)
    }),
    ("adam8bit f32 blocks of 2048 67108864", |gpu| {
        adam::<f32>(gpu, 1 << 26, 2048)
    }),
];

/// Numbers from −8 to 8, which differ in every place: made on the GPU, since there are many.
const NOISE: &str = r#"
extern "C" __global__ void noise(void* to, unsigned long long len, unsigned seed, int narrow) {
    unsigned long long step = (unsigned long long)gridDim.x * blockDim.x;
    for (unsigned long long i = (unsigned long long)blockIdx.x * blockDim.x + threadIdx.x; i < len; i += step) {
        unsigned x = (unsigned)i * 2654435761u ^ (unsigned)(i >> 32) ^ seed * 40503u;
        x ^= x >> 16, x *= 0x7feb352du, x ^= x >> 15, x *= 0x846ca68bu, x ^= x >> 16;
        float y = (x >> 8) * (16.f / 16777216.f) - 8.f;
        if (narrow) ((unsigned short*)to)[i] = __float_as_uint(y) >> 16;
        else ((float*)to)[i] = y;
    }
}"#;

/// The types of the cases: f32, or 16 bits whose upper half is that of f32.
fn numbers<T: Number>(gpu: &Gpu, seed: u32, len: usize) -> Result<CudaSlice<T>, Trouble> {
    // SAFETY: it is written whole below.
    let mut to = unsafe { gpu.stream.alloc::<T>(len) }?;
    let kernel = gpu.function(NOISE, &[], "noise")?;
    let (count, narrow) = (len as u64, i32::from(size_of::<T>() == 2));
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut to).arg(&count).arg(&seed).arg(&narrow);
    let config = LaunchConfig {
        grid_dim: (4096, 1, 1),
        block_dim: (256, 1, 1),
        shared_mem_bytes: 0,
    };
    // SAFETY: the arguments are those of the kernel, which writes `len` numbers.
    unsafe { launch.launch(config) }?;
    Ok(to)
}

/// Cases have operands that fit: what else may go wrong is the GPU's.
fn done(result: Result<(), Error>) -> Result<(), Trouble> {
    match result {
        Ok(()) => Ok(()),
        Err(Error::Gpu(trouble)) => Err(trouble),
        Err(error) => panic!("{error}"),
    }
}

/// The largest of some errors, which NaN comes through.
fn worst(errors: impl IntoIterator<Item = f64>) -> f64 {
    let larger = |a, b| if b <= a { a } else { b };
    errors.into_iter().fold(0.0, larger)
}

/// How far results of numbers up to 1 may be off.
fn tolerance<T>() -> f64 {
    if size_of::<T>() == 2 { 4e-3 } else { 3e-6 }
}

/// A part of a tensor, wide.
fn part<T: Number>(
    gpu: &Gpu,
    x: &CudaSlice<T>,
    from: usize,
    len: usize,
) -> Result<Vec<f64>, Trouble> {
    let part = gpu.stream.clone_dtoh(&x.slice(from..from + len))?;
    Ok(part.into_iter().map(Number::number).collect())
}

/// One input, one output of its size, rows of `m`; `plain` is a row in f64.
fn rows<T: Number>(
    gpu: &'static Gpu,
    [rows, m]: [usize; 2],
    kernel: impl Fn(&mut CudaViewMut<'_, T>, &CudaSlice<T>) -> Result<(), Error> + 'static,
    plain: impl Fn(&[f64]) -> Vec<f64> + 'static,
) -> Result<Case, Trouble> {
    let x = Rc::new(numbers::<T>(gpu, 0, rows * m)?);
    let out = Rc::new(RefCell::new(numbers::<T>(gpu, 1, rows * m)?));
    let launch = {
        let (x, out) = (x.clone(), out.clone());
        move || done(kernel(&mut out.borrow_mut().as_view_mut(), &x))
    };
    let error = move || {
        let mut err = 0.0;
        for row in [0, 1, rows / 2, rows - 1] {
            let want = plain(&part(gpu, &x, row * m, m)?);
            let got = part(gpu, &out.borrow(), row * m, m)?;
            let pairs = want.iter().zip(got);
            let errors = pairs.map(|(want, got)| (want - got).abs() / want.abs().max(1.0));
            err = worst(errors.chain([err]));
        }
        Ok((err, 5.0 * tolerance::<T>()))
    };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: 5.0 * (rows * m) as f64,
        bytes: (2 * rows * m * size_of::<T>()) as f64,
    })
}

fn softmax<T: Number>(gpu: &'static Gpu, count: usize, m: usize) -> Result<Case, Trouble> {
    let run = move |out: &mut CudaViewMut<'_, T>, x: &CudaSlice<T>| {
        softmax_rows(gpu, out, &x.as_view(), m)
    };
    rows(gpu, [count, m], run, plain_softmax)
}

fn norm<T: Number>(
    gpu: &'static Gpu,
    layer: bool,
    count: usize,
    d: usize,
) -> Result<Case, Trouble> {
    let (gamma, beta) = (numbers::<T>(gpu, 2, d)?, numbers::<T>(gpu, 3, d)?);
    let (gain, shift) = (part(gpu, &gamma, 0, d)?, part(gpu, &beta, 0, d)?);
    let run = move |out: &mut CudaViewMut<'_, T>, x: &CudaSlice<T>| {
        let (x, gamma, beta) = (x.as_view(), gamma.as_view(), beta.as_view());
        match layer {
            true => layer_norm(gpu, out, &x, &gamma, &beta, 1e-5),
            false => rms_norm(gpu, out, &x, &gamma, 1e-5),
        }
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
        let out = normed.zip(&gain).zip(&shift);
        out.map(|((x, g), b)| x * g + if layer { *b } else { 0.0 })
            .collect()
    };
    rows(gpu, [count, d], run, plain)
}

fn rotate<T: Number>(gpu: &'static Gpu, layout: Layout) -> Result<Case, Trouble> {
    const D: usize = 128;
    let shape = Shape {
        batch: 4,
        heads: 32,
        rows: 8192,
        head_dim: D,
    };
    let (tokens, items) = (4 * 8192, 4 * 32 * 8192);
    let positions: Vec<i64> = (0..tokens as i64).map(|i| i % 8192).collect();
    let table = llmlab::kernels::rope::Table::new(shape, &positions, 1e4).expect("one each");
    let table = rope::Table::new(gpu, &table)?;
    let x = Rc::new(numbers::<T>(gpu, 0, items * D)?);
    let out = Rc::new(RefCell::new(numbers::<T>(gpu, 1, items * D)?));
    let launch = {
        let (x, out) = (x.clone(), out.clone());
        move || {
            let out = &mut out.borrow_mut();
            done(table.rotate(gpu, &mut out.as_view_mut(), &x.as_view(), 32, layout))
        }
    };
    let error = move || {
        let mut err = 0.0;
        for item in [0, 1, 8191, 8192 * 37 + 77, items - 1] {
            let token = (item % 8192) as f64;
            let x = part(gpu, &x, item * D, D)?;
            let got = part(gpu, &out.borrow(), item * D, D)?;
            for i in 0..D / 2 {
                let angle = token * 1e4f64.powf(-2.0 * i as f64 / D as f64);
                let (p, q) = match layout {
                    Layout::Interleaved => (2 * i, 2 * i + 1),
                    Layout::HalfSplit => (i, i + D / 2),
                };
                let (cos, sin) = (angle.cos(), angle.sin());
                let wants = [x[p] * cos - x[q] * sin, x[p] * sin + x[q] * cos];
                let errors = [wants[0] - got[p], wants[1] - got[q]];
                err = worst([err, errors[0].abs() / 8.0, errors[1].abs() / 8.0]);
            }
        }
        Ok((err, tolerance::<T>()))
    };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: (3 * items * D) as f64,
        bytes: ((2 * size_of::<T>() * 32 + 4) * tokens * D) as f64,
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Losses,
    Gradient,
    Both,
}

fn weighted<T: Number>(
    gpu: &'static Gpu,
    [rows, classes]: [usize; 2],
    of: Part,
) -> Result<Case, Trouble> {
    let logits = Rc::new(numbers::<T>(gpu, 0, rows * classes)?);
    let targets: Rc<Vec<i64>> = Rc::new((0..rows).map(|i| (i * 7919 % classes) as i64).collect());
    let weights: Vec<f32> = (0..classes).map(|i| 1.0 + (i % 7) as f32 / 7.0).collect();
    let there = gpu.stream.clone_htod(&targets[..])?;
    let by = gpu.stream.clone_htod(&weights)?;
    let size = if of == Part::Losses {
        1
    } else {
        rows * classes
    };
    let losses = Rc::new(RefCell::new(gpu.stream.alloc_zeros::<f32>(rows)?));
    let out = Rc::new(RefCell::new(numbers::<T>(gpu, 1, size)?));
    let mut lse = gpu.stream.alloc_zeros::<f32>(rows)?;
    let mut sums = gpu.stream.alloc_zeros::<f64>(2)?;
    let mut first = true;
    let launch = {
        let (logits, losses, out) = (logits.clone(), losses.clone(), out.clone());
        move || {
            let (logits, targets, weights) = (logits.as_view(), there.as_view(), by.as_view());
            let input = cross_entropy::Input {
                logits: &logits,
                targets: &targets,
                weights: &weights,
                shape: cross_entropy::Shape {
                    rows,
                    classes,
                    ignored: -100,
                },
            };
            let (losses, out) = (&mut losses.borrow_mut(), &mut out.borrow_mut());
            let (losses, out) = (&mut losses.as_view_mut(), &mut out.as_view_mut());
            // The gradient alone begins with what the losses left once.
            if of == Part::Losses || of == Part::Gradient && std::mem::take(&mut first) {
                let (lse, sums) = (&mut lse.as_view_mut(), &mut sums.as_view_mut());
                done(weighted_losses(gpu, losses, lse, sums, input))?;
            }
            done(match of {
                Part::Losses => Ok(()),
                Part::Gradient => gradient(gpu, out, &lse.as_view(), &sums.as_view(), input),
                Part::Both => losses_and_gradient(gpu, losses, out, &mut sums.as_view_mut(), input),
            })
        }
    };
    let error = move || {
        let total: f64 = targets
            .iter()
            .map(|y| f64::from(weights[*y as usize]))
            .sum();
        let mut err = 0.0;
        for row in [0, 1, rows / 2, rows - 1] {
            let z = part(gpu, &logits, row * classes, classes)?;
            let y = targets[row] as usize;
            let p = plain_softmax(&z);
            let got = gpu
                .stream
                .clone_dtoh(&losses.borrow().slice(row..row + 1))?[0];
            err = worst([err, (-p[y].ln() - f64::from(got)).abs() / 10.0]);
            if of == Part::Losses {
                continue;
            }
            let share = f64::from(weights[y]) / total;
            let got = part(gpu, &out.borrow(), row * classes, classes)?;
            let errors = p.iter().zip(got).enumerate().map(|(i, (p, got))| {
                let want = p - f64::from(u8::from(i == y));
                (want - got / share).abs() / want.abs().max(1e-3)
            });
            err = worst(errors.chain([err]));
        }
        let tolerance = if of == Part::Losses {
            1e-5
        } else {
            2.0 * tolerance::<T>()
        };
        Ok((err, tolerance))
    };
    let tensors = if of == Part::Losses { 1 } else { 2 };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: (3 * rows * classes) as f64,
        bytes: (tensors * size_of::<T>() * rows * classes) as f64,
    })
}

fn distil<T: Number>(
    gpu: &'static Gpu,
    [rows, classes]: [usize; 2],
    with_gradient: bool,
) -> Result<Case, Trouble> {
    const HEAT: f64 = 2.0;
    let student = Rc::new(numbers::<T>(gpu, 0, rows * classes)?);
    let teacher = Rc::new(numbers::<T>(gpu, 1, rows * classes)?);
    let size = if with_gradient { rows * classes } else { 1 };
    let losses = Rc::new(RefCell::new(gpu.stream.alloc_zeros::<f32>(rows)?));
    let out = Rc::new(RefCell::new(numbers::<T>(gpu, 2, size)?));
    let mut mean = gpu.stream.alloc_zeros::<f64>(1)?;
    let launch = {
        let (student, teacher) = (student.clone(), teacher.clone());
        let (losses, out) = (losses.clone(), out.clone());
        move || {
            let (losses, out) = (&mut losses.borrow_mut(), &mut out.borrow_mut());
            let (losses, mean) = (&mut losses.as_view_mut(), &mut mean.as_view_mut());
            let (student, teacher) = (student.as_view(), teacher.as_view());
            let input = distillation::Input {
                student: &student,
                teacher: &teacher,
                classes,
                temperature: HEAT as f32,
            };
            done(match with_gradient {
                true => distillation_gradient(gpu, losses, &mut out.as_view_mut(), mean, input),
                false => distillation(gpu, losses, mean, input),
            })
        }
    };
    let error = move || {
        let mut err = 0.0;
        for row in [0, 1, rows / 2, rows - 1] {
            let mut weights = Vec::new();
            for x in [&student, &teacher] {
                let x = part(gpu, x, row * classes, classes)?;
                weights.push(plain_softmax(
                    &x.iter().map(|x| x / HEAT).collect::<Vec<f64>>(),
                ));
            }
            let (q, p) = (&weights[0], &weights[1]);
            let kl: f64 = p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum();
            let loss = gpu
                .stream
                .clone_dtoh(&losses.borrow().slice(row..row + 1))?[0];
            err = worst([
                err,
                (HEAT * HEAT * kl - f64::from(loss)).abs() / (HEAT * HEAT * kl),
            ]);
            if with_gradient {
                let got = part(gpu, &out.borrow(), row * classes, classes)?;
                let errors = got.iter().zip(p.iter().zip(q)).map(|(got, (p, q))| {
                    let want = HEAT * (q - p) / rows as f64;
                    (want - got).abs() * rows as f64 / (HEAT * (p + q))
                });
                err = worst(errors.chain([err]));
            }
        }
        let narrow = with_gradient && size_of::<T>() == 2;
        Ok((err, if narrow { 4e-3 } else { 1e-5 }))
    };
    let tensors = if with_gradient { 3 } else { 2 };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: (10 * rows * classes) as f64,
        bytes: (tensors * size_of::<T>() * rows * classes) as f64,
    })
}

fn mixed<T: Number>(gpu: &'static Gpu, rows: usize, features: usize) -> Result<Case, Trouble> {
    let x = Rc::new(numbers::<T>(gpu, 0, rows * features)?);
    // A permutation far from the row itself.
    let partners: Vec<usize> = (0..rows).map(|i| (i * 5 + 4001) % rows).collect();
    let there: Vec<i64> = partners.iter().map(|i| *i as i64).collect();
    let there = gpu.stream.clone_htod(&there)?;
    let out = Rc::new(RefCell::new(numbers::<T>(gpu, 1, rows * features)?));
    let launch = {
        let (x, out) = (x.clone(), out.clone());
        move || {
            let lambda = mixup::Lambda::Batch(0.3);
            let (out, there) = (&mut out.borrow_mut(), there.as_view());
            let out = &mut out.as_view_mut();
            done(mixup(gpu, out, &x.as_view(), &there, lambda, features))
        }
    };
    let error = move || {
        let mut err = 0.0;
        for row in [0, 1, rows / 2, rows - 1] {
            let own = part(gpu, &x, row * features, features)?;
            let other = part(gpu, &x, partners[row] * features, features)?;
            let got = part(gpu, &out.borrow(), row * features, features)?;
            let pairs = own.iter().zip(other).zip(got);
            let share = f64::from(0.3f32);
            let errors = pairs.map(|((own, other), got)| {
                let want = share * own + (1.0 - share) * other;
                (want - got).abs() / want.abs().max(1.0)
            });
            err = worst(errors.chain([err]));
        }
        Ok((err, tolerance::<T>()))
    };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: (3 * rows * features) as f64,
        bytes: (3 * size_of::<T>() * rows * features) as f64,
    })
}

/// Parameters move by about the learning rate in each step.
fn adam<G: Number>(gpu: &'static Gpu, len: usize, block: usize) -> Result<Case, Trouble> {
    const LR: f32 = 1e-5;
    let grads = numbers::<G>(gpu, 0, len)?;
    let params = Rc::new(RefCell::new(gpu.stream.alloc_zeros::<f32>(len)?));
    let mut state = match adam8bit::State::new(gpu, len, block) {
        Ok(state) => state,
        Err(error) => return done(Err(error)).map(|()| unreachable!()),
    };
    let signs: Vec<f64> = part(gpu, &grads, 0, 1000)?;
    let steps = Rc::new(RefCell::new(0));
    let hyper = Hyper {
        lr: LR,
        weight_decay: 0.0,
        ..Hyper::default()
    };
    let launch = {
        let (params, steps) = (params.clone(), steps.clone());
        move || {
            *steps.borrow_mut() += 1;
            let params = &mut params.borrow_mut();
            let params = &mut params.as_view_mut();
            done(adam8bit_step(
                gpu,
                params,
                &grads.as_view(),
                &mut state,
                hyper,
            ))
        }
    };
    let error = move || {
        // The same gradient each time: each step is lr against its sign, but for what 8 bits lose. Small
        // moments of a block lose the most.
        let moved = f64::from(LR) * f64::from(*steps.borrow());
        let got = part(gpu, &params.borrow(), 0, signs.len())?;
        let pairs = got.iter().zip(&signs).filter(|(_, g)| g.abs() > 4.0);
        let errors = pairs.map(|(p, g)| (p / moved + g.signum()).abs());
        Ok((worst(errors), 0.1))
    };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: 20.0 * len as f64,
        bytes: ((8 + size_of::<G>() + 4) * len + 16 * len / block) as f64,
    })
}
