//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::{reference, scale};
use super::variants::variant;
use crate::kernels::rope::{Layout, Shape, Table, name};
use crate::lessons::rope::{LAYOUTS, inv_freq};
use crate::problem::{Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use rand::RngExt;

crate::exercise!(
    q: tensor,
    k: tensor,
    positions: labels,
    rope_theta: number,
    trained: number,
    target: number,
);

pub static PROBLEM: Problem = Problem {
    signature: "fn position_interpolation(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64, trained: f64, target: f64) -> (Tensor, Tensor)",
    args: &[
        Arg::float("q", "b h n d"),
        Arg::float("k", "b h n d"),
        Arg::int("positions", "b n"),
        Arg::number("rope_theta"),
        Arg::number("trained"),
        Arg::number("target"),
    ],
    outputs: &[("q_rot", "b h n d"), ("k_rot", "b h n d")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: LAYOUTS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name,
        prepare,
        scale: &[
            ("b", 1),
            ("h", 32),
            ("n", 1024),
            ("d", 128),
            ("trained", 512),
            ("target", 2048),
        ],
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
        "trained",
        8,
        2,
        1 << 20,
        Text::new("L: the length of training", "L：训练长度"),
    ),
    Setting::option(
        "target",
        20,
        1,
        1 << 22,
        Text::new("L': the length to reach", "L'：要扩展到的长度"),
    ),
    Setting::option(
        "offset",
        6,
        0,
        1 << 22,
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
        about: Text::new(
            "L = 8, L' = 20 (s = 2.5), positions 6 … 10 across L",
            "L = 8，L' = 20（s = 2.5），位置 6 … 10 跨过 L",
        ),
        settings: &[],
        ragged: false,
    },
    Kind {
        id: "tiny",
        about: Text::new(
            "one token at position 11, one pair",
            "位置 11 上的一个 token，一对维度",
        ),
        settings: &[("b", 1), ("h", 1), ("n", 1), ("d", 2), ("offset", 11)],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("sizes drawn by the seed", "尺寸由种子决定"),
        settings: &[("offset", 5), ("target", 28)],
        ragged: true,
    },
    Kind {
        id: "short-prompt",
        about: Text::new(
            "positions 1 … 5 of a text that fits into L: PI shrinks them too",
            "位置 1 … 5，本来就放得进 L：PI 照样缩小",
        ),
        settings: &[("offset", 1), ("trained", 16), ("target", 64), ("d", 4)],
        ragged: false,
    },
    Kind {
        id: "shorter-target",
        about: Text::new(
            "L' = 4 below L = 8: nothing to scale",
            "L' = 4 小于 L = 8：无需缩放",
        ),
        settings: &[("target", 4), ("offset", 0), ("h", 2)],
        ragged: false,
    },
    Kind {
        id: "left-padding",
        about: Text::new(
            "every sequence starts at its own place",
            "每条序列的起点不同（左填充）",
        ),
        settings: &[("b", 4), ("h", 1), ("n", 6), ("offset", 9), ("padded", 1)],
        ragged: false,
    },
    Kind {
        id: "2k-to-3k",
        about: Text::new(
            "L = 2048, L' = 3072: s = 1.5; decoding at position 2600",
            "L = 2048，L' = 3072：s = 1.5；在位置 2600 解码",
        ),
        settings: &[
            ("n", 1),
            ("h", 2),
            ("d", 6),
            ("trained", 2048),
            ("target", 3072),
            ("offset", 2600),
        ],
        ragged: false,
    },
    Kind {
        id: "8k-to-32k",
        about: Text::new(
            "L = 8192, L' = 32768, the last positions: 32767 becomes 8191.75",
            "L = 8192，L' = 32768 的最后几个位置：32767 变成 8191.75",
        ),
        settings: &[
            ("b", 1),
            ("h", 2),
            ("d", 16),
            ("trained", 8192),
            ("target", 32_768),
            ("offset", 32_763),
        ],
        ragged: false,
    },
    Kind {
        id: "large-magnitude",
        about: Text::new(
            "values around 1000, base 500000",
            "数值约为 1000，base 为 500000",
        ),
        settings: &[("rope_theta", 500_000), ("d", 12), ("offset", 10)],
        ragged: false,
    },
];

fn inputs(case: &Case) -> Inputs {
    let size = if case.kind == "large-magnitude" {
        1e3
    } else {
        1.0
    };
    let number = |name| Value::Number(case.size(name) as f64);
    Inputs::new()
        .with("q", Value::Float(case.normal("q", "b h n d", size)))
        .with("k", Value::Float(case.normal("k", "b h n d", size)))
        .with("positions", Value::Int(positions(case)))
        .with("rope_theta", number("rope_theta"))
        .with("trained", number("trained"))
        .with("target", number("target"))
}

/// offset, offset + 1 …; with padding, every row but the first starts counting later.
fn positions(case: &Case) -> Labels {
    let (b, n) = (case.size("b"), case.size("n"));
    let offset = case.size("offset") as i64;
    let mut rng = case.rng("positions");
    let mut late = vec![0; b];
    if case.size("padded") == 1 {
        late.iter_mut()
            .skip(1)
            .for_each(|late| *late = rng.random_range(1..offset.max(2)));
    }
    Labels::from_shape_fn(vec![b, n], |at| {
        (offset + at[1] as i64 - late[at[0]]).max(0)
    })
}

/// As in plain RoPE, an angle that is off by δφ moves a result by √2·max|x|·δφ. The angle is
/// (m/s)·θᵢ, and in f32 the exponent, θᵢ, s, the division and the product round by ε/2 each,
/// relatively: δφ ≤ 2·(m/s)·ε. A few ε more for cos, sin and the sums.
pub(super) fn tolerance(inputs: &Inputs) -> Tolerance {
    let x = max_abs(inputs.float("q")).max(max_abs(inputs.float("k")));
    let positions = inputs.int("positions").iter();
    let m = positions.fold(0.0, |m: f64, p| m.max(p.unsigned_abs() as f64));
    let place = m / scale(inputs);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: 2f64.sqrt() * x * (2.0 * place + 4.0) * eps,
        formula: format!(
            "√2·max|x|·(2·m/s + 4)·ε = √2·{x:.3}·(2·{place:.2} + 4)·{eps:.3e}, m = max position"
        ),
    }
}

/// The table is made here, not timed: with a fixed s a model makes it once.
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
    let slowed = inv_freq(head_dim, inputs.number("rope_theta")) / scale(inputs);
    let table =
        Table::with(shape, &positions, &slowed.to_vec()).unwrap_or_else(|error| panic!("{error}"));
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
