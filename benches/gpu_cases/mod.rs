//! What is timed on the GPU: one file for each family of kernels.

mod attention;
mod gemm;
mod quant;
mod streams;

use llmlab::kernels::cuda::{Gpu, Trouble};

/// One kernel on operands of one size.
pub struct Case {
    /// Launches the kernel once and does not wait. Where the operands would fit into L2, each launch takes
    /// the next of several copies of them.
    pub launch: Box<dyn FnMut() -> Result<(), Trouble>>,
    /// The error of what the last launch wrote, and how large it may be.
    pub error: Box<dyn FnMut() -> Result<(f64, f64), Trouble>>,
    pub flops: f64,
    pub bytes: f64,
}

pub type Prepare = fn(&'static Gpu) -> Result<Case, Trouble>;

/// A name, which `peers/gpu_*.py` share, and how to set the case up.
pub type Named = (&'static str, Prepare);

/// Every case, by name.
pub fn all() -> Vec<Named> {
    [
        attention::all().as_slice(),
        quant::CASES,
        gemm::CASES,
        streams::CASES,
    ]
    .concat()
}

/// A family's own error, in words.
pub fn told(error: impl std::fmt::Display) -> Trouble {
    Trouble::Driver(error.to_string())
}
