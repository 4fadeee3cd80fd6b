//! What the exercise asks, on which cases, how exact an answer must be, and what it may hold.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::production::{name, prepare};
use super::reference::{Sight, reference};
use super::variants::variant;
use crate::problem::{Arg, Case, Kind, Memory, Problem, Production, Setting};
use crate::problem::{Tolerance, Work};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;

crate::exercise!(q: tensor, k: tensor, v: tensor, window: number, globals: number, causal: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn sliding_window_attention(q: &Tensor, k: &Tensor, v: &Tensor, window: f64, globals: f64, causal: f64) -> Tensor",
    args: &[
        Arg::float("q", "b h n d"),
        Arg::float("k", "b h m d"),
        Arg::float("v", "b h m dv"),
        Arg::number("window"),
        Arg::number("globals"),
        Arg::number("causal"),
    ],
    outputs: &[("out", "b h n dv")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: &[],
    tolerance,
    laws: LAWS,
    memory: Some(Memory {
        allowed,
        usual: Text::new(
            "an n×m matrix of f32 scores for one head",
            "一个头的 n×m（f32）分数矩阵",
        ),
        usual_bytes: |case| 4 * (case.size("n") * case.size("m")) as u64,
        repair: Text::new(
            "Compute scores only for the keys that a query sees: dense scores with a mask cost n·m whatever the window is.",
            "只对可见的 key 计算分数：先算全部分数再加掩码，不管窗口多小都是 n·m。",
        ),
    }),
    production: Production {
        name,
        prepare,
        scale: &[
            ("b", 1),
            ("h", 1),
            ("n", 4096),
            ("m", 4096),
            ("d", 8),
            ("dv", 8),
            ("window", 16),
            ("globals", 4),
        ],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("h", 3, Text::new("heads", "注意力头数")),
    Setting::axis(
        "n",
        6,
        Text::new("queries, the last of the m positions", "query 数，位于最后"),
    ),
    Setting::axis(
        "m",
        9,
        Text::new(
            "keys and values: cached and new",
            "key/value 数：缓存的加新的",
        ),
    ),
    Setting::axis("d", 4, Text::new("head size of q and k", "q、k 的头维度")),
    Setting::axis("dv", 5, Text::new("head size of v", "v 的头维度")),
    Setting::option(
        "window",
        3,
        1,
        4096,
        Text::new(
            "keys on one side, the own one included",
            "单侧窗口的 key 数，含自己",
        ),
    ),
    Setting::option(
        "globals",
        1,
        0,
        64,
        Text::new("first tokens that are global", "开头的全局 token 数"),
    ),
    Setting::option(
        "causal",
        1,
        0,
        1,
        Text::new("1: only keys j ≤ i", "1：只看 j ≤ i 的 key"),
    ),
    Setting::option(
        "magnitude",
        1,
        1,
        1000,
        Text::new("standard deviation of q", "q 的标准差"),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "causal, 3 cached keys, a window of 3 and one global token",
            "因果，3 个缓存的 key，窗口 3，1 个全局 token",
        ),
    ),
    Kind::new(
        "prompt",
        &[("b", 1), ("n", 8), ("m", 8), ("window", 4), ("globals", 2)],
        Text::new(
            "causal, as many queries as keys, window 4, two global tokens",
            "因果，query 与 key 一样多，窗口 4，2 个全局 token",
        ),
    ),
    Kind::new(
        "both-sides",
        &[("causal", 0), ("b", 1), ("n", 8), ("m", 8), ("globals", 2)],
        Text::new(
            "not causal: the window reaches to both sides, two global tokens",
            "非因果：窗口向两侧展开，2 个全局 token",
        ),
    ),
    Kind::new(
        "both-sides-end",
        &[("causal", 0), ("h", 1), ("window", 2)],
        Text::new(
            "not causal, queries only for the last positions",
            "非因果，query 只对应最后几个位置",
        ),
    ),
    Kind::new(
        "no-globals",
        &[("h", 2), ("n", 7), ("m", 7), ("globals", 0)],
        Text::new("causal, a window alone", "因果，只有窗口"),
    ),
    Kind::new(
        "odd-window",
        &[("b", 1), ("n", 9), ("window", 5)],
        Text::new("causal, a window of 5", "因果，窗口 5"),
    ),
    Kind::new(
        "own-key-only",
        &[("b", 1), ("window", 1)],
        Text::new(
            "a window of 1: the own key and the global one",
            "窗口 1：只有自己和全局 token",
        ),
    ),
    Kind::new(
        "many-globals",
        &[("b", 1), ("n", 7), ("m", 7), ("window", 2), ("globals", 5)],
        Text::new(
            "more global tokens than the window is wide",
            "全局 token 比窗口还多",
        ),
    ),
    Kind::new(
        "wide",
        &[("b", 1), ("window", 16), ("globals", 0)],
        Text::new(
            "a window wider than the text: full causal attention",
            "窗口比全文还宽：就是普通因果注意力",
        ),
    ),
    Kind::new(
        "decode",
        &[("n", 1), ("window", 4), ("globals", 2)],
        Text::new(
            "one query against 9 cached keys, window 4, two global tokens",
            "1 个 query 对 9 个缓存的 key，窗口 4，2 个全局 token",
        ),
    ),
    Kind::new(
        "tiny",
        &[
            ("b", 1),
            ("h", 1),
            ("n", 1),
            ("m", 1),
            ("d", 1),
            ("dv", 1),
            ("window", 1),
            ("globals", 0),
        ],
        Text::new("all sizes 1", "所有轴大小均为 1"),
    ),
    Kind {
        id: "ragged",
        about: Text::new(
            "sizes drawn by the seed, 9 keys, two global tokens",
            "尺寸由种子决定，9 个 key，2 个全局 token",
        ),
        settings: &[("m", 9), ("globals", 2)],
        ragged: true,
    },
    Kind::new(
        "large-magnitude",
        &[("magnitude", 100)],
        Text::new(
            "scores in the hundreds: exp overflows f32 unless the maximum is taken off",
            "分数达到数百：不减最大值，exp 会让 f32 溢出",
        ),
    ),
];

/// Seeded inputs of a case.
fn inputs(case: &Case) -> Inputs {
    let number = |name: &str| Value::Number(case.size(name) as f64);
    let q = case.normal("q", "b h n d", case.size("magnitude") as f32);
    Inputs::new()
        .with("q", Value::Float(q))
        .with("k", Value::Float(case.normal("k", "b h m d", 1.0)))
        .with("v", Value::Float(case.normal("v", "b h m dv", 1.0)))
        .with("window", number("window"))
        .with("globals", number("globals"))
        .with("causal", number("causal"))
}

/// How far a right f32 answer may be off.
///
/// A dot product of `d` terms is off by at most `d·u·Σ|q·k|` (`u = ε/2`), in any order of
/// summation, and Σ|q·k| ≤ ‖q‖·‖k‖. An error δ of a score changes its weight by the factor 1 ± δ,
/// and the normalisation doubles that. Each key that is seen adds a few roundings to the sums.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let [q, k] = ["q", "k"].map(|name| inputs.float(name));
    let d = q.shape()[3];
    let longest = |x: &Tensor| {
        let square = |row: ndarray::ArrayView1<'_, f32>| -> f64 {
            row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
        };
        x.rows().into_iter().map(square).fold(0.0, f64::max).sqrt()
    };
    let score = longest(q) * longest(k) / (d as f64).sqrt();
    let size = max_abs(inputs.float("v"));
    let sight = Sight::of(inputs);
    // Twice a window and the globals, or all keys, whichever is less; global queries see all.
    let (m, reach) = (k.shape()[2], (2 * sight.window + sight.globals) as usize);
    let seen = if sight.causal { m.min(reach) } else { m };
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * ((d as f64 + 4.0) * score + 2.0 * seen as f64 + 8.0) * size,
        formula: format!(
            "ε·((d+4)·S + 2s + 8)·max|v|, ε = {eps:.2e}, d = {d}, s = {seen} keys seen at most, max|v| = {size:.3}, S = max‖q‖·max‖k‖/√d = {score:.3}"
        ),
    }
}

/// Room for the keys and the values of every window laid out one after the other, in f32, twice
/// over (`unfold` and a product that copies its operands), and for copies of the operands in f64.
fn allowed(case: &Case) -> u64 {
    let [b, h, n, m, d, dv] = ["b", "h", "n", "m", "d", "dv"].map(|axis| case.size(axis));
    let slots = case.size("window") + case.size("globals");
    (b * h * (8 * n * slots * (d + dv) + 16 * (n + m) * (d + dv))) as u64
}

/// Two products over the pairs that are seen; every operand is read once, the output written once.
fn work(case: &Case) -> Work {
    let [b, h, n, m, d, dv] = ["b", "h", "n", "m", "d", "dv"].map(|axis| case.size(axis));
    let sight = Sight {
        window: case.size("window") as i64,
        globals: case.size("globals") as i64,
        causal: case.size("causal") != 0,
    };
    let seen: usize = (0..n).map(|r| sight.keys(r, n, m).len()).sum();
    Work {
        flops: (2 * b * h * seen * (d + dv)) as f64,
        bytes: (4 * b * h * (n * d + m * (d + dv) + n * dv)) as f64,
    }
}
