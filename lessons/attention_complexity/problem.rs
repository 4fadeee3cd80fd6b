//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::problem::{Arg, Case, Convention, Kind, Prepared, Problem, Production};
use crate::problem::{Setting, Tolerance, Variant, Work};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::IxDyn;
use rand::RngExt;

crate::exercise!(n: labels, heads: number, kv_heads: number, head_dim: number, width: number, causal: number, seconds: tensor);

pub static PROBLEM: Problem = Problem {
    signature: "fn attention_complexity(n: &Labels, heads: f64, kv_heads: f64, head_dim: f64, width: f64, causal: f64, seconds: &Tensor) -> (Tensor, Tensor, f32)",
    args: &[
        Arg::int("n", "c"),
        Arg::number("heads"),
        Arg::number("kv_heads"),
        Arg::number("head_dim"),
        Arg::number("width"),
        Arg::number("causal"),
        Arg::float("seconds", "c"),
    ],
    outputs: &[("counts", "c kind"), ("rate", "c"), ("exponent", "")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: &[Convention {
        id: "half-of-n2",
        sentence: Text::new(
            "causal attention has n²/2 pairs",
            "因果注意力按 n²/2 对计算",
        ),
        who: Text::new(
            "n²/2: the FlashAttention papers and benchmarks; n(n+1)/2: the exact number, with the diagonal",
            "n²/2：FlashAttention 的论文与基准；n(n+1)/2：含对角线的精确个数",
        ),
    }],
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: || "counting, plain loop, 1 thread".to_string(),
        prepare,
        scale: &[("c", 4096), ("start", 64)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis(
        "c",
        5,
        Text::new("lengths that were timed", "计时的长度个数"),
    ),
    Setting::option(
        "start",
        512,
        1,
        8192,
        Text::new("step between lengths", "长度的步长"),
    ),
    Setting::option("heads", 8, 1, 128, Text::new("query heads", "query 头数")),
    Setting::option(
        "kv_heads",
        2,
        1,
        128,
        Text::new("key and value heads", "key/value 头数"),
    ),
    Setting::option(
        "head_dim",
        64,
        1,
        256,
        Text::new("size of a head", "每个头的维度"),
    ),
    Setting::option(
        "width",
        2,
        1,
        8,
        Text::new("bytes of a number", "每个数的字节数"),
    ),
    Setting::option(
        "causal",
        0,
        0,
        1,
        Text::new("1: a query sees no later key", "1：query 看不到之后的 key"),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "8 query heads share 2 key heads",
            "8 个 query 头共享 2 个 key 头",
        ),
    ),
    Kind::new(
        "causal",
        &[("causal", 1)],
        Text::new("the same, causal", "同上，因果"),
    ),
    Kind::new(
        "all-heads",
        &[("heads", 12), ("kv_heads", 12), ("c", 4)],
        Text::new(
            "as many key heads as query heads",
            "key 头与 query 头一样多",
        ),
    ),
    Kind::new(
        "wide-numbers",
        &[
            ("kv_heads", 1),
            ("width", 4),
            ("causal", 1),
            ("head_dim", 80),
        ],
        Text::new(
            "4 bytes a number, one key head, causal",
            "每个数 4 字节，1 个 key 头，因果",
        ),
    ),
    Kind::new(
        "one-head",
        &[("heads", 1), ("kv_heads", 1), ("head_dim", 128)],
        Text::new("a single head", "只有一个头"),
    ),
    Kind::new(
        "short",
        &[("start", 8), ("causal", 1)],
        Text::new("short texts, causal", "短文本，因果"),
    ),
    Kind::new(
        "long",
        &[("start", 4096), ("c", 3)],
        Text::new("long texts", "长文本"),
    ),
    Kind::new(
        "single",
        &[("c", 1)],
        Text::new(
            "one length only: there is no exponent",
            "只有一个长度：没有指数可言",
        ),
    ),
    Kind::new(
        "tiny",
        &[
            ("c", 1),
            ("start", 1),
            ("heads", 1),
            ("kv_heads", 1),
            ("head_dim", 1),
            ("width", 1),
        ],
        Text::new("all sizes 1", "所有大小均为 1"),
    ),
    Kind {
        id: "ragged",
        about: Text::new(
            "a number of lengths drawn by the seed, causal",
            "长度个数由种子决定，因果",
        ),
        settings: &[("causal", 1), ("kv_heads", 4)],
        ragged: true,
    },
];

/// Lengths that grow by about `start`, and times as a machine might show them: a fixed part, a part that
/// grows with the pairs, and noise.
fn inputs(case: &Case) -> Inputs {
    let (c, start) = (case.size("c"), case.size("start") as i64);
    let mut rng = case.rng("n");
    let draw = |i: usize| (i as i64 + 1) * start + rng.random_range(0..=start / 2);
    let n: Vec<i64> = (0..c).map(draw).collect();
    let mut rng = case.rng("seconds");
    let model = (case.size("heads") * case.size("head_dim")) as f64;
    let rate = rng.random_range(0.8..1.6_f64);
    let first = 4.0 * (start * start) as f64 * model / 1e9;
    let seconds = n.iter().map(|n| {
        let work = 4.0 * (n * n) as f64 * model / 1e9;
        let noise = rng.random_range(0.8..1.25);
        (noise * (work + 0.5 * first) / rate) as f32
    });
    let seconds: Vec<f32> = seconds.collect();
    let number = |name: &str| Value::Number(case.size(name) as f64);
    let n = Labels::from_shape_vec(IxDyn(&[c]), n).expect("c lengths");
    let seconds = Tensor::from_shape_vec(IxDyn(&[c]), seconds).expect("c times");
    Inputs::new()
        .with("n", Value::Int(n))
        .with("heads", number("heads"))
        .with("kv_heads", number("kv_heads"))
        .with("head_dim", number("head_dim"))
        .with("width", number("width"))
        .with("causal", number("causal"))
        .with("seconds", Value::Float(seconds))
}

/// How far a right f32 answer may be off; one bound for all outputs.
///
/// A count is a product of at most eight numbers, each rounded once. The exponent is a quotient of
/// sums over c cases; its error is that of the logarithms, up to L, divided by how far they spread.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let outputs = variant(inputs, &Variant::default());
    let largest = outputs.iter().map(max_abs).fold(0.0, f64::max);
    let logs: Vec<f64> = inputs.int("n").iter().map(|n| (*n as f64).ln()).collect();
    let times = inputs
        .float("seconds")
        .iter()
        .map(|t| f64::from(*t).ln().abs());
    let log = logs.iter().copied().chain(times).fold(1.0, f64::max);
    let ends = logs
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), x| {
            (low.min(*x), high.max(*x))
        });
    let spread = ends.1 - ends.0;
    let fit = if spread > 0.0 {
        16.0 * log / spread
    } else {
        0.0
    };
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * (16.0 * largest + fit),
        formula: format!(
            "ε·(16·max + 16·L/Δ), ε = {eps:.2e}, max = {largest:.4e} (largest output), L = {log:.3} (largest |ln|), Δ = {spread:.3} (range of ln n)"
        ),
    }
}

