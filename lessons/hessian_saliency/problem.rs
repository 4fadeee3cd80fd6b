//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{inverse, matrix, reference};
use super::variants::variant;
use crate::kernels::obs::{Out, Shape, name, saliency};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{Array2, Axis};
use rand::RngExt;

crate::exercise!(w: tensor, grad: tensor, x: tensor, mask: tensor, percdamp: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn hessian_saliency(w: &Tensor, grad: &Tensor, x: &Tensor, mask: &Tensor, percdamp: f64) -> (Tensor, Tensor, Tensor, Tensor)",
    args: &[
        Arg::float("w", "n k"),
        Arg::float("grad", "n k"),
        Arg::float("x", "t k"),
        Arg::float("mask", "n k"),
        Arg {
            name: "percdamp",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[
        ("taylor", "n k"),
        ("obd", "n k"),
        ("obs", "n k"),
        ("pruned", "n k"),
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
        name,
        prepare,
        scale: &[("n", 256), ("k", 64), ("t", 512)],
        // The product XᵀX; of each row half of the weights go, each with a rank-one update.
        work: |case: &Case| {
            let [n, k, t] = ["n", "k", "t"].map(|name| case.size(name) as f64);
            Work {
                flops: 2.0 * t * k * k + n * k * k * k,
                bytes: 4.0 * (t * k + 7.0 * n * k),
            }
        },
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("n", 3, Text::new("outputs of the layer", "该层的输出数")),
    Setting::axis("k", 6, Text::new("inputs of the layer", "该层的输入数")),
    Setting::axis("t", 40, Text::new("tokens of calibration", "校准 token 数")),
    Setting::option(
        "input",
        0,
        0,
        3,
        Text::new(
            "inputs: 0 correlated, 1 uncorrelated (XᵀX is a multiple of I), 2 one is always 0, 3 strongly correlated",
            "输入：0 相关，1 不相关（XᵀX 是 I 的倍数），2 有一维恒为 0，3 强相关",
        ),
    ),
    Setting::option(
        "damp",
        10,
        1,
        1000,
        Text::new(
            "damping in percent of the mean diagonal",
            "阻尼占对角线均值的百分比",
        ),
    ),
    Setting::option(
        "gone",
        50,
        0,
        100,
        Text::new("weights that go, in percent", "删掉的百分比"),
    ),
    Setting::option(
        "scale",
        2,
        1,
        1000,
        Text::new("size of the inputs", "输入的幅度"),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "correlated inputs, half of the weights go",
            "输入相关，删掉一半权重",
        ),
    ),
    Kind::new(
        "tiny",
        &[("n", 1), ("k", 1), ("t", 3)],
        Text::new("one weight, which goes or stays", "只有一个权重"),
    ),
    Kind::new(
        "wide",
        &[("n", 4), ("k", 9), ("t", 70), ("gone", 30)],
        Text::new("more inputs, three tenths go", "输入更多，删三成"),
    ),
    Kind::new(
        "few",
        &[("n", 2), ("k", 5), ("t", 60), ("gone", 80)],
        Text::new("four of five go", "五个里删四个"),
    ),
    Kind::new(
        "strong",
        &[("t", 50), ("input", 3)],
        Text::new(
            "strongly correlated inputs: the others can take over nearly all",
            "输入强相关：其余权重几乎能全部顶替",
        ),
    ),
    Kind::new(
        "white",
        &[("n", 2), ("k", 4), ("t", 8), ("input", 1)],
        Text::new(
            "uncorrelated inputs of one size: nothing to take over",
            "输入互不相关、大小相同：无从补偿",
        ),
    ),
    Kind::new(
        "dead",
        &[("input", 2)],
        Text::new(
            "an input that is always 0: only the damping makes H invertible",
            "有一维输入恒为 0：全靠阻尼 H 才可逆",
        ),
    ),
    Kind::new(
        "loud",
        &[("n", 2), ("k", 3), ("t", 30), ("scale", 100)],
        Text::new(
            "large inputs: a damping of fixed size would be nothing",
            "输入很大：固定大小的阻尼等于没加",
        ),
    ),
    Kind::new(
        "none",
        &[("gone", 0)],
        Text::new("nothing goes", "一个也不删"),
    ),
    Kind::new("all", &[("gone", 100)], Text::new("all go", "全部删掉")),
];

fn inputs(case: &Case) -> Inputs {
    let (k, t) = (case.size("k"), case.size("t"));
    let scale = case.size("scale") as f32;
    let mut x = case.normal("x", "t k", scale);
    // x_j = ρ·x_{j−1} + √(1−ρ²)·z_j
    let rho: f32 = match case.size("input") {
        3 => 0.9,
        _ => 0.6,
    };
    for mut row in x.outer_iter_mut() {
        for j in 1..k {
            row[j] = rho * row[j - 1] + (1.0 - rho * rho).sqrt() * row[j];
        }
    }
    match case.size("input") {
        1 => {
            x = Tensor::from_shape_fn(vec![t, k], |at| match at[0] % k == at[1] {
                true => scale,
                false => 0.0,
            });
        }
        2 => x.index_axis_mut(Axis(1), k / 2).fill(0.0),
        _ => {}
    }
    // The same number in every row, at random places.
    let gone = (case.size("gone") * k).div_ceil(100);
    let mut rng = case.rng("mask");
    let mut mask = case.normal("mask", "n k", 0.0) + 1.0;
    for mut row in mask.outer_iter_mut() {
        let mut places: Vec<usize> = (0..k).collect();
        for i in 0..gone {
            places.swap(i, rng.random_range(i..k));
            row[places[i]] = 0.0;
        }
    }
    let percdamp = case.size("damp") as f64 / 100.0;
    Inputs::new()
        .with("w", Value::Float(case.normal("w", "n k", 1.0)))
        .with("grad", Value::Float(case.normal("grad", "n k", 1.0)))
        .with("x", Value::Float(x))
        .with("mask", Value::Float(mask))
        .with("percdamp", Value::Number(percdamp))
}

/// Entries of XᵀX are sums of t products, and an inverse in f32 multiplies relative errors by the
/// condition number κ (Higham 2002, chapter 14): (t + k)·ε·κ of the largest number of each output.
/// Where the Hessian is a sum over tokens, scores are t times as large.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let x = matrix(inputs, "x");
    let (t, k) = x.dim();
    let mut h = x.t().dot(&x) * (2.0 / t as f64);
    h += &(Array2::<f64>::eye(k) * (inputs.number("percdamp") * h.diag().sum() / k as f64));
    let norm = |a: &Array2<f64>| a.map_axis(Axis(1), |row| row.mapv(f64::abs).sum());
    let norm = |a: &Array2<f64>| norm(a).fold(0.0, |max: f64, x| max.max(*x));
    let condition = norm(&h) * norm(&inverse(&h));
    let outputs = variant(inputs, &Variant::default());
    let largest = outputs.iter().map(max_abs).fold(1e-6, f64::max);
    let value = f64::from(f32::EPSILON) * (t + k) as f64 * condition * largest;
    Tolerance {
        value,
        formula: format!(
            "ε·(t + k)·κ(H)·max|outputs| = 1.19e-7·{}·{condition:.1}·{largest:.3}",
            t + k
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let operands = ["w", "grad", "mask", "x"].map(|name| inputs.float(name).as_standard_layout());
    let (n, k) = (operands[0].len_of(Axis(0)), operands[0].len_of(Axis(1)));
    let shape = Shape {
        n,
        k,
        t: operands[3].len_of(Axis(0)),
    };
    let percdamp = inputs.number("percdamp");
    Prepared::new(vec![Tensor::zeros(vec![n, k]); 4], move |outputs| {
        let operands = [0, 1, 2, 3].map(|i| operands[i].as_slice().unwrap_or_default());
        let [taylor, obd, obs, pruned] = outputs else {
            return;
        };
        let [taylor, obd, obs, pruned] =
            [taylor, obd, obs, pruned].map(|x| x.as_slice_mut().unwrap_or_default());
        let out = Out {
            taylor,
            obd,
            obs,
            pruned,
        };
        saliency(out, operands, shape, percdamp).expect("sizes fit, and damping is positive");
    })
}
