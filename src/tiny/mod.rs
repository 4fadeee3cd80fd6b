//! A small real language model, for methods that need trained weights: quantization, pruning,
//! distillation, LoRA, longer contexts.
//!
//! [`Tiny`] is a Llama with 672 896 parameters, trained by `train.py` in some minutes on the texts of
//! `corpus.rs`. Their loss is known exactly, so the model's can be read against it. [`Student`]s are
//! about an eighth of it, and learned from few sequences in `distil.py`. Weights are in
//! `*.safetensors` (bf16, with Hugging Face's names) and in the binary.

mod corpus;
mod model;
#[cfg(test)]
mod tests;

pub use corpus::{
    Corpus, GAP, HELD_OUT, LENGTH, LETTERS, NAMES, SEGMENT, SEPARATOR, VOCAB, entropy_rate,
};
pub use model::{Config, Layer, Malformed, Student, Tiny};
