//! llmlab: the concepts behind large language models, built step by step and checked.
//!
//! Imports run one way: `cli → lessons → {lesson, problem, trace, ops}` and `lessons → kernels`.
//! Only `cli` talks to a terminal.

pub mod bench;
pub mod bind;
pub mod check;
#[cfg(feature = "terminal")]
pub mod cli;
pub mod lesson;
pub mod memory;
pub mod near;
#[cfg(feature = "terminal")]
pub mod npz;
pub mod ops;
pub mod problem;
#[cfg(feature = "terminal")]
pub mod quiz;
pub mod show;
pub mod solution;
#[cfg(feature = "terminal")]
pub mod store;
pub mod tensor;
pub mod text;
pub mod trace;

#[path = "../kernels/mod.rs"]
pub mod kernels;
#[path = "../lessons/mod.rs"]
pub mod lessons;

/// What a learner's file and the REPL start with: `use llmlab::prelude::*;`
pub mod prelude {
    pub use crate::ops::{causal_mask, einsum, log_softmax, matmul, permute, softmax};
    pub use crate::tensor::{Labels, Tensor};
    pub use crate::trace::Trace;
    pub use ndarray::{self, Array, Array1, Array2, Array3, Array4, ArrayD, Axis, IxDyn, array, s};
}
