//! Thresholds of static ranges as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Value};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, Tiny};
use ndarray::Array2;

pub const PICTURES: &[Picture] = &[Picture {
    id: "calibration-thresholds",
    title: Text::new("Where to cut a range", "量化范围在哪里截断"),
    caption: Text::new(
        "What a q_proj of the small model reads: the maximum keeps all and rounds coarsely, a lower threshold clips a few and rounds finely; the least squared error lies between.",
        "小模型某层 q_proj 的输入：取最大值不截断但步长粗，阈值低则截断少数、步长细；均方误差最小处在两者之间。",
    ),
    settings: &[Setting::option("bits", 4, 2, 8, Text::new("bits", "位数"))],
    draw: thresholds,
}];

fn thresholds(case: &Case, lang: Lang) -> Parts {
    const BINS: usize = 256;
    let model = Tiny::trained();
    let mut read = Array2::zeros((0, 0));
    model.forward_with(&Corpus::trained(1).tokens, &mut |layer, x| {
        if layer == "layers.1.self_attn.q_proj" {
            read = x.to_owned();
        }
    });
    let inputs = Inputs::new()
        .with("x", Value::Float(read.into_dyn()))
        .with("bits", Value::Number(case.size("bits") as f64))
        .with("percentile", Value::Number(99.9))
        .with("averaging_constant", Value::Number(0.01))
        .with("bins", Value::Number(BINS as f64));
    let example = Example::of(&PROBLEM, inputs);
    let counts = example.step("counts");
    let max = example.step("max").sum();
    let width = max / BINS as f64;
    // The first candidate keeps as many bins as there are levels.
    let mse = example.step("mse");
    let first = BINS + 1 - mse.len();
    let bars = counts.iter().enumerate();
    let bars = bars.map(|(i, count)| ((i as f64 + 0.5) * width, (1.0 + count).log10()));
    let errors = mse
        .iter()
        .enumerate()
        .map(|(i, e)| ((first + i) as f64 * width, e.sqrt()));
    let values = example.step("thresholds").clone();
    let names = lang.pick(
        [
            "maximum",
            "moving average",
            "99.9 %",
            "least MSE",
            "least KL",
        ],
        ["最大值", "滑动平均", "99.9 %", "MSE 最小", "KL 最小"],
    );
    let marks = ['M', 'A', 'P', 'E', 'K'];
    let stems = |high: f64| {
        let stems = values.iter().zip(names).zip(marks);
        stems
            .map(move |((t, name), mark)| Curve::new(name, mark, Style::Stems, [(*t, high)]))
            .collect::<Vec<_>>()
    };
    let threshold = || Axis::linear(lang.pick("|x|, threshold", "|x|，阈值"));
    let mut histogram = vec![Curve::new("", '█', Style::Bars, bars)];
    histogram.extend(stems(4.0));
    let mut curves = vec![Curve::new(
        lang.pick("RMS error", "RMS 误差"),
        'e',
        Style::Line,
        errors,
    )];
    let high = curves[0]
        .points
        .iter()
        .fold(0.0, |high: f64, point| high.max(point.1));
    curves.push(Curve::new(
        names[3],
        'E',
        Style::Stems,
        [(values[[3]], high)],
    ));
    curves.push(Curve::new(
        names[4],
        'K',
        Style::Stems,
        [(values[[4]], high)],
    ));
    Parts::Plots(vec![
        Plot {
            title: lang
                .pick("the values and five thresholds", "数值与五种阈值")
                .to_string(),
            x: threshold(),
            y: Axis::linear(lang.pick("log10(1 + count)", "log10(1 + 个数)")),
            curves: histogram,
        },
        Plot {
            title: lang
                .pick("the error of each threshold", "各阈值的误差")
                .to_string(),
            x: threshold(),
            y: Axis::linear(lang.pick("RMS error", "RMS 误差")),
            curves,
        },
    ])
}
