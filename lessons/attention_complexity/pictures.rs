//! How attention's cost grows, as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::{Lang, Text};
use ndarray::IxDyn;

pub const PICTURES: &[Picture] = &[Picture {
    id: "attention-growth",
    title: Text::new(
        "How the cost of an attention layer grows",
        "注意力层的开销如何增长",
    ),
    caption: Text::new(
        "Projections grow like n, scores and weights·v like n²: the lines cross where n is about the width of the model; stored scores overtake q, k and v far sooner.",
        "投影随 n 增长，分数与 weights·v 随 n² 增长：n 接近模型宽度时两线相交；存下来的分数矩阵则更早超过 q、k、v。",
    ),
    settings: &[
        Setting::option("heads", 32, 1, 256, Text::new("heads", "注意力头数")),
        Setting::option(
            "kv_heads",
            8,
            1,
            256,
            Text::new("heads of k and v", "K/V 头数"),
        ),
        Setting::option("head_dim", 128, 1, 512, Text::new("head_dim", "head_dim")),
    ],
    draw: cost,
}];

fn cost(case: &Case, lang: Lang) -> Parts {
    let lengths: Vec<i64> = (8..=17).map(|power| 1 << power).collect();
    let number = |name| Value::Number(case.size(name) as f64);
    let shape = IxDyn(&[lengths.len()]);
    let n = Labels::from_shape_vec(shape.clone(), lengths.clone()).expect("one axis");
    let inputs = Inputs::new()
        .with("n", Value::Int(n))
        .with("heads", number("heads"))
        .with("kv_heads", number("kv_heads"))
        .with("head_dim", number("head_dim"))
        .with("width", Value::Number(2.0))
        .with("causal", Value::Number(1.0))
        .with("seconds", Value::Float(Tensor::ones(shape)));
    let example = Example::of(&PROBLEM, inputs);
    let curve = |name: &str, mark, step: &str| {
        let points = lengths
            .iter()
            .zip(example.step(step))
            .map(|(n, y)| (*n as f64, *y));
        Curve::new(name, mark, Style::Joined, points.collect::<Vec<_>>())
    };
    let [projections, core, operands, scores] = lang.pick(
        [
            "projections",
            "scores and weights·v",
            "q, k, v and out",
            "scores, if stored",
        ],
        [
            "投影",
            "分数与 weights·v",
            "q、k、v 与输出",
            "分数矩阵（若存下）",
        ],
    );
    let n = || Axis::log(lang.pick("tokens n", "token 数 n"));
    Parts::Plots(vec![
        Plot {
            title: lang.pick("work of one layer", "一层的计算量").to_string(),
            x: n(),
            y: Axis::log("GFLOP"),
            curves: vec![
                curve(projections, 'p', "projections"),
                curve(core, 's', "attention"),
            ],
        },
        Plot {
            title: lang
                .pick("memory, 2 bytes a number", "内存，每个数 2 字节")
                .to_string(),
            x: n(),
            y: Axis::log("GiB"),
            curves: vec![
                curve(operands, 'q', "operands"),
                curve(scores, 's', "scores"),
            ],
        },
    ])
}
