//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::{reference, slopes};
use super::variants::variant;
use crate::kernels::alibi::{self as kernel, Shape};
use crate::problem::{Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting};
use crate::problem::{Tolerance, Work};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;

crate::exercise!(scores: tensor);

pub static PROBLEM: Problem = Problem {
    signature: "fn alibi(scores: &Tensor) -> Tensor",
    args: &[Arg {
        name: "scores",
        kind: ArgKind::Float("b h n m"),
    }],
    outputs: &[("weights", "b h n m")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: &[],
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: kernel::name,
        prepare,
        scale: &[("b", 1), ("h", 12), ("n", 512), ("m", 512)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("h", 4, Text::new("heads", "注意力头数")),
    Setting::axis(
        "n",
        5,
        Text::new("queries, the last of the m positions", "query 数，位于最后"),
    ),
    Setting::axis(
        "m",
        8,
        Text::new("keys: cached and new", "key 数：缓存的加新的"),
    ),
    Setting::option(
        "magnitude",
        1,
        1,
        1000,
        Text::new("size of the scores", "分数的量级"),
    ),
];

const KINDS: &[Kind] = &[
    Kind {
        id: "ordinary",
        about: Text::new(
            "5 queries after 3 cached keys",
            "5 个 query，前面有 3 个缓存的 key",
        ),
        settings: &[],
        ragged: false,
    },
    Kind {
        id: "prompt",
        about: Text::new(
            "a whole prompt: as many queries as keys, 8 heads",
            "整段 prompt：query 与 key 一样多，8 个头",
        ),
        settings: &[("b", 1), ("h", 8), ("n", 6), ("m", 6)],
        ragged: false,
    },
    Kind {
        id: "tiny",
        about: Text::new("all sizes 1", "所有轴大小均为 1"),
        settings: &[("b", 1), ("h", 1), ("n", 1), ("m", 1)],
        ragged: false,
    },
    Kind {
        id: "three-heads",
        about: Text::new(
            "3 heads: the third slope comes from the series for 4",
            "3 个头：第三个斜率取自 4 个头的序列",
        ),
        settings: &[("h", 3), ("n", 4), ("m", 5)],
        ragged: false,
    },
    Kind {
        id: "twelve-heads",
        about: Text::new(
            "12 heads: 8 slopes, then 4 from between them",
            "12 个头：8 个斜率，再从中间插 4 个",
        ),
        settings: &[("b", 1), ("h", 12), ("n", 3), ("m", 7)],
        ragged: false,
    },
    Kind {
        id: "decode",
        about: Text::new(
            "one new token after 8 cached keys, 5 heads",
            "8 个缓存的 key 之后来一个新 token，5 个头",
        ),
        settings: &[("b", 3), ("h", 5), ("n", 1), ("m", 9)],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed", "尺寸由种子决定"),
        settings: &[("m", 9)],
        ragged: true,
    },
    Kind {
        id: "large-magnitude",
        about: Text::new("scores around 10", "分数约为 10"),
        settings: &[("magnitude", 10)],
        ragged: false,
    },
    Kind {
        id: "long",
        about: Text::new(
            "2 queries at the end of 96 keys",
            "96 个 key 末尾的 2 个 query",
        ),
        settings: &[("b", 1), ("n", 2), ("m", 96)],
        ragged: false,
    },
];

fn inputs(case: &Case) -> Inputs {
    let scores = case.normal("scores", "b h n m", case.size("magnitude") as f32);
    Inputs::new().with("scores", Value::Float(scores))
}

/// How far a right f32 answer may be off.
///
/// A slope is off by a few ε of itself, up to h of them where slopes are multiplied up one by one;
/// the bias, up to B, inherits that. The sum and the subtraction of the maximum round by ε of their
/// size. An error δ of a score changes a weight, at most 1, by the factor 1 ± δ, and the
/// normalisation doubles that. The sum over m keys adds a rounding each.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let scores = inputs.float("scores");
    let (h, m) = (scores.shape()[1], scores.shape()[3]);
    let steepest = slopes(h).into_iter().fold(0.0, f64::max);
    let bias = steepest * m.saturating_sub(1) as f64;
    let size = max_abs(scores);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * (4.0 * size + (h as f64 + 6.0) * bias + m as f64 + 8.0),
        formula: format!(
            "ε·(4·max|scores| + (h + 6)·B + m + 8), ε = {eps:.2e}, max|scores| = {size:.3}, h = {h}, m = {m}, B = largest slope·(m − 1) = {bias:.3}"
        ),
    }
}

/// The slopes are made here, not timed: a model makes them once.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let scores = inputs.float("scores").as_standard_layout();
    let [b, h, n, m] = [0, 1, 2, 3].map(|axis| scores.shape()[axis]);
    let slopes: Vec<f32> = slopes(h).into_iter().map(|slope| slope as f32).collect();
    let outputs = vec![Tensor::zeros(scores.raw_dim())];
    Prepared::new(outputs, move |outputs| {
        let scores = scores.as_slice().expect("standard layout");
        let weights = outputs[0].as_slice_mut().expect("standard layout");
        kernel::weights(weights, scores, &slopes, Shape { b, h, n, m })
            .unwrap_or_else(|error| panic!("{error}"));
    })
}

/// For each visible key: a multiply-add for the bias, a comparison, a subtraction, an exponential,
/// an addition and a multiplication. Visible scores are read, all weights written.
fn work(case: &Case) -> Work {
    let [b, h, n, m] = ["b", "h", "n", "m"].map(|axis| case.size(axis));
    let visible: usize = (0..n).map(|r| (r + m + 1).saturating_sub(n)).sum();
    let (heads, visible) = ((b * h) as f64, visible as f64);
    Work {
        flops: 7.0 * heads * visible,
        bytes: 4.0 * heads * (visible + (n * m) as f64),
    }
}
