//! ALiBi as pictures.

use super::problem::PROBLEM;
use super::reference::slopes;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, HeatMap, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};

const HEADS: Setting = Setting::option("h", 4, 1, 16, Text::new("heads", "注意力头数"));

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "alibi-bias",
        title: Text::new(
            "ALiBi: the bias added to the scores",
            "ALiBi：加到分数上的偏置",
        ),
        caption: Text::new(
            "Every head loses with the distance by a slope of its own: the first one soon sees only its neighbours, the last one nearly everything.",
            "每个头按自己的斜率随距离扣分：第一个头很快只看得到邻近位置，最后一个头几乎看得到全部。",
        ),
        settings: &[
            HEADS,
            Setting::axis("n", 16, Text::new("tokens", "token 数")),
        ],
        draw: bias,
    },
    Picture {
        id: "alibi-reach",
        title: Text::new("ALiBi: how far a head sees", "ALiBi：每个头能看多远"),
        caption: Text::new(
            "The factor e^bias on a key's weight: it halves after 0.69/slope tokens.",
            "偏置给键的权重乘上的系数 e^bias：每隔 0.69/斜率 个 token 减半。",
        ),
        settings: &[
            HEADS,
            Setting::option("n", 256, 2, 65_536, Text::new("distances", "距离上限")),
        ],
        draw: reach,
    },
];

fn bias(case: &Case, lang: Lang) -> Parts {
    let (h, n) = (case.size("h"), case.size("n"));
    let example = Example::new(
        &PROBLEM,
        case.seed,
        &[("b", 1), ("h", h), ("n", n), ("m", n)],
    );
    let slopes = example.step("slopes");
    let panels = example
        .step("bias")
        .outer_iter()
        .enumerate()
        .map(|(head, bias)| {
            let bias = bias.into_dimensionality().expect("axes n m").to_owned();
            let slope = slopes[[head]];
            let name = lang.pick(
                format!("head {head}: slope {slope:.4}"),
                format!("头 {head}：斜率 {slope:.4}"),
            );
            (name, bias)
        });
    let sides = lang.pick(
        ["query i (position)", "key j (position)"],
        ["查询 i（位置）", "键 j（位置）"],
    );
    let title = lang.pick("bias on the score", "分数上的偏置");
    Parts::Heat(vec![HeatMap::beside(title, sides, panels)])
}

fn reach(case: &Case, lang: Lang) -> Parts {
    let (h, n) = (case.size("h"), case.size("n"));
    let marks = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let curves = slopes(h).into_iter().enumerate().map(|(head, slope)| {
        let name = lang.pick(
            format!("head {head}, slope {slope:.4}"),
            format!("头 {head}，斜率 {slope:.4}"),
        );
        let step = (n / 128).max(1);
        let points = (0..n)
            .step_by(step)
            .map(|d| (d as f64, (-slope * d as f64).exp()));
        Curve::new(name, marks[head], Style::Line, points)
    });
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("distance i − j (tokens)", "距离 i − j（token）")),
        y: Axis::linear(lang.pick("factor on the weight", "权重上的系数")).within(0.0, 1.0),
        curves: curves.collect(),
    }])
}
