//! What the exercise asks, on which cases, and how exact an answer must be.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{Ask, reference};
use super::variants::{frequencies, variant};
use crate::kernels::{cpu::threads, rope::cos_sin};
use crate::problem::{Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting};
use crate::problem::{Tolerance, Variant, Work};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::Text;

crate::exercise!(
    positions: labels,
    head_dim: number,
    rope_theta: number,
    trained: number,
    factor: number,
    method: number,
);

pub static PROBLEM: Problem = Problem {
    signature: "fn ntk_rope(positions: &Labels, head_dim: f64, rope_theta: f64, trained: f64, factor: f64, method: f64) -> (Tensor, Tensor)",
    args: &[
        Arg {
            name: "positions",
            kind: ArgKind::Int("n"),
        },
        Arg::number("head_dim"),
        Arg::number("rope_theta"),
        Arg::number("trained"),
        Arg::number("factor"),
        Arg::number("method"),
    ],
    outputs: &[("cos", "n p"), ("sin", "n p")],
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
        name: || format!("rope table, {} threads", threads()),
        prepare,
        scale: &[("n", 8192), ("p", 64), ("offset", 0)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("n", 5, Text::new("tokens", "token 数")),
    Setting {
        min: 2,
        ..Setting::axis(
            "p",
            8,
            Text::new("pairs: half of head_dim", "维度对的个数：head_dim 的一半"),
        )
    },
    Setting::option(
        "method",
        3,
        0,
        3,
        Text::new(
            "0 NTK-aware, 1 dynamic NTK, 2 NTK-by-parts, 3 YaRN",
            "0 NTK-aware，1 动态 NTK，2 NTK-by-parts，3 YaRN",
        ),
    ),
    Setting::option(
        "factor",
        4,
        1,
        1024,
        Text::new("how many times longer", "要变长多少倍"),
    ),
    Setting::option(
        "trained",
        2048,
        1,
        1 << 20,
        Text::new("L: the length of training", "L：训练长度"),
    ),
    Setting::option(
        "offset",
        3000,
        0,
        1 << 22,
        Text::new("position of the first token", "第一个 token 的位置"),
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
            "YaRN, 2048 → 8192, tokens from 3000 on",
            "YaRN，2048 → 8192，从第 3000 个 token 起",
        ),
        settings: &[],
        ragged: false,
    },
    Kind {
        id: "static",
        about: Text::new("NTK-aware, factor 4", "NTK-aware，factor 4"),
        settings: &[("method", 0), ("offset", 2500)],
        ragged: false,
    },
    Kind {
        id: "tiny",
        about: Text::new(
            "NTK-aware, one token, two pairs",
            "NTK-aware，一个 token，两对维度",
        ),
        settings: &[("method", 0), ("n", 1), ("p", 2), ("offset", 900)],
        ragged: false,
    },
    Kind {
        id: "dynamic",
        about: Text::new(
            "dynamic NTK: trained on 16, now 40 tokens (s = 2.5)",
            "动态 NTK：训练 16，现有 40 个 token（s = 2.5）",
        ),
        settings: &[("method", 1), ("trained", 16), ("offset", 35)],
        ragged: false,
    },
    Kind {
        id: "dynamic-decode",
        about: Text::new(
            "dynamic NTK: one new token at position 47 of a model trained on 16",
            "动态 NTK：训练长度 16 的模型，位置 47 上的一个新 token",
        ),
        settings: &[
            ("method", 1),
            ("n", 1),
            ("p", 3),
            ("trained", 16),
            ("offset", 47),
        ],
        ragged: false,
    },
    Kind {
        id: "dynamic-short",
        about: Text::new(
            "dynamic NTK on a text that fits: 8 of 64 tokens",
            "动态 NTK，文本放得下：64 里的 8 个 token",
        ),
        settings: &[("method", 1), ("trained", 64), ("offset", 3)],
        ragged: false,
    },
    Kind {
        id: "by-parts",
        about: Text::new("NTK-by-parts, 512 → 4096", "NTK-by-parts，512 → 4096"),
        settings: &[
            ("method", 2),
            ("p", 12),
            ("trained", 512),
            ("factor", 8),
            ("offset", 1500),
        ],
        ragged: false,
    },
    Kind {
        id: "base-500000",
        about: Text::new(
            "NTK-by-parts on the base of LLaMA 3, 8192 → 65536",
            "LLaMA 3 的底数上的 NTK-by-parts，8192 → 65536",
        ),
        settings: &[
            ("method", 2),
            ("n", 3),
            ("p", 16),
            ("trained", 8192),
            ("factor", 8),
            ("offset", 9000),
            ("rope_theta", 500_000),
        ],
        ragged: false,
    },
    Kind {
        id: "ragged",
        about: Text::new("YaRN, sizes drawn by the seed", "YaRN，尺寸由种子决定"),
        settings: &[("trained", 1024), ("offset", 1200), ("factor", 6)],
        ragged: true,
    },
    Kind {
        id: "head-dim-128",
        about: Text::new(
            "YaRN, factor 10, with the head_dim of LLaMA",
            "YaRN，factor 10，LLaMA 的 head_dim",
        ),
        settings: &[("n", 2), ("p", 64), ("factor", 10)],
        ragged: false,
    },
    Kind {
        id: "factor-1",
        about: Text::new("YaRN with nothing to stretch", "YaRN，但无需拉伸"),
        settings: &[("factor", 1), ("p", 4)],
        ragged: false,
    },
];