/// The counts in one pass, and the sums of the fit.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let n: Vec<f64> = inputs.int("n").iter().map(|n| *n as f64).collect();
    let seconds: Vec<f64> = inputs
        .float("seconds")
        .iter()
        .map(|t| f64::from(*t))
        .collect();
    let number = |name: &str| inputs.number(name);
    let model = number("heads") * number("head_dim");
    let both = model + number("kv_heads") * number("head_dim");
    let gib = number("width") / f64::from(1 << 30);
    let (heads, causal) = (number("heads"), number("causal") != 0.0);
    let c = n.len();
    let outputs = vec![
        Tensor::zeros(IxDyn(&[c, 4])),
        Tensor::zeros(IxDyn(&[c])),
        Tensor::zeros(IxDyn(&[])),
    ];
    Prepared::new(outputs, move |outputs| {
        let (mut sums, mut squares) = ([0.0; 2], [0.0; 2]);
        // Differences to the first case keep the sums small.
        let first = [n[0].ln(), seconds[0].ln()];
        for (i, (n, t)) in n.iter().zip(&seconds).enumerate() {
            let pairs = if causal { n * (n + 1.0) / 2.0 } else { n * n };
            let attention = 4e-9 * pairs * model;
            let row = [
                4e-9 * n * model * both,
                attention,
                2.0 * n * both * gib,
                heads * n * n * gib,
            ];
            for (kind, x) in row.into_iter().enumerate() {
                outputs[0][[i, kind]] = x as f32;
            }
            outputs[1][[i]] = (attention / t) as f32;
            let (x, y) = (n.ln() - first[0], t.ln() - first[1]);
            sums = [sums[0] + x, sums[1] + y];
            squares = [squares[0] + x * x, squares[1] + x * y];
        }
        let spread = squares[0] - sums[0] * sums[0] / c as f64;
        let together = squares[1] - sums[0] * sums[1] / c as f64;
        let slope = if spread > 1e-12 {
            together / spread
        } else {
            0.0
        };
        outputs[2].fill(slope as f32);
    })
}

/// Some twenty operations and two logarithms a case; lengths and times are read, counts written.
fn work(case: &Case) -> Work {
    let c = case.size("c") as f64;
    Work {
        flops: 60.0 * c,
        bytes: (8.0 + 4.0 + 5.0 * 4.0) * c,
    }
}
