//! Pruning by size as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, HeatMap, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, Tiny};
use ndarray::{Array2, Axis as Along, s};

const PERCENT: Setting = Setting::option(
    "percent",
    50,
    0,
    100,
    Text::new("weights to remove (%)", "剪去的比例（%）"),
);

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "pruning-threshold",
        title: Text::new("Which weights are small", "哪些权重算小"),
        caption: Text::new(
            "The weights of the small model's o_proj: a peak at 0, and the threshold on both sides; what is between the lines goes.",
            "小模型 o_proj 的权重：在 0 处最密，两条竖线是阈值，之间的全部剪掉。",
        ),
        settings: &[PERCENT],
        draw: threshold,
    },
    Picture {
        id: "pruning-mask",
        title: Text::new("What is left of a layer", "剪枝后剩下什么"),
        caption: Text::new(
            "The mask of the small model's o_proj: holes are everywhere, so that memory is saved but a dense kernel is no faster.",
            "小模型 o_proj 的掩码：空洞散布各处，省内存，但稠密内核不会更快。",
        ),
        settings: &[PERCENT],
        draw: mask,
    },
    Picture {
        id: "pruning-loss",
        title: Text::new("The price of sparsity", "稀疏的代价"),
        caption: Text::new(
            "The small model's loss with a share of every layer's weights removed by size, without any training after: nothing happens for long, then all at once.",
            "小模型每层按绝对值剪去一定比例权重后的损失（不再训练）：先长时间不变，然后突然恶化。",
        ),
        settings: &[],
        draw: loss,
    },
];

/// The reference on a weight of the model.
fn pruned(w: &Array2<f32>, sparsity: f64) -> Example {
    let w = w.clone().insert_axis(Along(0)).into_dyn();
    let zeros = Tensor::zeros(w.raw_dim());
    let inputs = Inputs::new()
        .with("w", Value::Float(w))
        .with("velocity", Value::Float(zeros.clone()))
        .with("grad", Value::Float(zeros))
        .with("sparsity", Value::Number(sparsity))
        .with("lr", Value::Number(0.0))
        .with("momentum", Value::Number(0.0));
    Example::of(&PROBLEM, inputs)
}

fn threshold(case: &Case, lang: Lang) -> Parts {
    let w = &Tiny::trained().layers[0].o_proj;
    let example = pruned(w, case.size("percent") as f64 / 100.0);
    let kept = example.step("pruned").iter().filter(|w| **w != 0.0);
    let least = kept.fold(f64::INFINITY, |least, w| least.min(w.abs()));
    let most = w.fold(0.0, |most: f64, w| most.max(f64::from(*w).abs()));
    let values = w.iter().map(|w| f64::from(*w));
    let bars = Curve::histogram(lang.pick("weights", "权重"), values, (-most, most), 80);
    let high = bars
        .points
        .iter()
        .fold(0.0, |high: f64, point| high.max(point.1));
    let mut curves = vec![bars];
    if least.is_finite() {
        let ends = [(-least, high), (least, high)];
        let name = lang.pick(format!("threshold {least:.3}"), format!("阈值 {least:.3}"));
        curves.push(Curve::new(name, '|', Style::Stems, ends));
    }
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("weight", "权重")),
        y: Axis::linear(lang.pick("count", "个数")),
        curves,
    }])
}

fn mask(case: &Case, lang: Lang) -> Parts {
    let w = Tiny::trained().layers[0]
        .o_proj
        .slice(s![..48, ..48])
        .to_owned();
    let example = pruned(&w, case.size("percent") as f64 / 100.0);
    let panel = |name: &str, step: &str| (name.to_string(), example.matrix(step));
    let [sizes, mask] = lang.pick(["|w|", "mask, 1 = kept"], ["|w|", "掩码，1 = 保留"]);
    let sides = lang.pick(
        ["output (row)", "input (column)"],
        ["输出（行）", "输入（列）"],
    );
    Parts::Heat(vec![
        HeatMap::beside(sizes, sides, [panel("", "scores")]),
        HeatMap::beside(mask, sides, [panel("", "mask")]),
    ])
}

fn loss(case: &Case, lang: Lang) -> Parts {
    let corpus = Corpus::held_out(2 + case.seed as usize % 4);
    let point = |percent: usize| {
        let mut model = Tiny::trained();
        for (_, w) in model.linears_mut() {
            let pruned = pruned(w, percent as f64 / 100.0);
            w.assign(&pruned.matrix("pruned").mapv(|w| w as f32));
        }
        (percent as f64, model.loss(&corpus.tokens))
    };
    let percents = [0, 30, 50, 60, 70, 80, 100];
    let entropy = corpus.entropy();
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("weights removed (%)", "剪去的权重（%）")),
        y: Axis::linear(lang.pick("loss (nats per token)", "损失（nat/token）")),
        curves: vec![
            Curve::new(
                lang.pick("the model", "模型"),
                'o',
                Style::Joined,
                percents.map(point),
            ),
            Curve::new(
                lang.pick("entropy of the source", "信源的熵"),
                '-',
                Style::Line,
                [(0.0, entropy), (100.0, entropy)],
            ),
        ],
    }])
}
