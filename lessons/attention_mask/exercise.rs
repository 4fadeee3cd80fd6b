use llmlab::prelude::*;

/// The additive attention mask `[b 1 n m]`: 0 where a query sees a key, −∞ where not. `keep [b m]` is 1
/// for tokens and 0 for padding; the n = `queries` queries are the last n of the m positions; a query
/// sees keys up to its own position, with `window` > 0 the last `window` of these only, and no padding.
pub fn attention_mask(keep: &Labels, queries: f64, window: f64) -> Tensor {
    todo!()
}
