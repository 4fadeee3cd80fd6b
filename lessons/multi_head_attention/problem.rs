//! What the multi-head attention lesson asks, and on which inputs.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::{Sizes, reference, repeat, split};
use super::variants::variant;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::multi_head::{self as kernel, Shape, Weights};
use crate::ops::{causal_mask, einsum};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{ArrayD, Axis, IxDyn};

crate::exercise!(x: tensor, w_q: tensor, w_k: tensor, w_v: tensor, w_o: tensor, h: number, mask: optional);

/// Multi-head attention; with fewer key/value heads than query heads it is grouped-query attention.
pub static PROBLEM: Problem = Problem {
    signature: "fn multi_head_attention(x: &Tensor, w_q: &Tensor, w_k: &Tensor, w_v: &Tensor, w_o: &Tensor, h: f64, mask: Option<&Tensor>) -> Tensor",
    args: &[
        Arg::float("x", "b n d"),
        Arg::float("w_q", "d d"),
        Arg::float("w_k", "d f"),
        Arg::float("w_v", "d f"),
        Arg::float("w_o", "d d"),
        Arg {
            name: "h",
            kind: ArgKind::Number,
        },
        Arg {
            name: "mask",
            kind: ArgKind::OptionalBroadcast("n n"),
        },
    ],
    outputs: &[("out", "b n d")],
    settings: &[
        Setting::axis("b", 2, Text::new("batch", "批大小")),
        Setting::axis("n", 5, Text::new("tokens", "token 数")),
        Setting::axis("dk", 4, Text::new("size of a head", "单个头的维度")),
        Setting::option("h", 3, 1, 256, Text::new("query heads", "查询头数")),
        Setting::option(
            "h_kv",
            0,
            0,
            256,
            Text::new(
                "key/value heads: 0 as many as h (MHA), 1 for MQA; where it does not divide h, their greatest common divisor",
                "k/v 头数：0 与 h 相同（MHA），1 即 MQA；不整除 h 时取两者的最大公约数",
            ),
        ),
        // They follow from the others, so a person cannot set them.
        Setting::option(
            "d",
            0,
            0,
            0,
            Text::new("model width: always h·dk", "模型维度：恒为 h·dk"),
        ),
        Setting::option(
            "f",
            0,
            0,
            0,
            Text::new(
                "width of w_k and w_v: always h_kv·dk",
                "w_k、w_v 的宽度：恒为 h_kv·dk",
            ),
        ),
        Setting::option(
            "causal",
            0,
            0,
            1,
            Text::new("1: a causal mask [n n]", "1：因果掩码 [n n]"),
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
                "3 heads of 4, no mask, all sizes different",
                "3 个头，每头 4 维，无掩码，各轴大小互不相同",
            ),
        ),
        Kind::new(
            "causal",
            &[("causal", 1)],
            Text::new("a causal mask", "因果掩码"),
        ),
        Kind::new(
            "gqa",
            &[("h", 6), ("h_kv", 2), ("dk", 2)],
            Text::new(
                "grouped queries: 6 query heads, 2 key/value heads",
                "分组查询：6 个查询头，2 个 k/v 头",
            ),
        ),
        Kind::new(
            "mqa",
            &[("h", 3), ("h_kv", 1), ("causal", 1)],
            Text::new(
                "multi-query: 3 query heads, 1 key/value head, causal",
                "多查询：3 个查询头，1 个 k/v 头，因果掩码",
            ),
        ),
        Kind::new(
            "one-head",
            &[("h", 1)],
            Text::new("one head: plain attention", "只有一个头：就是普通注意力"),
        ),
        Kind::new(
            "thin-heads",
            &[("h", 4), ("dk", 1), ("n", 7)],
            Text::new(
                "heads of size 1, fewer than tokens: scores of rank 1",
                "每头 1 维，少于 token 数：分数矩阵秩为 1",
            ),
        ),
        Kind::new(
            "tiny",
            &[("b", 1), ("n", 1), ("h", 1), ("dk", 1)],
            Text::new("all sizes 1", "所有轴大小均为 1"),
        ),
        Kind::new(
            "ragged",
            &[("h", 4), ("h_kv", 2), ("causal", 1)],
            Text::new(
                "b, n and dk from 1 to 8, 4 query heads, 2 key/value heads, causal",
                "b、n、dk 在 1 到 8 之间，4 个查询头，2 个 k/v 头，因果掩码",
            ),
        )
        .ragged(),
        Kind::new(
            "large-magnitude",
            &[("magnitude", 8)],
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
            format!("multi_head, {tier}, {} threads", threads())
        },
        prepare,
        scale: &[("b", 1), ("n", 1024), ("h", 8), ("h_kv", 2), ("dk", 64)],
        work,
    },
};

