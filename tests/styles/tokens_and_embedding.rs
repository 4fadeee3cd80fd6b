//! Tokenizer, embedding and head as different people write them: right, wrong in every way that the
//! lesson knows, and wrong in two ways at once.

use llmlab::lessons::tokens_and_embedding::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;
use std::collections::HashMap;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/tokens_and_embedding/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/tokens_and_embedding/solution.rs"]
mod solution;

type Named<Id> = Vec<(Id, Box<dyn Candidate>)>;
/// One text to its ids: `(text, pairs, base)`.
type Encode = fn(&[i64], &[(i64, i64)], i64) -> Vec<i64>;
/// A table and ids, of one text, to n rows.
type Embed = fn(&Tensor, &[i64], usize) -> Tensor;
type Head = fn(&Tensor, &Tensor) -> Tensor;

fn whole(encode: Encode, embed: Embed, head: Head) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |text: &Labels, merges: &Labels, table: &Tensor, hidden: &Tensor| {
            let pairs: Vec<(i64, i64)> =
                merges.outer_iter().map(|pair| (pair[0], pair[1])).collect();
            let base = (table.shape()[0] - pairs.len()) as i64;
            let n = text.shape()[1];
            let mut embedded = Tensor::zeros(hidden.raw_dim());
            for (text, mut out) in text.outer_iter().zip(embedded.outer_iter_mut()) {
                let text: Vec<i64> = text.iter().copied().collect();
                out.assign(&embed(table, &encode(&text, &pairs, base), n));
            }
            (embedded, head(hidden, table))
        },
    ))
}

/// Only the tokenizer differs.
fn tokens(encode: Encode) -> Box<dyn Candidate> {
    whole(encode, rows, logits)
}

fn rows(table: &Tensor, ids: &[i64], n: usize) -> Tensor {
    let d = table.shape()[1];
    Tensor::from_shape_fn(vec![n, d], |at| match ids.get(at[0]) {
        Some(id) => table[[*id as usize, at[1]]],
        None => 0.0,
    })
}

fn logits(hidden: &Tensor, table: &Tensor) -> Tensor {
    matmul(hidden, &permute("v d -> d v", table))
}

fn cut(text: &[i64]) -> Vec<Vec<i64>> {
    let mut words: Vec<Vec<i64>> = vec![];
    for (i, symbol) in text.iter().enumerate() {
        if i == 0 || *symbol == 0 {
            words.push(vec![]);
        }
        words.last_mut().unwrap().push(*symbol);
    }
    words
}

