//! llmlab: the concepts behind large language models, built step by step and checked.

pub mod text;
