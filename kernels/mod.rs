//! Production kernels: slices in, slices out. They know no lesson.

pub mod alibi;
pub mod amx;
pub mod attention;
pub mod cpu;
pub mod cross_entropy;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod embedding;
pub mod ffn;
pub mod layer_norm;
pub mod machine;
pub mod mask;
pub mod multi_head;
pub mod rope;
pub mod simd;
pub mod sinusoidal;
pub mod softmax;
