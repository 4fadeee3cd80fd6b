//! What the notes say about GPTQ, and what is true.

use super::problem::PROBLEM;
use super::reference::{arguments, output_error, round_to_nearest};
use crate::check::case;
use crate::lesson::{Claim, Verdict};
use crate::problem::Variant;
use crate::text::{Lang, Text};
use ndarray::{Array2, Ix2};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C001",
        verdict: Verdict::Imprecise,
        quote: "从「Transformer 原理」到「线上 4 bit 量化」",
        right: Text::new(
            "4-bit quantization appears as one cell of a checklist and a fragment of 7 lines which is not GPTQ; there is nothing on serving such a model (packing, kernels, groups, what it costs in quality).",
            "笔记里的 4 bit 只有清单里的一格，外加一段 7 行、并不是 GPTQ 的代码；线上部署（打包、kernel、分组、掉点）只字未提。",
        ),
        demo: None,
    },
    Claim {
        id: "C136",
        verdict: Verdict::Imprecise,
        quote: "GPTQ W4A16 掉点 < 1 %",
        right: Text::new(
            "It depends on the size of the model: in the paper's table (4 bits, WikiText2 perplexity) OPT-125M loses 12.5 %, 1.3B 5.7 %, 6.7B 4.9 %, 13B 1.8 %, 30B 0.7 %, 66B 2.2 %, 175B 0.4 %.",
            "取决于模型规模：按论文的表（4 bit、WikiText2 困惑度），OPT-125M 变差 12.5 %，1.3B 5.7 %，6.7B 4.9 %，13B 1.8 %，30B 0.7 %，66B 2.2 %，175B 0.4 %。",
        ),
        demo: Some(by_size),
    },
];

/// Perplexity on WikiText2 before and after, from the paper's table of OPT at 4 bits.
const OPT: [(&str, f64, f64); 7] = [
    ("125M", 27.65, 31.12),
    ("1.3B", 14.63, 15.47),
    ("6.7B", 10.86, 11.39),
    ("13B", 10.13, 10.31),
    ("30B", 9.56, 9.63),
    ("66B", 9.34, 9.55),
    ("175B", 8.34, 8.37),
];

/// The paper's table, and one layer with correlated inputs at several widths of code.
fn by_size(lang: Lang) -> String {
    let lines: Vec<String> = OPT
        .iter()
        .map(|(size, before, after)| {
            let loss = 100.0 * (after / before - 1.0);
            format!("OPT-{size:<6} {before:>6.2} → {after:>6.2}   +{loss:.1} %")
        })
        .collect();
    let layer: Vec<String> = [4, 3, 2].iter().map(|&bits| layer(bits, lang)).collect();
    let heads = lang.pick(
        (
            "GPTQ, 4 bits, perplexity on WikiText2 (Frantar et al. 2022):",
            "One layer, 64 × 64, correlated inputs, one scale for a row: relative error",
        ),
        (
            "GPTQ 4 bit，WikiText2 困惑度（Frantar 等 2022）：",
            "单层 64 × 64，输入相关，每行一个 scale：相对误差",
        ),
    );
    format!(
        "{}\n{}\n\n{}\n{}\n",
        heads.0,
        lines.join("\n"),
        heads.1,
        layer.join("\n")
    )
}

/// Errors of the output and of the weights, with GPTQ and with round-to-nearest.
fn layer(bits: usize, lang: Lang) -> String {
    let sizes = [
        ("r", 64),
        ("c", 64),
        ("n", 256),
        ("group_size", 64),
        ("bits", bits),
    ];
    let sizes = sizes.map(|(name, size)| (name.to_string(), size));
    let Ok(case) = case(&PROBLEM, "correlated", 1, &sizes) else {
        return String::new();
    };
    let inputs = (PROBLEM.inputs)(&case);
    let args = arguments(&inputs);
    let gptq = (PROBLEM.variant)(&inputs, &Variant::default()).swap_remove(0);
    let Ok(gptq) = gptq.into_dimensionality::<Ix2>() else {
        return String::new();
    };
    let nearest = round_to_nearest(&args.weight, args.group_size, args.most);
    let norm = |m: &Array2<f64>| m.mapv(|x| x * x).sum().sqrt();
    let line = |w_hat: &Array2<f64>| {
        let weights = norm(&(&args.weight - w_hat)) / norm(&args.weight);
        (output_error(&args.x, &args.weight, w_hat), weights)
    };
    let ((y, w), (y_nearest, w_nearest)) = (line(&gptq), line(&nearest));
    lang.pick(
        format!(
            "{bits} bits: output {y_nearest:.4} rounded to nearest, {y:.4} GPTQ; weights {w_nearest:.4}, {w:.4}"
        ),
        format!(
            "{bits} bit：输出 就近舍入 {y_nearest:.4}，GPTQ {y:.4}；权重 {w_nearest:.4}，{w:.4}"
        ),
    )
}
