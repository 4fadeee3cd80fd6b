use llmlab::prelude::*;

/// Byte-pair encoding (arXiv 1508.07909), lookup, and a head tied to the table (arXiv 1608.05859).
pub fn tokens_and_embedding(
    text: &Labels,
    merges: &Labels,
    table: &Tensor,
    hidden: &Tensor,
) -> (Tensor, Tensor) {
    let base = table.shape()[0] - merges.shape()[0];
    let mut embedded = Tensor::zeros(hidden.raw_dim());
    for (text, mut rows) in text.axis_iter(Axis(0)).zip(embedded.axis_iter_mut(Axis(0))) {
        let mut words: Vec<Vec<i64>> = Vec::new();
        for symbol in text {
            if *symbol == 0 || words.is_empty() {
                words.push(Vec::new());
            }
            words.last_mut().unwrap().push(*symbol);
        }
        let tokens = words
            .into_iter()
            .flat_map(|word| encode(word, merges, base));
        for (token, mut row) in tokens.zip(rows.axis_iter_mut(Axis(0))) {
            row.assign(&table.index_axis(Axis(0), token as usize));
        }
    }
    (embedded, einsum("b n d, v d -> b n v", &[hidden, table]))
}

/// Merges are applied in the order in which they were learned: the lowest rank first.
fn encode(mut word: Vec<i64>, merges: &Labels, base: usize) -> Vec<i64> {
    for (rank, pair) in merges.axis_iter(Axis(0)).enumerate() {
        let mut at = 0;
        while at + 1 < word.len() {
            if word[at] == pair[0] && word[at + 1] == pair[1] {
                word[at] = (base + rank) as i64;
                word.remove(at + 1);
            }
            at += 1;
        }
    }
    word
}
