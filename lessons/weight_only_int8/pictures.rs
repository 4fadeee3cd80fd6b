//! Scales of channels as pictures.

use super::problem::PROBLEM;
use crate::lessons::affine_quantization::grid::Grid;
use crate::problem::Case;
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use crate::tiny::Tiny;
use ndarray::{Array2, IxDyn};

pub const PICTURES: &[Picture] = &[Picture {
    id: "int8-channels",
    title: Text::new(
        "8 bits: a scale for each channel, or for all",
        "8 位：每通道一个 scale 与整个张量一个",
    ),
    caption: Text::new(
        "Relative error of each output channel of the small model's gate_proj: with one scale for the tensor, small channels pay for the largest one.",
        "小模型 gate_proj 各输出通道的相对误差：整个张量共用 scale 时，小通道要为最大的通道买单。",
    ),
    settings: &[],
    draw: channels,
}];

fn channels(_: &Case, lang: Lang) -> Parts {
    let w = Tiny::trained().layers[0].gate_proj.clone();
    let inputs = Inputs::new()
        .with("x", Value::Float(Tensor::zeros(IxDyn(&[1, w.ncols()]))))
        .with("w", Value::Float(w.clone().into_dyn()));
    let example = Example::of(&PROBLEM, inputs);
    let w = w.mapv(f64::from);
    let by_channel = Array2::from_shape_fn(w.dim(), |(n, k)| {
        example.step("q")[[n, k]] * example.step("scale")[[n]]
    });
    let grid = Grid::symmetric(w.fold(0.0, |most: f64, w| most.max(w.abs())), 8.0);
    let by_tensor = w.mapv(|w| grid.nearest(w));
    let curve = |name: &str, mark, w_hat: &Array2<f64>| {
        let rows = w.outer_iter().zip(w_hat.outer_iter());
        let mut points: Vec<(f64, f64)> = rows
            .map(|(w, w_hat)| {
                let norm = |x: &ndarray::Array1<f64>| x.dot(x).sqrt();
                let error = norm(&(&w_hat - &w)) / norm(&w.to_owned());
                (w.fold(0.0, |most: f64, w| most.max(w.abs())), 100.0 * error)
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Curve::new(name, mark, Style::Points, points)
    };
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("largest |w| of the channel", "通道内最大的 |w|")),
        y: Axis::linear(lang.pick("error of the channel (%)", "通道的误差（%）")),
        curves: vec![
            curve(
                lang.pick("one scale for the tensor", "整个张量一个 scale"),
                't',
                &by_tensor,
            ),
            curve(
                lang.pick("a scale for each channel", "每通道一个 scale"),
                'c',
                &by_channel,
            ),
        ],
    }])
}
