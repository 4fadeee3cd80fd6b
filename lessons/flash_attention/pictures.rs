//! The running softmax as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Value};
use crate::text::{Lang, Text};
use ndarray::s;

pub const PICTURES: &[Picture] = &[Picture {
    id: "running-softmax",
    title: Text::new("Softmax block by block", "分块计算的 softmax"),
    caption: Text::new(
        "The logsumexp of one query after each block of keys: every block adds to it, the maximum only jumps, and the end is that of the whole row.",
        "一个查询在每块键之后的 logsumexp：每块都使它增大，最大值只会跳升，最终等于整行一次算出的结果。",
    ),
    settings: &[
        Setting::option("m", 64, 1, 512, Text::new("keys", "键的个数")),
        Setting::option("block", 8, 1, 512, Text::new("keys in a block", "每块键数")),
    ],
    draw: online,
}];

/// The reference on the keys of the first blocks, one block more each time.
fn online(case: &Case, lang: Lang) -> Parts {
    let (m, block) = (case.size("m"), case.size("block"));
    let settings = [
        ("b", 1),
        ("h", 1),
        ("n", 1),
        ("m", m),
        ("d", 8),
        ("dv", 1),
        ("block", block),
    ];
    let whole = Example::new(&PROBLEM, case.seed, &settings);
    let ends = (1..=m.div_ceil(block)).map(|i| (i * block).min(m));
    let runs: Vec<(usize, Example)> = ends
        .map(|end| {
            let mut inputs: Inputs = whole.inputs.clone();
            for name in ["k", "v"] {
                let part = inputs.float(name).slice(s![.., .., ..end, ..]).to_owned();
                inputs.set(name, Value::Float(part.into_dyn()));
            }
            (end, Example::of(&PROBLEM, inputs))
        })
        .collect();
    let q = whole.inputs.f64("q");
    let k = whole.inputs.f64("k");
    let score = |j: usize| {
        let products = (0..8).map(|t| q[[0, 0, 0, t]] * k[[0, 0, j, t]]);
        products.sum::<f64>() / 8f64.sqrt()
    };
    let scores = (0..m).map(|j| ((j + 1) as f64, score(j)));
    let lse = runs
        .iter()
        .map(|(end, run)| (*end as f64, run.outputs[1][[0, 0, 0]]));
    let maximum = runs.iter().map(|(end, _)| {
        let scores = (0..*end).map(score);
        (*end as f64, scores.fold(f64::NEG_INFINITY, f64::max))
    });
    let [a, b, c] = lang.pick(
        ["scores", "logsumexp so far", "maximum so far"],
        ["分数", "到此为止的 logsumexp", "到此为止的最大值"],
    );
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("keys seen", "已看过的键数")),
        y: Axis::linear(lang.pick("score (nats)", "分数（nat）")),
        curves: vec![
            Curve::new(a, '.', Style::Points, scores),
            Curve::new(b, 'l', Style::Joined, lse.collect::<Vec<_>>()),
            Curve::new(c, 'm', Style::Joined, maximum.collect::<Vec<_>>()),
        ],
    }])
}
