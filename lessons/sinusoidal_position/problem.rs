//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{BASE, reference};
use super::variants::variant;
use crate::kernels::sinusoidal::{add, name, table};
use crate::problem::{Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting};
use crate::problem::{Tolerance, Work};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use rand::RngExt;

crate::exercise!(embeddings: tensor, positions: labels);

pub static PROBLEM: Problem = Problem {
    signature: "fn sinusoidal_position(embeddings: &Tensor, positions: &Labels) -> Tensor",
    args: &[
        Arg {
            name: "embeddings",
            kind: ArgKind::Float("b n d"),
        },
        Arg {
            name: "positions",
            kind: ArgKind::Int("b n"),
        },
    ],
    outputs: &[("out", "b n d")],
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
        scale: &[("b", 4), ("n", 1024), ("d", 512)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("n", 5, Text::new("tokens", "token 数")),
    Setting::axis("d", 8, Text::new("d_model, even", "d_model，偶数")).multiple_of(2),
    Setting::option(
        "offset",
        0,
        0,
        1 << 20,
        Text::new("position of the first token", "第一个 token 的位置"),
    ),
    Setting::option(
        "padded",
        0,
        0,
        1,
        Text::new(
            "1: every sequence has its own left padding",
            "1：每条序列各有左填充",
        ),
    ),
    Setting::option(
        "magnitude",
        1,
        1,
        1000,
        Text::new("size of the embeddings", "embedding 的量级"),
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
        settings: &[("b", 1), ("n", 1), ("d", 2)],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed", "尺寸由种子决定"),
        settings: &[("offset", 3)],
        ragged: true,
    },
    Kind {
        id: "decode",
        about: Text::new("one new token at position 100", "位置 100 上的一个新 token"),
        settings: &[("b", 3), ("n", 1), ("d", 6), ("offset", 100)],
        ragged: false,
    },
    Kind {
        id: "left-padding",
        about: Text::new(
            "every sequence starts at its own place",
            "每条序列的起点不同（左填充）",
        ),
        settings: &[("b", 4), ("n", 6), ("offset", 7), ("padded", 1)],
        ragged: false,
    },
    Kind {
        id: "far",
        about: Text::new(
            "positions from 700 on, 32 dimensions: the slow pairs show",
            "位置从 700 开始，32 维：慢速对也能看出变化",
        ),
        settings: &[("n", 3), ("d", 32), ("offset", 700)],
        ragged: false,
    },
    Kind {
        id: "large-magnitude",
        about: Text::new("embeddings around 100", "embedding 约为 100"),
        settings: &[("magnitude", 100), ("offset", 2)],
        ragged: false,
    },
];

fn inputs(case: &Case) -> Inputs {
    let embeddings = case.normal("embeddings", "b n d", case.size("magnitude") as f32);
    Inputs::new()
        .with("embeddings", Value::Float(embeddings))
        .with("positions", Value::Int(positions(case)))
}

/// offset, offset + 1 …; with padding, every row but the first starts counting later.
fn positions(case: &Case) -> Labels {
    let (b, n) = (case.size("b"), case.size("n"));
    let offset = case.size("offset") as i64;
    let mut rng = case.rng("positions");
    let mut late = vec![0; b];
    if case.size("padded") == 1 {
        let rows = late.iter_mut().skip(1);
        rows.for_each(|late| *late = rng.random_range(1..offset.max(2)));
    }
    Labels::from_shape_fn(vec![b, n], |at| {
        (offset + at[1] as i64 - late[at[0]]).max(0)
    })
}

/// An f32 angle m·ω is off by up to 2·m·ε: the exponent, ω and the product are rounded. sin and cos
/// move by as much. √d·E and the sum round by ε of their size each.
pub(super) fn tolerance(inputs: &Inputs) -> Tolerance {
    let embeddings = inputs.float("embeddings");
    let d = embeddings.shape()[2];
    let x = max_abs(embeddings);
    let positions = inputs.int("positions").iter();
    let m = positions.fold(0.0, |m: f64, p| m.max(p.unsigned_abs() as f64));
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * (2.0 * (d as f64).sqrt() * x + 2.0 * m + 4.0),
        formula: format!(
            "ε·(2·√d·max|E| + 2·m + 4), ε = {eps:.2e}, d = {d}, max|E| = {x:.3}, m = {m} (max position)"
        ),
    }
}

/// The encoding is made here, not timed: a model has it as a constant table.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let embeddings = inputs.float("embeddings").as_standard_layout();
    let d = embeddings.shape()[2];
    let positions: Vec<i64> = inputs.int("positions").iter().copied().collect();
    let encoding = table(&positions, d, BASE).unwrap_or_else(|error| panic!("{error}"));
    let outputs = vec![Tensor::zeros(embeddings.raw_dim())];
    Prepared::new(outputs, move |outputs| {
        let x = embeddings.as_slice().expect("standard layout");
        let out = outputs[0].as_slice_mut().expect("standard layout");
        add(out, x, (d as f32).sqrt(), &encoding).unwrap_or_else(|error| panic!("{error}"));
    })
}

/// A multiply-add for each element; embeddings and encoding are read, the sum is written.
fn work(case: &Case) -> Work {
    let elements = ["b", "n", "d"].map(|axis| case.size(axis) as f64);
    let elements = elements.iter().product::<f64>();
    Work {
        flops: 2.0 * elements,
        bytes: 12.0 * elements,
    }
}
