//! What the notes say about weight-only INT8, and what is true.

use super::reference::norm;
use crate::lesson::{Claim, Verdict};
use crate::lessons::affine_quantization::grid::Grid;
use crate::ops::einsum;
use crate::problem::Case;
use crate::tensor::max_abs;
use crate::text::{Lang, Text};
use ndarray::{ArrayD, Axis};
use std::collections::BTreeMap;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C080",
        verdict: Verdict::Right,
        quote: "INT8 权重 + FP16 激活(W8A16)",
        right: Text::new(
            "The definition is right: weights in 8 bits, activations and arithmetic in 16.",
            "定义正确：权重 8 位，激活和运算 16 位。",
        ),
        demo: Some(bytes),
    },
    Claim {
        id: "C082",
        verdict: Verdict::Unsupported,
        quote: "掉点 < 0.3 BLEU",
        right: Text::new(
            "No source. BLEU measures translation; quantization of LLMs is reported as perplexity and zero-shot accuracy. The direction is right: with a scale per output channel 8 bits change a Gaussian matrix, and its outputs, by about 0.75 %.",
            "没有出处。BLEU 评的是翻译；LLM 量化一般报困惑度和零样本准确率。方向没错：按输出通道量化时，8 位对高斯矩阵及其输出的改变约 0.75 %。",
        ),
        demo: Some(errors),
    },
    Claim {
        id: "C083",
        verdict: Verdict::Wrong,
        quote: "CUDA kernel cutlass_w8a16_gemm",
        right: Text::new(
            "CUTLASS has no such symbol. What exists: the mixed-input GEMM of CUTLASS (example 55), fpA_intB_gemm of FasterTransformer and TensorRT-LLM, Marlin in vLLM.",
            "CUTLASS 里没有这个符号。真实存在的有：CUTLASS 的 mixed-input GEMM（example 55）、FasterTransformer 与 TensorRT-LLM 的 fpA_intB_gemm、vLLM 的 Marlin。",
        ),
        demo: None,
    },
    Claim {
        id: "C084",
        verdict: Verdict::Imprecise,
        quote: "加速 2×",
        right: Text::new(
            "The upper bound, reached only where reading weights takes all the time: decoding with few sequences. With many tokens at once (prefill, large batches) the product is limited by arithmetic, which stays f16, and the gain is none.",
            "这是上限，只有时间全花在读权重上（少量序列的解码）才达得到。token 一多（prefill、大 batch）就受限于仍是 f16 的算力，没有加速。",
        ),
        demo: Some(roofline),
    },
];

fn normal(name: &str, n: usize, k: usize) -> ArrayD<f64> {
    let case = Case {
        kind: "demo",
        seed: 4,
        settings: BTreeMap::from([("n", n), ("k", k)]),
    };
    case.normal(name, "n k", 1.0).mapv(f64::from)
}

fn bytes(lang: Lang) -> String {
    let (n, k) = (4096.0, 4096.0);
    let mib = |bytes: f64| bytes / (1024.0 * 1024.0);
    let (half, byte) = (mib(2.0 * n * k), mib(n * k + 4.0 * n));
    let bits = 8.0 + 32.0 / k;
    lang.pick(
        format!(
            "4096×4096 in f16:                   {half:.2} MiB\n4096×4096 in int8 with f32 scales: {byte:.2} MiB, {bits:.3} bits per weight\n"
        ),
        format!(
            "4096×4096，f16：               {half:.2} MiB\n4096×4096，int8 加 f32 scale：{byte:.2} MiB，每权重 {bits:.3} 位\n"
        ),
    )
}

/// Relative errors of a Gaussian matrix and of its outputs.
fn errors(lang: Lang) -> String {
    let (w, x) = (normal("w", 256, 512), normal("x", 64, 512));
    let y = einsum("m k, n k -> m n", &[&x, &w]);
    let line = |name: &str, back: ArrayD<f64>| {
        let gap = einsum("m k, n k -> m n", &[&x, &back]) - &y;
        let (weights, outputs) = (norm(&(&back - &w)) / norm(&w), norm(&gap) / norm(&y));
        format!(
            "{name:<22} {:<10.3} {:.3}",
            100.0 * weights,
            100.0 * outputs
        )
    };
    let mut rows = w.clone();
    for mut row in rows.axis_iter_mut(Axis(0)) {
        let grid = Grid::symmetric(max_abs(row.view()), 8.0);
        row.mapv_inplace(|w| grid.nearest(w));
    }
    let whole = Grid::symmetric(max_abs(&w), 8.0);
    let tensor = w.mapv(|w| whole.nearest(w));
    let (head, names) = lang.pick(
        (
            "256×512, Gaussian      weights %  outputs %",
            ["per output channel", "per tensor"],
        ),
        (
            "256×512 高斯           权重 %     输出 %",
            ["按输出通道", "整个张量"],
        ),
    );
    format!(
        "{head}\n{}\n{}\n",
        line(names[0], rows),
        line(names[1], tensor)
    )
}

/// Ideal times of x·wᵀ with w 4096×4096 on a device with 989 TFLOP/s in f16 and 3.35 TB/s (an H100).
fn roofline(lang: Lang) -> String {
    let (peak, bandwidth, n) = (989e12, 3.35e12, 4096.0);
    let time = |m: f64, weight: f64| {
        let bytes = weight * n * n + 2.0 * 2.0 * m * n;
        (2.0 * m * n * n / peak).max(bytes / bandwidth) * 1e6
    };
    let head = lang.pick(
        "tokens   f16 µs   W8A16 µs   gain",
        "token    f16 µs   W8A16 µs   加速",
    );
    let line = |m: f64| {
        let (half, byte) = (time(m, 2.0), time(m, 1.0));
        format!("{m:<8} {half:<8.2} {byte:<10.2} {:.2}×", half / byte)
    };
    let lines = [1.0, 64.0, 256.0, 512.0, 2048.0].map(line);
    format!("{head}\n{}\n", lines.join("\n"))
}
