//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::ffn::{Shape, Weights, feed_forward, name};
use crate::ops::einsum;
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;

crate::exercise!(x: tensor, w_up: tensor, b_up: tensor, w_gate: tensor, w_down: tensor, b_down: tensor);

pub static PROBLEM: Problem = Problem {
    signature: "fn position_wise_ffn(x: &Tensor, w_up: &Tensor, b_up: &Tensor, w_gate: &Tensor, w_down: &Tensor, b_down: &Tensor) -> (Tensor, Tensor)",
    args: &[
        Arg {
            name: "x",
            kind: ArgKind::Float("b n d"),
        },
        Arg {
            name: "w_up",
            kind: ArgKind::Float("d f"),
        },
        Arg {
            name: "b_up",
            kind: ArgKind::Float("f"),
        },
        Arg {
            name: "w_gate",
            kind: ArgKind::Float("d f"),
        },
        Arg {
            name: "w_down",
            kind: ArgKind::Float("f d"),
        },
        Arg {
            name: "b_down",
            kind: ArgKind::Float("d"),
        },
    ],
    outputs: &[("ffn", "b n d"), ("swiglu", "b n d")],
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
        scale: &[("b", 1), ("n", 128), ("d", 512), ("f", 2048)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("n", 3, Text::new("tokens", "token 数")),
    Setting::axis(
        "d",
        4,
        Text::new("features, d_model", "特征维数，即 d_model"),
    ),
    Setting::axis(
        "f",
        7,
        Text::new("hidden units, d_ff", "隐藏单元数，即 d_ff"),
    ),
];

const KINDS: &[Kind] = &[
    Kind {
        id: "ordinary",
        about: Text::new("activations around 1", "激活值约为 1"),
        settings: &[],
        ragged: false,
    },
    Kind {
        id: "tiny",
        about: Text::new(
            "one token, one feature, one unit",
            "一个 token、一个特征、一个单元",
        ),
        settings: &[("b", 1), ("n", 1), ("d", 1), ("f", 1)],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed", "尺寸由种子决定"),
        settings: &[],
        ragged: true,
    },
    Kind {
        id: "square",
        about: Text::new(
            "d = f, where a transposed matrix still fits",
            "d = f，矩阵转置了也对得上形状",
        ),
        settings: &[("d", 5), ("f", 5)],
        ragged: false,
    },
    Kind {
        id: "small-values",
        about: Text::new(
            "values around 0.01, where GELU is nearly z/2",
            "数值约 0.01，GELU 近似 z/2",
        ),
        settings: &[("n", 2)],
        ragged: false,
    },
    Kind {
        id: "large-magnitude",
        about: Text::new(
            "values around 100: units are fully on or off",
            "数值约 100：单元要么全开要么全关",
        ),
        settings: &[("n", 4)],
        ragged: false,
    },
];

fn inputs(case: &Case) -> Inputs {
    let scale = match case.kind {
        "small-values" => 0.01,
        "large-magnitude" => 100.0,
        _ => 1.0,
    };
    let float = |name, axes, scale| Value::Float(case.normal(name, axes, scale));
    Inputs::new()
        .with("x", float("x", "b n d", scale))
        .with("w_up", float("w_up", "d f", 0.6))
        .with("b_up", float("b_up", "f", 0.5 * scale))
        .with("w_gate", float("w_gate", "d f", 0.6))
        .with("w_down", float("w_down", "f d", 0.5))
        .with("b_down", float("b_down", "d", 0.5 * scale))
}

/// A sum of d products in f32 is off by at most ε₃₂·(d/2 + 1) times the sum U of their sizes,
/// whatever the order. GELU and SiLU multiply an error by 1.13 at most and add a few ε₃₂ of their
/// own (erf and tanh in f32 included); the gate's product has two such factors. The second sum has
/// f terms. So everything is a multiple of the networks on absolute values, (U·|W_down|).
fn tolerance(inputs: &Inputs) -> Tolerance {
    let size = |name| inputs.f64(name).mapv(f64::abs);
    let (d, f) = (size("x").shape()[2] as f64, size("b_up").len() as f64);
    let into = |w| einsum("b n d, d f -> b n f", &[&size("x"), &size(w)]);
    let out_of = |h| einsum("b n f, f d -> b n d", &[&h, &size("w_down")]);
    let up = into("w_up") + size("b_up");
    let gated = &up * into("w_gate");
    let ffn = max_abs(&(out_of(up) + size("b_down")));
    let largest = ffn.max(max_abs(&out_of(gated)));
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * (1.2 * d + 0.5 * f + 8.0) * largest,
        formula: format!(
            "ε₃₂·(1.2·d + f/2 + 8)·M = {eps:.3e}·(1.2·{d} + {f}/2 + 8)·{largest:.3}, M = the largest output of the networks on absolute values, without activation"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let names = ["x", "w_up", "b_up", "w_gate", "w_down", "b_down"];
    let arrays = names.map(|name| inputs.float(name).as_standard_layout());
    let x = &arrays[0];
    let shape = Shape {
        rows: x.shape()[0] * x.shape()[1],
        features: x.shape()[2],
        hidden: arrays[2].len(),
    };
    let outputs = vec![Tensor::zeros(x.raw_dim()); 2];
    Prepared::new(outputs, move |outputs| {
        let [x, up, up_bias, gate, down, down_bias] =
            [0, 1, 2, 3, 4, 5].map(|i| arrays[i].as_slice().expect("standard layout"));
        let gelu = Weights::Gelu {
            up,
            up_bias,
            down,
            down_bias,
        };
        let swiglu = Weights::SwiGlu { gate, up, down };
        for (out, weights) in outputs.iter_mut().zip([gelu, swiglu]) {
            let out = out.as_slice_mut().expect("standard layout");
            feed_forward(out, x, weights, shape).unwrap_or_else(|error| panic!("{error}"));
        }
    })
}

/// Four products of n·d·f multiply-adds, x·W_up being the same in both networks (the kernel
/// computes it for each); x and the weights are read and two outputs written once.
fn work(case: &Case) -> Work {
    let [b, n, d, f] = ["b", "n", "d", "f"].map(|axis| case.size(axis) as f64);
    let tokens = b * n;
    Work {
        flops: 2.0 * 4.0 * tokens * d * f,
        bytes: 4.0 * (3.0 * tokens * d + 3.0 * d * f + f + d),
    }
}
