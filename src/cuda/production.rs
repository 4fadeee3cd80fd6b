//! The production kernel of a lesson on the GPU: checked, timed, and beside what the GPU can do.

use super::clock::time;
use crate::check;
use crate::kernels::cuda::{self, Gpu, Limits};
use crate::lesson::Lesson;
use crate::lessons::gpu::{KERNELS, OnGpu};
use crate::problem::{Problem, Work};
use crate::tensor::Inputs;
use crate::text::Lang;
use crate::trace::Trace;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the GPU of this machine did, or could do, on a lesson's large case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The GPU's name.
    pub gpu: String,
    /// Bytes read and written by a copy, a second.
    pub copy_gb_s: f64,
    /// Multiply-adds of f32 on the plain cores.
    pub fma_gflop_s: f64,
    /// The shortest time that these allow for f32 operands, and what sets it: `memory` or `arithmetic`.
    pub limit_s: f64,
    pub bound: String,
    /// The production kernel, where the lesson has one here.
    pub kernel: Option<Timed>,
}

/// A production kernel's run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timed {
    /// `attention, bf16 tensor cores`
    pub name: String,
    /// Against the reference on the kernel's own (rounded) inputs.
    pub error: f64,
    pub tolerance: f64,
    /// Seconds by the GPU's clock.
    pub runs: Vec<f64>,
    /// Bytes that it reads and writes at the least: half of f32's where its operands have 16 bits.
    pub bytes: f64,
    /// What the units that it runs on can do, operations a second.
    pub peak_gflop_s: f64,
    /// The shortest time that the GPU allows it.
    pub limit_s: f64,
}

/// Measures in a child, where a driver is; `None` where there is none.
///
/// # Errors
/// What went wrong with the GPU, as a sentence.
pub fn measure(
    lesson: &Lesson,
    seed: u64,
    limit: Duration,
    lang: Lang,
) -> Option<Result<Measured, String>> {
    if !cuda::may_be_here() {
        return None;
    }
    Some(check::on_gpu(limit, lang, || measured(lesson, seed)).and_then(|result| result))
}

fn measured(lesson: &Lesson, seed: u64) -> Result<Measured, String> {
    let gpu = cuda::gpu().map_err(ToString::to_string)?;
    let limits = cuda::limits(gpu).map_err(|trouble| trouble.to_string())?;
    let case = check::large(lesson.problem, seed);
    let work = (lesson.problem.production.work)(&case);
    let (limit_s, bound) = limits.limit(work.flops, work.bytes, limits.fma_gflop_s);
    let known = KERNELS.iter().find(|known| known.lesson == lesson.id);
    let inputs = || (lesson.problem.inputs)(&case);
    let kernel = known.map(|known| timed(gpu, limits, lesson.problem, known, inputs(), work));
    let kernel = kernel.transpose()?;
    Ok(Measured {
        gpu: gpu.name.clone(),
        copy_gb_s: limits.copy_gb_s,
        fma_gflop_s: limits.fma_gflop_s,
        limit_s,
        bound: bound.to_string(),
        kernel,
    })
}

/// Checks the kernel on the large case, times it, and checks again.
fn timed(
    gpu: &'static Gpu,
    limits: Limits,
    problem: &Problem,
    known: &OnGpu,
    inputs: Inputs,
    work: Work,
) -> Result<Timed, String> {
    let inputs = (known.rounded)(inputs);
    let truth = (problem.reference)(&inputs, &mut Trace::new());
    let tolerance = (known.tolerance)(problem, &inputs);
    let timed = (known.prepare)(gpu, &inputs)
        .and_then(|mut launch| time(gpu, &mut launch, &truth, tolerance, [20, 1]));
    let (runs, off) = timed.map_err(|trouble| trouble.to_string())?;
    if !off.holds() {
        return Err(format!(
            "the CUDA kernel is off by {:.3e}, allowed is {tolerance:.3e}; it is not timed until it is right",
            off.err
        ));
    }
    let (bytes, peak_gflop_s) = match known.bits {
        16 => (work.bytes / 2.0, limits.tensor_gflop_s),
        _ => (work.bytes, limits.fma_gflop_s),
    };
    let (limit_s, _) = limits.limit(work.flops, bytes, peak_gflop_s);
    Ok(Timed {
        name: known.name.to_string(),
        error: off.err,
        tolerance,
        runs,
        bytes,
        peak_gflop_s,
        limit_s,
    })
}
