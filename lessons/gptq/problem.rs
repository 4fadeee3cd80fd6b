//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{arguments, reference};
use super::variants::{quantize, variant};
use crate::kernels::gptq;
use crate::ops::matmul;
use crate::problem::{
    Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::Axis;
use rand::RngExt;

crate::exercise!(weight: tensor, x: tensor, bits: number, group_size: number, percdamp: number, act_order: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn gptq(weight: &Tensor, x: &Tensor, bits: f64, group_size: f64, percdamp: f64, act_order: f64) -> Tensor",
    args: &[
        Arg::float("weight", "r c"),
        Arg::float("x", "n c"),
        Arg::number("bits"),
        Arg::number("group_size"),
        Arg::number("percdamp"),
        Arg::number("act_order"),
    ],
    outputs: &[("w_hat", "r c")],
    settings: &[
        Setting {
            max: 256,
            ..Setting::axis(
                "r",
                5,
                Text::new(
                    "rows of the weight (output features)",
                    "权重的行数（输出特征）",
                ),
            )
        },
        Setting {
            max: 256,
            ..Setting::axis(
                "c",
                8,
                Text::new(
                    "columns of the weight (input features)",
                    "权重的列数（输入特征）",
                ),
            )
        },
        // Each of a trace's steps measures the output: n·r·c for every column.
        Setting {
            max: 512,
            ..Setting::axis("n", 24, Text::new("calibration tokens", "校准 token 数"))
        },
        Setting::option("bits", 4, 2, 8, Text::new("bits of a code", "编码位数")),
        Setting::option(
            "group_size",
            4,
            1,
            4096,
            Text::new(
                "columns that share a scale; the last group may be shorter",
                "共用一个 scale 的列数；最后一组可以不满",
            ),
        ),
        Setting::option(
            "damp_percent",
            1,
            1,
            1000,
            Text::new(
                "percdamp in percent: λ = percdamp·mean(diag H)",
                "percdamp（百分数）：λ = percdamp·mean(diag H)",
            ),
        ),
        Setting::option(
            "act_order",
            0,
            0,
            1,
            Text::new(
                "1: columns with the largest H_jj first",
                "1：H_jj 大的列先量化",
            ),
        ),
        Setting::option(
            "inputs",
            0,
            0,
            2,
            Text::new(
                "0 correlated inputs, 1 never two at once (H is diagonal), 2 some dead",
                "0 相关的输入，1 每次只有一个非零（H 是对角阵），2 部分输入恒为 0",
            ),
        ),
        Setting::option(
            "zero_row",
            0,
            0,
            1,
            Text::new("1: the first row of weights is 0", "1：权重第一行全为 0"),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new("8 columns in two groups", "8 列，分两组"),
        ),
        Kind::new(
            "tiny",
            &[("r", 1), ("c", 1), ("n", 1)],
            Text::new("one weight", "只有一个权重"),
        ),
        Kind::new(
            "ragged",
            &[],
            Text::new("sizes drawn by the seed", "大小由种子抽取"),
        )
        .ragged(),
        Kind::new(
            "whole-row",
            &[("group_size", 8), ("r", 6)],
            Text::new("one scale for a row", "每行一个 scale"),
        ),
        Kind::new(
            "short-group",
            &[("c", 10), ("n", 30)],
            Text::new(
                "the last group has 2 of 4 columns",
                "最后一组只有 2 列（组长 4）",
            ),
        ),
        Kind::new(
            "act-order",
            &[("act_order", 1), ("group_size", 8)],
            Text::new(
                "act-order, one scale for a row",
                "开 act-order，每行一个 scale",
            ),
        ),
        Kind::new(
            "act-order-groups",
            &[("act_order", 1), ("r", 4)],
            Text::new(
                "act-order with groups of columns as they come in this order",
                "开 act-order，并按处理顺序分组",
            ),
        ),
        Kind::new(
            "dead",
            &[("inputs", 2), ("r", 6)],
            Text::new("some inputs are always 0", "部分输入恒为 0"),
        ),
        Kind::new(
            "low-bits",
            &[
                ("bits", 2),
                ("r", 7),
                ("c", 12),
                ("n", 40),
                ("group_size", 12),
            ],
            Text::new(
                "2 bits: what is spread outgrows the grid",
                "2 位：补偿后的权重超出网格",
            ),
        ),
        Kind::new(
            "damped",
            &[("damp_percent", 100), ("r", 6)],
            Text::new(
                "λ as large as the mean of diag H",
                "λ 与 diag H 的均值一样大",
            ),
        ),
        Kind::new(
            "few-tokens",
            &[("n", 5), ("r", 6)],
            Text::new(
                "fewer tokens than columns: H is singular without λ",
                "token 比列少：不加 λ 时 H 奇异",
            ),
        ),
        Kind::new(
            "diagonal",
            &[("inputs", 1), ("n", 16)],
            Text::new("H is diagonal", "H 是对角阵"),
        ),
        Kind::new(
            "zero-row",
            &[("zero_row", 1)],
            Text::new("a row of zeros", "有一行全为 0"),
        ),
        Kind::new(
            "correlated",
            &[("r", 15), ("c", 16), ("n", 64), ("group_size", 16)],
            Text::new(
                "a layer large enough to measure the loss",
                "大到足以衡量损失的一层",
            ),
        ),
    ],
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: CONVENTIONS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: gptq::name,
        prepare,
        scale: &[("r", 256), ("c", 128), ("n", 512), ("group_size", 32)],
        // A multiply-add for the Hessian's upper half, for Cholesky, its inverse and U, and for
        // every pair of columns of a row.
        work: |case: &Case| {
            let [r, c, n] = ["r", "c", "n"].map(|axis| case.size(axis) as f64);
            Work {
                flops: n * c * c + 4.0 / 3.0 * c.powi(3) + r * c * c,
                bytes: 4.0 * (n * c + 2.0 * r * c),
            }
        },
    },
};

