//! What the lesson on the causal objective asks, and on which inputs.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::{ignored, misfit, reference};
use super::variants::variant;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::cross_entropy::{Shape, weighted_losses};
use crate::problem::{
    Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Labels, Value, max_abs};
use crate::text::Text;
use ndarray::arr0;
use rand::RngExt;

crate::exercise!(logits: tensor, labels: labels, ignore_index: number, bytes: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn causal_lm_objective(logits: &Tensor, labels: &Labels, ignore_index: f64, bytes: f64) -> (f64, f64, f64)",
    args: &[
        Arg::float("logits", "b n v"),
        Arg::int("labels", "b n"),
        Arg::number("ignore_index"),
        Arg::number("bytes"),
    ],
    outputs: &[("loss", ""), ("perplexity", ""), ("bits_per_byte", "")],
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
        name: || {
            let tier = Tier::f32().name();
            format!("cross_entropy, {tier}, {} threads", threads())
        },
        prepare,
        scale: &[("b", 2), ("n", 128), ("v", 8192)],
        work,
    },
};

const fn at_least_2(setting: Setting) -> Setting {
    Setting { min: 2, ..setting }
}

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 3, Text::new("sequences in the batch", "批大小")),
    at_least_2(Setting::axis(
        "n",
        5,
        Text::new("tokens of the longest sequence", "最长序列的 token 数"),
    )),
    at_least_2(Setting {
        max: 1 << 17,
        ..Setting::axis("v", 7, Text::new("size of the vocabulary", "词表大小"))
    }),
    Setting::option(
        "padded",
        0,
        0,
        2,
        Text::new(
            "1: sequences differ in length, the rest of the row is ignored; 2: one of them has a single token",
            "1：序列长短不一，行尾被忽略；2：其中一条只有一个 token",
        ),
    ),
    Setting::option(
        "prompt",
        0,
        0,
        1,
        Text::new(
            "1: the first tokens are a prompt without loss (supervised fine-tuning)",
            "1：开头几个 token 是不计损失的 prompt（监督微调）",
        ),
    ),
    Setting::option(
        "pad_token",
        0,
        0,
        1,
        Text::new(
            "0: ignore_index is −100; 1: it is token 0, the padding token",
            "0：ignore_index 为 −100；1：为 token 0，即填充 token",
        ),
    ),
    Setting::option(
        "trained",
        0,
        0,
        20,
        Text::new(
            "added to the logit of the right next token",
            "给正确的下一个 token 的 logit 加上的值",
        ),
    ),
    Setting::option(
        "offset",
        0,
        0,
        1000,
        Text::new("added to all logits", "给所有 logits 加上的值"),
    ),
    Setting::option(
        "bytes_per_token",
        4,
        1,
        16,
        Text::new("bytes of text behind a token", "每个 token 对应的字节数"),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "full sequences, an untrained model",
            "序列等长，模型未经训练",
        ),
    ),
    Kind::new(
        "trained",
        &[("trained", 5), ("n", 6)],
        Text::new(
            "the right next token is likely: the loss is small",
            "正确的下一个 token 概率很高：损失很小",
        ),
    ),
    Kind::new(
        "padded",
        &[("padded", 1), ("n", 7)],
        Text::new(
            "sequences of different lengths, −100 behind their ends",
            "序列长短不一，结尾之后为 −100",
        ),
    ),
    Kind::new(
        "prompt",
        &[("prompt", 1), ("n", 7), ("trained", 2)],
        Text::new(
            "supervised fine-tuning: −100 for the tokens of the prompt",
            "监督微调：prompt 部分的标签为 −100",
        ),
    ),
    Kind::new(
        "pad-is-token-0",
        &[("padded", 1), ("pad_token", 1), ("n", 6)],
        Text::new(
            "padding is token 0 and ignore_index is 0",
            "填充用 token 0，ignore_index 也是 0",
        ),
    ),
    Kind::new(
        "one-token-row",
        &[("padded", 2), ("n", 6), ("bytes_per_token", 3)],
        Text::new(
            "one sequence has a single token: nothing to predict in it",
            "有一条序列只有一个 token：其中没有可预测的目标",
        ),
    ),
    Kind::new(
        "tiny",
        &[("b", 1), ("n", 2), ("v", 2)],
        Text::new(
            "one sequence, one prediction, two tokens to choose from",
            "一条序列，一次预测，词表只有两个 token",
        ),
    ),
    Kind {
        id: "ragged",
        about: Text::new(
            "n and v from 2 to 9, two padded sequences",
            "n、v 在 2 到 9 之间，两条带填充的序列",
        ),
        settings: &[("b", 2), ("padded", 1), ("trained", 1)],
        ragged: true,
    },
    Kind::new(
        "large-magnitude",
        &[("offset", 300)],
        Text::new(
            "logits around 300: exp overflows f32 unless the row maximum is taken off",
            "logits 约为 300：不减去行最大值，exp 会让 f32 溢出",
        ),
    ),
];

