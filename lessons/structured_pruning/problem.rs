//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::gemm::{Form, Shape, gemm_f32};
use crate::kernels::prune::rows_by_norm;
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::Axis;
use rand::RngExt;

crate::exercise!(x: tensor, w1: tensor, b1: tensor, w2: tensor, b2: tensor, keep: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn structured_pruning(x: &Tensor, w1: &Tensor, b1: &Tensor, w2: &Tensor, b2: &Tensor, keep: f64) -> (Tensor, Tensor, Tensor, Tensor)",
    args: &[
        Arg::float("x", "b d"),
        Arg::float("w1", "h d"),
        Arg::float("b1", "h"),
        Arg::float("w2", "o h"),
        Arg::float("b2", "o"),
        Arg {
            name: "keep",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[
        ("kept_w1", "m d"),
        ("kept_b1", "m"),
        ("kept_w2", "o m"),
        ("y", "b o"),
    ],
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
        name: || {
            let tier = Tier::f32().name();
            format!("row norms and gemm, {tier}, {} threads", threads())
        },
        prepare,
        scale: &[("b", 128), ("d", 256), ("h", 1024), ("o", 256), ("m", 512)],
        // The norms of all rows, and two products with the rows that stay.
        work: |case: &Case| {
            let [b, d, h, o, m] = ["b", "d", "h", "o", "m"].map(|name| case.size(name) as f64);
            Work {
                flops: 2.0 * h * d + 2.0 * b * m * (d + o),
                bytes: 4.0 * (b * (d + o) + h * d + 2.0 * m * (d + o)),
            }
        },
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("samples", "样本数")),
    Setting {
        max: 1024,
        ..Setting::axis("d", 5, Text::new("inputs", "输入维数"))
    },
    Setting {
        max: 1024,
        ..Setting::axis("h", 8, Text::new("hidden units", "隐藏单元数"))
    },
    Setting::axis("o", 4, Text::new("outputs", "输出维数")),
    Setting::axis(
        "m",
        3,
        Text::new(
            "hidden units that stay, at most h",
            "保留的隐藏单元数，不超过 h",
        ),
    ),
    Setting::option(
        "bias",
        1,
        0,
        3,
        Text::new("size of the biases", "偏置的幅度"),
    ),
    Setting::option(
        "peaked",
        0,
        0,
        1,
        Text::new(
            "1: weak units have one large weight, strong ones many small ones",
            "1：弱单元只有一个大权重，强单元有许多小权重",
        ),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new("three of eight units stay", "八个单元留三个"),
    ),
    Kind::new(
        "tiny",
        &[("b", 1), ("d", 1), ("h", 1), ("o", 1), ("m", 1)],
        Text::new("one unit, which stays", "只有一个单元，保留"),
    ),
    Kind::new(
        "wide",
        &[("b", 3), ("d", 4), ("h", 16), ("o", 5), ("m", 12)],
        Text::new("most units stay", "大部分单元保留"),
    ),
    Kind::new(
        "one-left",
        &[("h", 6), ("m", 1)],
        Text::new("a single unit stays", "只留一个单元"),
    ),
    Kind::new(
        "nothing-pruned",
        &[("h", 7), ("m", 7)],
        Text::new("all units stay", "全部保留"),
    ),
    Kind::new(
        "large-bias",
        &[("bias", 3)],
        Text::new(
            "large biases: what they leak is plain",
            "偏置很大：泄漏非常明显",
        ),
    ),
    Kind::new(
        "peaked",
        &[("d", 16), ("m", 3), ("peaked", 1)],
        Text::new(
            "the largest single weights are in units of small norm",
            "最大的单个权重出现在范数小的单元里",
        ),
    ),
    Kind::new(
        "no-bias",
        &[("bias", 0)],
        Text::new("all biases are 0", "偏置全为 0"),
    ),
];

fn inputs(case: &Case) -> Inputs {
    let h = case.size("h");
    // Rows of norms that differ: 1 to 4 in equal steps, shuffled, so that rounding changes no rank.
    let mut norms: Vec<f32> = (0..h).map(|i| 1.0 + 3.0 * i as f32 / h as f32).collect();
    let mut rng = case.rng("norms");
    for i in 0..h {
        norms.swap(i, rng.random_range(i..h));
    }
    let mut w1 = case.normal("w1", "h d", 1.0);
    for (i, (mut row, norm)) in w1.outer_iter_mut().zip(norms).enumerate() {
        let d = row.len();
        if case.size("peaked") == 1 {
            // Weak units have one weight, strong ones many small ones.
            let even = 1.0 / (d as f32).sqrt();
            row.mapv_inplace(|w| even.copysign(w));
            if norm < 2.5 {
                row.fill(0.0);
                row[i % d] = 1.0;
            }
        }
        let own = row.iter().map(|w| w * w).sum::<f32>().sqrt().max(1e-3);
        row.mapv_inplace(|w| w * norm / own);
    }
    let bias = case.size("bias") as f32;
    Inputs::new()
        .with("x", Value::Float(case.normal("x", "b d", 1.0)))
        .with("w1", Value::Float(w1))
        .with("b1", Value::Float(case.normal("b1", "h", bias)))
        .with("w2", Value::Float(case.normal("w2", "o h", 1.0)))
        .with("b2", Value::Float(case.normal("b2", "o", bias)))
        .with("keep", Value::Number(case.size("m").min(h) as f64))
}

/// What is cut out is exact. An output passes a sum of d products, silu (whose slope is below 1.1) and a
/// sum of m products: (d + m + 8) roundings of numbers of at most
/// m·max|w2|·1.1·(d·max|x|·max|w1| + max|b1|) + max|b2|.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let largest = |name: &str| max_abs(inputs.float(name));
    let (d, m) = (
        inputs.float("w1").len_of(Axis(1)) as f64,
        inputs.number("keep"),
    );
    let hidden = d * largest("x") * largest("w1") + largest("b1");
    let bound = 1.1 * m * largest("w2") * hidden + largest("b2");
    let value = f64::from(f32::EPSILON) * (d + m + 8.0) * bound;
    Tolerance {
        value,
        formula: format!(
            "ε·(d + m + 8)·(1.1·m·max|w2|·(d·max|x|·max|w1| + max|b1|) + max|b2|) = 1.19e-7·{}·{bound:.3}",
            d + m + 8.0
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [x, w1, b1, w2, b2] =
        ["x", "w1", "b1", "w2", "b2"].map(|name| inputs.float(name).as_standard_layout());
    let [b, d] = [0, 1].map(|axis| x.len_of(Axis(axis)));
    let [o, h] = [0, 1].map(|axis| w2.len_of(Axis(axis)));
    let m = (inputs.number("keep") as usize).min(h);
    let outputs = [vec![m, d], vec![m], vec![o, m], vec![b, o]].map(Tensor::zeros);
    let mut hidden = vec![0.0; b * m];
    Prepared::new(outputs.to_vec(), move |outputs| {
        let [x, w1, b1, w2, b2] =
            [&x, &w1, &b1, &w2, &b2].map(|x| x.as_slice().unwrap_or_default());
        let [small1, bias1, small2, y] = outputs else {
            return;
        };
        let [small1, bias1, small2, y] =
            [small1, bias1, small2, y].map(|x| x.as_slice_mut().unwrap_or_default());
        let kept = rows_by_norm(w1, [h, d], m).expect("w1 is [h d]");
        for (i, &unit) in kept.iter().enumerate() {
            small1[i * d..(i + 1) * d].copy_from_slice(&w1[unit * d..(unit + 1) * d]);
            bias1[i] = b1[unit];
            for row in 0..o {
                small2[row * m + i] = w2[row * h + unit];
            }
        }
        let shape = Shape { m: b, n: m, k: d };
        gemm_f32(&mut hidden, x, small1, Form::Transposed, shape).expect("sizes fit");
        for row in hidden.chunks_exact_mut(m.max(1)) {
            for (z, bias) in row.iter_mut().zip(&*bias1) {
                *z += bias;
                *z /= 1.0 + (-*z).exp();
            }
        }
        let shape = Shape { m: b, n: o, k: m };
        gemm_f32(y, &hidden, small2, Form::Transposed, shape).expect("sizes fit");
        for row in y.chunks_exact_mut(o.max(1)) {
            row.iter_mut().zip(b2).for_each(|(y, bias)| *y += bias);
        }
    })
}
