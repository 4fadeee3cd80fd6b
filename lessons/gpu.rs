//! The lessons whose production kernel runs on NVIDIA GPUs too: each has a `gpu.rs` of its own.

use crate::kernels::cuda::{Gpu, Trouble};
use crate::problem::Problem;
use crate::tensor::{Inputs, Outputs, Tensor};
use crate::text::Text;
use cudarc::driver::{CudaSlice, DeviceRepr};
use half::bf16;
use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::fmt;
use std::rc::Rc;

/// A lesson's kernel on the GPU.
pub struct OnGpu {
    pub lesson: &'static str,
    /// `attention, bf16 on tensor cores`
    pub name: &'static str,
    /// Of an operand's element: 16 or 32.
    pub bits: u8,
    /// The inputs as the kernel takes them: rounded to bf16, for one.
    pub rounded: fn(Inputs) -> Inputs,
    /// How far a right answer in the kernel's precision may be from the truth on these inputs.
    pub tolerance: fn(&Problem, &Inputs) -> f64,
    /// Puts the operands on the GPU.
    pub prepare: fn(&'static Gpu, &Inputs) -> Result<Launch, Trouble>,
}

/// A kernel with its operands on the GPU.
pub struct Launch {
    /// Launches it, and does not wait.
    pub run: Box<dyn FnMut() -> Result<(), Trouble>>,
    /// What it wrote: the first of the problem's outputs.
    pub values: Box<dyn FnMut() -> Result<Outputs, Trouble>>,
}

/// A kernel's versions, from the plainest on, each of which runs: what its speed was made of.
pub struct Ladder {
    pub lesson: &'static str,
    /// `1×16 heads, 4096 tokens, d = 128, bf16`
    pub case: &'static str,
    pub flops: f64,
    pub bytes: f64,
    /// The outputs that every version must have, computed on the CPU, and how far one may be off.
    pub truth: fn() -> (Outputs, f64),
    pub rungs: &'static [Rung],
}

/// One version.
pub struct Rung {
    pub name: &'static str,
    /// What it has that the one before has not.
    pub adds: Text,
    /// Puts the operands on the GPU. Fails where the version does not run on this one.
    pub prepare: fn(&'static Gpu) -> Result<Launch, Trouble>,
}

/// Every ladder.
pub const LADDERS: &[Ladder] = &[
    super::attention::gpu::LADDER,
    super::group_quant_int4::gpu::ONE,
    super::group_quant_int4::gpu::MANY,
];

/// Numbers from −1 to 1 that bf16 holds, the same in each run.
pub fn noise(seed: u64, len: usize) -> Vec<bf16> {
    let mut rng = StdRng::seed_from_u64(seed);
    let draw = |_| bf16::from_f32(rng.random_range(-1.0..1.0));
    (0..len).map(draw).collect()
}

/// Every such lesson.
pub const KERNELS: &[OnGpu] = &[
    super::attention::gpu::KERNEL,
    super::class_weighted_ce::gpu::KERNEL,
    super::rope::gpu::KERNEL,
    super::stable_softmax::gpu::KERNEL,
];

/// For kernels that take f32: inputs as they are.
pub fn as_they_are(inputs: Inputs) -> Inputs {
    inputs
}

/// For kernels that take f32: the tolerance of any answer.
pub fn of_f32(problem: &Problem, inputs: &Inputs) -> f64 {
    (problem.tolerance)(inputs).value
}

/// A tensor on the GPU.
///
/// # Errors
/// [`Trouble`], where there is no room for it.
pub fn upload(gpu: &Gpu, x: &Tensor) -> Result<CudaSlice<f32>, Trouble> {
    let x: Vec<f32> = x.iter().copied().collect();
    Ok(gpu.stream.clone_htod(&x)?)
}

/// What lies on the GPU, in f64 and in this shape.
///
/// # Errors
/// [`Trouble`] of what wrote it.
pub fn download<T: DeviceRepr + Into<f64>>(
    gpu: &Gpu,
    x: &CudaSlice<T>,
    shape: &[usize],
) -> Result<ArrayD<f64>, Trouble> {
    let x = gpu
        .stream
        .clone_dtoh(x)?
        .into_iter()
        .map(Into::into)
        .collect();
    Ok(ArrayD::from_shape_vec(IxDyn(shape), x).expect("the shape's length"))
}

/// A family's own error as the GPU's.
pub fn told(error: impl fmt::Display) -> Trouble {
    Trouble::Driver(error.to_string())
}

/// What the launch writes and the check reads.
pub type Shared<T> = Rc<std::cell::RefCell<T>>;

pub fn shared<T>(value: T) -> Shared<T> {
    Rc::new(value.into())
}
