//! What the notes say about W8A8, and what is true.

use super::problem::PROBLEM;
use super::reference::{arguments, error};
use super::variants::product;
use crate::check::case;
use crate::lesson::{Claim, Verdict};
use crate::problem::Variant;
use crate::text::{Lang, Text};

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C156",
    verdict: Verdict::Imprecise,
    quote: "PTQ 还是 QAT;W4A16 与 W8A8",
    right: Text::new(
        "Two independent questions: how a quantised model is obtained (PTQ or QAT) and which tensors have how many bits (W4A16, W8A8). SmoothQuant is W8A8 by PTQ. W4A16 saves bytes, which helps decoding (limited by memory); W8A8 saves arithmetic, which helps prefill and large batches.",
        "这是两个独立的问题：量化模型怎么得到（PTQ 还是 QAT），以及哪些张量用几位（W4A16、W8A8）。SmoothQuant 就是用 PTQ 得到 W8A8。W4A16 省字节，利于受带宽限制的解码；W8A8 省算力，利于 prefill 和大批量。",
    ),
    demo: Some(axes),
}];

/// Time of a 4096 × 4096 layer by the roofline of an H100, and what smoothing does to the error.
fn axes(lang: Lang) -> String {
    // Bytes per second, FLOP/s in f16, operations per second in int8 (dense, from the data sheet).
    let (bandwidth, half, int8) = (3.35e12, 989e12, 1979e12);
    let n = 4096.0;
    let line = |tokens: f64| {
        let work = 2.0 * tokens * n * n;
        let time = |weight: f64, activation: f64, speed: f64| {
            let bytes = weight * n * n + 2.0 * activation * tokens * n;
            (bytes / bandwidth).max(work / speed) * 1e6
        };
        let (plain, w4, w8) = (
            time(2.0, 2.0, half),
            time(0.5, 2.0, half),
            time(1.0, 1.0, int8),
        );
        format!(
            "{tokens:>6} {plain:>10.1} {w4:>9.1} {w8:>9.1}   {:.2}× {:.2}×",
            plain / w4,
            plain / w8
        )
    };
    let lines: Vec<String> = [1.0, 64.0, 1024.0, 8192.0].map(line).to_vec();
    let head = lang.pick(
        "tokens   W16A16 µs     W4A16      W8A8   speed-up of either",
        "token 数 W16A16 µs     W4A16      W8A8   各自加速",
    );
    let Ok(case) = case(&PROBLEM, "outliers", 1, &[]) else {
        return String::new();
    };
    let args = arguments(&(PROBLEM.inputs)(&case));
    let of = |ids: &[&'static str]| {
        let y = product(&args, &Variant(ids.to_vec())).y;
        100.0 * error(&y, &args.x, &args.weight)
    };
    let (smooth, plain, tensor) = (
        of(&[]),
        of(&["no-smoothing"]),
        of(&["no-smoothing", "per-tensor-activation", "per-tensor-weight"]),
    );
    let tail = lang.pick(
        format!(
            "W8A8 by PTQ, two outlier inputs: error {tensor:.2} % with one scale, {plain:.2} % per token and row, {smooth:.2} % smoothed"
        ),
        format!(
            "PTQ 得到的 W8A8，两个离群通道：全局 scale 误差 {tensor:.2} %，逐 token、逐行 {plain:.2} %，加平滑 {smooth:.2} %"
        ),
    );
    format!("{head}\n{}\n\n{tail}\n", lines.join("\n"))
}
