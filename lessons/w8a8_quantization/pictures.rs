//! Outliers and their smoothing as pictures.

use super::problem::PROBLEM;
use super::reference::{codes, error, largest, scales};
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, HeatMap, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Value};
use crate::text::{Lang, Text};
use ndarray::{Array2, Axis as Along};

const C: Setting = Setting::axis("c", 32, Text::new("input channels", "输入通道数"));
const N: Setting = Setting::axis("n", 24, Text::new("tokens", "token 数"));

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "activation-outliers",
        title: Text::new("Outlier channels, and smoothing", "离群通道与平滑"),
        caption: Text::new(
            "Codes of 8 bits, one scale for each token: two channels take the range, and the others are left with a few codes, until smoothing moves their size into the weights.",
            "8 位码，每个 token 一个 scale：两个通道占满范围，其余通道只剩几个码；平滑把它们的幅度移到权重里。",
        ),
        settings: &[N, C],
        draw: outliers,
    },
    Picture {
        id: "smoothing-strength",
        title: Text::new("How much to smooth: α", "平滑强度 α"),
        caption: Text::new(
            "α moves size from activations (0) into weights (1); the error of the product is least in between.",
            "α 决定把多少幅度从激活（0）移到权重（1）；乘积的误差在中间最小。",
        ),
        settings: &[N, C],
        draw: strength,
    },
];

/// Inputs with two outlier channels.
fn inputs(case: &Case) -> Inputs {
    let settings = [
        ("n", case.size("n")),
        ("c", case.size("c")),
        ("r", 48),
        ("inputs", 1),
    ];
    Example::new(&PROBLEM, case.seed, &settings).inputs
}

fn smoothed(inputs: &Inputs, alpha: f64) -> Example {
    let inputs = inputs.clone().with("alpha", Value::Number(alpha));
    Example::of(&PROBLEM, inputs)
}

fn matrix(example: &Example, name: &str) -> Array2<f64> {
    example
        .inputs
        .f64(name)
        .into_dimensionality()
        .expect("two axes")
}

fn outliers(case: &Case, lang: Lang) -> Parts {
    let example = smoothed(&inputs(case), 0.5);
    let x = matrix(&example, "x");
    let plain = codes(&x, &scales(&x)).mapv(f64::abs);
    let smooth = example.matrix("x_codes").mapv(f64::abs);
    let panels = [
        (lang.pick("as they come", "原样").to_string(), plain),
        (
            lang.pick("smoothed, α = 0.5", "平滑后，α = 0.5")
                .to_string(),
            smooth,
        ),
    ];
    let sides = lang.pick(["token", "channel"], ["token", "通道"]);
    let title = lang.pick("|code|, 0 … 127", "码的绝对值，0 … 127");
    Parts::Heat(vec![HeatMap::beside(title, sides, panels)])
}

fn strength(case: &Case, lang: Lang) -> Parts {
    let inputs = inputs(case);
    let alphas = (0..=20).map(|i| f64::from(i) / 20.0);
    let examples: Vec<(f64, Example)> = alphas
        .map(|alpha| (alpha, smoothed(&inputs, alpha)))
        .collect();
    let points = |of: &dyn Fn(&Example) -> f64| {
        let points = examples
            .iter()
            .map(|(alpha, example)| (*alpha, of(example)));
        points.collect::<Vec<_>>()
    };
    let product = |example: &Example| {
        let y = example.matrix("y");
        100.0 * error(&y, &matrix(example, "x"), &matrix(example, "weight"))
    };
    // How much larger the largest channel is than the median one.
    let spread = |step: &'static str| {
        move |example: &Example| {
            let x = example.matrix(step);
            let mut sizes: Vec<f64> = x.axis_iter(Along(1)).map(|c| largest(c.iter())).collect();
            sizes.sort_by(f64::total_cmp);
            sizes[sizes.len() - 1] / sizes[sizes.len() / 2].max(1e-300)
        }
    };
    let alpha = || Axis::linear("α");
    let [activations, weights] = lang.pick(["activations", "weights"], ["激活", "权重"]);
    Parts::Plots(vec![
        Plot {
            title: lang.pick("error of the product", "乘积的误差").to_string(),
            x: alpha(),
            y: Axis::log(lang.pick("error (% of the norm)", "误差（占范数的 %）")),
            curves: vec![Curve::new("", 'o', Style::Joined, points(&product))],
        },
        Plot {
            title: lang
                .pick("largest channel / median channel", "最大通道 / 中位通道")
                .to_string(),
            x: alpha(),
            y: Axis::log(lang.pick("ratio of sizes", "幅度之比")),
            curves: vec![
                Curve::new(activations, 'a', Style::Line, points(&spread("x_smooth"))),
                Curve::new(weights, 'w', Style::Line, points(&spread("w_smooth"))),
            ],
        },
    ])
}
