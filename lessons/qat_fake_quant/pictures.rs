//! Fake quantization and its gradient as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use ndarray::IxDyn;

pub const PICTURES: &[Picture] = &[Picture {
    id: "straight-through",
    title: Text::new(
        "Fake quantization, and the gradient that is used for it",
        "伪量化与它所用的梯度",
    ),
    caption: Text::new(
        "Forward it is a staircase, whose true slope is 0 nearly everywhere; backward the straight-through gradient takes it for a line, and is 0 only where codes are clipped.",
        "前向是阶梯，真实斜率几乎处处为 0；反向用直通梯度把它当作直线，只在被截断处为 0。",
    ),
    settings: &[Setting::option("bits", 3, 2, 8, Text::new("bits", "位数"))],
    draw: stairs,
}];

/// The reference over a range of x, with a gradient of 1.
fn stairs(case: &Case, lang: Lang) -> Parts {
    const POINTS: usize = 801;
    let most = 2f64.powf(case.size("bits") as f64 - 1.0) - 1.0;
    let place = |i: usize| 3.0 * (i as f64 / (POINTS - 1) as f64 - 0.5);
    let shape = IxDyn(&[1, POINTS]);
    let x = Tensor::from_shape_fn(shape.clone(), |at| place(at[1]) as f32);
    let inputs = Inputs::new()
        .with("x", Value::Float(x))
        .with("grad_out", Value::Float(Tensor::ones(shape)))
        .with("scale", Value::Number(1.0 / most))
        .with("zero_point", Value::Number(0.0))
        .with("qmin", Value::Number(-most))
        .with("qmax", Value::Number(most));
    let example = Example::of(&PROBLEM, inputs);
    let curve = |name: &str, mark, step: &str| {
        let values = example.step(step).iter().enumerate();
        let points = values.map(|(i, y)| (place(i), *y));
        Curve::new(name, mark, Style::Line, points.collect::<Vec<_>>())
    };
    let x = || Axis::linear("x");
    let [forward, straight] = lang.pick(
        ["fake quantization", "straight-through gradient"],
        ["伪量化", "直通梯度"],
    );
    Parts::Plots(vec![
        Plot {
            title: lang.pick("forward", "前向").to_string(),
            x: x(),
            y: Axis::linear(lang.pick("output", "输出")),
            curves: vec![
                curve(forward, 'q', "x_hat"),
                Curve::new("x", '·', Style::Line, [(-1.5, -1.5), (1.5, 1.5)]),
            ],
        },
        Plot {
            title: lang.pick("backward", "反向").to_string(),
            x: x(),
            y: Axis::linear(lang.pick("gradient of x (grad_out = 1)", "x 的梯度（grad_out = 1）"))
                .within(-0.1, 1.2),
            curves: vec![curve(straight, 'g', "grad_x")],
        },
    ])
}
