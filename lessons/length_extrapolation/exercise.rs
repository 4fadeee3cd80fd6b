use llmlab::prelude::*;

/// A text is scored in windows of n tokens, each `stride` tokens after the one before: losses [w n]
/// in nats, counted [w n] 1 or 0 (padding, first token of a text). Gives
/// - by_context [k], k = n/stride: the perplexity of bucket c (positions c·stride … of a window), over
///   the blocks of the text that every bucket sees, so that all have the same target tokens;
/// - sliding: the perplexity with every token scored once, in the window that gives it most context;
/// - ratio: by_context of the last bucket over that of the bucket which ends at `trained` tokens.
pub fn length_extrapolation(
    losses: &Tensor,
    counted: &Labels,
    stride: f64,
    trained: f64,
) -> (Tensor, f64, f64) {
    todo!()
}
