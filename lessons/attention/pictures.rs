//! Attention as pictures.

use super::problem::PROBLEM;
use crate::lessons::rope::{inv_freq, turn_as};
use crate::problem::{Case, Setting, Variant};
use crate::show::{Axis, Curve, Example, HeatMap, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, GAP, HELD_OUT, Tiny};
use ndarray::{Array2, Array3, Array4, Axis as Along, IxDyn};

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "attention-weights",
        title: Text::new(
            "Attention weights of a trained model, head by head",
            "训练好的模型各个头的注意力权重",
        ),
        caption: Text::new(
            "The small model that llmlab carries, on a text that it has not seen: the short diagonals at the left are heads that look up the names' first copy where the text repeats them.",
            "llmlab 自带的小模型在未见过的文本上：左侧的短对角线，是某些头在名字重现时回看第一次出现的位置。",
        ),
        settings: &[
            Setting::option("layer", 2, 0, 3, Text::new("layer", "层")),
            Setting::option("n", 48, 2, 128, Text::new("tokens", "token 数")),
        ],
        draw: weights,
    },
    Picture {
        id: "attention-scale",
        title: Text::new("Why scores are divided by √d", "为什么分数要除以 √d"),
        caption: Text::new(
            "The largest weight of a row, mean over random q and k: without 1/√d softmax picks a single key as d grows, and its gradient vanishes.",
            "随机 q、k 下每行最大权重的平均值：不除以 √d 时，d 越大 softmax 越趋向只选一个键，梯度随之消失。",
        ),
        settings: &[Setting::option(
            "n",
            32,
            2,
            256,
            Text::new("keys", "键的个数"),
        )],
        draw: scale,
    },
];

/// The reference on q and k of one layer, as the model computes them.
fn weights(case: &Case, lang: Lang) -> Parts {
    let model = Tiny::trained();
    let (n, layer) = (
        case.size("n"),
        case.size("layer").min(model.layers.len() - 1),
    );
    let tokens = Corpus::new(HELD_OUT + case.seed, 1, n, GAP).tokens;
    let mut read = Array2::zeros((0, 0));
    model.forward_with(&tokens, &mut |name, x| {
        if name == format!("layers.{layer}.self_attn.q_proj") {
            read = x.mapv(f64::from);
        }
    });
    let (heads, d) = (model.config.num_attention_heads, model.config.head_dim);
    let theta = inv_freq(d, model.config.rope_theta);
    let angles = Array3::from_shape_fn((1, n, d / 2), |(_, m, i)| m as f64 * theta[i]);
    let turned = |weight: &Array2<f32>| {
        let x = read.dot(&weight.mapv(f64::from).t());
        let x = Array4::from_shape_fn((1, heads, n, d), |(_, h, m, j)| x[[m, h * d + j]]);
        let half_split = Variant(vec!["half-split"]);
        let x = turn_as(
            &half_split,
            &x,
            &angles.mapv(f64::cos),
            &angles.mapv(f64::sin),
        );
        Value::Float(x.mapv(|x| x as f32).into_dyn())
    };
    let mask = Tensor::from_shape_fn(IxDyn(&[n, n]), |at| match at[1] > at[0] {
        true => f32::NEG_INFINITY,
        false => 0.0,
    });
    let inputs = Inputs::new()
        .with("q", turned(&model.layers[layer].q_proj))
        .with("k", turned(&model.layers[layer].k_proj))
        .with("v", Value::Float(Tensor::zeros(IxDyn(&[1, heads, n, d]))))
        .with("mask", Value::Float(mask));
    let example = Example::of(&PROBLEM, inputs);
    let weights = example.step("weights").index_axis(Along(0), 0);
    let panels = weights.outer_iter().enumerate().map(|(h, weights)| {
        let weights = weights.into_dimensionality().expect("axes n m").to_owned();
        (lang.pick(format!("head {h}"), format!("头 {h}")), weights)
    });
    let sides = lang.pick(
        ["query i (position)", "key j (position)"],
        ["查询 i（位置）", "键 j（位置）"],
    );
    let title = lang.pick("weight; every row sums to 1", "权重；每行之和为 1");
    Parts::Heat(vec![HeatMap::beside(title, sides, panels)])
}

/// With v = identity the output is the weights: the reference's, and those of the variant without scale.
fn scale(case: &Case, lang: Lang) -> Parts {
    let n = case.size("n");
    let largest = |d: usize, ids: &[&'static str]| {
        let settings = [("b", 1), ("h", 4), ("n", n), ("m", n), ("d", d), ("dv", n)];
        let mut inputs = Example::new(&PROBLEM, case.seed, &settings).inputs;
        let identity = |at: IxDyn| f32::from(u8::from(at[2] == at[3]));
        let v = Tensor::from_shape_fn(IxDyn(&[1, 4, n, n]), identity);
        inputs.set("v", Value::Float(v));
        let weights = (PROBLEM.variant)(&inputs, &Variant(ids.to_vec())).remove(0);
        let rows = weights.map_axis(Along(3), |row| row.fold(0.0, |a: f64, b| a.max(*b)));
        rows.mean().unwrap_or(0.0)
    };
    let curve = |name: &str, mark, ids: &'static [&'static str]| {
        let sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256];
        Curve::new(
            name,
            mark,
            Style::Joined,
            sizes.map(|d| (d as f64, largest(d, ids))),
        )
    };
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::log(lang.pick("head_dim d", "头维度 d")),
        y: Axis::linear(lang.pick("largest weight of a row", "每行最大的权重")).within(0.0, 1.0),
        curves: vec![
            curve(lang.pick("q·k/√d", "q·k/√d"), 'o', &[]),
            curve(
                lang.pick("q·k, no scale", "q·k，不缩放"),
                'x',
                &["no-scale"],
            ),
        ],
    }])
}
