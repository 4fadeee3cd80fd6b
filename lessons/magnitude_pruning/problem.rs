//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::prune::{magnitude, masked_step, name};
use crate::problem::{Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::Axis;

crate::exercise!(w: tensor, velocity: tensor, grad: tensor, sparsity: number, lr: number, momentum: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn magnitude_pruning(w: &Tensor, velocity: &Tensor, grad: &Tensor, sparsity: f64, lr: f64, momentum: f64) -> (Tensor, Tensor, Tensor)",
    args: &[
        Arg::float("w", "l n k"),
        Arg::float("velocity", "l n k"),
        Arg::float("grad", "l n k"),
        Arg::number("sparsity"),
        Arg::number("lr"),
        Arg::number("momentum"),
    ],
    outputs: &[("mask", "l n k"), ("pruned", "l n k"), ("next", "l n k")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: CONVENTIONS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name,
        prepare,
        scale: &[("l", 4), ("n", 256), ("k", 1024)],
        // Three operands in, three results out; two multiply-adds and a product for each weight.
        work: |case: &Case| {
            let weights = (case.size("l") * case.size("n") * case.size("k")) as f64;
            Work {
                flops: 5.0 * weights,
                bytes: 24.0 * weights,
            }
        },
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("l", 2, Text::new("layers", "层数")),
    Setting::axis("n", 4, Text::new("outputs of a layer", "一层的输出数")),
    Setting::axis("k", 5, Text::new("inputs of a layer", "一层的输入数")),
    Setting::option(
        "percent",
        50,
        0,
        100,
        Text::new(
            "sparsity: weights that go, in percent",
            "稀疏度：剪掉的百分比",
        ),
    ),
    Setting::option(
        "uneven",
        0,
        0,
        1,
        Text::new(
            "1: sparsity·n·k lies just below a whole number, so that rounding and truncating differ",
            "1：sparsity·n·k 略小于整数，四舍五入与取整结果不同",
        ),
    ),
    Setting::option(
        "values",
        0,
        0,
        2,
        Text::new(
            "weights: 0 normal, 1 of few different sizes (ties), 2 a quarter of them 0 already",
            "权重：0 正态，1 只有几种大小（有并列），2 已有四分之一为 0",
        ),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new("two layers, half of the weights go", "两层，剪掉一半"),
    ),
    Kind::new(
        "tiny",
        &[("l", 1), ("n", 1), ("k", 1)],
        Text::new(
            "one weight: round(0.5) is 0, so it stays",
            "只有一个权重：round(0.5) 为 0，保留",
        ),
    ),
    Kind::new(
        "ragged",
        &[("percent", 30)],
        Text::new("sizes drawn by the seed", "大小由种子抽取"),
    )
    .ragged(),
    Kind::new(
        "sparse",
        &[("n", 6), ("k", 7), ("percent", 90)],
        Text::new("nine tenths go", "剪掉九成"),
    ),
    Kind::new(
        "uneven",
        &[("n", 7), ("k", 5), ("percent", 40), ("uneven", 1)],
        Text::new(
            "the share is not a whole number of weights",
            "比例对应的个数不是整数",
        ),
    ),
    Kind::new(
        "ties",
        &[("n", 6), ("k", 4), ("values", 1)],
        Text::new("many weights of one size", "许多权重大小相同"),
    ),
    Kind::new(
        "zeros",
        &[("n", 6), ("k", 4), ("percent", 60), ("values", 2)],
        Text::new(
            "a quarter of the weights are 0 already",
            "四分之一的权重已经为 0",
        ),
    ),
    Kind::new(
        "none",
        &[("percent", 0)],
        Text::new("nothing goes", "一个也不剪"),
    ),
    Kind::new("all", &[("percent", 100)], Text::new("all go", "全部剪掉")),
];

fn inputs(case: &Case) -> Inputs {
    let size = case.size("n") * case.size("k");
    // Layers of different scale, so that one threshold over all of them is another.
    let mut w = case.normal("w", "l n k", 1.0);
    for (i, mut layer) in w.axis_iter_mut(Axis(0)).enumerate() {
        layer *= 0.5f32.powi(i as i32);
    }
    match case.size("values") {
        1 => w.mapv_inplace(|w| w.signum() * (w.abs() * 2.0).ceil().min(3.0) / 2.0),
        2 => {
            let some = w.iter_mut().step_by(4);
            some.for_each(|w| *w = 0.0);
        }
        _ => {}
    }
    // Where the share is not a whole number of weights, it is kept away from halves.
    let target = case.size("percent") as f64 / 100.0 * size as f64;
    let whole = (target + 1e-9).floor();
    let sparsity = match case.size("percent") {
        0 => 0.0,
        100 => 1.0,
        _ if case.size("uneven") == 1 => (whole + 0.75) / size as f64,
        50 if (target - whole).abs() < 0.6 => 0.5,
        _ => (whole + 0.25) / size as f64,
    };
    Inputs::new()
        .with("w", Value::Float(w))
        .with(
            "velocity",
            Value::Float(case.normal("velocity", "l n k", 0.5)),
        )
        .with("grad", Value::Float(case.normal("grad", "l n k", 1.0)))
        .with("sparsity", Value::Number(sparsity))
        .with("lr", Value::Number(0.1))
        .with("momentum", Value::Number(0.9))
}

/// Masks and pruned weights are exact, as comparing f32 numbers is. A step passes five roundings, those
/// of lr and momentum among them, of numbers of at most |w| + lr·(momentum·|v| + |g|).
fn tolerance(inputs: &Inputs) -> Tolerance {
    let largest = |name: &str| max_abs(inputs.float(name));
    let (w, v, g) = (largest("w"), largest("velocity"), largest("grad"));
    let (lr, momentum) = (inputs.number("lr"), inputs.number("momentum"));
    let value = 8.0 * f64::from(f32::EPSILON) * (w + lr * (momentum * v + g));
    Tolerance {
        value,
        formula: format!(
            "8·ε·(max|w| + lr·(momentum·max|v| + max|g|)) = 8·1.19e-7·({w:.3} + {lr}·({momentum}·{v:.3} + {g:.3}))"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [w, velocity, grad] =
        ["w", "velocity", "grad"].map(|name| inputs.float(name).as_standard_layout());
    let size = w.len_of(Axis(1)) * w.len_of(Axis(2));
    let count = (inputs.number("sparsity") * size as f64).round_ties_even() as usize;
    let (lr, momentum) = (inputs.number("lr") as f32, inputs.number("momentum") as f32);
    let outputs = vec![Tensor::zeros(w.raw_dim()); 3];
    Prepared::new(outputs, move |outputs| {
        let [w, velocity, grad] = [&w, &velocity, &grad].map(|x| x.as_slice().unwrap_or_default());
        let [mask, pruned, next] = outputs else {
            return;
        };
        let [mask, pruned, next] =
            [mask, pruned, next].map(|x| x.as_slice_mut().unwrap_or_default());
        magnitude(mask, pruned, w, size, count).expect("outputs are like w");
        masked_step(next, [pruned, mask, velocity, grad], lr, momentum)
            .expect("outputs are like w");
    })
}
