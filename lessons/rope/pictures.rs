//! RoPE as pictures.

use super::problem::PROBLEM;
use super::reference::inv_freq;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::{Lang, Text};
use ndarray::{Array2, IxDyn};

const D: Setting = Setting::axis("d", 64, Text::new("head_dim", "head_dim")).multiple_of(2);
const BASE: Setting = Setting::option(
    "rope_theta",
    10_000,
    2,
    100_000_000,
    Text::new("base of the frequencies", "频率的底数 base"),
);

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "rope-rotation",
        title: Text::new("RoPE turns every pair of dimensions", "RoPE 旋转每一对维度"),
        caption: Text::new(
            "The same vector at positions 0, 1, 2 …: the first pair turns by one radian per token, the last one hardly at all.",
            "同一个向量放在位置 0、1、2……：第一对每个 token 转 1 弧度，最后一对几乎不动。",
        ),
        settings: &[
            D,
            Setting::option("n", 8, 1, 10, Text::new("positions", "位置数")),
            BASE,
        ],
        draw: rotation,
    },
    Picture {
        id: "rope-decay",
        title: Text::new(
            "RoPE: the score over the distance",
            "RoPE：分数随距离的变化",
        ),
        caption: Text::new(
            "Equal q and k score highest at distance 0; the score falls and ripples as the pairs fall out of step.",
            "q 与 k 相同时，距离 0 处分数最高；各对的相位逐渐错开，分数随距离下降并起伏。",
        ),
        settings: &[
            D,
            Setting::option("n", 256, 2, 4096, Text::new("distances", "距离的个数")),
            BASE,
        ],
        draw: decay,
    },
];

/// The vector (1, 0, 1, 0 …) at positions 0 … n − 1, turned by the reference: `[n d]`.
fn turned(case: &Case) -> Array2<f64> {
    let (n, d) = (case.size("n"), case.size("d"));
    let x = Tensor::from_shape_fn(IxDyn(&[1, 1, n, d]), |at| {
        f32::from(u8::from(at[3] % 2 == 0))
    });
    let positions = Labels::from_shape_fn(IxDyn(&[1, n]), |at| at[1] as i64);
    let inputs = Inputs::new()
        .with("q", Value::Float(x.clone()))
        .with("k", Value::Float(x))
        .with("positions", Value::Int(positions))
        .with("rope_theta", Value::Number(case.size("rope_theta") as f64));
    let turned = Example::of(&PROBLEM, inputs).outputs.remove(0);
    let turned = turned.into_shape_with_order((n, d));
    turned.expect("n·d numbers")
}

fn rotation(case: &Case, lang: Lang) -> Parts {
    let (n, d) = (case.size("n"), case.size("d"));
    let turned = turned(case);
    let theta = inv_freq(d, case.size("rope_theta") as f64);
    let pairs = d / 2;
    let mut shown = vec![0, pairs / 8, pairs / 3, pairs - 1];
    shown.dedup();
    let plots = shown.into_iter().map(|i| {
        let at = |m: usize, part: usize| turned[[m, 2 * i + part]];
        let degrees = theta[i].to_degrees();
        let degrees = match degrees >= 1.0 {
            true => format!("{degrees:.1}°"),
            false => format!("{degrees:.3}°"),
        };
        Plot {
            title: lang.pick(
                format!("pair {i}: {degrees} per token"),
                format!("第 {i} 对：每 token {degrees}"),
            ),
            x: Axis::linear(format!("x[{}]", 2 * i)).within(-1.3, 1.3),
            y: Axis::linear(format!("x[{}]", 2 * i + 1)).within(-1.3, 1.3),
            curves: vec![Curve::new(
                "",
                'o',
                Style::Spokes,
                (0..n).map(|m| (at(m, 0), at(m, 1))),
            )],
        }
    });
    Parts::Plots(plots.collect())
}

/// q·k with q at position 0 and k at each distance, as a part of the score at distance 0.
fn decay(case: &Case, lang: Lang) -> Parts {
    let turned = turned(case);
    let q = turned.row(0).to_owned();
    let score = |m: usize| q.dot(&turned.row(m));
    let points = (0..case.size("n")).map(|m| (m as f64, score(m) / score(0)));
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("distance m − n (tokens)", "距离 m − n（token）")),
        y: Axis::linear(lang.pick("score, 1 = at distance 0", "分数（距离 0 处为 1）")),
        curves: vec![Curve::new("", 'o', Style::Line, points)],
    }])
}
