//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::{buckets, reference, trained_bucket};
use super::variants::variant;
use crate::problem::{Arg, Case, Kind, Prepared, Problem, Production, Setting};
use crate::problem::{Tolerance, Variant, Work};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::IxDyn;
use rand::RngExt;

crate::exercise!(losses: tensor, counted: labels, stride: number, trained: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn length_extrapolation(losses: &Tensor, counted: &Labels, stride: f64, trained: f64) -> (Tensor, f64, f64)",
    args: &[
        Arg::float("losses", "w n"),
        Arg::int("counted", "w n"),
        Arg::number("stride"),
        Arg::number("trained"),
    ],
    outputs: &[("by_context", "k"), ("sliding", ""), ("ratio", "")],
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
        name: || "one pass over the losses, f64, 1 thread".to_string(),
        prepare,
        scale: &[("w", 64), ("n", 4096), ("stride", 256), ("trained", 1024)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting {
        min: 9,
        ..Setting::axis("w", 9, Text::new("windows of the text", "文本的窗口数"))
    },
    Setting::axis(
        "n",
        16,
        Text::new(
            "tokens of a window: the longest context",
            "每个窗口的 token 数，即最长上下文",
        ),
    )
    .multiple_of(4),
    Setting::option(
        "stride",
        4,
        1,
        1 << 20,
        Text::new(
            "tokens from one window to the next, and the width of a bucket",
            "相邻窗口的间隔，也是每桶的宽度",
        ),
    ),
    Setting::option(
        "trained",
        8,
        1,
        1 << 20,
        Text::new("the training length", "训练长度"),
    ),
    Setting::option(
        "special",
        1,
        0,
        1,
        Text::new(
            "1: padding at the end, and tokens that do not count",
            "1：末尾有填充，另有不计分的 token",
        ),
    ),
    Setting::option(
        "worse",
        3,
        0,
        10,
        Text::new(
            "tenths of a nat that every bucket past the training length loses",
            "超过训练长度后每桶多损失多少（单位 0.1 nat）",
        ),
    ),
];

const KINDS: &[Kind] = &[
    Kind {
        id: "ordinary",
        about: Text::new(
            "windows of 16 by strides of 4, trained on 8: twice the length",
            "窗口 16，间隔 4，训练长度 8：跑到 2 倍",
        ),
        settings: &[],
        ragged: false,
    },
    Kind {
        id: "tiny",
        about: Text::new(
            "one bucket: windows that do not overlap",
            "只有一桶：窗口互不重叠",
        ),
        settings: &[("n", 4), ("trained", 4)],
        ragged: false,
    },
    Kind {
        id: "clean",
        about: Text::new(
            "a text without padding or special tokens",
            "没有填充与特殊 token 的文本",
        ),
        settings: &[("w", 10), ("n", 12), ("special", 0), ("trained", 4)],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed", "尺寸由种子决定"),
        settings: &[],
        ragged: true,
    },
    Kind {
        id: "stride-1",
        about: Text::new(
            "every context length on its own, 1 … 8",
            "每个上下文长度单独一桶，1 … 8",
        ),
        settings: &[("w", 12), ("n", 8), ("stride", 1), ("trained", 3)],
        ragged: false,
    },
    Kind {
        id: "flat",
        about: Text::new(
            "a model that does not get worse past its training length",
            "超过训练长度也不变差的模型",
        ),
        settings: &[("w", 11), ("n", 20), ("worse", 0)],
        ragged: false,
    },
    Kind {
        id: "in-range",
        about: Text::new(
            "the longest window is the training length: the ratio is 1",
            "最长窗口就是训练长度：比值为 1",
        ),
        settings: &[("trained", 16), ("w", 13)],
        ragged: false,
    },
    Kind {
        id: "collapse",
        about: Text::new(
            "4 times the length, a nat lost for each bucket",
            "4 倍长度，每桶多损失 1 nat",
        ),
        settings: &[("w", 12), ("n", 32), ("worse", 10)],
        ragged: false,
    },
];

/// The loss of a token is its own (some words are hard), falls with the context, and rises again
/// past the training length.
fn inputs(case: &Case) -> Inputs {
    let [w, n, stride, trained] = ["w", "n", "stride", "trained"].map(|name| case.size(name));
    let length = (w - 1) * stride + n;
    let special = case.size("special") == 1;
    let mut rng = case.rng("text");
    let words: Vec<f64> = (0..length).map(|_| rng.random_range(1.0..3.0)).collect();
    let end = length
        - if special {
            rng.random_range(1..stride.max(2))
        } else {
            0
        };
    // Where a stride begins a token counts always, so that no block is empty.
    let skipped: Vec<bool> = (0..length)
        .map(|t| special && t % stride != 0 && rng.random_range(0..5) == 0)
        .collect();
    let mut noise = case.rng("noise");
    let mut losses = Tensor::zeros(IxDyn(&[w, n]));
    let mut counted = Labels::zeros(IxDyn(&[w, n]));
    for ((i, at), loss) in ndarray::indices((w, n)).into_iter().zip(losses.iter_mut()) {
        let t = i * stride + at;
        let beyond = (at + 1).saturating_sub(trained) as f64 / stride as f64;
        let context = 1.0 / (at + 1) as f64 + 0.1 * case.size("worse") as f64 * beyond;
        let real = t > 0 && t < end && !skipped[t];
        counted[[i, at]] = i64::from(real);
        let own = noise.random_range(0.0..0.1);
        // Whatever a model says of padding: nothing that may be averaged.
        *loss = if real {
            words[t] + context + own
        } else {
            7.0 + own
        } as f32;
    }
    Inputs::new()
        .with("losses", Value::Float(losses))
        .with("counted", Value::Int(counted))
        .with("stride", Value::Number(stride as f64))
        .with("trained", Value::Number(trained as f64))
}

/// A mean of N losses in f32 is off by N·ε·max|loss| at the most, exp multiplies that by the
/// perplexity and rounds once, and the ratio has the errors of two. P is the largest output.
pub(super) fn tolerance(inputs: &Inputs) -> Tolerance {
    let losses = inputs.float("losses");
    let (tokens, loss) = (losses.len() as f64, max_abs(losses));
    let outputs = variant(inputs, &Variant::default());
    let largest = outputs.iter().map(max_abs).fold(1.0, f64::max);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: 2.0 * largest * eps * ((tokens.sqrt() + 8.0) * loss + 4.0),
        formula: format!(
            "2·P·ε·((√N + 8)·max|loss| + 4) = 2·{largest:.2}·{eps:.2e}·((√{tokens} + 8)·{loss:.2} + 4)"
        ),
    }
}

