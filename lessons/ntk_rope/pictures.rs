//! Stretched frequencies as pictures.

use super::problem::PROBLEM;
use crate::lessons::rope::inv_freq;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use std::f64::consts::TAU;

const FACTOR: Setting = Setting::option(
    "factor",
    4,
    1,
    1024,
    Text::new("how many times longer", "要变长多少倍"),
);
const BASE: Setting = Setting::option(
    "rope_theta",
    10_000,
    2,
    100_000_000,
    Text::new("base of the frequencies", "频率的底数 base"),
);

pub const PICTURES: &[Picture] = &[Picture {
    id: "rope-frequencies",
    title: Text::new(
        "RoPE's pairs under PI, NTK and YaRN",
        "PI、NTK、YaRN 下 RoPE 各对的频率",
    ),
    caption: Text::new(
        "Pairs that turn often within the training length should keep their wavelength, slow ones should be stretched: PI stretches all, NTK bends the curve, YaRN does each by its turns.",
        "训练长度内转很多圈的对应保持波长，转得慢的对应拉长：PI 全部拉长，NTK 把曲线整体弯过去，YaRN 按圈数逐对处理。",
    ),
    settings: &[
        Setting::axis("d", 128, Text::new("head_dim", "head_dim")).multiple_of(4),
        FACTOR,
        Setting::option(
            "trained",
            4096,
            1,
            1 << 20,
            Text::new("training length", "训练长度"),
        ),
        BASE,
    ],
    draw: frequencies,
}];

fn frequencies(case: &Case, lang: Lang) -> Parts {
    let [d, factor, trained, base] =
        ["d", "factor", "trained", "rope_theta"].map(|name| case.size(name));
    let plain = inv_freq(d, base as f64).to_vec();
    let pi = plain.iter().map(|theta| theta / factor as f64).collect();
    let scaled = |method: usize| {
        let settings = [
            ("n", 1),
            ("p", d / 2),
            ("method", method),
            ("factor", factor),
            ("trained", trained),
            ("rope_theta", base),
        ];
        let example = Example::new(&PROBLEM, case.seed, &settings);
        example.step("scaled").iter().copied().collect::<Vec<f64>>()
    };
    let all = [
        (lang.pick("plain RoPE", "原始 RoPE"), 'r', plain.clone()),
        (
            lang.pick("position interpolation", "位置插值（PI）"),
            'p',
            pi,
        ),
        ("NTK-aware", 'n', scaled(0)),
        ("YaRN", 'y', scaled(3)),
    ];
    let pair = || Axis::linear(lang.pick("pair i", "第 i 对"));
    let curves = |of: &dyn Fn(usize, f64) -> f64| {
        let curves = all.iter().map(|(name, mark, theta)| {
            let points = theta
                .iter()
                .enumerate()
                .map(|(i, theta)| (i as f64, of(i, *theta)));
            Curve::new(*name, *mark, Style::Line, points.collect::<Vec<_>>())
        });
        curves.collect::<Vec<_>>()
    };
    let mut wavelengths = curves(&|_, theta| TAU / theta);
    let length = [(0.0, trained as f64), ((d / 2 - 1) as f64, trained as f64)];
    let name = lang.pick("training length", "训练长度");
    wavelengths.push(Curve::new(name, '-', Style::Line, length));
    Parts::Plots(vec![
        Plot {
            title: lang.pick("wavelength", "波长").to_string(),
            x: pair(),
            y: Axis::log(lang.pick("tokens per turn", "转一圈的 token 数")),
            curves: wavelengths,
        },
        Plot {
            title: lang.pick("slowed by", "放慢的倍数").to_string(),
            x: pair(),
            y: Axis::linear(lang.pick("plain θ / new θ", "原 θ / 新 θ")),
            curves: curves(&|i, theta| plain[i] / theta),
        },
    ])
}
