//! From text to vectors and back to scores: byte-pair encoding, table lookup, and the tied head.
//!
//! The head's product is that of the matrixmultiply crate, in runs of rows over the threads.

use super::cpu::{split, threads};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::collections::HashMap;
use std::fmt;

/// The symbol at which a word begins.
pub const SPACE: i64 = 0;

/// What cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A slice has fewer or more elements than it should have.
    Length {
        name: &'static str,
        want: usize,
        got: usize,
    },
    /// An id that is not in the table.
    Id { id: i64, vocabulary: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { name, want, got } => {
                write!(f, "`{name}` should have {want} elements, it has {got}")
            }
            Error::Id { id, vocabulary } => write!(
                f,
                "id {id} is not in a table of {vocabulary} rows; encode with the merges that belong to it"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    format!(
        "byte-pair encoding, lookup, tied head, {} threads",
        threads()
    )
}

/// Merges by rank: pair i becomes the token `base + i` (Sennrich et al. 2015, arXiv 1508.07909).
#[derive(Clone, Debug)]
pub struct Merges {
    ranks: HashMap<(i64, i64), i64>,
    base: i64,
}

impl Merges {
    /// `pairs` are two ids each, the first learned first.
    pub fn new(pairs: &[i64], base: i64) -> Merges {
        let mut ranks = HashMap::new();
        for (rank, pair) in (0..).zip(pairs.chunks_exact(2)) {
            ranks.entry((pair[0], pair[1])).or_insert(rank);
        }
        Merges { ranks, base }
    }

    /// Appends the tokens of a text, word by word.
    pub fn encode(&self, text: &[i64], out: &mut Vec<i64>) {
        let mut start = 0;
        while start < text.len() {
            let rest = text[start + 1..].iter().position(|symbol| *symbol == SPACE);
            let end = rest.map_or(text.len(), |at| start + 1 + at);
            self.word(&text[start..end], out);
            start = end;
        }
    }

    /// Merges the pair of the lowest rank, everywhere in the word, until no pair has one.
    fn word(&self, symbols: &[i64], out: &mut Vec<i64>) {
        let mut tokens = symbols.to_vec();
        loop {
            let ranks = tokens.windows(2);
            let ranks = ranks.filter_map(|pair| self.ranks.get(&(pair[0], pair[1])));
            let Some(&rank) = ranks.min() else { break };
            let (mut kept, mut at) = (0, 0);
            while at < tokens.len() {
                let pair = tokens.get(at + 1).map(|next| (tokens[at], *next));
                let found = pair.is_some_and(|pair| self.ranks.get(&pair) == Some(&rank));
                tokens[kept] = if found { self.base + rank } else { tokens[at] };
                kept += 1;
                at += 1 + usize::from(found);
            }
            tokens.truncate(kept);
        }
        out.extend(tokens);
    }
}

/// Copies row `ids[i]` of `table` `[vocabulary features]` to row i of `out`.
///
/// # Errors
/// Where a slice does not fit, or an id is not in the table.
pub fn lookup(out: &mut [f32], table: &[f32], ids: &[i64], features: usize) -> Result<(), Error> {
    fits("out", ids.len() * features, out.len())?;
    let rows = table.len().checked_div(features).unwrap_or(0);
    fits("table", rows * features, table.len())?;
    for (i, &id) in ids.iter().enumerate() {
        let row = usize::try_from(id).ok().filter(|row| *row < rows);
        let vocabulary = rows;
        let row = row.ok_or(Error::Id { id, vocabulary })?;
        out[i * features..][..features].copy_from_slice(&table[row * features..][..features]);
    }
    Ok(())
}

/// Writes hidden·tableᵀ to `out` `[rows vocabulary]`, for `hidden` `[rows features]` (tied weights:
/// Press and Wolf 2016, arXiv 1608.05859).
///
/// # Errors
/// Where a slice does not fit.
pub fn head(out: &mut [f32], hidden: &[f32], table: &[f32], features: usize) -> Result<(), Error> {
    let size = |slice: &[f32]| slice.len().checked_div(features).unwrap_or(0);
    let (rows, vocabulary) = (size(hidden), size(table));
    fits("hidden", rows * features, hidden.len())?;
    fits("table", vocabulary * features, table.len())?;
    fits("out", rows * vocabulary, out.len())?;
    if out.is_empty() {
        return Ok(());
    }
    split(out, vocabulary, |range, out| {
        let hidden = &hidden[range.start * features..range.end * features];
        let fits = "the sizes were checked";
        let hidden = ArrayView2::from_shape((range.len(), features), hidden).expect(fits);
        let table = ArrayView2::from_shape((vocabulary, features), table).expect(fits);
        let mut out = ArrayViewMut2::from_shape((range.len(), vocabulary), out).expect(fits);
        general_mat_mul(1.0, &hidden, &table.t(), 0.0, &mut out);
    });
    Ok(())
}

fn fits(name: &'static str, want: usize, got: usize) -> Result<(), Error> {
    match want == got {
        true => Ok(()),
        false => Err(Error::Length { name, want, got }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_merged_by_rank() {
        // a = 1, b = 2; (b, b) is 3, (a, 3) is 4.
        let merges = Merges::new(&[2, 2, 1, 3], 3);
        let encode = |text: &[i64]| {
            let mut out = Vec::new();
            merges.encode(text, &mut out);
            out
        };
        assert_eq!(encode(&[1, 2, 2]), [4]);
        assert_eq!(encode(&[2, 2, 2, 1]), [3, 2, 1]);
        assert_eq!(encode(&[1, 2, 0, 2, 0]), [1, 2, 0, 2, 0]);
        assert!(encode(&[]).is_empty());
    }

    #[test]
    fn rows_are_copied_and_scored() {
        let table = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut out = [0.0; 4];
        lookup(&mut out, &table, &[2, 0], 2).unwrap();
        assert_eq!(out, [5.0, 6.0, 1.0, 2.0]);
        let mut scores = [0.0; 3];
        head(&mut scores, &[1.0, -1.0], &table, 2).unwrap();
        assert_eq!(scores, [-1.0; 3]);
        let (id, vocabulary) = (3, 3);
        let error = lookup(&mut out, &table, &[3, 0], 2).unwrap_err();
        assert_eq!(error, Error::Id { id, vocabulary });
        let error = head(&mut scores, &[1.0, -1.0], &table[..4], 2).unwrap_err();
        assert!(error.to_string().contains("`out` should have 2"));
    }
}
