//! Softmax as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use ndarray::IxDyn;

pub const PICTURES: &[Picture] = &[Picture {
    id: "softmax-temperature",
    title: Text::new("Softmax at different temperatures", "不同温度下的 softmax"),
    caption: Text::new(
        "The same logits divided by T: a low T leaves the largest alone, a high T makes all alike; the order never changes.",
        "同一组 logits 除以 T：T 低时只剩最大的一项，T 高时趋于均匀；顺序始终不变。",
    ),
    settings: &[Setting::axis("m", 8, Text::new("classes", "类别数"))],
    draw: temperature,
}];

const TEMPERATURES: [f64; 4] = [0.25, 1.0, 2.0, 8.0];

/// The reference on the same logits, divided by each temperature: a row each.
fn temperature(case: &Case, lang: Lang) -> Parts {
    let m = case.size("m");
    let mut logits: Vec<f32> = case.normal("x", "m", 2.0).into_iter().collect();
    logits.sort_by(|a, b| b.total_cmp(a));
    let shape = IxDyn(&[TEMPERATURES.len(), m]);
    let x = Tensor::from_shape_fn(shape, |at| logits[at[1]] / TEMPERATURES[at[0]] as f32);
    let softmax = Example::of(&PROBLEM, Inputs::new().with("x", Value::Float(x)))
        .outputs
        .remove(0);
    let plots = TEMPERATURES.iter().enumerate().map(|(i, t)| {
        let entropy: f64 = (0..m)
            .map(|j| softmax[[i, j]])
            .map(|p| -p * p.max(1e-300).ln())
            .sum();
        Plot {
            title: lang.pick(
                format!("T = {t}: entropy {entropy:.2} nats"),
                format!("T = {t}：熵 {entropy:.2} nat"),
            ),
            x: Axis::linear(lang.pick("class, by its logit", "类别（按 logit 排序）"))
                .labelled((0..m).map(|j| j.to_string())),
            y: Axis::linear(lang.pick("probability", "概率")).within(0.0, 1.0),
            curves: vec![Curve::new(
                "",
                '█',
                Style::Bars,
                (0..m).map(|j| (j as f64, softmax[[i, j]])),
            )],
        }
    });
    Parts::Plots(plots.collect())
}
