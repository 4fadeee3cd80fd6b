//! Activations as pictures.

use super::reference::{gelu, silu};
use crate::problem::Case;
use crate::show::{Axis, Curve, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};

pub const PICTURES: &[Picture] = &[Picture {
    id: "activations",
    title: Text::new("GELU, SiLU and ReLU", "GELU、SiLU 与 ReLU"),
    caption: Text::new(
        "Far from 0 they are alike; near 0 GELU and SiLU are smooth and dip below 0, so that a gradient passes where ReLU has none.",
        "远离 0 时三者相同；在 0 附近 GELU 与 SiLU 平滑且略低于 0，ReLU 没有梯度的地方它们仍有梯度。",
    ),
    settings: &[],
    draw: activations,
}];

type Function = fn(f64) -> f64;

fn activations(_: &Case, lang: Lang) -> Parts {
    const STEP: f64 = 1e-4;
    let functions: [(&str, char, Function); 3] = [
        ("GELU", 'g', gelu),
        ("SiLU", 's', silu),
        ("ReLU", 'r', |z| z.max(0.0)),
    ];
    let places = || (-160..=160).map(|i| f64::from(i) / 40.0 + 1e-3);
    let curves = |of: &dyn Fn(Function, f64) -> f64| {
        let curves = functions.iter().map(|(name, mark, f)| {
            Curve::new(*name, *mark, Style::Line, places().map(|z| (z, of(*f, z))))
        });
        curves.collect::<Vec<_>>()
    };
    Parts::Plots(vec![
        Plot {
            title: lang.pick("value", "函数值").to_string(),
            x: Axis::linear("z"),
            y: Axis::linear("f(z)"),
            curves: curves(&|f, z| f(z)),
        },
        Plot {
            title: lang.pick("slope", "导数").to_string(),
            x: Axis::linear("z"),
            y: Axis::linear("f′(z)"),
            curves: curves(&|f, z| (f(z + STEP) - f(z - STEP)) / (2.0 * STEP)),
        },
    ])
}