/// All occurrences, from the left.
fn merged(word: &[i64], pair: (i64, i64), id: i64) -> Vec<i64> {
    let mut out: Vec<i64> = vec![];
    let mut rest = word;
    while let [first, tail @ ..] = rest {
        match tail {
            [second, tail @ ..] if (*first, *second) == pair => {
                out.push(id);
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

fn ranked(word: &[i64], pairs: &[(i64, i64)]) -> Vec<usize> {
    let rank = |pair: &[i64]| pairs.iter().position(|known| *known == (pair[0], pair[1]));
    word.windows(2).filter_map(rank).collect()
}

/// Lowest rank first.
fn bpe(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    let mut out = vec![];
    for mut word in cut(text) {
        while let Some(&rank) = ranked(&word, pairs).iter().min() {
            word = merged(&word, pairs[rank], base + rank as i64);
        }
        out.extend(word);
    }
    out
}

fn with_a_map(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    let mut known = HashMap::new();
    for (rank, pair) in pairs.iter().enumerate() {
        known.entry(*pair).or_insert(base + rank as i64);
    }
    let mut cache: HashMap<Vec<i64>, Vec<i64>> = HashMap::new();
    let mut out = vec![];
    for word in cut(text) {
        let tokens = cache.entry(word.clone()).or_insert_with(|| {
            let mut word = word;
            loop {
                // One occurrence at a time: the leftmost of the lowest id.
                let found = (1..word.len())
                    .filter_map(|i| known.get(&(word[i - 1], word[i])).map(|id| (*id, i)))
                    .min();
                let Some((id, i)) = found else { break word };
                word[i - 1] = id;
                word.remove(i);
            }
        });
        out.extend_from_slice(tokens);
    }
    out
}

/// The merges in their order, once, over the whole text with cuts as marks between words.
fn in_order(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    const MARK: i64 = -7;
    let mut all: Vec<i64> = vec![];
    for symbol in text {
        if *symbol == 0 {
            all.push(MARK);
        }
        all.push(*symbol);
    }
    for (rank, pair) in pairs.iter().enumerate() {
        all = merged(&all, *pair, base + rank as i64);
    }
    all.retain(|id| *id != MARK);
    all
}

fn recursive(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    fn word(tokens: Vec<i64>, pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
        match ranked(&tokens, pairs).into_iter().min() {
            None => tokens,
            Some(rank) => word(
                merged(&tokens, pairs[rank], base + rank as i64),
                pairs,
                base,
            ),
        }
    }
    let words = cut(text).into_iter();
    words.flat_map(|tokens| word(tokens, pairs, base)).collect()
}

/// One-hot rows times the table.
fn one_hot(table: &Tensor, ids: &[i64], n: usize) -> Tensor {
    let mut hot = Tensor::zeros(vec![n, table.shape()[0]]);
    for (i, id) in ids.iter().enumerate() {
        hot[[i, *id as usize]] = 1.0;
    }
    matmul(&hot, table)
}

fn by_loops(hidden: &Tensor, table: &Tensor) -> Tensor {
    let [b, n, d] = [0, 1, 2].map(|axis| hidden.shape()[axis]);
    Tensor::from_shape_fn(vec![b, n, table.shape()[0]], |at| {
        (0..d)
            .map(|i| hidden[[at[0], at[1], i]] * table[[at[2], i]])
            .sum()
    })
}

fn traced(
    text: &Labels,
    merges: &Labels,
    table: &Tensor,
    hidden: &Tensor,
    trace: &mut Trace,
) -> (ArrayD<f64>, ArrayD<f64>) {
    let pairs: Vec<(i64, i64)> = merges.outer_iter().map(|pair| (pair[0], pair[1])).collect();
    let base = (table.shape()[0] - pairs.len()) as i64;
    let [table, hidden] = [table, hidden].map(|x| x.mapv(f64::from));
    let mut embedded = ArrayD::zeros(hidden.raw_dim());
    for (b, text) in text.outer_iter().enumerate() {
        let text: Vec<i64> = text.iter().copied().collect();
        for (t, id) in bpe(&text, &pairs, base).into_iter().enumerate() {
            for i in 0..table.shape()[1] {
                embedded[[b, t, i]] = table[[id as usize, i]];
            }
        }
    }
    trace.step("embedded", "E[ids]", "b n d", &embedded);
    let logits = einsum("b n d, v d -> b n v", &[&hidden, &table]);
    (embedded, logits)
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the solution",
            Box::new(candidate(solution::tokens_and_embedding)),
        ),
        ("lowest rank in a loop", tokens(bpe)),
        (
            "a map, a cache, one occurrence at a time",
            tokens(with_a_map),
        ),
        ("merges in order over the text with marks", tokens(in_order)),
        (
            "recursive, one-hot, loops",
            whole(recursive, one_hot, by_loops),
        ),
        ("f64, traced", Box::new(candidate(traced))),
        (
            "embedding times √d",
            whole(
                bpe,
                |table, ids, n| rows(table, ids, n) * (table.shape()[1] as f32).sqrt(),
                logits,
            ),
        ),
        (
            "head divided by √d",
            whole(bpe, rows, |hidden, table| {
                let scaled = hidden * (table.shape()[1] as f32).powf(-0.5);
                logits(&scaled, table)
            }),
        ),
    ]
}

pub fn wrong() -> Named<&'static str> {
    vec![
        ("encode-by-frequency", tokens(by_frequency)),
        (
            "left-to-right",
            tokens(|text, pairs, base| {
                let mut out = vec![];
                for mut word in cut(text) {
                    let mut at = 0;
                    while at + 1 < word.len() {
                        match ranked(&word[at..at + 2], pairs).first() {
                            Some(rank) => {
                                word[at] = base + *rank as i64;
                                word.remove(at + 1);
                                at = 0;
                            }
                            None => at += 1,
                        }
                    }
                    out.extend(word);
                }
                out
            }),
        ),
        (
            "rank-reversed",
            tokens(|text, pairs, base| {
                let mut out = vec![];
                for mut word in cut(text) {
                    while let Some(&rank) = ranked(&word, pairs).iter().max() {
                        word = merged(&word, pairs[rank], base + rank as i64);
                    }
                    out.extend(word);
                }
                out
            }),
        ),
        ("longest-match", tokens(longest)),
        (
            "merge-across-words",
            tokens(|text, pairs, base| {
                let mut all = text.to_vec();
                for (rank, pair) in pairs.iter().enumerate() {
                    all = merged(&all, *pair, base + rank as i64);
                }
                all
            }),
        ),
        ("merge-once", tokens(once)),
        (
            "overlaps-from-the-right",
            tokens(|text, pairs, base| {
                let mut out = vec![];
                for mut word in cut(text) {
                    while let Some(&rank) = ranked(&word, pairs).iter().min() {
                        let mut at = word.len();
                        while at > 1 {
                            at -= 1;
                            if (word[at - 1], word[at]) == pairs[rank] {
                                word.splice(at - 1..at + 1, [base + rank as i64]);
                                at -= 1;
                            }
                        }
                    }
                    out.extend(word);
                }
                out
            }),
        ),
        ("pairs-symmetric", tokens(symmetric)),
        ("no-merges", tokens(|text, _, _| text.to_vec())),
        (
            "merge-ids-without-offset",
            tokens(|text, pairs, _| bpe(text, pairs, 0)),
        ),
        ("padding-looked-up", whole(bpe, zero_row, logits)),
        (
            "padding-is-last",
            whole(
                bpe,
                |table, ids, n| {
                    let last = table.shape()[0] - 1;
                    let ids = (0..n).map(|i| ids.get(i).map_or(last, |id| *id as usize));
                    table.select(Axis(0), &ids.collect::<Vec<_>>())
                },
                logits,
            ),
        ),
        ("padding-left", whole(bpe, at_the_end, logits)),
        (
            "divided-by-root-d",
            whole(
                bpe,
                |table, ids, n| rows(table, ids, n) / (table.shape()[1] as f32).sqrt(),
                logits,
            ),
        ),
        (
            "logits-times-root-d",
            whole(bpe, rows, |hidden, table| {
                logits(hidden, table) * (table.shape()[1] as f32).sqrt()
            }),
        ),
        (
            "head-softmax",
            whole(bpe, rows, |hidden, table| {
                softmax(&logits(hidden, table), 2)
            }),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["longest-match", "padding-looked-up"],
            whole(longest, zero_row, logits),
        ),
        (
            ["no-merges", "head-softmax"],
            whole(
                |text, _, _| text.to_vec(),
                rows,
                |hidden, table| softmax(&logits(hidden, table), 2),
            ),
        ),
        (
            ["merge-once", "padding-left"],
            whole(once, at_the_end, logits),
        ),
        (
            ["encode-by-frequency", "logits-times-root-d"],
            whole(by_frequency, rows, |hidden, table| {
                logits(&(hidden * (table.shape()[1] as f32).sqrt()), table)
            }),
        ),
    ]
}

fn zero_row(table: &Tensor, ids: &[i64], n: usize) -> Tensor {
    let mut padded = vec![0usize; n];
    ids.iter()
        .zip(&mut padded)
        .for_each(|(id, slot)| *slot = *id as usize);
    table.select(Axis(0), &padded)
}

fn at_the_end(table: &Tensor, ids: &[i64], n: usize) -> Tensor {
    let gap = n - ids.len();
    let d = table.shape()[1];
    Tensor::from_shape_fn(vec![n, d], |at| match at[0] < gap {
        true => 0.0,
        false => table[[ids[at[0] - gap] as usize, at[1]]],
    })
}

fn by_frequency(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    let mut words = cut(text);
    loop {
        let mut counts = vec![0; pairs.len()];
        for rank in words.iter().flat_map(|word| ranked(word, pairs)) {
            counts[rank] += 1;
        }
        let most = counts.iter().max().copied().unwrap_or(0);
        if most == 0 {
            return words.concat();
        }
        let rank = counts.iter().position(|count| *count == most).unwrap();
        for word in &mut words {
            *word = merged(word, pairs[rank], base + rank as i64);
        }
    }
}

fn longest(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    let mut vocabulary: Vec<Vec<i64>> = (0..base).map(|symbol| vec![symbol]).collect();
    for (left, right) in pairs {
        let joined = [
            &vocabulary[*left as usize][..],
            &vocabulary[*right as usize],
        ]
        .concat();
        vocabulary.push(joined);
    }
    let mut out = vec![];
    for word in cut(text) {
        let mut at = 0;
        while at < word.len() {
            let lengths = (at + 1..=word.len()).rev();
            let mut found = lengths
                .filter_map(|end| vocabulary.iter().position(|token| *token == word[at..end]));
            let id = found.next().unwrap();
            at += vocabulary[id].len();
            out.push(id as i64);
        }
    }
    out
}

fn once(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    let mut words = cut(text);
    for (rank, (left, right)) in pairs.iter().enumerate() {
        'search: for word in &mut words {
            for at in 1..word.len() {
                if word[at - 1] == *left && word[at] == *right {
                    word[at - 1] = base + rank as i64;
                    word.remove(at);
                    break 'search;
                }
            }
        }
    }
    words.concat()
}

fn symmetric(text: &[i64], pairs: &[(i64, i64)], base: i64) -> Vec<i64> {
    let mut known: HashMap<(i64, i64), usize> = HashMap::new();
    for (rank, (a, b)) in pairs.iter().enumerate() {
        known.entry((*a.min(b), *a.max(b))).or_insert(rank);
    }
    let rank = |a: i64, b: i64| known.get(&(a.min(b), a.max(b))).copied();
    let mut out = vec![];
    for mut word in cut(text) {
        while let Some(best) = word
            .windows(2)
            .filter_map(|pair| rank(pair[0], pair[1]))
            .min()
        {
            let mut at = 0;
            while at + 1 < word.len() {
                if rank(word[at], word[at + 1]) == Some(best) {
                    word[at] = base + best as i64;
                    word.remove(at + 1);
                }
                at += 1;
            }
        }
        out.extend(word);
    }
    out
}
