//! What the cross-attention lesson asks, and on which inputs.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::{heads, reference};
use super::variants::variant;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::multi_head::{self as kernel, CrossShape, Weights};
use crate::lessons::multi_head_attention::split;
use crate::ops::einsum;
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{ArrayD, Axis, IxDyn};
use rand::RngExt;

crate::exercise!(x: tensor, memory: tensor, w_q: tensor, w_k: tensor, w_v: tensor, w_o: tensor, h: number, memory_mask: labels);

/// Multi-head attention of a decoder over an encoder's output.
pub static PROBLEM: Problem = Problem {
    signature: "fn cross_attention(x: &Tensor, memory: &Tensor, w_q: &Tensor, w_k: &Tensor, w_v: &Tensor, w_o: &Tensor, h: f64, memory_mask: &Labels) -> Tensor",
    args: &[
        Arg::float("x", "b n d"),
        Arg::float("memory", "b m c"),
        Arg::float("w_q", "d d"),
        Arg::float("w_k", "c d"),
        Arg::float("w_v", "c d"),
        Arg::float("w_o", "d d"),
        Arg {
            name: "h",
            kind: ArgKind::Number,
        },
        Arg {
            name: "memory_mask",
            kind: ArgKind::Int("b m"),
        },
    ],
    outputs: &[("out", "b n d")],
    settings: &[
        Setting::axis("b", 2, Text::new("batch", "批大小")),
        Setting::axis(
            "n",
            4,
            Text::new("target tokens (decoder)", "目标 token 数（解码器）"),
        ),
        Setting::axis(
            "m",
            7,
            Text::new("source tokens (encoder)", "源 token 数（编码器）"),
        ),
        Setting::axis("c", 9, Text::new("width of the encoder", "编码器宽度")),
        Setting::axis("dk", 3, Text::new("size of a head", "单个头的维度")),
        Setting::option("h", 3, 1, 256, Text::new("heads", "头数")),
        // It follows from the others, so a person cannot set it.
        Setting::option(
            "d",
            0,
            0,
            0,
            Text::new("width of the decoder: always h·dk", "解码器宽度：恒为 h·dk"),
        ),
        Setting::option(
            "padding",
            1,
            0,
            2,
            Text::new(
                "padding of the source: 0 none, 1 some, 2 all but one token",
                "源序列的 padding：0 没有，1 一部分，2 只剩一个真实 token",
            ),
        ),
        Setting::option(
            "magnitude",
            1,
            1,
            1000,
            Text::new("standard deviation of x", "x 的标准差"),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new(
                "4 target tokens, 7 source tokens, some of them padding",
                "4 个目标 token，7 个源 token，其中有 padding",
            ),
        ),
        Kind::new(
            "no-padding",
            &[("padding", 0)],
            Text::new("every source token is real", "没有 padding"),
        ),
        Kind::new(
            "other-width",
            &[("c", 5)],
            Text::new("an encoder of another width", "编码器宽度与解码器不同"),
        ),
        Kind::new(
            "decode",
            &[("n", 1), ("b", 3)],
            Text::new(
                "one target token: a decoding step",
                "1 个目标 token：解码的一步",
            ),
        ),
        Kind::new(
            "long-target",
            &[("n", 8), ("m", 3)],
            Text::new("the target is longer than the source", "目标比源长"),
        ),
        Kind::new(
            "short-sources",
            &[("padding", 2)],
            Text::new(
                "one real source token: its value is the answer for every target token",
                "源里只有一个真实 token：所有目标 token 都得到它的值",
            ),
        ),
        Kind::new(
            "one-head",
            &[("h", 1), ("dk", 9)],
            Text::new("one head", "只有一个头"),
        ),
        Kind::new(
            "tiny",
            &[("b", 1), ("n", 1), ("m", 1), ("c", 1), ("h", 1), ("dk", 1)],
            Text::new("all sizes 1", "所有轴大小均为 1"),
        ),
        Kind::new(
            "ragged",
            &[("h", 2)],
            Text::new("sizes from 1 to 8", "各轴大小在 1 到 8 之间"),
        )
        .ragged(),
        Kind::new(
            "large-magnitude",
            &[("magnitude", 60)],
            Text::new(
                "scores in the hundreds: exp overflows f32 unless the row maximum is taken off",
                "分数达到数百：不减去行最大值，exp 会让 f32 溢出",
            ),
        ),
    ],
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
            format!("multi_head (cross), {tier}, {} threads", threads())
        },
        prepare,
        scale: &[
            ("b", 1),
            ("n", 256),
            ("m", 1024),
            ("c", 512),
            ("h", 8),
            ("dk", 64),
        ],
        work,
    },
};

/// Weights have the variance 1/width, so that q, k and v have that of their source.
fn inputs(case: &Case) -> Inputs {
    let mut sized = case.clone();
    sized.settings.insert("d", case.size("h") * case.size("dk"));
    let root = |axis: &str| 1.0 / (sized.size(axis) as f32).sqrt();
    let weight = |name, axes, from| Value::Float(sized.normal(name, axes, root(from)));
    let magnitude = case.size("magnitude") as f32;
    Inputs::new()
        .with("x", Value::Float(sized.normal("x", "b n d", magnitude)))
        .with("memory", Value::Float(sized.normal("memory", "b m c", 1.0)))
        .with("w_q", weight("w_q", "d d", "d"))
        .with("w_k", weight("w_k", "c d", "c"))
        .with("w_v", weight("w_v", "c d", "c"))
        .with("w_o", weight("w_o", "d d", "d"))
        .with("h", Value::Number(case.size("h") as f64))
        .with("memory_mask", Value::Int(mask(case)))
}

