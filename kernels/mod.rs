//! Production kernels: slices in, slices out. They know no lesson.

pub mod cpu;
pub mod cross_entropy;
