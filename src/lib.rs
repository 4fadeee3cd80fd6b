//! llmlab: LLM concepts as step-by-step references that trace their shapes.
//!
//! Imports run one way: `main → lessons → trace`. Only `main` prints.

pub mod trace;

#[path = "../lessons/mod.rs"]
pub mod lessons;
