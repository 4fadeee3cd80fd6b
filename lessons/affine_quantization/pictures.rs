//! Affine quantization as pictures.

use super::grid::Grid;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, GAP, HELD_OUT, Tiny};

const BITS: Setting = Setting::option("bits", 4, 2, 8, Text::new("bits", "位数"));

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "quantization-histogram",
        title: Text::new(
            "Values and the levels that stand for them",
            "数值分布与量化格点",
        ),
        caption: Text::new(
            "What the last layer's down_proj of the small model reads, after SwiGLU; one outlier stretches the range, and most levels stand where there are few values.",
            "小模型末层 down_proj 的输入（SwiGLU 之后）：个别离群值撑大范围，多数格点落在几乎没有数值的地方。",
        ),
        settings: &[BITS],
        draw: levels,
    },
    Picture {
        id: "quantization-error",
        title: Text::new("The error of rounding", "舍入误差"),
        caption: Text::new(
            "Inside the range the error is a saw of at most half a step; outside, it grows without end.",
            "范围内误差呈锯齿形，最多半个步长；范围外误差不断增大。",
        ),
        settings: &[BITS],
        draw: saw,
    },
];

fn levels(case: &Case, lang: Lang) -> Parts {
    let model = Tiny::trained();
    let tokens = Corpus::new(HELD_OUT + case.seed, 4, 64, GAP).tokens;
    let last = format!("layers.{}.mlp.down_proj", model.layers.len() - 1);
    let mut values = Vec::new();
    model.forward_with(&tokens, &mut |name, x| {
        if name == last {
            values = x.iter().map(|x| f64::from(*x)).collect();
        }
    });
    let (low, high) = values.iter().fold((0.0_f64, 0.0_f64), |(low, high), x| {
        (low.min(*x), high.max(*x))
    });
    let bits = case.size("bits") as f64;
    let plot = |name: &str, grid: Grid| {
        let bars = Curve::histogram(
            lang.pick("values", "数值"),
            values.iter().copied(),
            (low, high),
            60,
        );
        let bars = Curve {
            points: bars
                .points
                .into_iter()
                .map(|(x, count)| (x, (1.0 + count).log10()))
                .collect(),
            ..bars
        };
        let most = bars
            .points
            .iter()
            .fold(0.0, |most: f64, point| most.max(point.1));
        let codes = grid.least as i64..=grid.most as i64;
        let levels = codes.map(|code| (grid.value(code as f64), -0.06 * most));
        let square = |x: &f64| (x - grid.nearest(*x)).powi(2);
        let rms = (values.iter().map(square).sum::<f64>() / values.len() as f64).sqrt();
        let size = (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt();
        let percent = 100.0 * rms / size;
        Plot {
            title: lang.pick(
                format!("{name}: RMS error {percent:.0} % of the values"),
                format!("{name}：RMS 误差为数值的 {percent:.0} %"),
            ),
            x: Axis::linear(lang.pick("value", "取值")),
            y: Axis::linear(lang.pick("log10(1 + count)", "log10(1 + 个数)")),
            curves: vec![
                bars,
                Curve::new(lang.pick("levels", "格点"), '|', Style::Stems, levels),
            ],
        }
    };
    let [symmetric, asymmetric] = lang.pick(["symmetric", "asymmetric"], ["对称", "非对称"]);
    Parts::Plots(vec![
        plot(symmetric, Grid::symmetric(high.max(-low), bits)),
        plot(asymmetric, Grid::asymmetric(low, high, bits)),
    ])
}

fn saw(case: &Case, lang: Lang) -> Parts {
    let grid = Grid::symmetric(1.0, case.size("bits") as f64);
    let half = grid.scale / 2.0;
    let points = (-1300..=1300).map(|i| f64::from(i) / 1000.0);
    let error = points.map(|x| (x, x - grid.nearest(x)));
    let bound = |name: &str, y: f64| Curve::new(name, '-', Style::Line, [(-1.0, y), (1.0, y)]);
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("x (range −1 … 1)", "x（范围 −1 … 1）")),
        y: Axis::linear(lang.pick("error x − Q(x)", "误差 x − Q(x)")),
        curves: vec![
            Curve::new(lang.pick("error", "误差"), 'o', Style::Line, error),
            bound(lang.pick("half a step", "半个步长"), half),
            bound("", -half),
        ],
    }])
}
