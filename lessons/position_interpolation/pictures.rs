//! Interpolated positions as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use ndarray::Axis as Along;

pub const PICTURES: &[Picture] = &[Picture {
    id: "interpolated-angles",
    title: Text::new(
        "Interpolation keeps angles within training",
        "插值让角度留在训练见过的范围内",
    ),
    caption: Text::new(
        "The angle of the slowest pair: beyond the training length plain RoPE meets angles that the model never saw; interpolated positions do not.",
        "最慢一对的角度：超过训练长度后，原始 RoPE 出现模型没见过的角度，插值后的位置则不会。",
    ),
    settings: &[
        Setting::axis("d", 64, Text::new("head_dim", "head_dim")).multiple_of(2),
        Setting::option(
            "trained",
            512,
            2,
            4096,
            Text::new("training length", "训练长度"),
        ),
        Setting::option(
            "target",
            2048,
            2,
            4096,
            Text::new("length to reach", "目标长度"),
        ),
    ],
    draw: angles,
}];

/// The reference's angles of the last pair, with and without a longer target.
fn angles(case: &Case, lang: Lang) -> Parts {
    let [d, trained, target] = ["d", "trained", "target"].map(|name| case.size(name));
    let curve = |name: &str, mark, target_of_model: usize| {
        let settings = [
            ("b", 1),
            ("h", 1),
            ("n", target.max(trained)),
            ("d", d),
            ("trained", trained),
            ("target", target_of_model),
            ("offset", 0),
        ];
        let example = Example::new(&PROBLEM, case.seed, &settings);
        let last = example
            .step("angles")
            .index_axis(Along(2), d / 2 - 1)
            .to_owned();
        let points = last.iter().enumerate().step_by((last.len() / 128).max(1));
        let points = points.map(|(m, angle)| (m as f64, *angle));
        Curve::new(name, mark, Style::Line, points.collect::<Vec<_>>())
    };
    let plain = curve(lang.pick("plain RoPE", "原始 RoPE"), 'r', trained);
    let seen = plain.points.iter().take_while(|(m, _)| *m < trained as f64);
    let limit = seen.last().map_or(0.0, |(_, angle)| *angle);
    let end = target.max(trained) as f64;
    let seen = lang.pick("largest angle in training", "训练见过的最大角度");
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("position (tokens)", "位置（token）")),
        y: Axis::linear(lang.pick("angle of the last pair (rad)", "最后一对的角度（弧度）")),
        curves: vec![
            plain,
            curve(lang.pick("interpolated", "插值后"), 'p', target),
            Curve::new(seen, '-', Style::Line, [(0.0, limit), (end, limit)]),
        ],
    }])
}
