//! Production kernels: slices in, slices out. They know no lesson.

pub mod adam8bit;
pub mod affine;
pub mod alibi;
pub mod amx;
pub mod attention;
pub mod attention_bf16;
pub mod calibrate;
pub mod cpu;
pub mod cross_entropy;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod distillation;
pub mod embedding;
pub mod fake_quant;
pub mod ffn;
pub mod gemm;
pub mod gptq;
pub mod hidden_distillation;
pub mod layer_norm;
pub mod machine;
pub mod mask;
pub mod mixup;
pub mod multi_head;
pub mod obs;
mod online;
pub mod operand;
pub mod prune;
pub mod quant;
pub mod rope;
pub mod simd;
pub mod sinusoidal;
pub mod softmax;
pub mod sparse;
pub mod stream;
pub mod w8a8;
