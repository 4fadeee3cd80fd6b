//! What is timed: one file for each kind of kernel. Names are shared with `peers/*.py`.

mod adam;
mod attention;
mod attention_bf16;
mod gemm;
mod quant;
mod streams;

/// One kernel on one size, ready to run.
pub struct Case {
    /// What cannot be done without.
    pub flops: f64,
    /// Bytes that must be read or written.
    pub bytes: f64,
    /// Runs once; outputs were allocated before.
    pub run: Box<dyn FnMut()>,
    /// The largest error of the last run against an f64 reference, on rows that are cheap to compute.
    pub error: Box<dyn FnMut() -> f64>,
    pub tolerance: f64,
}

/// A name, and how to set the case up.
pub type Named = (&'static str, fn() -> Case);

pub fn all() -> Vec<Named> {
    [
        attention::CASES,
        attention_bf16::CASES,
        gemm::CASES,
        quant::CASES,
        adam::CASES,
        streams::CASES,
    ]
    .concat()
}

/// Whether the products of a case are of bf16: its name says so, and so do weights of 4 or 8 bits.
pub fn in_bf16(name: &str) -> bool {
    name.contains("bf16") || name.contains("A16")
}
