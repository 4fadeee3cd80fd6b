use llmlab::prelude::*;

/// One encoder layer over src [b m d] and one decoder layer over tgt [b n d], which is shifted right
/// behind bos [d]; src_mask [b m] is 1 for real source tokens. attn [3 4 d d] holds the attentions of
/// encoder, decoder and cross (one head each; q, k, v, o), up [2 d f] and down [2 f d] the FFNs
/// (encoder, decoder) with ReLU, gamma [5 d] the LayerNorms in the order of the sublayers (ε = 1e-5,
/// no β); norm_first is 1 for x + f(LN(x)), 0 for LN(x + f(x)). Gives both outputs, [b m d], [b n d].
pub fn encoder_decoder_block(
    src: &Tensor,
    tgt: &Tensor,
    src_mask: &Labels,
    bos: &Tensor,
    attn: &Tensor,
    up: &Tensor,
    down: &Tensor,
    gamma: &Tensor,
    norm_first: f64,
) -> (Tensor, Tensor) {
    todo!()
}
