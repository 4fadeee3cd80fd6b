//! What the einsum exercise asks, and on which inputs.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::attention::{self as kernel, Mask, Shape};
use crate::kernels::cpu::{Tier, threads};
use crate::ops::{causal_mask, einsum};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{ArrayD, Axis, IxDyn};
use rand::RngExt;

crate::exercise!(x: tensor, memory: tensor, w_q: tensor, w_k: tensor, w_v: tensor, w_o: tensor, mask: optional);

/// Every axis of one size, so that no wrong name is refused.
const SQUARE: &[(&str, usize)] = &[
    ("b", 4),
    ("n", 4),
    ("m", 4),
    ("d", 4),
    ("c", 4),
    ("h", 4),
    ("k", 4),
    ("e", 4),
];

pub static PROBLEM: Problem = Problem {
    signature: "fn einsum_attention(x: &Tensor, memory: &Tensor, w_q: &Tensor, w_k: &Tensor, w_v: &Tensor, w_o: &Tensor, mask: Option<&Tensor>) -> Tensor",
    args: &[
        Arg::float("x", "b n d"),
        Arg::float("memory", "b m c"),
        Arg::float("w_q", "d h k"),
        Arg::float("w_k", "c h k"),
        Arg::float("w_v", "c h e"),
        Arg::float("w_o", "h e d"),
        Arg {
            name: "mask",
            kind: ArgKind::OptionalBroadcast("b h n m"),
        },
    ],
    outputs: &[("out", "b n d")],
    settings: &[
        Setting::axis("b", 2, Text::new("batch", "批大小")),
        Setting::axis("n", 5, Text::new("tokens that ask", "查询 token 数")),
        Setting::axis(
            "m",
            7,
            Text::new("tokens of the memory", "memory 的 token 数"),
        ),
        Setting::axis("d", 8, Text::new("width of x", "x 的宽度")),
        Setting::axis("c", 9, Text::new("width of the memory", "memory 的宽度")),
        Setting::axis("h", 3, Text::new("heads", "头数")),
        Setting::axis("k", 4, Text::new("head size of q and k", "q、k 的头维度")),
        Setting::axis("e", 6, Text::new("head size of v", "v 的头维度")),
        Setting::option(
            "self",
            0,
            0,
            1,
            Text::new(
                "1: the memory is x itself (with m = n and c = d)",
                "1：memory 就是 x 本身（需 m = n、c = d）",
            ),
        ),
        Setting::option(
            "mask",
            0,
            0,
            2,
            Text::new(
                "0 none, 1 causal [n m], 2 padding [b 1 1 m]",
                "0 无，1 因果 [n m]，2 padding [b 1 1 m]",
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
                "eight axes of eight sizes, no mask",
                "八个轴大小各不相同，无掩码",
            ),
        ),
        Kind::new(
            "square",
            SQUARE,
            Text::new(
                "all axes of size 4: no wrong name is refused",
                "所有轴大小都是 4：轴名写错也不会报错",
            ),
        ),
        Kind::new(
            "square-causal",
            &[
                ("b", 4),
                ("n", 4),
                ("m", 4),
                ("d", 4),
                ("c", 4),
                ("h", 4),
                ("k", 4),
                ("e", 4),
                ("mask", 1),
            ],
            Text::new(
                "all axes of size 4, a causal mask",
                "所有轴大小都是 4，因果掩码",
            ),
        ),
        Kind::new(
            "self",
            &[("m", 5), ("c", 8), ("e", 4), ("self", 1)],
            Text::new("self-attention: the memory is x", "自注意力：memory 就是 x"),
        ),
        Kind::new(
            "self-causal",
            &[
                ("n", 6),
                ("m", 6),
                ("c", 8),
                ("e", 4),
                ("self", 1),
                ("mask", 1),
            ],
            Text::new(
                "self-attention with a causal mask [n m]",
                "带因果掩码 [n m] 的自注意力",
            ),
        ),
        Kind::new(
            "padding",
            &[("mask", 2), ("c", 8)],
            Text::new(
                "a padding mask [b 1 1 m], widths of x and memory equal",
                "padding 掩码 [b 1 1 m]，x 与 memory 宽度相同",
            ),
        ),
        Kind::new("one-head", &[("h", 1)], Text::new("one head", "只有一个头")),
        Kind::new(
            "tiny",
            &[
                ("b", 1),
                ("n", 1),
                ("m", 1),
                ("d", 1),
                ("c", 1),
                ("h", 1),
                ("k", 1),
                ("e", 1),
            ],
            Text::new("all sizes 1", "所有轴大小均为 1"),
        ),
        Kind {
            id: "ragged",
            about: Text::new(
                "sizes from 1 to 8, a padding mask",
                "各轴大小在 1 到 8 之间，padding 掩码",
            ),
            settings: &[("mask", 2)],
            ragged: true,
        },
        Kind::new(
            "large-magnitude",
            &[("magnitude", 40)],
            Text::new(
                "scores around 100: exp overflows f32 unless the row maximum is taken off",
                "分数达到一百左右：不减去行最大值，exp 会让 f32 溢出",
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
            format!("einsum and attention, {tier}, {} threads", threads())
        },
        prepare,
        scale: &[
            ("b", 1),
            ("n", 512),
            ("m", 512),
            ("d", 256),
            ("c", 256),
            ("h", 4),
            ("k", 64),
            ("e", 64),
        ],
        work,
    },
};

/// Weights have the variance 1/width, so that q, k and v have that of their source.
fn inputs(case: &Case) -> Inputs {
    let root = |size: usize| 1.0 / (size as f32).sqrt();
    let [d, c, h, e] = ["d", "c", "h", "e"].map(|axis| case.size(axis));
    let normal = |name, axes, scale| Value::Float(case.normal(name, axes, scale));
    let x = case.normal("x", "b n d", case.size("magnitude") as f32);
    let [own, n, m] = ["self", "n", "m"].map(|name| case.size(name));
    let memory = match own == 1 && n == m && c == d {
        true => Value::Float(x.clone()),
        false => normal("memory", "b m c", 1.0),
    };
    Inputs::new()
        .with("x", Value::Float(x))
        .with("memory", memory)
        .with("w_q", normal("w_q", "d h k", root(d)))
        .with("w_k", normal("w_k", "c h k", root(c)))
        .with("w_v", normal("w_v", "c h e", root(c)))
        .with("w_o", normal("w_o", "h e d", root(h * e)))
        .with("mask", mask(case).map_or(Value::Absent, Value::Float))
}

/// No row is without a key: a causal mask wants m ≥ n, and every memory has one token at least.
fn mask(case: &Case) -> Option<Tensor> {
    let [b, n, m] = ["b", "n", "m"].map(|axis| case.size(axis));
    match case.size("mask") {
        1 => Some(causal_mask(n, m)),
        2 => {
            // The first memory is padded where it can be.
            let mut rng = case.rng("mask");
            let lengths: Vec<usize> = (0..b)
                .map(|i| rng.random_range(1..=if i == 0 { m.max(2) - 1 } else { m }))
                .collect();
            let shape = IxDyn(&[b, 1, 1, m]);
            Some(Tensor::from_shape_fn(shape, |at| {
                match at[3] < lengths[at[0]] {
                    true => 0.0,
                    false => f32::NEG_INFINITY,
                }
            }))
        }
        _ => None,
    }
}

/// How far a right f32 answer may be off.
///
/// A sum of k products is off by about √k·u·Σ|a·b| (u = ε/2; Higham and Mary 2019), whatever the
/// order. So q, k and v are off by √width·u times |x|·|w|; a score by what q and k bring and by its
/// own sum; a weight by the factor 1 ± 2δ for scores off by δ. The output adds the errors of the
/// heads under |w_o|. Twice that is allowed.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let eps = f64::from(f32::EPSILON);
    let size = |name: &str| inputs.f64(name).mapv(f64::abs);
    let project = |x: &ArrayD<f64>, w: &str| einsum("b n d, d h k -> b n h k", &[x, &size(w)]);
    let (x, memory) = (size("x"), size("memory"));
    let (q, k, v) = (
        project(&x, "w_q"),
        project(&memory, "w_k"),
        project(&memory, "w_v"),
    );
    let (d, c, m) = (x.shape()[2], memory.shape()[2], memory.shape()[1]);
    let (dk, he) = (q.shape()[3], v.shape()[2] * v.shape()[3]);
    // |q|·|k| ≤ ‖q‖·‖k‖ in every head.
    let norm = |heads: &ArrayD<f64>| max_abs(&heads.mapv(|x| x * x).sum_axis(Axis(3))).sqrt();
    let score = norm(&q) * norm(&k) / (dk as f64).sqrt();
    // A head is a mean of values: at most the largest of its column.
    let largest = v.map_axis(Axis(1), |column| column.fold(0.0, |a: f64, &b| a.max(b)));
    let out = max_abs(&einsum("b h e, h e d -> b d", &[&largest, &size("w_o")]));
    let [root_d, root_c, root_dk, root_m, root_he] =
        [d, c, dk, m, he].map(|size| (size as f64).sqrt());
    let scores = (root_d + root_c + 2.0 * root_dk) * score;
    Tolerance {
        value: eps * (scores + root_m + root_c + root_he + 4.0) * out,
        formula: format!(
            "ε·((√d+√c+2√k)·S + √m + √c + √(h·e) + 4)·O, ε = {eps:.2e}, d = {d}, c = {c}, k = {dk}, m = {m}, h·e = {he}, S = max‖|x|·|w_q|‖·‖|memory|·|w_k|‖/√k = {score:.3}, O = max(|memory|·|w_v|)·|w_o| = {out:.3}"
        ),
    }
}

