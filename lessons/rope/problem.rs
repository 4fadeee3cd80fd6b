//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::rope::{Layout, Shape, Table, name};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use rand::RngExt;

crate::exercise!(q: tensor, k: tensor, positions: labels, rope_theta: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn rope(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> (Tensor, Tensor)",
    args: &[
        Arg {
            name: "q",
            kind: ArgKind::Float("b h n d"),
        },
        Arg {
            name: "k",
            kind: ArgKind::Float("b h n d"),
        },
        Arg {
            name: "positions",
            kind: ArgKind::Int("b n"),
        },
        Arg {
            name: "rope_theta",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[("q_rot", "b h n d"), ("k_rot", "b h n d")],
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
        scale: &[("b", 1), ("h", 32), ("n", 1024), ("d", 128)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("h", 3, Text::new("heads", "注意力头数")),
    Setting::axis("n", 5, Text::new("tokens", "token 数")),
    Setting::axis(
        "d",
        8,
        Text::new("head_dim, two for each pair", "head_dim，每两维一对"),
    )
    .multiple_of(2),
    Setting::option(
        "offset",
        0,
        0,
        1 << 20,
        Text::new(
            "position of the first token (the length of the KV cache)",
            "第一个 token 的位置（即 KV cache 已有的长度）",
        ),
    ),
    Setting::option(
        "padded",
        0,
        0,
        1,
        Text::new(
            "1: every sequence has its own left padding, so positions differ between them",
            "1：每条序列各有左填充，位置因此各不相同",
        ),
    ),
    Setting::option(
        "rope_theta",
        10_000,
        2,
        100_000_000,
        Text::new("base of the frequencies", "频率的底数 base"),
    ),
];

const KINDS: &[Kind] = &[
    Kind {
        id: "ordinary",
        about: Text::new("positions 0 1 2 …", "位置为 0 1 2 ……"),
        settings: &[],
        ragged: false,
    },
    Kind {
        id: "tiny",
        about: Text::new("one token, one pair", "一个 token，一对维度"),
        settings: &[("b", 1), ("h", 1), ("n", 1), ("d", 2)],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed", "尺寸由种子决定"),
        settings: &[("offset", 3)],
        ragged: true,
    },
    Kind {
        id: "chunk",
        about: Text::new(
            "a later chunk of a prompt: positions start at 41",
            "prompt 的后续分块：位置从 41 开始",
        ),
        settings: &[("offset", 41), ("d", 16)],
        ragged: false,
    },
    Kind {
        id: "decode",
        about: Text::new("one new token at position 100", "位置 100 上的一个新 token"),
        settings: &[("n", 1), ("h", 4), ("d", 6), ("offset", 100)],
        ragged: false,
    },
    Kind {
        id: "left-padding",
        about: Text::new(
            "every sequence starts at its own place",
            "每条序列的起点不同（左填充）",
        ),
        settings: &[("b", 4), ("h", 2), ("n", 6), ("offset", 7), ("padded", 1)],
        ragged: false,
    },
    Kind {
        id: "theta-500000",
        about: Text::new("rope_theta of LLaMA 3", "LLaMA 3 的 rope_theta"),
        settings: &[("rope_theta", 500_000), ("d", 12), ("offset", 5)],
        ragged: false,
    },
    Kind {
        id: "large-magnitude",
        about: Text::new("values around 1000", "数值约为 1000"),
        settings: &[("offset", 2)],
        ragged: false,
    },
    Kind {
        id: "long",
        about: Text::new(
            "positions from 32763 on, where an f32 angle is off by 0.004",
            "位置从 32763 开始，f32 的角度误差可达 0.004",
        ),
        settings: &[("offset", 32_763), ("d", 32), ("h", 2), ("b", 1)],
        ragged: false,
    },
];

fn inputs(case: &Case) -> Inputs {
    let scale = if case.kind == "large-magnitude" {
        1e3
    } else {
        1.0
    };
    Inputs::new()
        .with("q", Value::Float(case.normal("q", "b h n d", scale)))
        .with("k", Value::Float(case.normal("k", "b h n d", scale)))
        .with("positions", Value::Int(positions(case)))
        .with("rope_theta", Value::Number(case.size("rope_theta") as f64))
}

/// offset, offset + 1 …; with padding, row b starts counting only after its padded tokens, which
/// stand at position 0.
fn positions(case: &Case) -> Labels {
    let (b, n) = (case.size("b"), case.size("n"));
    let offset = case.size("offset") as i64;
    let mut rng = case.rng("positions");
    let longest = if case.size("padded") == 1 {
        offset + n as i64
    } else {
        1
    };
    let padding: Vec<i64> = (0..b).map(|_| rng.random_range(0..longest)).collect();
    Labels::from_shape_fn(vec![b, n], |at| {
        (offset + at[1] as i64 - padding[at[0]]).max(0)
    })
}

/// y₀ = x₀·cos φ − x₁·sin φ loses √2·max|x|·δφ to an angle that is off by δφ, and a few ε to its
/// own rounding. An f32 angle m·θᵢ is rounded when θᵢ is stored, when it is multiplied, and in the
/// exponent, where ln(base)·2i/d = ln(1/θᵢ) multiplies the rounding: δφ ≤ m·ε·θᵢ·(1 + ½·ln(1/θᵢ)),
/// which is at most m·ε since θᵢ falls faster than its logarithm grows.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let x = max_abs(inputs.float("q")).max(max_abs(inputs.float("k")));
    let positions = inputs.int("positions").iter();
    let m = positions.fold(0.0, |m: f64, p| m.max(p.unsigned_abs() as f64));
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: 2f64.sqrt() * x * (m + 4.0) * eps,
        formula: format!("√2·max|x|·(m + 4)·ε = √2·{x:.3}·({m} + 4)·{eps:.3e}, m = max|position|"),
    }
}

/// The table is made here, not timed: a model makes it once for all its layers.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [q, k] = ["q", "k"].map(|name| inputs.float(name).as_standard_layout());
    let [batch, heads, rows, head_dim] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let shape = Shape {
        batch,
        heads,
        rows,
        head_dim,
    };
    let positions: Vec<i64> = inputs.int("positions").iter().copied().collect();
    let table = Table::new(shape, &positions, inputs.number("rope_theta"))
        .unwrap_or_else(|error| panic!("{error}"));
    let outputs = [&q, &k].map(|x| Tensor::zeros(x.raw_dim())).to_vec();
    Prepared::new(outputs, move |outputs| {
        for (x, out) in [&q, &k].into_iter().zip(outputs) {
            let x = x.as_slice().expect("standard layout");
            let out = out.as_slice_mut().expect("standard layout");
            table
                .rotate(out, x, heads, Layout::Interleaved)
                .unwrap_or_else(|error| panic!("{error}"));
        }
    })
}

/// Four multiplications and two additions for each pair; q and k are read and written once.
fn work(case: &Case) -> Work {
    let elements = ["b", "h", "n", "d"].map(|axis| case.size(axis) as f64);
    let elements = 2.0 * elements.iter().product::<f64>();
    Work {
        flops: 3.0 * elements,
        bytes: 8.0 * elements,
    }
}