/// 1 for the real tokens at the start of every source. Lengths differ from one to the next, and
/// the first source is padded where it can be.
fn mask(case: &Case) -> Labels {
    let (b, m) = (case.size("b"), case.size("m"));
    let start = case.rng("memory_mask").random_range(0..m);
    let length = |i: usize| match (case.size("padding"), i) {
        (0, _) => m,
        (1, 0) => 1 + start % (m - 1).max(1),
        (1, i) => 1 + (start + i * m.div_ceil(2)) % m,
        _ => 1,
    };
    Labels::from_shape_fn(IxDyn(&[b, m]), |at| i64::from(at[1] < length(at[0])))
}

/// How far a right f32 answer may be off: as in multi-head attention, with sums over d for the
/// queries and over c for keys and values.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let eps = f64::from(f32::EPSILON);
    let Ok(h) = heads(inputs) else {
        let (value, formula) = (eps, "ε".to_string());
        return Tolerance { value, formula };
    };
    let size = |name: &str| inputs.f64(name).mapv(f64::abs);
    let (x, memory) = (size("x"), size("memory"));
    let (b, d, m, c) = (
        x.shape()[0],
        x.shape()[2],
        memory.shape()[1],
        memory.shape()[2],
    );
    let dk = d / h;
    let project =
        |x: &ArrayD<f64>, w: &str| split(&einsum("b n d, d e -> b n e", &[x, &size(w)]), h);
    // |q|·|k| ≤ ‖q‖·‖k‖ in every head.
    let norm = |heads: ArrayD<f64>| max_abs(&heads.mapv(|x| x * x).sum_axis(Axis(3))).sqrt();
    let score = norm(project(&x, "w_q")) * norm(project(&memory, "w_k")) / (dk as f64).sqrt();
    // A head is a mean of values: at most the largest of its column.
    let largest =
        project(&memory, "w_v").map_axis(Axis(2), |column| column.fold(0.0, |a: f64, &b| a.max(b)));
    let rows = largest.to_shape(IxDyn(&[b, d])).expect("h·dk columns");
    let rows = rows.into_owned();
    let out = max_abs(&einsum("b e, e d -> b d", &[&rows, &size("w_o")]));
    let [root_d, root_c, root_dk, root_m] = [d, c, dk, m].map(|size| (size as f64).sqrt());
    let value =
        eps * ((root_d + root_c + 2.0 * root_dk) * score + root_m + root_c + root_d + 4.0) * out;
    Tolerance {
        value,
        formula: format!(
            "ε·((√d+√c+2√dk)·S + √m + √c + √d + 4)·O, ε = {eps:.2e}, d = {d}, c = {c}, dk = {dk}, m = {m}, S = max‖|x|·|w_q|‖·‖|memory|·|w_k|‖/√dk = {score:.3}, O = max(|memory|·|w_v|)·|w_o| = {out:.3}"
        ),
    }
}

/// Lays the operands out row-major (they nearly always are) and makes the mask additive.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let h = heads(inputs).unwrap_or_else(|why| panic!("{why}"));
    let (x, memory) = (inputs.float("x").shape(), inputs.float("memory").shape());
    let shape = CrossShape {
        b: x[0],
        n: x[1],
        m: memory[1],
        d: x[2],
        c: memory[2],
        h,
    };
    let operands = ["x", "memory", "w_q", "w_k", "w_v", "w_o"]
        .map(|name| inputs.float(name).as_standard_layout());
    let additive = |keep: &i64| if *keep == 0 { f32::NEG_INFINITY } else { 0.0 };
    let mask: Vec<f32> = inputs.int("memory_mask").iter().map(additive).collect();
    let out = Tensor::zeros(inputs.float("x").raw_dim());
    Prepared::new(vec![out], move |outputs| {
        let [x, memory, q, k, v, o] = operands
            .each_ref()
            .map(|x| x.as_slice().expect("standard layout"));
        let out = outputs[0].as_slice_mut().expect("standard layout");
        let weights = Weights { q, k, v, o };
        kernel::cross_attention(out, x, memory, weights, &mask, shape)
            .unwrap_or_else(|misfit| panic!("{misfit}"));
    })
}

/// Four projections and two products per head; every operand and the output pass once.
fn work(case: &Case) -> Work {
    let [b, n, m, c] = ["b", "n", "m", "c"].map(|axis| case.size(axis) as f64);
    let d = (case.size("h") * case.size("dk")) as f64;
    Work {
        flops: 4.0 * b * n * d * d + 4.0 * b * m * c * d + 4.0 * b * n * m * d,
        bytes: 4.0 * (2.0 * b * n * d + b * m * c + 2.0 * d * d + 2.0 * c * d),
    }
}
