//! Groups of weights with scales of their own, as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, HeatMap, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use crate::tiny::Tiny;
use ndarray::{Array2, IxDyn, s};

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "group-quantization-error",
        title: Text::new(
            "4 bits: one scale, or one for each group",
            "4 位：共用 scale 与每组一个 scale",
        ),
        caption: Text::new(
            "Rounding errors of 32 rows of the small model's o_proj: with a scale for the whole row one large weight coarsens all, with small groups the harm stays in its group.",
            "小模型 o_proj 前 32 行的舍入误差：整行共用 scale 时，一个大权重就让全行变粗；分成小组后影响只留在本组。",
        ),
        settings: &[Setting::option(
            "group_size",
            16,
            2,
            128,
            Text::new("weights of a group", "每组权重数"),
        )],
        draw: errors,
    },
    Picture {
        id: "group-size",
        title: Text::new(
            "Smaller groups cost bits and save error",
            "组越小误差越小、位数越多",
        ),
        caption: Text::new(
            "The error of the small model's weights against the stored bits: each halving of the group buys less, and costs twice as much for scales.",
            "小模型权重的误差与存储位数：组每减半一次收益递减，scale 的开销却翻倍。",
        ),
        settings: &[],
        draw: sizes,
    },
];

/// A weight of the small model, and the reference's steps on it.
fn rounded(w: &Array2<f32>, group_size: usize) -> Example {
    let inputs = Inputs::new()
        .with("x", Value::Float(Tensor::zeros(IxDyn(&[1, w.ncols()]))))
        .with("w", Value::Float(w.clone().into_dyn()))
        .with("group_size", Value::Number(group_size as f64));
    Example::of(&PROBLEM, inputs)
}

fn errors(case: &Case, lang: Lang) -> Parts {
    let model = Tiny::trained();
    let w = model.layers[0].o_proj.slice(s![..32, ..64]).to_owned();
    let panel = |name: String, group_size: usize| {
        let example = rounded(&w, group_size);
        let error = (example.matrix("w_hat") - w.mapv(f64::from)).mapv(|e| 1e3 * e.abs());
        (name, error)
    };
    let size = case.size("group_size");
    let panels = [
        panel(
            lang.pick("a scale per row", "每行一个 scale").to_string(),
            w.ncols(),
        ),
        panel(
            lang.pick(
                format!("a scale per {size} weights"),
                format!("每 {size} 个权重一个 scale"),
            ),
            size,
        ),
    ];
    let sides = lang.pick(
        ["output n (row)", "input k (column)"],
        ["输出 n（行）", "输入 k（列）"],
    );
    let title = lang.pick(
        "|error| of a weight, thousandths",
        "权重误差的绝对值（千分之一）",
    );
    Parts::Heat(vec![HeatMap::beside(title, sides, panels)])
}

fn sizes(_: &Case, lang: Lang) -> Parts {
    let model = Tiny::trained();
    let w = &model.layers[0].o_proj;
    let point = |group_size: usize| {
        let example = rounded(w, group_size);
        let w = w.mapv(f64::from).into_dyn();
        let norm = |x: &ndarray::ArrayD<f64>| x.mapv(|x| x * x).sum().sqrt();
        let error = 100.0 * norm(&(example.step("w_hat") - &w)) / norm(&w);
        let bits = 4.0 + 20.0 * example.step("scale").len() as f64 / w.len() as f64;
        (bits, error)
    };
    let sizes: Vec<usize> = [8, 16, 32, 64, 128]
        .into_iter()
        .filter(|size| *size <= w.ncols())
        .collect();
    let marks = ['8', '6', '3', '4', '1'];
    let curves = sizes.into_iter().zip(marks).map(|(size, mark)| {
        let name = lang.pick(format!("groups of {size}"), format!("每组 {size} 个"));
        Curve::new(name, mark, Style::Points, [point(size)])
    });
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("stored bits per weight", "每个权重的存储位数")),
        y: Axis::linear(lang.pick("error of the weights (%, RMS)", "权重误差（%，RMS）")),
        curves: curves.collect(),
    }])
}