/// The projections are matrix products with the axes in the order that the kernel takes; the mask is
/// laid out in full.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [x, memory, w_q, w_k, w_v, w_o] =
        ["x", "memory", "w_q", "w_k", "w_v", "w_o"].map(|name| inputs.float(name));
    let (b, n, m) = (x.shape()[0], x.shape()[1], memory.shape()[1]);
    let (h, d, dv) = (w_q.shape()[1], w_q.shape()[2], w_v.shape()[2]);
    let shape = Shape { b, h, n, m, d, dv };
    let mask: Option<Vec<f32>> = inputs.optional("mask").map(|mask| {
        let wide = mask.broadcast(IxDyn(&[b, h, n, m]));
        wide.expect("the mask's shape was checked")
            .iter()
            .copied()
            .collect()
    });
    let mut heads = Tensor::zeros(IxDyn(&[b, h, n, dv]));
    Prepared::new(vec![Tensor::zeros(x.raw_dim())], move |outputs| {
        let q = einsum("b n d, d h k -> b h n k", &[x, w_q]);
        let k = einsum("b m c, c h k -> b h m k", &[memory, w_k]);
        let v = einsum("b m c, c h e -> b h m e", &[memory, w_v]);
        let [q, k, v] = [&q, &k, &v].map(|x| x.as_slice().expect("einsum lays out row-major"));
        let mask = mask.as_ref().map(|values| Mask {
            values,
            strides: [h * n * m, n * m, m, 1],
        });
        let out = heads.as_slice_mut().expect("standard layout");
        kernel::attention(out, q, k, v, mask, shape).unwrap_or_else(|misfit| panic!("{misfit}"));
        outputs[0] = einsum("b h n e, h e d -> b n d", &[&heads, w_o]);
    })
}

/// Four projections and two products per head; every operand and the output pass once.
fn work(case: &Case) -> Work {
    let [b, n, m, d, c, h, k, e] =
        ["b", "n", "m", "d", "c", "h", "k", "e"].map(|axis| case.size(axis) as f64);
    let projections = n * d * (k + e) + m * c * (k + e);
    Work {
        flops: 2.0 * b * h * (projections + n * m * (k + e)),
        bytes: 4.0 * (2.0 * b * n * d + b * m * c + h * (d + c) * (k + e)),
    }
}
