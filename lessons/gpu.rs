//! The lessons whose production kernel runs on NVIDIA GPUs too.

use crate::kernels::cuda::{Gpu, Trouble};
use crate::problem::Problem;
use crate::tensor::{Inputs, Outputs};

/// A lesson's kernel on the GPU.
pub struct OnGpu {
    pub lesson: &'static str,
    /// `attention, bf16 tensor cores`
    pub name: &'static str,
    /// Of an operand's element: 16 or 32.
    pub bits: u8,
    /// The inputs as the kernel takes them: rounded to bf16, for one.
    pub rounded: fn(Inputs) -> Inputs,
    /// How far a right answer in the kernel's precision may be from the truth on these inputs.
    pub tolerance: fn(&Problem, &Inputs) -> f64,
    /// Puts the operands on the GPU.
    pub prepare: fn(&'static Gpu, &Inputs) -> Result<Launch, String>,
}

/// A kernel with its operands on the GPU.
pub struct Launch {
    /// Launches it, and does not wait.
    pub run: Box<dyn FnMut() -> Result<(), Trouble>>,
    /// What it wrote: the first of the problem's outputs.
    pub values: Box<dyn FnMut() -> Result<Outputs, Trouble>>,
}

/// Every such lesson.
pub const KERNELS: &[OnGpu] = &[];
