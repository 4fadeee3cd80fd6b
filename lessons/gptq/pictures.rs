//! GPTQ as pictures.

use super::problem::PROBLEM;
use super::reference::{arguments, round_to_nearest};
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, HeatMap, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Value};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, Tiny};
use ndarray::{Array2, s};

const BITS: Setting = Setting::option("bits", 3, 2, 8, Text::new("bits", "位数"));

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "gptq-error",
        title: Text::new(
            "GPTQ beside rounding, column by column",
            "GPTQ 与就近取整，逐列比较",
        ),
        caption: Text::new(
            "GPTQ changes the weights more than rounding does, and the layer's output less: what a column loses, later columns make up for.",
            "GPTQ 对权重的改动比就近取整更大，层输出的误差却更小：前面列的误差由后面的列补偿。",
        ),
        settings: &[BITS],
        draw: by_column,
    },
    Picture {
        id: "gptq-error-map",
        title: Text::new("Where GPTQ moves the weights", "GPTQ 把权重改到了哪里"),
        caption: Text::new(
            "The first columns are only rounded; to the right, weights carry the errors of all columns before them.",
            "最左边的列只是取整；越往右，权重里累积的前面各列的误差越多。",
        ),
        settings: &[BITS],
        draw: map,
    },
];

/// Four rows of the small model's q_proj with what it reads, and both ways to round them.
fn rounded(case: &Case) -> (Array2<f64>, [Array2<f64>; 2]) {
    let model = Tiny::trained();
    let mut read = Array2::zeros((0, 0));
    model.forward_with(&Corpus::trained(2).tokens, &mut |name, x| {
        if name == "layers.0.self_attn.q_proj" {
            read = x.to_owned();
        }
    });
    let columns = 64.min(read.ncols());
    let weight = model.layers[0].q_proj.slice(s![..16, ..columns]).to_owned();
    let x = read.slice(s![.., ..columns]).to_owned();
    let inputs = Inputs::new()
        .with("weight", Value::Float(weight.into_dyn()))
        .with("x", Value::Float(x.into_dyn()))
        .with("bits", Value::Number(case.size("bits") as f64))
        .with("group_size", Value::Number(columns as f64))
        .with("percdamp", Value::Number(0.01))
        .with("act_order", Value::Number(0.0));
    let args = arguments(&inputs);
    let nearest = round_to_nearest(&args.weight, args.group_size, args.most);
    let example = Example::of(&PROBLEM, inputs);
    let gptq = example.matrix("w_hat");
    (args.x, [nearest - &args.weight, gptq - &args.weight])
}

fn by_column(case: &Case, lang: Lang) -> Parts {
    let (x, errors) = rounded(case);
    let names = lang.pick(["rounding", "GPTQ"], ["就近取整", "GPTQ"]);
    let curves = |of: &dyn Fn(&Array2<f64>, usize) -> f64| {
        let curves = errors
            .iter()
            .zip(names)
            .zip(['r', 'g'])
            .map(|((error, name), mark)| {
                let points = (0..error.ncols()).map(|c| (c as f64, of(error, c)));
                Curve::new(name, mark, Style::Line, points)
            });
        curves.collect::<Vec<_>>()
    };
    let norm = |x: &Array2<f64>| x.mapv(|x| x * x).sum().sqrt();
    // The output error with the columns up to c rounded, as the algorithm has left them.
    let output = |error: &Array2<f64>, c: usize| {
        let done = x.slice(s![.., ..=c]).dot(&error.slice(s![.., ..=c]).t());
        norm(&done) / (x.nrows() as f64).sqrt()
    };
    let column = || Axis::linear(lang.pick("column (input of the layer)", "列（层的输入）"));
    Parts::Plots(vec![
        Plot {
            title: lang.pick("change of the weights", "权重的改动").to_string(),
            x: column(),
            y: Axis::linear(lang.pick("‖w − w′‖ of a column", "一列的 ‖w − w′‖")),
            curves: curves(&|error, c| norm(&error.slice(s![.., c..=c]).to_owned())),
        },
        Plot {
            title: lang
                .pick("error of the output so far", "到此列为止的输出误差")
                .to_string(),
            x: column(),
            y: Axis::linear(lang.pick(
                "‖x·(w − w′)‖, columns up to here (RMS)",
                "‖x·(w − w′)‖，前若干列（RMS）",
            )),
            curves: curves(&output),
        },
    ])
}

fn map(case: &Case, lang: Lang) -> Parts {
    let (_, [nearest, gptq]) = rounded(case);
    let panels = [
        (lang.pick("rounding", "就近取整").to_string(), nearest),
        ("GPTQ".to_string(), gptq),
    ];
    let sides = lang.pick(
        ["row (output)", "column (input)"],
        ["行（输出）", "列（输入）"],
    );
    let title = lang.pick("change of a weight", "权重的改动量");
    Parts::Heat(vec![HeatMap::beside(title, sides, panels)])
}
