//! What the exercise asks, on which cases, how exact an answer must be, and what it may hold.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::attention::{self as kernel, Options, Shape};
use crate::kernels::cpu::{Tier, threads};
use crate::ops::einsum;
use crate::problem::{Arg, ArgKind, Case, Convention, Kind, Memory, Prepared, Problem, Production};
use crate::problem::{Setting, Tolerance, Work};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{Axis, IxDyn};

crate::exercise!(q: tensor, k: tensor, v: tensor, causal: number, block: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn flash_attention(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, block: f64) -> (Tensor, Tensor)",
    args: &[
        Arg {
            name: "q",
            kind: ArgKind::Float("b h n d"),
        },
        Arg {
            name: "k",
            kind: ArgKind::Float("b h m d"),
        },
        Arg {
            name: "v",
            kind: ArgKind::Float("b h m dv"),
        },
        Arg {
            name: "causal",
            kind: ArgKind::Number,
        },
        Arg {
            name: "block",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[("out", "b h n dv"), ("lse", "b h n")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: &[Convention {
        id: "lse-plus-infinity",
        sentence: Text::new(
            "lse is +∞ where a query sees no key",
            "query 看不到任何 key 时 lse 为 +∞",
        ),
        who: Text::new(
            "+∞: the flash-attn CUDA kernels, so that e^(s − lse) is 0 in backward; −∞ = ln 0: the definition, and what merging of partial results needs",
            "+∞：flash-attn 的 CUDA 内核，使反向的 e^(s − lse) 为 0；−∞ = ln 0：按定义，合并部分结果时也需要它",
        ),
    }],
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
            "Take one tile of keys at a time and keep only m, ℓ and acc for each query; nothing else may grow with n·m, masks included.",
            "每次只取一块 key，每个 query 只保留 m、ℓ、acc；其余任何东西（包括掩码）都不能随 n·m 增长。",
        ),
    }),
    production: Production {
        name: || {
            format!(
                "attention with lse, {}, {} threads",
                Tier::f32().name(),
                threads()
            )
        },
        prepare,
        scale: &[
            ("b", 1),
            ("h", 1),
            ("n", 2048),
            ("m", 2048),
            ("d", 32),
            ("dv", 32),
            ("block", 64),
        ],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("h", 3, Text::new("heads", "注意力头数")),
    Setting::axis("n", 5, Text::new("queries", "query 数")),
    Setting::axis("m", 7, Text::new("keys and values", "key/value 数")),
    Setting::axis("d", 4, Text::new("head size of q and k", "q、k 的头维度")),
    Setting::axis("dv", 6, Text::new("head size of v", "v 的头维度")),
    Setting::option(
        "causal",
        0,
        0,
        1,
        Text::new(
            "1: query r sees keys j ≤ r + m − n",
            "1：第 r 个 query 只看 j ≤ r + m − n 的 key",
        ),
    ),
    Setting::option(
        "block",
        3,
        1,
        4096,
        Text::new("keys in a tile", "每块的 key 数"),
    ),
    Setting::option(
        "magnitude",
        1,
        1,
        1000,
        Text::new("standard deviation of q", "q 的标准差"),
    ),
    Setting::option(
        "ramp",
        0,
        0,
        1,
        Text::new(
            "1: every key's score is 200 above the one before",
            "1：每个 key 的分数比前一个高 200",
        ),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "7 keys in tiles of 3: the last tile has one key",
            "7 个 key，每块 3 个：最后一块只有 1 个",
        ),
    ),
    Kind::new(
        "causal",
        &[("causal", 1)],
        Text::new(
            "causal, with two cached keys",
            "因果，前面有 2 个缓存的 key",
        ),
    ),
    Kind::new(
        "prompt",
        &[("causal", 1), ("b", 1), ("n", 6), ("m", 6), ("block", 2)],
        Text::new(
            "causal, as many queries as keys, tiles of 2",
            "因果，query 与 key 一样多，每块 2 个",
        ),
    ),
    Kind::new(
        "decode",
        &[("causal", 1), ("n", 1), ("m", 9), ("block", 4)],
        Text::new(
            "one query against 9 cached keys",
            "1 个 query 对 9 个缓存的 key",
        ),
    ),
    Kind::new(
        "more-queries",
        &[("causal", 1), ("n", 7), ("m", 4)],
        Text::new(
            "causal, more queries than keys: the first queries see nothing",
            "因果，query 比 key 多：最前面的 query 什么都看不到",
        ),
    ),
    Kind::new(
        "whole-tiles",
        &[("m", 8), ("block", 4)],
        Text::new("8 keys in two tiles of 4", "8 个 key 正好两块，每块 4 个"),
    ),
    Kind::new(
        "one-tile",
        &[("h", 1), ("block", 16)],
        Text::new("the tile is larger than all keys", "一块就比全部 key 还大"),
    ),
    Kind::new(
        "single-keys",
        &[("b", 1), ("block", 1)],
        Text::new("tiles of one key", "每块只有 1 个 key"),
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
            ("block", 1),
        ],
        Text::new("all sizes 1", "所有轴大小均为 1"),
    ),
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed, causal", "尺寸由种子决定，因果"),
        settings: &[("causal", 1)],
        ragged: true,
    },
    Kind::new(
        "large-magnitude",
        &[("magnitude", 300)],
        Text::new(
            "scores in the hundreds that rise and fall: exp overflows f32 unless the largest of all tiles is taken off",
            "分数达到数百且有升有降：不减去所有块的最大值，exp 就会让 f32 溢出",
        ),
    ),
    Kind::new(
        "rising",
        &[("causal", 1), ("ramp", 1), ("b", 1)],
        Text::new(
            "causal, and every key's score is 200 above the one before: the maximum grows at every key",
            "因果，且每个 key 的分数都比前一个高 200：最大值一路增长",
        ),
    ),
];

