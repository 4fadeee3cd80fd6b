//! Sinusoidal encoding as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, HeatMap, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use ndarray::Array2;

const D: Setting = Setting::axis("d", 64, Text::new("d_model", "d_model")).multiple_of(2);

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "sinusoidal-table",
        title: Text::new("The sinusoidal encoding", "正弦位置编码"),
        caption: Text::new(
            "A row is a position: the first dimensions swing fast, the last ones hardly at all, as the digits of a number do.",
            "每行是一个位置：前面的维度变化快，后面的几乎不变，就像数字的低位与高位。",
        ),
        settings: &[D, Setting::axis("n", 48, Text::new("positions", "位置数"))],
        draw: table,
    },
    Picture {
        id: "sinusoidal-similarity",
        title: Text::new("Encodings that are near are alike", "位置越近，编码越相似"),
        caption: Text::new(
            "The product of the encodings of two positions depends on their distance alone: the curves of different positions are one.",
            "两个位置编码的内积只取决于距离：从不同位置出发的曲线完全重合。",
        ),
        settings: &[
            D,
            Setting::axis("n", 128, Text::new("distances", "距离的个数")),
        ],
        draw: similarity,
    },
];

/// The encoding of positions from `offset` on, `[n d]`.
fn encoding(case: &Case, n: usize, offset: usize) -> Array2<f64> {
    let settings = [
        ("b", 1),
        ("n", n),
        ("d", case.size("d")),
        ("offset", offset),
    ];
    let example = Example::new(&PROBLEM, case.seed, &settings);
    example.matrix("encoding")
}

fn table(case: &Case, lang: Lang) -> Parts {
    let table = encoding(case, case.size("n"), 0);
    let sides = lang.pick(["position", "dimension"], ["位置", "维度"]);
    let title = lang.pick("value, −1 … 1", "取值，−1 … 1");
    Parts::Heat(vec![HeatMap::beside(
        title,
        sides,
        [(String::new(), table)],
    )])
}

fn similarity(case: &Case, lang: Lang) -> Parts {
    let n = case.size("n");
    let curve = |mark, style, each: usize, from: usize| {
        let table = encoding(case, n, from);
        let first = table.row(0).to_owned();
        let most = first.dot(&first);
        let points = table.outer_iter().enumerate().step_by(each);
        let points = points.map(|(at, row)| (at as f64, first.dot(&row) / most));
        let name = lang.pick(format!("from position {from}"), format!("从位置 {from} 起"));
        Curve::new(name, mark, style, points.collect::<Vec<_>>())
    };
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("distance (tokens)", "距离（token）")),
        y: Axis::linear(lang.pick("product, 1 = with itself", "内积（与自身为 1）")),
        curves: vec![
            curve('·', Style::Line, 1, 0),
            curve('x', Style::Points, 4, 1000),
        ],
    }])
}
