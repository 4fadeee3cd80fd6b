use llmlab::prelude::*;

/// The additive attention mask `[b 1 n m]`: 0 where a query sees a key, −∞ where not. `keep [b m]` is 1
/// for tokens and 0 for padding; the n = `queries` queries are the last n of the m positions; a query
/// sees keys up to its own position, with `window` > 0 the last `window` of these only, and no padding.
pub fn attention_mask(keep: &Labels, queries: f64, window: f64) -> Tensor {
    let (b, m) = (keep.shape()[0], keep.shape()[1]);
    let n = queries as usize;
    let mut mask = Tensor::from_elem(vec![b, 1, n, m], f32::NEG_INFINITY);
    for (at, value) in mask.indexed_iter_mut() {
        let (s, i, j) = (at[0], at[2], at[3]);
        // The distance back from the query's position i + (m − n) to key j.
        let behind = (i + m) as i64 - n as i64 - j as i64;
        let near = window == 0.0 || behind < window as i64;
        if behind >= 0 && near && keep[[s, j]] == 1 {
            *value = 0.0;
        }
    }
    mask
}
