//! What the exercise asks, on which texts, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{reference, replace, words};
use super::variants::variant;
use crate::kernels::embedding::{Merges, head, lookup, name};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{Axis, IxDyn};
use rand::{Rng, RngExt};

crate::exercise!(text: labels, merges: labels, table: tensor, hidden: tensor);

pub static PROBLEM: Problem = Problem {
    signature: "fn tokens_and_embedding(text: &Labels, merges: &Labels, table: &Tensor, hidden: &Tensor) -> (Tensor, Tensor)",
    args: &[
        Arg {
            name: "text",
            kind: ArgKind::Int("b n"),
        },
        Arg {
            name: "merges",
            kind: ArgKind::Int("r p"),
        },
        Arg {
            name: "table",
            kind: ArgKind::Float("v d"),
        },
        Arg {
            name: "hidden",
            kind: ArgKind::Float("b n d"),
        },
    ],
    outputs: &[("embedded", "b n d"), ("logits", "b n v")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: CONVENTIONS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name,
        prepare,
        scale: &[("b", 2), ("n", 256), ("a", 64), ("r", 448), ("d", 256)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis(
        "b",
        3,
        Text::new("texts in the batch", "批大小（文本条数）"),
    ),
    Setting::axis("n", 24, Text::new("symbols in a text", "每条文本的符号数")),
    Setting::axis("r", 7, Text::new("merges", "合并规则数")),
    Setting {
        min: 2,
        max: 2,
        ..Setting::axis(
            "p",
            2,
            Text::new("the two halves of a pair", "一对中的两半"),
        )
    },
    Setting::axis(
        "d",
        5,
        Text::new("features, d_model", "特征维数，即 d_model"),
    ),
    Setting::option(
        "a",
        4,
        2,
        4096,
        Text::new("base symbols, the space included", "基本符号数（含空格）"),
    ),
    // It follows from the others, so a person cannot set it.
    Setting::option(
        "v",
        0,
        0,
        0,
        Text::new("rows of the table: always a + r", "词表大小：恒为 a + r"),
    ),
    Setting::option(
        "spaces",
        15,
        0,
        100,
        Text::new("spaces in a hundred symbols", "每百个符号中的空格数"),
    ),
    Setting::option(
        "crossing",
        0,
        0,
        1,
        Text::new(
            "whether the merges were learned without regard to words",
            "合并规则是否在不分词的情况下学到",
        ),
    ),
    Setting::option(
        "order",
        0,
        0,
        1,
        Text::new(
            "whether the text hangs on the order of the merges",
            "文本的切分是否取决于合并的先后",
        ),
    ),
    Setting::option(
        "runs",
        0,
        0,
        1,
        Text::new("whether symbols come in runs", "符号是否成串重复"),
    ),
    Setting::option(
        "magnitude",
        1,
        1,
        1000,
        Text::new("size of the table's entries", "词表元素的大小"),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new("texts of short words", "由短词组成的文本"),
    ),
    Kind::new(
        "tiny",
        &[("b", 1), ("n", 1), ("r", 1), ("d", 1), ("a", 2)],
        Text::new("one symbol", "只有一个符号"),
    ),
    Kind::new(
        "ragged",
        &[],
        Text::new("sizes from 1 to 8", "各轴大小在 1 到 8 之间"),
    )
    .ragged(),
    Kind::new(
        "one-word",
        &[("spaces", 0), ("a", 3), ("r", 9), ("d", 2)],
        Text::new("a long word without spaces", "没有空格的长词"),
    ),
    Kind::new(
        "runs",
        &[("runs", 1), ("a", 3), ("r", 6), ("d", 3)],
        Text::new(
            "runs of one symbol, where pairs overlap",
            "同一符号成串，符号对会重叠",
        ),
    ),
    Kind::new(
        "crossing",
        &[
            ("crossing", 1),
            ("n", 60),
            ("r", 16),
            ("d", 4),
            ("spaces", 35),
        ],
        Text::new(
            "merges that were learned across words; they may still not be used there",
            "合并规则是跨词学到的，但编码时仍不许跨词合并",
        ),
    ),
    Kind::new(
        "long",
        &[("n", 40), ("b", 2), ("r", 11), ("d", 3)],
        Text::new("longer texts, more merges", "更长的文本、更多合并规则"),
    ),
    Kind::new(
        "order",
        &[("order", 1), ("r", 4), ("d", 3), ("b", 2)],
        Text::new(
            "words that come out differently by rank, from the left and by length",
            "按优先级、从左到右、按最长匹配会得到不同切分的词",
        ),
    ),
    Kind::new(
        "large-magnitude",
        &[("magnitude", 100), ("n", 10)],
        Text::new("table entries around 100", "词表元素约为 100"),
    ),
];

/// Whether the merges are those of `ORDERED`, which need three letters.
fn ordered(case: &Case) -> bool {
    case.size("order") == 1 && case.size("a") >= 4
}

/// 1 2 3 by rank is 1 (2 3), from the left (1 2) 3; 2 3 2 3 by rank is (2 3) (2 3), by length
/// (2 3 2) 3.
const ORDERED: [i64; 9] = [1, 2, 3, 0, 2, 3, 2, 3, 0];

/// Some symbols are frequent, as letters are.
fn text(case: &Case, rng: &mut impl Rng, length: usize) -> Vec<i64> {
    if ordered(case) {
        return ORDERED.into_iter().cycle().take(length).collect();
    }
    let letters = (case.size("a") - 1) as f64;
    let mut out: Vec<i64> = Vec::with_capacity(length);
    while out.len() < length {
        let repeat = case.size("runs") == 1 && rng.random_range(0..100) < 60;
        let symbol = match out.last() {
            Some(&last) if repeat => last,
            _ if rng.random_range(0..100) < case.size("spaces") => 0,
            _ => 1 + (letters * rng.random::<f64>().powf(1.5)) as i64,
        };
        out.push(symbol);
    }
    out
}

/// Byte-pair encoding's training: the most frequent pair becomes a token, r times.
fn train(case: &Case) -> Vec<[i64; 2]> {
    let corpus = text(case, &mut case.rng("corpus"), 16 * case.size("r").max(6));
    let mut words: Vec<Vec<i64>> = match case.size("crossing") {
        0 => words(&corpus).into_iter().map(<[i64]>::to_vec).collect(),
        _ => vec![corpus],
    };
    if ordered(case) {
        // 2 3, then 1 2, 1 (2 3), (2 3) 2; then the last token twice.
        let first = case.size("a") as i64;
        let known = [[2, 3], [1, 2], [1, first], [first, 2]];
        let more = (first + 3..).map(|id| [id, id]);
        return known.into_iter().chain(more).take(case.size("r")).collect();
    }
    let mut merges = Vec::new();
    for id in (case.size("a") as i64..).take(case.size("r")) {
        let neighbours = words.iter().flat_map(|word| word.windows(2));
        let mut pairs: Vec<[i64; 2]> = neighbours.map(|pair| [pair[0], pair[1]]).collect();
        pairs.sort_unstable();
        // Of equally frequent pairs the smallest ids. The last token twice is a pair that is new.
        let runs = pairs.chunk_by(|a, b| a == b).rev();
        let best = runs.max_by_key(|run| run.len());
        let pair = best.map_or([id - 1, id - 1], |run| run[0]);
        words
            .iter_mut()
            .for_each(|word| *word = replace(word, pair, id));
        merges.push(pair);
    }
    merges
}

fn inputs(case: &Case) -> Inputs {
    let mut sized = case.clone();
    sized.settings.insert("v", case.size("a") + case.size("r"));
    let (b, n, r) = (case.size("b"), case.size("n"), case.size("r"));
    let symbols = text(case, &mut case.rng("text"), b * n);
    let ints = |shape: &[usize], values| {
        let array = Labels::from_shape_vec(IxDyn(shape), values);
        Value::Int(array.expect("the product of the sizes"))
    };
    let magnitude = case.size("magnitude") as f32;
    Inputs::new()
        .with("text", ints(&[b, n], symbols))
        .with("merges", ints(&[r, 2], train(case).concat()))
        .with(
            "table",
            Value::Float(sized.normal("table", "v d", magnitude)),
        )
        .with("hidden", Value::Float(sized.normal("hidden", "b n d", 1.0)))
}

/// A row of the table is exact; a factor √d rounds it twice. A logit is a sum of d products in f32,
/// off by at most ε₃₂·(d/2 + 1) times the sum of their sizes, whatever the order; one more ε₃₂ for a
/// factor.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let size = |name| inputs.f64(name).mapv(f64::abs);
    let (hidden, table) = (size("hidden"), size("table"));
    let d = table.shape()[1] as f64;
    let largest = max_abs(&table);
    let sum = hidden
        .lanes(Axis(2))
        .into_iter()
        .map(|h| h.sum())
        .fold(0.0, f64::max);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * (2.0 * d.sqrt() + (d / 2.0 + 3.0) * sum) * largest,
        formula: format!(
            "ε₃₂·(2·√d + (d/2 + 3)·H)·max|E| = {eps:.3e}·(2·√{d} + ({d}/2 + 3)·{sum:.3})·{largest:.3}, H = the largest Σ|hidden| of a row"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [table, hidden] = ["table", "hidden"].map(|name| inputs.float(name).as_standard_layout());
    let flat = |name: &str| inputs.int(name).iter().copied().collect::<Vec<i64>>();
    let (texts, pairs) = (flat("text"), flat("merges"));
    let (n, v, d) = (
        inputs.int("text").shape()[1],
        table.shape()[0],
        table.shape()[1],
    );
    let merges = Merges::new(&pairs, v as i64 - pairs.len() as i64 / 2);
    let mut logits = hidden.shape().to_vec();
    logits[2] = v;
    let outputs = vec![Tensor::zeros(hidden.raw_dim()), Tensor::zeros(logits)];
    Prepared::new(outputs, move |outputs| {
        let whole = "standard layout";
        let table = table.as_slice().expect(whole);
        let [embedded, logits] = outputs else {
            unreachable!("two outputs were prepared")
        };
        let embedded = embedded.as_slice_mut().expect(whole);
        let mut tokens = Vec::new();
        for (text, out) in texts.chunks_exact(n).zip(embedded.chunks_exact_mut(n * d)) {
            tokens.clear();
            merges.encode(text, &mut tokens);
            let (out, rest) = out.split_at_mut(tokens.len() * d);
            rest.fill(0.0);
            // An id that the table does not have gives no number.
            if lookup(out, table, &tokens, d).is_err() {
                out.fill(f32::NAN);
            }
        }
        let logits = logits.as_slice_mut().expect(whole);
        head(logits, hidden.as_slice().expect(whole), table, d)
            .unwrap_or_else(|error| panic!("{error}"));
    })
}

/// The head's products; table, hidden states and both outputs pass once. Encoding costs no FLOP.
fn work(case: &Case) -> Work {
    let [b, n, r, a, d] = ["b", "n", "r", "a", "d"].map(|name| case.size(name) as f64);
    let (tokens, v) = (b * n, a + r);
    Work {
        flops: 2.0 * tokens * v * d,
        bytes: 4.0 * (2.0 * tokens * d + tokens * v + v * d) + 8.0 * (tokens + 2.0 * r),
    }
}
