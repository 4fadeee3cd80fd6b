//! What the notes say about calibration, and what is true.

use super::reference::{max_abs, quantile};
use crate::lesson::{Claim, Verdict};
use crate::lessons::affine_quantization::grid::Grid;
use crate::problem::Case;
use crate::text::{Lang, Text};
use std::collections::BTreeMap;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C078",
        verdict: Verdict::Right,
        quote: "校准 512 条",
        right: Text::new(
            "A common default (calib_size=512 in TensorRT-LLM and ModelOpt scripts), not a law: GPTQ takes 128 sequences of 2048 tokens. What counts is that the samples look like what will be served, and that the estimate has settled.",
            "这是常见的默认值（TensorRT-LLM、ModelOpt 脚本里 calib_size=512），不是定律：GPTQ 用 128 段、每段 2048 token。关键是样本要像线上流量，并且估计值已经稳定。",
        ),
        demo: Some(samples),
    },
    Claim {
        id: "C079",
        verdict: Verdict::Imprecise,
        quote: "收 min/max → 算 scale/zero-point",
        right: Text::new(
            "Right for the simplest observer. One outlier sets the step for everything else; percentile, square error and entropy exist for that reason. And the range must hold 0.",
            "对最简单的 observer 是对的。但一个离群值就决定了其余所有数的步长，百分位、均方误差、熵这些方法正是为此而设；区间还必须包含 0。",
        ),
        demo: Some(outlier),
    },
    Claim {
        id: "C081",
        verdict: Verdict::Wrong,
        quote: "校准 → INT8 权重 + FP16 激活(W8A16)",
        right: Text::new(
            "Weight-only quantization needs no activation ranges: activations stay f16, and the range of a weight is known from the weight. Calibration belongs to static W8A8, and to methods that use data for other reasons, such as GPTQ and AWQ.",
            "只量化权重用不到激活的区间：激活保持 f16，权重的区间看权重本身就知道。需要校准的是静态 W8A8，以及另有用途的方法，如 GPTQ、AWQ。",
        ),
        demo: Some(weight_only),
    },
];

fn normal(seed: u64, count: usize) -> Vec<f64> {
    let case = Case {
        kind: "demo",
        seed,
        settings: BTreeMap::from([("n", count)]),
    };
    let drawn = case.normal("x", "n", 1.0);
    drawn.iter().map(|&x| f64::from(x)).collect()
}

fn rms(x: &[f64], grid: Grid) -> f64 {
    let square = |x: &f64| (x - grid.nearest(*x)).powi(2);
    (x.iter().map(square).sum::<f64>() / x.len() as f64).sqrt()
}

fn percentile(x: &[f64], p: f64) -> f64 {
    let mut sizes: Vec<f64> = x.iter().map(|x| x.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    quantile(&sizes, p / 100.0)
}

/// Thresholds from more and more samples of 256 numbers.
fn samples(lang: Lang) -> String {
    let all = normal(5, 512 * 256);
    let head = lang.pick(
        "samples   max|x|   99.9 % of |x|   RMS error in 8 bits",
        "样本数    max|x|   |x| 的 99.9 %   8 位均方根误差",
    );
    let line = |count: usize| {
        let x = &all[..count * 256];
        let (max, part) = (max_abs(x), percentile(x, 99.9));
        let error = rms(&all, Grid::symmetric(part, 8.0));
        format!("{count:<9} {max:<8.3} {part:<15.3} {error:.5}")
    };
    let lines = [1, 8, 64, 128, 512].map(line);
    format!("{head}\n{}\n", lines.join("\n"))
}

/// 10 000 normal numbers, and one that is 100 times the largest of them.
fn outlier(lang: Lang) -> String {
    let x = normal(9, 10_000);
    let far = [x.clone(), vec![100.0 * max_abs(&x)]].concat();
    let head = lang.pick(
        "RMS error of the 10 000, 8 bits   without outlier   with it",
        "那 10 000 个数的均方根误差（8 位）   无离群值   有离群值",
    );
    let line = |name: &str, threshold: &dyn Fn(&[f64]) -> f64| {
        let error = |seen: &[f64]| rms(&x, Grid::symmetric(threshold(seen), 8.0));
        format!("{name:<33} {:<17.4} {:.4}", error(&x), error(&far))
    };
    let max = line("min/max", &|x| max_abs(x));
    let part = line("99.9 %", &|x| percentile(x, 99.9));
    format!("{head}\n{max}\n{part}\n")
}

/// A weight in 8 bits, beside two sets of calibration data.
fn weight_only(lang: Lang) -> String {
    let w = normal(2, 4096);
    let head = lang.pick(
        "calibration data      scale of W in W8A16   scale of x in static W8A8",
        "校准数据              W8A16 中 W 的 scale   静态 W8A8 中 x 的 scale",
    );
    let line = |name: &str, size: f64| {
        let data = normal(7, 2048);
        let x = Grid::symmetric(size * max_abs(&data), 8.0);
        let w = Grid::symmetric(max_abs(&w), 8.0);
        format!("{name:<21} {:<21.6} {:.6}", w.scale, x.scale)
    };
    let [a, b] = lang.pick(["chat", "code"], ["对话", "代码"]);
    format!("{head}\n{}\n{}\n", line(a, 1.0), line(b, 3.0))
}
