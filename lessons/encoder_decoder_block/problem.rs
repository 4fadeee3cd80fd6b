//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::production::{name, prepare, work};
use super::reference::reference;
use super::variants::{DISTURBANCE, disturbed, variant};
use crate::problem::{Arg, ArgKind, Case, Kind, Problem, Production, Setting, Tolerance};
use crate::tensor::{Inputs, Labels, Value};
use crate::text::Text;
use crate::trace::Trace;
use ndarray::IxDyn;
use rand::RngExt;

crate::exercise!(src: tensor, tgt: tensor, src_mask: labels, bos: tensor, attn: tensor, up: tensor, down: tensor, gamma: tensor, norm_first: number);

/// An axis that always has this size.
const fn fixed(name: &'static str, size: usize, about: Text) -> Setting {
    Setting {
        min: size,
        max: size,
        ..Setting::axis(name, size, about)
    }
}

pub static PROBLEM: Problem = Problem {
    signature: "fn encoder_decoder_block(src: &Tensor, tgt: &Tensor, src_mask: &Labels, bos: &Tensor, attn: &Tensor, up: &Tensor, down: &Tensor, gamma: &Tensor, norm_first: f64) -> (Tensor, Tensor)",
    args: &[
        Arg::float("src", "b m d"),
        Arg::float("tgt", "b n d"),
        Arg {
            name: "src_mask",
            kind: ArgKind::Int("b m"),
        },
        Arg::float("bos", "d"),
        Arg::float("attn", "a w d d"),
        Arg::float("up", "l d f"),
        Arg::float("down", "l f d"),
        Arg::float("gamma", "k d"),
        Arg {
            name: "norm_first",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[("encoder", "b m d"), ("decoder", "b n d")],
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
        name,
        prepare,
        scale: &[("b", 1), ("n", 64), ("m", 128), ("d", 256), ("f", 1024)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 1, Text::new("sequences in the batch", "批大小")),
    Setting::axis("n", 7, Text::new("target tokens", "目标 token 数")),
    Setting::axis("m", 9, Text::new("source tokens", "源 token 数")),
    Setting::axis(
        "d",
        6,
        Text::new("features, d_model", "特征维数，即 d_model"),
    ),
    Setting::axis(
        "f",
        8,
        Text::new("hidden units, d_ff", "隐藏单元数，即 d_ff"),
    ),
    fixed(
        "a",
        3,
        Text::new(
            "attentions: 0 encoder, 1 decoder, 2 cross",
            "注意力：0 编码器，1 解码器，2 交叉",
        ),
    ),
    fixed(
        "w",
        4,
        Text::new("w_q, w_k, w_v, w_o", "w_q、w_k、w_v、w_o"),
    ),
    fixed(
        "l",
        2,
        Text::new("FFNs: 0 encoder, 1 decoder", "FFN：0 编码器，1 解码器"),
    ),
    fixed(
        "k",
        5,
        Text::new(
            "norms: 0, 1 encoder (attention, FFN); 2, 3, 4 decoder (self, cross, FFN)",
            "归一化：0、1 属编码器（注意力、FFN）；2、3、4 属解码器（自注意力、交叉、FFN）",
        ),
    ),
    Setting::option(
        "norm_first",
        1,
        0,
        1,
        Text::new(
            "1 pre-LN: x + f(LN(x)); 0 post-LN: LN(x + f(x))",
            "1 为 pre-LN：x + f(LN(x))；0 为 post-LN：LN(x + f(x))",
        ),
    ),
    Setting::option(
        "padding",
        1,
        0,
        1,
        Text::new(
            "whether sources have padding at their end",
            "源序列末尾是否有 padding",
        ),
    ),
    Setting::option(
        "magnitude",
        1,
        1,
        1000,
        Text::new("standard deviation of the embeddings", "词嵌入的标准差"),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new("pre-LN, sources with padding", "pre-LN，源序列带 padding"),
    ),
    Kind::new(
        "post-norm",
        &[("norm_first", 0), ("b", 2), ("n", 5), ("m", 6)],
        Text::new("post-LN, as in 2017", "post-LN，即 2017 年的做法"),
    ),
    Kind::new(
        "no-padding",
        &[("padding", 0), ("b", 2), ("n", 4), ("m", 5)],
        Text::new("every source token is real", "没有 padding"),
    ),
    Kind::new(
        "long-target",
        &[("b", 2), ("n", 7), ("m", 3), ("norm_first", 0)],
        Text::new("the target is longer than the source", "目标比源长"),
    ),
    Kind::new(
        "first-step",
        &[("n", 1), ("b", 3), ("m", 5)],
        Text::new(
            "one target token: the decoder sees bos only",
            "只有一个目标 token：解码器只看到 bos",
        ),
    ),
    Kind::new(
        "tiny",
        &[("b", 1), ("n", 1), ("m", 1), ("d", 1), ("f", 1)],
        Text::new(
            "all sizes 1: LayerNorm of one feature is 0",
            "所有轴大小均为 1：单个特征的 LayerNorm 为 0",
        ),
    ),
    Kind::new(
        "ragged",
        &[],
        Text::new("sizes from 1 to 8", "各轴大小在 1 到 8 之间"),
    )
    .ragged(),
    Kind::new(
        "large-magnitude",
        &[("magnitude", 50), ("b", 2), ("n", 4), ("m", 5)],
        Text::new("embeddings around 50", "词嵌入约为 50"),
    ),
];

/// Weights have the variance 1/width, so that every sublayer's output is about as large as its input.
fn inputs(case: &Case) -> Inputs {
    let root = |axis: &str| 1.0 / (case.size(axis) as f32).sqrt();
    let float = |name, axes, scale| Value::Float(case.normal(name, axes, scale));
    let magnitude = case.size("magnitude") as f32;
    let gamma = case.normal("gamma", "k d", 0.3) + 1.0;
    Inputs::new()
        .with("src", float("src", "b m d", magnitude))
        .with("tgt", float("tgt", "b n d", magnitude))
        .with("src_mask", Value::Int(mask(case)))
        .with("bos", float("bos", "d", magnitude))
        .with("attn", float("attn", "a w d d", 1.2 * root("d")))
        .with("up", float("up", "l d f", 1.4 * root("d")))
        .with("down", float("down", "l f d", root("f")))
        .with("gamma", Value::Float(gamma))
        .with("norm_first", Value::Number(case.size("norm_first") as f64))
}

/// 1 for the real tokens at the start of every source; the first has padding where it can.
fn mask(case: &Case) -> Labels {
    let (b, m) = (case.size("b"), case.size("m"));
    let start = case.rng("src_mask").random_range(0..m);
    let length = |i: usize| match (case.size("padding"), i) {
        (0, _) => m,
        (_, 0) => 1 + start % (m - 1).max(1),
        (_, i) => 1 + (start + i * m.div_ceil(2)) % m,
    };
    Labels::from_shape_fn(IxDyn(&[b, m]), |at| i64::from(at[1] < length(at[0])))
}

/// Five sublayers with softmax and norms have no bound in closed form that is not far too wide, so
/// it is measured: in f64, every value on the way is disturbed by up to 2⁻²⁰ of the largest of its
/// tensor, and κ is how far the outputs move, per disturbance (the most of four trials). In f32 a sum
/// of k terms is off by about √k·ε₃₂/2 of the largest; twice that for values that are rounded
/// themselves, and 8 times all for what four trials did not meet.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let truth = reference(inputs, &mut Trace::new());
    let mut moved: f64 = 0.0;
    for seed in 0..4 {
        let other = disturbed(inputs, seed);
        let pairs = other.iter().flatten().zip(truth.iter().flatten());
        moved = pairs.fold(moved, |most, (a, b)| most.max((a - b).abs()));
    }
    let shape = |name: &str, axis: usize| inputs.float(name).shape()[axis];
    let sizes = [
        shape("src", 1),
        shape("tgt", 1),
        shape("up", 1),
        shape("up", 2),
    ];
    let longest = sizes.into_iter().fold(1, usize::max) as f64;
    let (eps, kappa) = (f64::from(f32::EPSILON), moved / DISTURBANCE);
    Tolerance {
        value: 8.0 * eps * longest.sqrt() * kappa,
        formula: format!(
            "8·ε₃₂·√K·κ = 8·{eps:.2e}·√{longest}·{kappa:.3}, K = the longest sum, κ = how far the outputs move per relative disturbance of the values on the way"
        ),
    }
}
