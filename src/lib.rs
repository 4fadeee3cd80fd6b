//! llmlab: the concepts behind large language models, built step by step and checked.
//!
//! Imports run one way: `cli → lessons → {lesson, problem, trace, ops}` and `lessons → kernels`.
//! Only `cli` talks to a terminal.

// What learners' code is compiled with: tensors, operations, the tracer.
pub mod export;
pub mod memory;
pub mod ops;
pub mod show;
pub mod solution;
pub mod tensor;
pub mod text;
pub mod trace;

// The same from a notebook's cell: what it shows, and how it asks the program.
pub mod notebook;

// What knows lessons, judges and shows.
#[cfg(feature = "lessons")]
pub mod bench;
#[cfg(feature = "lessons")]
pub mod bind;
#[cfg(feature = "terminal")]
pub mod cards;
#[cfg(feature = "lessons")]
pub mod check;
#[cfg(feature = "terminal")]
pub mod cli;
#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(feature = "lessons")]
pub mod expr;
#[cfg(feature = "terminal")]
pub mod interview;
#[cfg(feature = "kernels")]
#[path = "../kernels/mod.rs"]
pub mod kernels;
#[cfg(feature = "lessons")]
pub mod lesson;
#[cfg(feature = "lessons")]
#[path = "../lessons/mod.rs"]
pub mod lessons;
#[cfg(feature = "lessons")]
pub mod near;
#[cfg(feature = "terminal")]
pub mod npz;
#[cfg(feature = "lessons")]
pub mod problem;
#[cfg(feature = "terminal")]
pub mod quiz;
#[cfg(feature = "terminal")]
pub mod review;
#[cfg(feature = "terminal")]
pub mod store;
#[cfg(feature = "lessons")]
pub mod tiny;

/// What a learner's file and the REPL start with: `use llmlab::prelude::*;`
pub mod prelude {
    // evcxr takes rustc's hint at a trait that is not in scope for an error: `()` shows nothing.
    pub use crate::notebook::{Number as _, Rich as _};
    pub use crate::ops::{causal_mask, einsum, log_softmax, matmul, permute, softmax};
    pub use crate::tensor::{Labels, Tensor};
    pub use crate::trace::Trace;
    pub use ndarray::{self, Array, Array1, Array2, Array3, Array4, ArrayD, Axis, IxDyn, array, s};
}
