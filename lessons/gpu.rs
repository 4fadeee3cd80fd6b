//! The lessons whose production kernel runs on NVIDIA GPUs too: each has a `gpu.rs` of its own.

use crate::kernels::cuda::{Gpu, Trouble};
use crate::problem::Problem;
use crate::tensor::{Inputs, Outputs, Tensor};
use cudarc::driver::CudaSlice;
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

/// A family's own error as the GPU's.
pub fn told(error: impl fmt::Display) -> Trouble {
    Trouble::Driver(error.to_string())
}

/// What the launch writes and the check reads.
pub type Shared<T> = Rc<std::cell::RefCell<T>>;

pub fn shared<T>(value: T) -> Shared<T> {
    Rc::new(value.into())
}
