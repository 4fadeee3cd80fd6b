use llmlab::prelude::*;

/// x [n d] are tokens, w [l 3 d d] the w_q, w_k, w_v of l layers (one head, no w_o, no FFN, no norm),
/// sees [n n] is 1 where token i reads token j (itself always). With skip = 1 a layer is
/// x + attention(x), with 0 attention(x). Gives the number of layers after which token j has reached
/// token i (0 for itself, −1 for never) [n n], and ‖X − mean token‖/‖X‖ after every layer [l].
pub fn attention_expressivity(
    x: &Tensor,
    w: &Tensor,
    sees: &Labels,
    skip: f64,
) -> (Tensor, Tensor) {
    todo!()
}
