use llmlab::prelude::*;

/// What goes into the first layer: embeddings [b n d] times √d, plus the sinusoidal encoding of
/// their positions [b n] with base 10000, sine and cosine interleaved. d is even.
pub fn sinusoidal_position(embeddings: &Tensor, positions: &Labels) -> Tensor {
    todo!()
}
