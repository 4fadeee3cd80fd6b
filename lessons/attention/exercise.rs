use llmlab::prelude::*;

/// Scaled dot-product attention, softmax(q·kᵀ/√d + mask)·v: `q [b h n d]`, `k [b h m d]`,
/// `v [b h m dv]`, `mask` broadcasts to `[b h n m]` and is added (0 keeps, −∞ drops); returns
/// `[b h n dv]`, with zeros for a query whose keys are all dropped.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
    todo!()
}
