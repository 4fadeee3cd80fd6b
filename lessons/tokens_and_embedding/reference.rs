//! Byte-pair encoding, embedding and tied output head, step by step in f64.

use crate::ops::einsum;
use crate::tensor::{Inputs, Labels, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis, IxDyn};

/// The symbol at which a word begins.
pub const SPACE: i64 = 0;
/// Stands behind the last token of a text.
pub const END: i64 = -1;

/// text `[b n]` of base symbols, merges `[r p]` (p = 2), table `[v d]`, hidden `[b n d]` → the
/// tokens' rows of the table, 0 behind the last token, `[b n d]`, and the logits hidden·tableᵀ
/// `[b n v]`. Sennrich et al. 2015, arXiv 1508.07909; Press and Wolf 2016, arXiv 1608.05859.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (text, merges) = (inputs.int("text"), inputs.int("merges"));
    let (table, hidden) = (inputs.f64("table"), inputs.f64("hidden"));
    let (v, d) = (table.shape()[0], table.shape()[1]);
    // Token v − r + i is what merge i makes; the tokens before are the base symbols.
    let base = v as i64 - merges.shape()[0] as i64;

    // Words: a text is cut before every space, and no merge crosses a cut.   [b n]
    let word = |row: &[i64]| -> Vec<i64> {
        let mut count = 0;
        let starts = |symbol: &i64| {
            count += i64::from(*symbol == SPACE);
            count
        };
        row.iter().map(starts).collect()
    };
    let words = each_row(text, word).mapv(|word| word as f64);
    trace
        .step("words", "which word a symbol is in", "b n", &words)
        .note("symbol 0 is the space; it begins a word");

    // Tokens: merge the pair of the lowest rank until no pair is left that has one.   [b n]
    let tokens = each_row(text, |row| encode(row, merges, base));
    let count = tokens.iter().filter(|id| **id != END).count();
    trace
        .step("tokens", "lowest rank first", "b n", &tokens)
        .note(format!(
            "{} symbols become {count} tokens; −1 behind the last",
            text.len()
        ));

    // x = E[tokens]: one row of the table for each token, as it stands.   [b n d]
    let embedded =
        ArrayD::from_shape_fn(
            IxDyn(&[text.shape()[0], text.shape()[1], d]),
            |at| match tokens[[at[0], at[1]]] {
                END => 0.0,
                id => entry(&table, id, at[2]),
            },
        );
    trace
        .step("embedded", "E[tokens]", "b n d", &embedded)
        .note("a copy of rows: no product, no FLOP");

    // logits = hidden·Eᵀ: the same table scores every token of the vocabulary.   [b n v]
    let logits = einsum("b n d, v d -> b n v", &[&hidden, &table]);
    trace
        .step("logits", "hidden·Eᵀ", "b n d, v d -> b n v", &logits)
        .note("how alike a hidden state and each row are");

    vec![embedded, logits]
}

/// An entry of the table; NaN for an id that it does not have.
pub fn entry(table: &ArrayD<f64>, id: i64, column: usize) -> f64 {
    let row = usize::try_from(id).ok();
    let found = row.and_then(|row| table.get([row, column]));
    found.copied().unwrap_or(f64::NAN)
}

/// Every text by itself, with [`END`] behind what is shorter.
pub fn each_row(text: &Labels, mut work: impl FnMut(&[i64]) -> Vec<i64>) -> Labels {
    let mut out = Labels::from_elem(text.raw_dim(), END);
    for (text, mut out) in text.axis_iter(Axis(0)).zip(out.axis_iter_mut(Axis(0))) {
        let row: Vec<i64> = text.iter().copied().collect();
        out.iter_mut()
            .zip(work(&row))
            .for_each(|(out, id)| *out = id);
    }
    out
}

/// The tokens of one text.
pub fn encode(text: &[i64], merges: &Labels, base: i64) -> Vec<i64> {
    let pairs: Vec<[i64; 2]> = merges
        .rows()
        .into_iter()
        .map(|pair| [pair[0], pair[1]])
        .collect();
    let mut out = Vec::new();
    for word in words(text) {
        let mut tokens = word.to_vec();
        let rank = |pair: &[i64]| pairs.iter().position(|known| known == pair);
        while let Some(best) = tokens.windows(2).filter_map(rank).min() {
            tokens = replace(&tokens, pairs[best], base + best as i64);
        }
        out.extend(tokens);
    }
    out
}

/// A text cut before every space.
pub fn words(text: &[i64]) -> Vec<&[i64]> {
    let mut words = Vec::new();
    let mut start = 0;
    for at in 1..=text.len() {
        if at == text.len() || text[at] == SPACE {
            words.push(&text[start..at]);
            start = at;
        }
    }
    words
}

/// Every occurrence of the pair, from left to right, as one token.
pub fn replace(tokens: &[i64], pair: [i64; 2], id: i64) -> Vec<i64> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let found = tokens[at..].starts_with(&pair);
        out.push(if found { id } else { tokens[at] });
        at += 1 + usize::from(found);
    }
    out
}
