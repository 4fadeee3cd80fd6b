//! The same computation with every mistake and every convention behind a switch.

use super::reference::{END, each_row, entry, words};
use crate::ops::{einsum, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, IxDyn};

/// Tokens, embedding and head in f64 with planted bugs and conventions; with none it equals the
/// reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let on = |id| variant.has(id);
    let (text, merges) = (inputs.int("text"), inputs.int("merges"));
    let (table, hidden) = (inputs.f64("table"), inputs.f64("hidden"));
    let (v, d, n) = (table.shape()[0], table.shape()[1], text.shape()[1]);
    let pairs: Vec<[i64; 2]> = merges
        .rows()
        .into_iter()
        .map(|pair| [pair[0], pair[1]])
        .collect();
    let base = v as i64 - pairs.len() as i64;
    let encoder = Encoder {
        variant,
        base: if on("merge-ids-without-offset") {
            0
        } else {
            base
        },
        symbols: base,
        pairs,
    };
    let mut tokens = each_row(text, |row| encoder.encode(row));
    if on("padding-left") {
        tokens = each_row(&tokens, |row| {
            let real = row.iter().filter(|id| **id != END);
            let gap = n - real.clone().count();
            std::iter::repeat_n(END, gap).chain(real.copied()).collect()
        });
    }
    let root = (d as f64).sqrt();
    let scale = match () {
        () if on("divided-by-root-d") => 1.0 / root,
        () if on("embedding-scaled") => root,
        () => 1.0,
    };
    let embedded = ArrayD::from_shape_fn(IxDyn(&[text.shape()[0], n, d]), |at| {
        match tokens[[at[0], at[1]]] {
            END if on("padding-looked-up") => scale * entry(&table, 0, at[2]),
            END if on("padding-is-last") => scale * entry(&table, v as i64 - 1, at[2]),
            END => 0.0,
            id => scale * entry(&table, id, at[2]),
        }
    });
    let mut logits = einsum("b n d, v d -> b n v", &[&hidden, &table]);
    if on("logits-times-root-d") {
        logits *= root;
    } else if on("head-scaled") {
        logits /= root;
    }
    if on("head-softmax") {
        logits = softmax(&logits, 2);
    }
    vec![embedded, logits]
}

struct Encoder<'a> {
    variant: &'a Variant,
    pairs: Vec<[i64; 2]>,
    /// What is added to a merge's number.
    base: i64,
    /// How many base symbols there are.
    symbols: i64,
}

impl Encoder<'_> {
    fn on(&self, id: &str) -> bool {
        self.variant.has(id)
    }

    fn encode(&self, text: &[i64]) -> Vec<i64> {
        let cut = match self.on("merge-across-words") {
            true => vec![text],
            false => words(text),
        };
        let mut words: Vec<Vec<i64>> = cut.into_iter().map(<[i64]>::to_vec).collect();
        match () {
            () if self.on("no-merges") => {}
            () if self.on("longest-match") => {
                words.iter_mut().for_each(|word| *word = self.longest(word));
            }
            () if self.on("merge-once") => {
                for rank in 0..self.pairs.len() {
                    let found =
                        |word: &&mut Vec<i64>| word.windows(2).any(|pair| pair == self.pairs[rank]);
                    if let Some(word) = words.iter_mut().find(found) {
                        *word = self.first(word, rank);
                    }
                }
            }
            () => self.by_pairs(&mut words),
        }
        words.concat()
    }

    /// Chooses a pair, merges it, and again.
    fn by_pairs(&self, words: &mut [Vec<i64>]) {
        loop {
            let pairs = words.iter().flat_map(|word| word.windows(2));
            let ranks: Vec<usize> = pairs.filter_map(|pair| self.rank(pair)).collect();
            let count = |rank: usize| ranks.iter().filter(|other| **other == rank).count();
            let chosen = match () {
                () if self.on("encode-by-frequency") => {
                    let by_count = |rank: &usize| (count(*rank), usize::MAX - rank);
                    ranks.iter().copied().max_by_key(by_count)
                }
                () if self.on("rank-reversed") => ranks.iter().copied().max(),
                () if self.on("left-to-right") => ranks.first().copied(),
                () => ranks.iter().copied().min(),
            };
            let Some(rank) = chosen else { break };
            let mut open = true;
            for word in words.iter_mut() {
                if !self.on("left-to-right") {
                    *word = self.all(word, rank);
                } else if open && word.windows(2).any(|pair| self.rank(pair) == Some(rank)) {
                    *word = self.first(word, rank);
                    open = false;
                }
            }
        }
    }

    fn rank(&self, pair: &[i64]) -> Option<usize> {
        let turned = [pair[1], pair[0]];
        let symmetric = self.on("pairs-symmetric");
        let fits = |known: &[i64; 2]| known == pair || (symmetric && *known == turned);
        self.pairs.iter().position(fits)
    }

    fn all(&self, word: &[i64], rank: usize) -> Vec<i64> {
        let turned = self.on("overlaps-from-the-right");
        let mut word = word.to_vec();
        if turned {
            word.reverse();
        }
        let found = |pair: &[i64]| match turned {
            true => self.rank(&[pair[1], pair[0]]) == Some(rank),
            false => self.rank(pair) == Some(rank),
        };
        let (mut out, mut at) = (Vec::new(), 0);
        while at < word.len() {
            let merged = word.get(at..at + 2).is_some_and(found);
            out.push(if merged {
                self.base + rank as i64
            } else {
                word[at]
            });
            at += 1 + usize::from(merged);
        }
        if turned {
            out.reverse();
        }
        out
    }

    fn first(&self, word: &[i64], rank: usize) -> Vec<i64> {
        let found = |pair: &[i64]| self.rank(pair) == Some(rank);
        match word.windows(2).position(found) {
            Some(at) => [&word[..at], &[self.base + rank as i64], &word[at + 2..]].concat(),
            None => word.to_vec(),
        }
    }

    /// The longest token that the rest of the word begins with, and so on.
    fn longest(&self, word: &[i64]) -> Vec<i64> {
        let mut spelled: Vec<Vec<i64>> = (0..self.symbols).map(|symbol| vec![symbol]).collect();
        for [left, right] in &self.pairs {
            let part = |id: i64| spelled.get(id as usize).cloned().unwrap_or_default();
            spelled.push([part(*left), part(*right)].concat());
        }
        let (mut out, mut at) = (Vec::new(), 0);
        while at < word.len() {
            let known = spelled.iter().enumerate();
            let fits =
                known.filter(|(_, token)| !token.is_empty() && word[at..].starts_with(token));
            // Of two ways to make the same string the one learned first.
            let best = fits.max_by_key(|(id, token)| (token.len(), usize::MAX - id));
            let (id, len) = best.map_or((word[at], 1), |(id, token)| (id as i64, token.len()));
            let merged = id >= self.symbols;
            out.push(if merged {
                id - self.symbols + self.base
            } else {
                id
            });
            at += len;
        }
        out
    }
}