/// Sums and counts of each bucket in one pass; the rest is a division for each.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let losses = inputs.float("losses").as_standard_layout();
    let counted = inputs.int("counted").as_standard_layout();
    let (w, n) = (losses.shape()[0], losses.shape()[1]);
    let (stride, k) = buckets(inputs, n);
    let trained = trained_bucket(inputs, stride, k);
    let outputs = vec![
        Tensor::zeros(IxDyn(&[k])),
        Tensor::zeros(IxDyn(&[])),
        Tensor::zeros(IxDyn(&[])),
    ];
    let mut buckets = vec![(0.0_f64, 0_u64); k];
    Prepared::new(outputs, move |outputs| {
        let losses = losses.as_slice().expect("standard layout");
        let counted = counted.as_slice().expect("standard layout");
        buckets.fill((0.0, 0));
        let mut sliding = (0.0_f64, 0_u64);
        for (i, (losses, counted)) in losses.chunks(n).zip(counted.chunks(n)).enumerate() {
            let parts = losses
                .chunks_exact(stride)
                .zip(counted.chunks_exact(stride));
            for (c, (losses, counted)) in parts.enumerate() {
                let mut sum = (0.0_f64, 0_u64);
                for (loss, real) in losses.iter().zip(counted) {
                    if *real != 0 {
                        sum = (sum.0 + f64::from(*loss), sum.1 + 1);
                    }
                }
                if i + c + 1 >= k && i + c < w {
                    buckets[c] = (buckets[c].0 + sum.0, buckets[c].1 + sum.1);
                }
                if i == 0 || c + 1 == k {
                    sliding = (sliding.0 + sum.0, sliding.1 + sum.1);
                }
            }
        }
        let perplexity = |(sum, tokens): (f64, u64)| (sum / tokens as f64).exp();
        for (out, bucket) in outputs[0].iter_mut().zip(&buckets) {
            *out = perplexity(*bucket) as f32;
        }
        outputs[1].fill(perplexity(sliding) as f32);
        let ratio = perplexity(buckets[k - 1]) / perplexity(buckets[trained]);
        outputs[2].fill(ratio as f32);
    })
}

/// An addition for each loss, and one pass over losses and counts.
fn work(case: &Case) -> Work {
    let elements = (case.size("w") * case.size("n")) as f64;
    Work {
        flops: elements,
        bytes: 12.0 * elements,
    }
}