fn inputs(case: &Case) -> Inputs {
    let number = |name| Value::Number(case.size(name) as f64);
    let first = (case.size("offset") + case.seed as usize % 5) as i64;
    // A seed moves the text by up to 4 tokens, where its length does not matter.
    let first = match case.size("method") {
        1 => case.size("offset") as i64,
        _ => first,
    };
    let positions = Labels::from_shape_fn(vec![case.size("n")], |at| first + at[0] as i64);
    Inputs::new()
        .with("positions", Value::Int(positions))
        .with("head_dim", Value::Number(2.0 * case.size("p") as f64))
        .with("rope_theta", number("rope_theta"))
        .with("trained", number("trained"))
        .with("factor", number("factor"))
        .with("method", number("method"))
}

/// An angle m·θ' that is off by δφ moves cos and sin by δφ. In f32 the base, its exponent, the
/// power, the blend and the product each round by ε/2, relatively; the rounding of the exponent is
/// multiplied by ln(1/θ'), which θ' makes up for: δφ ≤ 4·m·ε. Some ε for cos, sin and the heat.
pub(super) fn tolerance(inputs: &Inputs) -> Tolerance {
    let ask = Ask::of(inputs);
    let m = (ask.length - 1.0).max(0.0);
    let heat = ask.heat(ask.stretch()).max(1.0);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: heat * (4.0 * m + 8.0) * eps,
        formula: format!("heat·(4·m + 8)·ε = {heat:.3}·(4·{m} + 8)·{eps:.3e}, m = last position"),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let ask = Ask::of(inputs);
    let s = ask.stretch();
    let inv_freq = frequencies(ask, &Variant::default(), s).to_vec();
    let positions: Vec<i64> = inputs.int("positions").iter().copied().collect();
    let table = Tensor::zeros(vec![positions.len(), inv_freq.len()]);
    let heat = ask.heat(s);
    Prepared::new(vec![table.clone(), table], move |outputs| {
        let [cos, sin] = outputs else {
            unreachable!("two tables were prepared")
        };
        let (cos, sin) = (cos.as_slice_mut(), sin.as_slice_mut());
        let whole = "standard layout";
        cos_sin(
            cos.expect(whole),
            sin.expect(whole),
            &positions,
            &inv_freq,
            heat,
        )
        .unwrap_or_else(|error| panic!("{error}"));
    })
}

/// One angle, its cos and sin, and two products for each token and pair; both tables are written.
fn work(case: &Case) -> Work {
    let cells = (case.size("n") * case.size("p")) as f64;
    Work {
        flops: 5.0 * cells,
        bytes: 8.0 * cells,
    }
}
