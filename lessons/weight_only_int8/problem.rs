//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::reference;
use super::variants::{variant, weights};
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::quant::{PackedInt8, w8a16};
use crate::lessons::affine_quantization::grid::settled;
use crate::ops::einsum;
use crate::problem::{
    Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use half::f16;

crate::exercise!(x: tensor, w: tensor);

pub static PROBLEM: Problem = Problem {
    signature: "fn weight_only_int8(x: &Tensor, w: &Tensor) -> (Tensor, Tensor, Tensor)",
    args: &[Arg::float("x", "m k"), Arg::float("w", "n k")],
    outputs: &[("y", "m n"), ("q", "n k"), ("scale", "n")],
    settings: &[
        Setting::axis("m", 3, Text::new("tokens", "token 数")),
        Setting::axis("n", 5, Text::new("outputs: rows of w", "输出维：w 的行数")),
        Setting::axis(
            "k",
            32,
            Text::new("inputs: columns of w", "输入维：w 的列数"),
        ),
        Setting::option(
            "zeros",
            0,
            0,
            1,
            Text::new("1: the last row of w is 0", "1：w 的最后一行全为 0"),
        ),
        Setting::option(
            "outliers",
            0,
            0,
            1,
            Text::new(
                "1: one input channel of x is 60 times as large",
                "1：x 有一个输入通道大 60 倍",
            ),
        ),
    ],
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
        name: || format!("w8a16, {}, {} threads", Tier::f32().name(), threads()),
        prepare,
        scale: &[("m", 16), ("n", 512), ("k", 2048)],
        // Each weight is one byte, read once.
        work: |case: &Case| {
            let [m, n, k] = ["m", "n", "k"].map(|axis| case.size(axis) as f64);
            Work {
                flops: 2.0 * m * n * k,
                bytes: n * k + 4.0 * (m * k + m * n + n),
            }
        },
    },
};

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "rows of very different size, the largest weight negative in every other",
            "各行幅度悬殊，隔行的最大权重为负",
        ),
    ),
    Kind::new(
        "decode",
        &[("m", 1), ("n", 7), ("k", 48)],
        Text::new("one token", "一个 token"),
    ),
    Kind::new(
        "tiny",
        &[("m", 1), ("n", 1), ("k", 1)],
        Text::new("one weight", "只有一个权重"),
    ),
    Kind::new(
        "ragged",
        &[],
        Text::new("sizes drawn by the seed", "大小由种子抽取"),
    )
    .ragged(),
    Kind::new(
        "square",
        &[("m", 4), ("n", 24), ("k", 24)],
        Text::new(
            "as many outputs as inputs: axes can be mixed up",
            "输入输出同维：轴容易搞混",
        ),
    ),
    Kind::new(
        "zero-row",
        &[("zeros", 1), ("n", 4)],
        Text::new("a row of zeros", "有一行全零"),
    ),
    Kind::new(
        "outliers",
        &[("outliers", 1), ("k", 40)],
        Text::new(
            "an input channel 60 times as large as the others, as in large models",
            "有一个输入通道大 60 倍，大模型里常见",
        ),
    ),
];

fn inputs(case: &Case) -> Inputs {
    let (n, k) = (case.size("n"), case.size("k"));
    let mut x = case.normal("x", "m k", 1.0);
    if case.size("outliers") == 1 {
        for mut row in x.outer_iter_mut() {
            row[k / 3] = 60.0 * (1.0 + row[k / 3].abs());
        }
    }
    // Activations are f16.
    x.mapv_inplace(|x| f16::from_f32(x).to_f32());

    let mut w = case.normal("w", "n k", 0.1);
    for (i, mut row) in w.outer_iter_mut().enumerate() {
        let size = [1.0, 0.2, 3.0][i % 3];
        row *= size;
        // The row's largest weight: its sign alternates.
        let largest = 1.3 * row.fold(0f32, |max, w| max.max(w.abs()));
        row[(7 * i + 3) % k] = if i % 2 == 0 { largest } else { -largest };
        let scale = f64::from(largest) / 127.0;
        row.mapv_inplace(|w| settled(w, scale));
        if case.size("zeros") == 1 && i + 1 == n {
            row.fill(0.0);
        }
    }
    Inputs::new()
        .with("x", Value::Float(x))
        .with("w", Value::Float(w))
}

/// Weights are so far from ties that f32 gives the same codes. A result is a sum of k products, each
/// with a rounding of its own and of the scale; all of them are at most Σ|x|·|ŵ|.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let outputs = variant(inputs, &Variant::default());
    let sizes = [inputs.f64("x"), weights(&outputs)].map(|a| a.mapv(f64::abs));
    let largest = max_abs(&einsum("m k, n k -> m n", &[&sizes[0], &sizes[1]]));
    let (scale, k) = (max_abs(&outputs[2]), inputs.float("x").shape()[1]);
    let value = f64::from(f32::EPSILON) * ((k + 4) as f64 * largest + 2.0 * scale);
    Tolerance {
        value,
        formula: format!(
            "ε·((k + 4)·max Σ|x|·|ŵ| + 2·max s) = 1.19e-7·({}·{largest:.3} + 2·{scale:.4})",
            k + 4
        ),
    }
}

/// Codes and scales come beforehand, once for a model; the kernel is the product.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let x = inputs.float("x").as_standard_layout();
    let outputs = variant(inputs, &Variant::default());
    let single = |a: &ndarray::ArrayD<f64>| a.mapv(|x| x as f32);
    let codes: Vec<i8> = outputs[1].iter().map(|q| *q as i8).collect();
    let scales: Vec<f32> = outputs[2].iter().map(|s| *s as f32).collect();
    let (m, n, k) = (x.shape()[0], outputs[1].shape()[0], x.shape()[1]);
    let packed = PackedInt8::new(&codes, &scales, [n, k]);
    let given: Vec<Tensor> = outputs.iter().map(single).collect();
    Prepared::new(given, move |outputs| {
        let x = x.as_slice().unwrap_or_default();
        let y = outputs[0].as_slice_mut().unwrap_or_default();
        let done = packed.as_ref().map(|packed| w8a16(y, x, packed, m));
        if !matches!(done, Ok(Ok(()))) {
            // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
            y.fill(f32::NAN);
        }
    })
}