fn inputs(case: &Case) -> Inputs {
    let [b, n, v, padded] = ["b", "n", "v", "padded"].map(|name| case.size(name));
    let first = case.size("pad_token");
    let tokens = case.integers("tokens", "b n", first as i64..v as i64);
    let mut logits = case.normal("logits", "b n v", 1.0);
    logits += case.size("offset") as f32;
    for (i, t) in ndarray::indices((b, n - 1)) {
        logits[[i, t, tokens[[i, t + 1]] as usize]] += case.size("trained") as f32;
    }
    let ignore = if first == 1 { 0 } else { -100 };
    // Row 0 is full; every other one is shorter, but has at least one target.
    let mut rng = case.rng("lengths");
    let mut ends = vec![n; b];
    for (i, end) in ends.iter_mut().enumerate().skip(1) {
        match padded {
            0 => {}
            2 if i == 1 => *end = 1,
            _ => *end = rng.random_range(2..n.max(3)),
        }
    }
    let mut starts = vec![0; b];
    if case.size("prompt") == 1 {
        let mut rng = case.rng("prompts");
        starts.fill_with(|| rng.random_range(2..n.max(4) - 1).min(n - 1));
    }
    let labels = Labels::from_shape_fn(tokens.raw_dim(), |at| {
        match (starts[at[0]]..ends[at[0]]).contains(&at[1]) {
            true => tokens[&at],
            false => ignore,
        }
    });
    let predicted = labels.iter().filter(|&&y| y != ignore).count();
    let bytes = case.size("bytes_per_token") * predicted + 3;
    Inputs::new()
        .with("logits", Value::Float(logits))
        .with("labels", Value::Int(labels))
        .with("ignore_index", Value::Number(ignore as f64))
        .with("bytes", Value::Number(bytes as f64))
}

/// Rounding of f32 in any order of summation. A token's loss `max + ln Σ exp(z − max) − z_y` passes
/// through numbers of the size of max|z| (four roundings) and a sum of v terms, whose relative error
/// is the logarithm's absolute one; a mean of T losses adds T relative roundings. The perplexity
/// multiplies the loss's error by itself, bits per byte by T/(bytes·ln 2).
fn tolerance(inputs: &Inputs) -> Tolerance {
    let eps = f64::from(f32::EPSILON);
    let labels = inputs.int("labels");
    let outputs = variant(inputs, &Variant::default());
    let [loss, perplexity] = [0, 1].map(|i| outputs[i].sum());
    if misfit(inputs).is_some() || !loss.is_finite() {
        let (value, formula) = (eps, "ε".to_string());
        return Tolerance { value, formula };
    }
    let (count, v) = (labels.len() as f64, inputs.float("logits").shape()[2]);
    let largest = max_abs(inputs.float("logits"));
    let share = count / (inputs.number("bytes") * std::f64::consts::LN_2);
    let error = eps * (4.0 * largest + v as f64 + (count + 8.0) * (loss + 1.0));
    Tolerance {
        value: error * perplexity.max(share).max(1.0),
        formula: format!(
            "ε·(4·max|z| + v + (N + 8)·(L + 1))·max(1, PPL, N/(bytes·ln 2)) = {eps:.2e}·(4·{largest:.3} + {v} + {}·{:.3})·max(1, {perplexity:.3}, {share:.3}), N = b·n",
            count + 8.0,
            loss + 1.0
        ),
    }
}

/// Shifts the labels, so that the logits need not be copied: the last row of each sequence gets the
/// ignored label.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let logits = inputs.float("logits").as_standard_layout();
    let (labels, ignored) = (inputs.int("labels"), ignored(inputs));
    let [b, n, classes] = [0, 1, 2].map(|axis| logits.shape()[axis]);
    let shape = Shape {
        rows: b * n,
        classes,
        ignored,
    };
    let target = |at: usize| match at % n + 1 {
        t if t < n => labels[[at / n, t]],
        _ => ignored,
    };
    let targets: Vec<i64> = (0..b * n).map(target).collect();
    let (weights, mut losses) = (vec![1.0; classes], vec![0.0; b * n]);
    let bytes = inputs.number("bytes");
    let outputs = vec![arr0(0.0).into_dyn(); 3];
    Prepared::new(outputs, move |outputs| {
        let logits = logits.as_slice().expect("standard layout");
        let sums = weighted_losses(&mut losses, logits, &targets, &weights, shape);
        let sums = sums.unwrap_or_else(|error| panic!("{error}"));
        let loss = sums.loss / sums.weight;
        let bits = sums.loss / (bytes * std::f64::consts::LN_2);
        for (output, value) in outputs.iter_mut().zip([loss, loss.exp(), bits]) {
            output.fill(value as f32);
        }
    })
}

/// The logits pass once; each is compared, subtracted, exponentiated (counted as one) and added.
fn work(case: &Case) -> Work {
    let [b, n, v] = ["b", "n", "v"].map(|axis| case.size(axis) as f64);
    Work {
        flops: 4.0 * b * (n - 1.0) * v,
        bytes: 4.0 * b * (n - 1.0) * v,
    }
}