/// Heads of a case: query heads, key/value heads.
fn heads(case: &Case) -> (usize, usize) {
    let h = case.size("h");
    match case.size("h_kv") {
        0 => (h, h),
        h_kv => (h, gcd(h, h_kv)),
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Weights have the variance 1/d, so that q, k and v have that of x.
fn inputs(case: &Case) -> Inputs {
    let (h, h_kv) = heads(case);
    let mut sized = case.clone();
    sized.settings.insert("d", h * case.size("dk"));
    sized.settings.insert("f", h_kv * case.size("dk"));
    let root = (sized.size("d") as f32).sqrt();
    let weight = |name, axes| Value::Float(sized.normal(name, axes, 1.0 / root));
    let n = case.size("n");
    let mask = match case.size("causal") {
        1 => Value::Float(causal_mask(n, n)),
        _ => Value::Absent,
    };
    let magnitude = case.size("magnitude") as f32;
    Inputs::new()
        .with("x", Value::Float(sized.normal("x", "b n d", magnitude)))
        .with("w_q", weight("w_q", "d d"))
        .with("w_k", weight("w_k", "d f"))
        .with("w_v", weight("w_v", "d f"))
        .with("w_o", weight("w_o", "d d"))
        .with("h", Value::Number(h as f64))
        .with("mask", mask)
}

/// How far a right f32 answer may be off.
///
/// A sum of k products is off by about √k·u·Σ|a·b| (u = ε/2; Higham and Mary 2019), whatever the
/// order. So q, k and v are off by √d·u times |x|·|w|; a score by what q and k bring and by its own
/// sum; a weight by the factor 1 ± 2δ for scores off by δ. The output adds the errors of the heads
/// under |w_o|. Twice that is allowed.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let eps = f64::from(f32::EPSILON);
    let Ok(Sizes { n, d, h, dk, .. }) = Sizes::of(inputs) else {
        let (value, formula) = (eps, "ε".to_string());
        return Tolerance { value, formula };
    };
    let size = |name: &str| inputs.f64(name).mapv(f64::abs);
    let [w_q, w_k, w_v, w_o] = ["w_q", "w_k", "w_v", "w_o"].map(size);
    let x = size("x");
    let heads =
        |w: &ArrayD<f64>| split(&einsum("b n d, d e -> b n e", &[&x, w]), w.shape()[1] / dk);
    // |q|·|k| ≤ ‖q‖·‖k‖ in every head.
    let norm = |w| {
        let squares = heads(w).mapv(|x| x * x).sum_axis(Axis(3));
        max_abs(&squares).sqrt()
    };
    let score = norm(&w_q) * norm(&w_k) / (dk as f64).sqrt();
    // A head is a mean of values: at most the largest of its column.
    let values = repeat(&heads(&w_v), h);
    let largest = values.map_axis(Axis(2), |column| column.fold(0.0, |a: f64, &b| a.max(b)));
    let rows = largest
        .to_shape(IxDyn(&[x.shape()[0], d]))
        .expect("h·dk columns");
    let rows = rows.into_owned();
    let out = max_abs(&einsum("b e, e d -> b d", &[&rows, &w_o]));
    let [root_d, root_dk, root_n] = [d, dk, n].map(|size| (size as f64).sqrt());
    Tolerance {
        value: eps * (2.0 * (root_d + root_dk) * score + root_n + 2.0 * root_d + 4.0) * out,
        formula: format!(
            "ε·(2(√d+√dk)·S + √n + 2√d + 4)·O, ε = {eps:.2e}, d = {d}, dk = {dk}, n = {n}, S = max‖|x|·|w_q|‖·‖|x|·|w_k|‖/√dk = {score:.3}, O = max(|x|·|w_v|)·|w_o| = {out:.3}"
        ),
    }
}

/// Lays the operands out row-major (they nearly always are) and the mask in full.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let sizes = Sizes::of(inputs).unwrap_or_else(|why| panic!("{why}"));
    let Sizes {
        b, n, d, h, h_kv, ..
    } = sizes;
    let shape = Shape { b, n, d, h, h_kv };
    let operands =
        ["x", "w_q", "w_k", "w_v", "w_o"].map(|name| inputs.float(name).as_standard_layout());
    let mask = inputs.optional("mask").map(|mask| full(mask, n));
    let out = Tensor::zeros(IxDyn(&[b, n, d]));
    Prepared::new(vec![out], move |outputs| {
        let [x, q, k, v, o] = &operands;
        let [x, q, k, v, o] = [x, q, k, v, o].map(|x| x.as_slice().expect("standard layout"));
        let out = outputs[0].as_slice_mut().expect("standard layout");
        let weights = Weights { q, k, v, o };
        kernel::multi_head_attention(out, x, weights, mask.as_deref(), shape)
            .unwrap_or_else(|misfit| panic!("{misfit}"));
    })
}

/// The mask in full, `[n n]`.
fn full(mask: &Tensor, n: usize) -> Vec<f32> {
    let wide = mask.broadcast(IxDyn(&[n, n]));
    wide.expect("the mask's shape was checked")
        .iter()
        .copied()
        .collect()
}

/// Four projections and two products per head; x, the weights and the output pass once.
fn work(case: &Case) -> Work {
    let (h, h_kv) = heads(case);
    let [b, n, dk] = ["b", "n", "dk"].map(|axis| case.size(axis) as f64);
    let (d, f) = (h as f64 * dk, h_kv as f64 * dk);
    Work {
        flops: 2.0 * b * n * d * (2.0 * d + 2.0 * f) + 4.0 * b * n * n * d,
        bytes: 4.0 * (2.0 * b * n * d + 2.0 * d * d + 2.0 * d * f),
    }
}
