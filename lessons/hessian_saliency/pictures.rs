//! Scores of weights as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, Tiny};
use ndarray::{Array2, s};

pub const PICTURES: &[Picture] = &[Picture {
    id: "weight-saliency",
    title: Text::new(
        "A small weight may matter, a large one may not",
        "小权重可能重要，大权重可能不重要",
    ),
    caption: Text::new(
        "Weights of the small model's q_proj: size against the loss that removing each costs; on OBD's line alone size would decide, the spread is what inputs add.",
        "小模型 q_proj 的权重：绝对值与去掉它的代价。若只看绝对值，点应落在一条线上；散开的部分来自输入。",
    ),
    settings: &[Setting::option(
        "rows",
        4,
        1,
        32,
        Text::new("rows of the weight", "权重的行数"),
    )],
    draw: saliency,
}];

fn saliency(case: &Case, lang: Lang) -> Parts {
    let model = Tiny::trained();
    let mut read = Array2::zeros((0, 0));
    model.forward_with(&Corpus::trained(2).tokens, &mut |name, x| {
        if name == "layers.0.self_attn.q_proj" {
            read = x.to_owned();
        }
    });
    let columns = 48.min(read.ncols());
    let w = model.layers[0]
        .q_proj
        .slice(s![..case.size("rows"), ..columns])
        .to_owned();
    let x = read.slice(s![.., ..columns]).to_owned();
    let like = |value: f32| Value::Float(Tensor::from_elem(w.shape(), value));
    let inputs = Inputs::new()
        .with("w", Value::Float(w.clone().into_dyn()))
        .with("grad", like(0.0))
        .with("x", Value::Float(x.into_dyn()))
        .with("mask", like(1.0))
        .with("percdamp", Value::Number(0.01));
    let example = Example::of(&PROBLEM, inputs);
    let points = |step: &str| {
        let scores = w.iter().zip(example.step(step));
        let points = scores.map(|(w, score)| (f64::from(w.abs()), *score));
        points.filter(|(w, _)| *w > 0.0).collect::<Vec<_>>()
    };
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::log(lang.pick("|w|", "|w|")),
        y: Axis::log(lang.pick(
            "cost of removing it (mean squared error)",
            "去掉它的代价（均方误差）",
        )),
        curves: vec![
            Curve::new(
                lang.pick("OBD: the others stay", "OBD：其余不动"),
                'd',
                Style::Points,
                points("obd"),
            ),
            Curve::new(
                lang.pick("OBS: the others make up for it", "OBS：其余补偿"),
                's',
                Style::Points,
                points("obs"),
            ),
        ],
    }])
}
