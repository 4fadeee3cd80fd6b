//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::production::{matrix, prepare};
use super::reference::{Arguments, reference};
use super::variants::variant;
use crate::kernels::cpu::{Tier, threads};
use crate::lessons::affine_quantization::grid::{settled, settled_high};
use crate::ops::einsum;
use crate::problem::{
    Arg, ArgKind, Case, Kind, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Value, max_abs};
use crate::text::Text;
use rand::RngExt;

crate::exercise!(x: tensor, w: tensor, group_size: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn group_quant_int4(x: &Tensor, w: &Tensor, group_size: f64) -> (Tensor, Tensor, Tensor, Tensor)",
    args: &[
        Arg {
            name: "x",
            kind: ArgKind::Float("m k"),
        },
        Arg {
            name: "w",
            kind: ArgKind::Float("n k"),
        },
        Arg {
            name: "group_size",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[
        ("packed", "n bytes"),
        ("scale", "n groups"),
        ("zero", "n groups"),
        ("y", "m n"),
    ],
    settings: &[
        Setting::axis("m", 3, Text::new("tokens", "token 数")),
        Setting::axis("n", 5, Text::new("outputs: rows of w", "输出维：w 的行数")),
        Setting::axis(
            "k",
            96,
            Text::new(
                "inputs: columns of w, an even number",
                "输入维：w 的列数，偶数",
            ),
        )
        .multiple_of(8),
        Setting {
            axis: false,
            max: 128,
            ..Setting::axis(
                "group_size",
                32,
                Text::new("weights that share a scale", "共用一个 scale 的权重数"),
            )
        }
        .multiple_of(32),
        Setting::option(
            "weights",
            0,
            0,
            2,
            Text::new(
                "0 around 0, 1 some groups of one sign, 2 a group of zeros",
                "0 跨过 0，1 有些组同号，2 有一组全零",
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
        name: || format!("w4a16, {}, {} threads", Tier::f32().name(), threads()),
        prepare,
        scale: &[("m", 16), ("n", 512), ("k", 2048), ("group_size", 128)],
        // Two weights are a byte, read once; a group has a scale and a zero point.
        work: |case: &Case| {
            let [m, n, k] = ["m", "n", "k"].map(|axis| case.size(axis) as f64);
            let groups = n * k / case.size("group_size") as f64;
            Work {
                flops: 2.0 * m * n * k,
                bytes: n * k / 2.0 + 5.0 * groups + 4.0 * (m * k + m * n),
            }
        },
    },
};

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "three groups of 32 in a row, of different size",
            "每行三组、每组 32，各组幅度不同",
        ),
    ),
    Kind::new(
        "short-group",
        &[("k", 80), ("n", 4)],
        Text::new(
            "rows of 80: the third group has 16 weights",
            "每行 80 个：第三组只有 16 个权重",
        ),
    ),
    Kind::new(
        "one-sign",
        &[("weights", 1), ("n", 6)],
        Text::new(
            "groups that lie far above or below 0",
            "有些组整体远高于或低于 0",
        ),
    ),
    Kind::new(
        "zero-group",
        &[("weights", 2)],
        Text::new("a group of zeros", "有一组全零"),
    ),
    Kind::new(
        "larger-groups",
        &[("k", 128), ("group_size", 64), ("m", 1)],
        Text::new("groups of 64, one token", "每组 64，一个 token"),
    ),
    Kind::new(
        "tiny",
        &[("m", 1), ("n", 1), ("k", 8)],
        Text::new("eight weights: less than a group", "八个权重：不足一组"),
    ),
    Kind::new(
        "ragged",
        &[],
        Text::new("sizes drawn by the seed", "大小由种子抽取"),
    )
    .ragged(),
];

fn inputs(case: &Case) -> Inputs {
    let group_size = case.size("group_size");
    let x = case.normal("x", "m k", 1.0);
    let mut w = case.normal("w", "n k", 1.0);
    let mut rng = case.rng("groups");
    for (i, mut row) in w.outer_iter_mut().enumerate() {
        for (g, mut group) in row
            .axis_chunks_iter_mut(ndarray::Axis(0), group_size)
            .enumerate()
        {
            let size = [1.0, 0.3, 2.0, 0.6][(i + g) % 4] * rng.random_range(0.8..1.2f32);
            // One tail longer than the other, so that symmetric codes waste some.
            let lean = if (i + g) % 2 == 0 { 1.6 } else { -1.6 };
            group.mapv_inplace(|w| size * if w * lean > 0.0 { 1.6 * w } else { w });
            match case.size("weights") {
                1 if g % 2 == 0 => {
                    group.mapv_inplace(|w| w.abs() * lean.signum() + 4.0 * size * lean)
                }
                2 if i == 1 && g == 1 => group.fill(0.0),
                _ => {}
            }
            settle(&mut group);
        }
    }
    Inputs::new()
        .with("x", Value::Float(x))
        .with("w", Value::Float(w))
        .with("group_size", Value::Number(group_size as f64))
}

/// Moves the largest weight of a group, and then the others, so that neither the zero point nor a code
/// is a tie.
fn settle(group: &mut ndarray::ArrayViewMut<f32, ndarray::IxDyn>) {
    let fold = |(low, high): (f32, f32), w: &f32| (low.min(*w), high.max(*w));
    let (low, high) = group.iter().fold((0.0, 0.0), fold);
    let end = settled_high(low, high, 4.0);
    let scale = (f64::from(end) - f64::from(low)) / 15.0;
    group.mapv_inplace(|w| match w {
        w if w == high => end,
        w if w == low => w,
        w => settled(w, scale),
    });
}

/// Weights and zero points are so far from ties that f32 gives the same codes. A result is a sum of k
/// products of x and ŵ = s·(q − z), with roundings of the scale, the product and the sum; s·q − s·z
/// has them relative to s·15.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let given = Arguments::of(inputs);
    let outputs = variant(inputs, &Variant::default());
    let scale = matrix(&outputs[1]);
    let reach = given.spread(&scale).mapv(|s| 15.0 * s);
    let sizes = [given.x.mapv(f64::abs).into_dyn(), reach.into_dyn()];
    let largest = max_abs(&einsum("m k, n k -> m n", &[&sizes[0], &sizes[1]]));
    let k = given.w.ncols();
    let most = max_abs(&outputs[1]);
    let value = f64::from(f32::EPSILON) * ((k + 8) as f64 / 2.0 * largest + 4.0 * most);
    Tolerance {
        value,
        formula: format!(
            "ε·((k + 8)/2·max Σ|x|·15·s + 4·max s) = 1.19e-7·({}/2·{largest:.3} + 4·{most:.4})",
            k + 8
        ),
    }
}
