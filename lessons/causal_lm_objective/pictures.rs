//! The loss of a language model as a picture.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Value};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, GAP, HELD_OUT, LENGTH, Tiny};
use ndarray::Axis as Along;

pub const PICTURES: &[Picture] = &[Picture {
    id: "loss-by-position",
    title: Text::new("The loss, token by token", "逐个 token 的损失"),
    caption: Text::new(
        "One held-out text: eight names that nobody can know cost 3.2 to 3.4 nats each, and next to nothing when they come back; the letters between cost their entropy.",
        "一条留出文本：开头八个名字无从预知，各花 3.2 到 3.4 nat，再次出现时几乎为 0；中间的字母花费其自身的熵。",
    ),
    settings: &[Setting::option(
        "n",
        80,
        2,
        128,
        Text::new("tokens", "token 数"),
    )],
    draw: losses,
}];

fn losses(case: &Case, lang: Lang) -> Parts {
    let corpus = Corpus::new(HELD_OUT + case.seed, 1, LENGTH, GAP);
    let logits = Tiny::trained().forward(&corpus.tokens);
    let inputs = Inputs::new()
        .with("logits", Value::Float(logits.into_dyn()))
        .with("labels", Value::Int(corpus.tokens.clone().into_dyn()))
        .with("ignore_index", Value::Number(-100.0))
        .with("bytes", Value::Number(LENGTH as f64));
    let example = Example::of(&PROBLEM, inputs);
    let nll = example.step("nll").index_axis(Along(0), 0);
    let n = case.size("n").min(nll.len());
    let model = (0..n).map(|t| ((t + 1) as f64, nll[[t]]));
    let source = (0..n).map(|t| ((t + 1) as f64, corpus.nats[[0, t + 1]]));
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("position of the token", "token 的位置")),
        y: Axis::linear(lang.pick("loss (nats)", "损失（nat）")),
        curves: vec![
            Curve::new(lang.pick("the model", "模型"), '█', Style::Bars, model),
            Curve::new(
                lang.pick("the source itself", "信源自身"),
                's',
                Style::Points,
                source,
            ),
        ],
    }])
}
