use llmlab::prelude::*;

/// text [b n] holds base symbols; symbol 0 is the space, and a word begins at each. merges [r 2] are
/// pairs of ids, the first learned first; table is [v d], and merge i makes the token v − r + i.
/// Gives the rows of the table for each text's tokens, with zeros behind the last, [b n d], and the
/// logits of hidden [b n d] with the same table, [b n v].
pub fn tokens_and_embedding(
    text: &Labels,
    merges: &Labels,
    table: &Tensor,
    hidden: &Tensor,
) -> (Tensor, Tensor) {
    todo!()
}
