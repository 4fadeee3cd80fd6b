//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::layer_norm::{Input, Output, name, residual_norms};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::Axis;
use rand::RngExt;

crate::exercise!(x: tensor, sublayer: tensor, gamma: tensor, beta: tensor, eps: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn layer_norm_residual(x: &Tensor, sublayer: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> (Tensor, Tensor, Tensor)",
    args: &[
        Arg {
            name: "x",
            kind: ArgKind::Float("b n d"),
        },
        Arg {
            name: "sublayer",
            kind: ArgKind::Float("b n d"),
        },
        Arg {
            name: "gamma",
            kind: ArgKind::Float("d"),
        },
        Arg {
            name: "beta",
            kind: ArgKind::Float("d"),
        },
        Arg {
            name: "eps",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[
        ("sum", "b n d"),
        ("layer_norm", "b n d"),
        ("rms_norm", "b n d"),
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
        scale: &[("b", 1), ("n", 512), ("d", 4096)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("n", 3, Text::new("tokens", "token 数")),
    Setting::axis(
        "d",
        8,
        Text::new("features, d_model", "特征维数，即 d_model"),
    ),
    Setting::option(
        "eps",
        10,
        0,
        1_000_000,
        Text::new(
            "ε in millionths: 10 is 1e-5",
            "ε，单位为百万分之一：10 即 1e-5",
        ),
    ),
];

const KINDS: &[Kind] = &[
    Kind {
        id: "ordinary",
        about: Text::new("values around 0, ε = 1e-5", "数值在 0 附近，ε = 1e-5"),
        settings: &[],
        ragged: false,
    },
    Kind {
        id: "tiny",
        about: Text::new(
            "one feature: it is its own mean, and LayerNorm gives β",
            "只有一个特征：均值就是它自己，LayerNorm 输出 β",
        ),
        settings: &[("b", 1), ("n", 1), ("d", 1)],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed", "尺寸由种子决定"),
        settings: &[],
        ragged: true,
    },
    Kind {
        id: "large-eps",
        about: Text::new(
            "ε = 0.5, so that its place matters",
            "ε = 0.5，它放在哪里就看得出来了",
        ),
        settings: &[("eps", 500_000), ("d", 6)],
        ragged: false,
    },
    Kind {
        id: "small-values",
        about: Text::new(
            "values around 0.001 with ε = 1e-6: σ² is no larger than ε",
            "数值约 0.001，ε = 1e-6：σ² 与 ε 同量级",
        ),
        settings: &[("eps", 1), ("d", 5)],
        ragged: false,
    },
    Kind {
        id: "constant-rows",
        about: Text::new(
            "the features of a token are all equal (σ² = 0), once all 0",
            "同一 token 的特征全相等（σ² = 0），其中一行全 0",
        ),
        settings: &[("n", 5), ("d", 4)],
        ragged: false,
    },
    Kind {
        id: "offset",
        about: Text::new("the mean of a row is about 4", "每行的均值约为 4"),
        settings: &[("d", 7)],
        ragged: false,
    },
    Kind {
        id: "large-magnitude",
        about: Text::new("values around 1000", "数值约为 1000"),
        settings: &[("n", 4)],
        ragged: false,
    },
];

fn inputs(case: &Case) -> Inputs {
    let (scale, offset) = match case.kind {
        "small-values" => (1e-3, 0.0),
        "offset" => (1.0, 4.0),
        "large-magnitude" => (1e3, 0.0),
        _ => (1.0, 0.0),
    };
    let mut x = case.normal("x", "b n d", scale) + offset;
    let mut sublayer = case.normal("sublayer", "b n d", scale);
    if case.kind == "constant-rows" {
        // Eighths, so that the sum and its mean are exact in f32 too.
        x.mapv_inplace(|x| (8.0 * x).round() / 8.0);
        let mut rng = case.rng("rows");
        for (i, x) in x.lanes(Axis(2)).into_iter().enumerate() {
            let level = i as f32 * 0.5 * if rng.random() { 1.0 } else { -1.0 };
            let mut lanes = sublayer.lanes_mut(Axis(2)).into_iter();
            let mut row = lanes.nth(i).expect("x and sublayer have one shape");
            row.assign(&x.mapv(|x| level - x));
        }
    }
    Inputs::new()
        .with("x", Value::Float(x))
        .with("sublayer", Value::Float(sublayer))
        .with("gamma", Value::Float(case.normal("gamma", "d", 0.5) + 1.0))
        .with("beta", Value::Float(case.normal("beta", "d", 0.5)))
        .with("eps", Value::Number(case.size("eps") as f64 / 1e6))
}

/// The sum is rounded by ε₃₂·H/2, H = max|h| of the row, and the mean by d/2 more of these when its
/// d terms are added in f32: that is divided by s = √(σ² + ε). The variance is off by d·ε₃₂/2 of
/// what is added: σ² where the centred squares are summed, σ² + 3μ² for mean(h²) − μ², which is
/// right as long as μ is no larger than a few s; half of that reaches every x̂. All is multiplied
/// by γ; β and the sum itself add their own rounding. RMSNorm loses less on both counts.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let sum = inputs.f64("x") + inputs.f64("sublayer");
    let (gamma, beta) = (
        max_abs(inputs.float("gamma")),
        max_abs(inputs.float("beta")),
    );
    let d = inputs.float("gamma").len() as f64;
    let row = |h: ndarray::ArrayView1<f64>| {
        let mean = h.sum() / d;
        let variance = h.fold(0.0, |total, h| total + (h - mean) * (h - mean)) / d;
        let square = variance + mean * mean;
        let [s, r] = [variance, square].map(|v| (v + inputs.number("eps")).sqrt());
        let largest = h.fold(0.0, |top: f64, h| top.max(h.abs()));
        let centred = h.fold(0.0, |top: f64, h| top.max((h - mean).abs()));
        // 0/0 for a row of zeros without ε: it has no right answer and no say here.
        let ratio = |top: f64, bottom: f64| if bottom > 0.0 { top / bottom } else { 0.0 };
        let numerator = (d / 2.0 + 3.0) * ratio(largest, s);
        let denominator = d * ratio(centred, s) * (1.0 + ratio(mean * mean, s * s));
        let layer = gamma * (numerator + denominator) + beta;
        let rms = gamma * (d / 2.0 + 3.0) * ratio(largest, r);
        largest + layer.max(rms)
    };
    let worst = sum.lanes(Axis(2)).into_iter().map(row).fold(0.0, f64::max);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * worst,
        formula: format!(
            "ε₃₂·max over rows of (H + max|γ|·((d/2 + 3)·H/s + d·max|x̂|·(1 + μ²/s²)) + max|β|) = {eps:.3e}·{worst:.3}, H = max|h|, s = √(σ² + ε), d = {d}"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [x, sublayer, gamma, beta] =
        ["x", "sublayer", "gamma", "beta"].map(|name| inputs.float(name).as_standard_layout());
    let eps = inputs.number("eps") as f32;
    let outputs = [(); 3].map(|()| Tensor::zeros(x.raw_dim())).to_vec();
    Prepared::new(outputs, move |outputs| {
        let whole = "standard layout";
        let [sum, layer_norm, rms_norm] = outputs else {
            unreachable!("three outputs were prepared")
        };
        let out = Output {
            sum: sum.as_slice_mut().expect(whole),
            layer_norm: layer_norm.as_slice_mut().expect(whole),
            rms_norm: rms_norm.as_slice_mut().expect(whole),
        };
        let input = Input {
            x: x.as_slice().expect(whole),
            sublayer: sublayer.as_slice().expect(whole),
            gamma: gamma.as_slice().expect(whole),
            beta: beta.as_slice().expect(whole),
            eps,
        };
        residual_norms(out, input).unwrap_or_else(|error| panic!("{error}"));
    })
}

/// Per element: one addition for the sum, one for the mean, three operations for the centred
/// square, four for LayerNorm, two for RMSNorm. Two tensors are read, three are written.
fn work(case: &Case) -> Work {
    let elements: f64 = ["b", "n", "d"]
        .iter()
        .map(|axis| case.size(axis) as f64)
        .product();
    Work {
        flops: 11.0 * elements,
        bytes: 20.0 * elements,
    }
}
