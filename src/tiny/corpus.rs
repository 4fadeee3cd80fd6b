//! The corpus: text of a known source, in which a segment comes back after a gap.
//!
//! A sequence is `# names text # names text # names …`. The separator `#` is token 0. After the first
//! stand eight different names, drawn from 31; after every later one the same eight, in their order.
//! Text is letters: each follows the two before it (from the start of a text: twice letter 0), and is
//! one of four, with probabilities 1/2, 1/4, 1/8, 1/8; which four, a hash of the two says. After each
//! letter, and before the first, the text ends with probability 1/gap.
//!
//! So the source's loss is known exactly, token by token: ln 31, ln 30 … for the first names, nothing
//! for a copy, −ln(1/gap) for a separator, and −ln(1 − 1/gap) − ln p for a letter. A model reaches it
//! when it knows the 1024 pairs of letters by heart, and looks names up however far back they are.
//!
//! Token t of a stream is a function of one draw, output t of SplitMix64 (Steele, Lea and Flood 2014)
//! from the stream's seed, so that `train.py` makes many sequences at once with the same integers.

use ndarray::Array2;

/// Ends a text, and stands before names.
pub const SEPARATOR: i64 = 0;
/// Letters: tokens 1 to 32.
pub const LETTERS: u64 = 32;
/// Names: tokens 33 to 63.
pub const NAMES: u64 = 31;
pub const VOCAB: usize = 1 + LETTERS as usize + NAMES as usize;
/// Names in a segment.
pub const SEGMENT: usize = 8;
/// The mean gap that the model was trained on.
pub const GAP: u64 = 24;
/// The length that the model was trained on.
pub const LENGTH: usize = 128;
/// The first stream that no training batch came from.
pub const HELD_OUT: u64 = 1 << 32;

/// SplitMix64 adds this at every step.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's output function.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A number from 0 to n − 1, from the upper half of a draw.
fn below(draw: u64, n: u64) -> u64 {
    ((draw >> 32) * n) >> 32
}

/// Sequences of tokens, and what the source itself would lose on them.
pub struct Corpus {
    /// `[b n]`
    pub tokens: Array2<i64>,
    /// −ln p of each token under the source, in nats, `[b n]`. The first is 0: it is always the separator.
    pub nats: Array2<f64>,
}

impl Corpus {
    /// The streams from `first` on: `count` sequences of `length` tokens, with texts that end with
    /// probability 1/gap at each letter.
    ///
    /// # Panics
    /// When `gap` is less than 2: a text would have no letters.
    pub fn new(first: u64, count: usize, length: usize, gap: u64) -> Corpus {
        assert!(gap >= 2, "a gap of {gap} leaves no text; give at least 2");
        let mut corpus = Corpus {
            tokens: Array2::zeros((count, length)),
            nats: Array2::zeros((count, length)),
        };
        for (i, (mut tokens, mut nats)) in (0u64..).zip(
            corpus
                .tokens
                .rows_mut()
                .into_iter()
                .zip(corpus.nats.rows_mut()),
        ) {
            let stream = sequence(first.wrapping_add(i), gap).zip(tokens.iter_mut().zip(&mut nats));
            for ((token, loss), (to, nats)) in stream {
                (*to, *nats) = (token, loss);
            }
        }
        corpus
    }

    /// The first sequences of the training data, for calibration.
    pub fn trained(count: usize) -> Corpus {
        Corpus::new(0, count, LENGTH, GAP)
    }

    /// Sequences that the model has not seen, made as those that it has.
    pub fn held_out(count: usize) -> Corpus {
        Corpus::new(HELD_OUT, count, LENGTH, GAP)
    }

    /// The mean −ln p of what a model predicts: all tokens but the first. No model can lose less in
    /// the mean over many sequences.
    pub fn entropy(&self) -> f64 {
        let predicted = self.nats.slice(ndarray::s![.., 1..]);
        predicted.sum() / predicted.len().max(1) as f64
    }
}

/// Tokens of one stream with their −ln p, without end.
fn sequence(stream: u64, gap: u64) -> impl Iterator<Item = (i64, f64)> {
    let seed = mix(stream.wrapping_mul(GOLDEN));
    let mut deck: Vec<u64> = (0..NAMES).collect();
    // Names still to come, and the last two letters.
    let (mut left, mut a, mut b) = (SEGMENT, 0, 0);
    let p_end = 1.0 / gap as f64;
    (0u64..).map(move |t| {
        let draw = mix(seed.wrapping_add(t.wrapping_mul(GOLDEN)));
        if t == 0 {
            return (SEPARATOR, 0.0);
        }
        if left > 0 {
            let at = SEGMENT - left;
            let mut loss = 0.0;
            if t as usize == at + 1 {
                // The first segment: one of the names that have not been drawn.
                let rest = NAMES - at as u64;
                deck.swap(at, at + below(draw, rest) as usize);
                loss = (rest as f64).ln();
            }
            left -= 1;
            return ((1 + LETTERS + deck[at]) as i64, loss);
        }
        if below(draw, gap) == 0 {
            (left, a, b) = (SEGMENT, 0, 0);
            return (SEPARATOR, -p_end.ln());
        }
        let (slot, halvings) = [
            (0, 1),
            (0, 1),
            (0, 1),
            (0, 1),
            (1, 2),
            (1, 2),
            (2, 3),
            (3, 3),
        ][(draw & 7) as usize];
        let letter = successor(a, b, slot);
        (a, b) = (b, letter);
        let loss = f64::from(halvings) * std::f64::consts::LN_2 - (1.0 - p_end).ln();
        ((1 + letter) as i64, loss)
    })
}

/// The four letters that may follow a and b: an odd step through the alphabet, so that they differ.
fn successor(a: u64, b: u64, slot: u64) -> u64 {
    let state = mix(a * LETTERS + b + 1);
    state.wrapping_add(slot.wrapping_mul((state >> 32) | 1)) % LETTERS
}

/// The mean nats of a token of an endless sequence: a cycle is a separator, eight copies, and a text of
/// gap − 1 letters in the mean, with 7/4 bits for each letter and h(1/gap) for each chance to end.
pub fn entropy_rate(gap: u64) -> f64 {
    let gap = gap as f64;
    let p = 1.0 / gap;
    let ends = gap * -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());
    let letters = (gap - 1.0) * 1.75 * std::f64::consts::LN_2;
    (ends + letters) / (gap + SEGMENT as f64)
}