/// Seeded inputs of a case.
fn inputs(case: &Case) -> Inputs {
    let mut q = case.normal("q", "b h n d", case.size("magnitude") as f32);
    let mut k = case.normal("k", "b h m d", 1.0);
    if case.size("ramp") == 1 {
        let step = 200.0 * (case.size("d") as f32).sqrt();
        // The first component alone makes the ramp.
        q.index_axis_mut(Axis(3), 0).fill(1.0);
        for (at, x) in k.index_axis_mut(Axis(3), 0).indexed_iter_mut() {
            *x = step * at[2] as f32;
        }
    }
    Inputs::new()
        .with("q", Value::Float(q))
        .with("k", Value::Float(k))
        .with("v", Value::Float(case.normal("v", "b h m dv", 1.0)))
        .with("causal", Value::Number(case.size("causal") as f64))
        .with("block", Value::Number(case.size("block") as f64))
}

/// How far a right f32 answer may be off; one bound for both outputs.
///
/// A dot product of `d` terms is off by at most `d·u·Σ|q·k|` (`u = ε/2`), in any order of
/// summation. An error δ of a score changes its weight by the factor 1 ± δ, and the normalisation
/// doubles that; lse moves by δ. Each key adds a rounding to the sums, and each tile two for
/// the rescaling; lse itself is rounded.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let (q, k, v) = (inputs.f64("q"), inputs.f64("k"), inputs.f64("v"));
    let (m, d) = (k.shape()[2], k.shape()[3]);
    let sizes = einsum(
        "b h n d, b h m d -> b h n m",
        &[&q.mapv(f64::abs), &k.mapv(f64::abs)],
    );
    let score = max_abs(&sizes) / (d as f64).sqrt();
    let size = max_abs(&v).max(1.0);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * ((d as f64 + 4.0) * score + 3.0 * m as f64 + 8.0) * size,
        formula: format!(
            "ε·((d+4)·S + 3m + 8)·max(1, max|v|), ε = {eps:.2e}, d = {d}, m = {m}, max|v| = {size:.3}, S = max Σ|q||k|/√d = {score:.3}"
        ),
    }
}

/// Room for copies of q, k, v and out in f64 and a half more: linear in n. A single n×m matrix, of
/// bits in bytes even, is larger.
fn allowed(case: &Case) -> u64 {
    let [b, h, n, m, d, dv] = ["b", "h", "n", "m", "d", "dv"].map(|axis| case.size(axis));
    12 * (b * h * (n + m) * (d + dv)) as u64
}

/// Lays the operands out row-major (they nearly always are).
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [q, k, v] = ["q", "k", "v"].map(|name| inputs.float(name).as_standard_layout());
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let (m, dv) = (k.shape()[2], v.shape()[3]);
    let options = Options {
        causal: inputs.number("causal") != 0.0,
        ..Options::default()
    };
    let outputs = vec![
        Tensor::zeros(IxDyn(&[b, h, n, dv])),
        Tensor::zeros(IxDyn(&[b, h, n])),
    ];
    Prepared::new(outputs, move |outputs| {
        let [q, k, v] = [&q, &k, &v].map(|x| x.as_slice().expect("standard layout"));
        let [out, lse] = outputs else {
            unreachable!("two outputs, made above")
        };
        let out = out.as_slice_mut().expect("standard layout");
        let lse = lse.as_slice_mut().expect("standard layout");
        kernel::attention_with_lse(out, lse, q, k, v, options, Shape { b, h, n, m, d, dv })
            .unwrap_or_else(|misfit| panic!("{misfit}"));
    })
}

/// Two products over the pairs that are seen; every operand is read once, the outputs written once.
fn work(case: &Case) -> Work {
    let [b, h, n, m, d, dv] = ["b", "h", "n", "m", "d", "dv"].map(|axis| case.size(axis));
    let seen: usize = match case.size("causal") {
        0 => n * m,
        _ => (0..n).map(|r| (r + m + 1).saturating_sub(n).min(m)).sum(),
    };
    Work {
        flops: (2 * b * h * seen * (d + dv)) as f64,
        bytes: (4 * b * h * (n * d + m * (d + dv) + n * dv + n)) as f64,
    }
}