/// Sizes up to which weights keep away from ties for wrong answers too, so that these can be named.
const SMALL: usize = 16;

/// Weights that no right answer rounds to another code: a row that comes too near to a tie is drawn
/// again.
fn inputs(case: &Case) -> Inputs {
    let mut inputs = Inputs::new();
    let percdamp = case.size("damp_percent") as f64 / 100.0;
    inputs.set("weight", Value::Float(case.normal("weight", "r c", 1.0)));
    inputs.set("x", Value::Float(calibration(case)));
    for name in ["bits", "group_size"] {
        inputs.set(name, Value::Number(case.size(name) as f64));
    }
    inputs.set("percdamp", Value::Number(percdamp));
    inputs.set("act_order", Value::Number(case.size("act_order") as f64));

    let mut guarded = vec![Variant::default()];
    if case.size("c") <= SMALL {
        let bugs = BUGS.iter().map(|bug| bug.id);
        let ids = bugs.chain(CONVENTIONS.iter().map(|known| known.id));
        guarded.extend(ids.map(|id| Variant(vec![id])));
    }
    let mut rng = case.rng("again");
    for _ in 0..200 {
        let args = arguments(&inputs);
        let mut again = vec![false; case.size("r")];
        for variant in &guarded {
            let run = quantize(&args, variant);
            let mut near = rounding(&inputs) * run.growth;
            if *variant != Variant::default() {
                // Some wrong answers grow without bounds, and no weight would do.
                near = near.min(1e-4);
            }
            for (again, margin) in again.iter_mut().zip(run.margins) {
                *again |= !(margin > near);
            }
        }
        if case.size("zero_row") == 1 {
            again[0] = false;
        }
        // With 2 bits one row at least is to outgrow the grid.
        if case.size("bits") == 2 && case.size("c") > 4 {
            let run = |ids: &[&'static str]| quantize(&args, &Variant(ids.to_vec())).w_hat;
            again[0] |= run(&[]).row(0) == run(&["no-clamp"]).row(0);
        }
        if again.iter().all(|again| !again) {
            break;
        }
        let mut weight = inputs.float("weight").clone();
        for (mut row, _) in weight
            .outer_iter_mut()
            .zip(again)
            .filter(|(_, again)| *again)
        {
            row.mapv_inplace(|_| (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0);
        }
        inputs.set("weight", Value::Float(weight));
    }
    if case.size("zero_row") == 1 {
        let mut weight = inputs.float("weight").clone();
        weight.index_axis_mut(Axis(0), 0).fill(0.0);
        inputs.set("weight", Value::Float(weight));
    }
    inputs
}

/// Inputs `[n c]` of different size, with a mean: a quarter as many factors as inputs drive all of
/// them, and each has noise of its own, so that H stays well conditioned.
fn calibration(case: &Case) -> Tensor {
    let (n, c) = (case.size("n"), case.size("c"));
    if case.size("inputs") == 1 {
        return Tensor::from_shape_fn(vec![n, c], |at| {
            let sign = if (at[0] / c).is_multiple_of(2) {
                2.0
            } else {
                -2.0
            };
            if at[0] % c == at[1] { sign } else { 0.0 }
        });
    }
    let factors = (c / 4).max(1);
    let mut sized = case.clone();
    sized.settings.insert("k", factors);
    let tokens = sized.normal("tokens", "n k", 1.0);
    let loads = sized.normal("loads", "k c", 1.0 / (factors as f32).sqrt());
    let mut x = matmul(&tokens, &loads) + case.normal("x", "n c", 0.3) + 0.4;
    // No two sizes alike, so that their order does not hang on rounding.
    for (j, mut column) in x.axis_iter_mut(Axis(1)).enumerate() {
        column *= 2.0 + 4.0 * (((7 * j + 3) % c) as f32 + 0.5) / c as f32;
    }
    if case.size("inputs") == 2 {
        for j in (1..c).step_by(3) {
            x.index_axis_mut(Axis(1), j).fill(0.0);
        }
    }
    x
}

/// The relative error of a Hessian entry that f32 summed over n tokens, and of a weight that c
/// columns corrected, if roundings are independent: ε·√(n + c).
fn rounding(inputs: &Inputs) -> f64 {
    let tokens_and_columns: usize = inputs.float("x").shape().iter().sum();
    f64::from(f32::EPSILON) * (tokens_and_columns as f64).sqrt()
}

/// ε·√(n + c) for the sums, times how far an error grows: by the variance inflation of the
/// regressions in U, max H_ii·U_ii², by the shares that later columns take, max Σ_j|U_ij|/U_ii, and
/// with the largest weight on the way. No weight is nearer to a tie than this, so codes are the same.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let growth = quantize(&arguments(inputs), &Variant::default()).growth;
    let rounding = rounding(inputs);
    Tolerance {
        value: rounding * growth,
        formula: format!(
            "ε·√(n + c)·max(H_ii·U_ii²)·max(Σ_j|U_ij|/U_ii)·max|w| = {rounding:.2e}·{growth:.1}"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let weight = inputs.float("weight").as_standard_layout();
    let x = inputs.float("x").as_standard_layout();
    let shape = gptq::Shape {
        rows: weight.shape()[0],
        columns: weight.shape()[1],
        tokens: x.shape()[0],
    };
    let options = gptq::Options {
        bits: inputs.number("bits") as u32,
        group_size: inputs.number("group_size") as usize,
        percdamp: inputs.number("percdamp"),
        act_order: inputs.number("act_order") != 0.0,
    };
    let out = Tensor::zeros(weight.shape());
    Prepared::new(vec![out], move |outputs| {
        let weight = weight.as_slice().unwrap_or_default();
        let x = x.as_slice().unwrap_or_default();
        let out = outputs[0].as_slice_mut().unwrap_or_default();
        // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
        if gptq::gptq(out, weight, x, shape, options).is_err() {
            out.fill(f32::NAN);
        }
    })
}
