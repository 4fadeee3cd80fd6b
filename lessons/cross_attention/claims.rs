//! What the notes say about cross-attention, and what computing it shows.

use super::PROBLEM;
use crate::lesson::{Claim, Verdict};
use crate::lessons::multi_head_attention;
use crate::problem::Case;
use crate::tensor::{Inputs, Value, max_abs};
use crate::text::{Lang, Text};
use crate::trace::Trace;

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C023",
    verdict: Verdict::Wrong,
    quote: "Encoder:「自注意力 → 交叉注意力 → FFN」× N",
    right: Text::new(
        "An encoder layer has two sublayers: self-attention and FFN. Cross-attention stands in the decoder only: it needs a second sequence to read, and the encoder has none (Vaswani et al. 2017, §3.1). With its own input as memory it would be self-attention once more.",
        "编码器层只有两个子层：自注意力与 FFN。交叉注意力只出现在解码器里：它需要第二个序列可读，而编码器没有（Vaswani 等 2017，§3.1）。若把编码器自己的输入当 memory，那不过是再做一次自注意力。",
    ),
    demo: Some(encoder),
}];

/// Parameters by name and shape, and what cross-attention on one's own input is.
fn encoder(lang: Lang) -> String {
    let (d, layers, ffn) = (512, 6, 2048);
    let inputs = inputs(&[("h", 8), ("dk", d / 8), ("c", d)]);
    let attention: usize = ["w_q", "w_k", "w_v", "w_o"]
        .iter()
        .map(|name| inputs.float(name).len())
        .sum();
    let right = attention + 2 * d * ffn;
    let notes = 2 * attention + 2 * d * ffn;

    // Cross-attention with memory = x against self-attention with the same weights.
    let own = self::inputs(&[("n", 5), ("m", 5), ("c", 9), ("padding", 0)]);
    let own = own
        .clone()
        .with("memory", Value::Float(own.float("x").clone()));
    let cross = &(PROBLEM.reference)(&own, &mut Trace::new())[0];
    let same = &(multi_head_attention::PROBLEM.reference)(&own, &mut Trace::new())[0];
    format!(
        "{}\n  {} {right}\n  {} {notes}\n  {} {attention}  (× {layers} = {})\n{} {}",
        lang.pick(
            "weights of one encoder layer, d = 512, d_ff = 2048, no biases",
            "一个编码器层的权重数，d = 512，d_ff = 2048，不计偏置",
        ),
        lang.pick("self-attention, FFN:", "自注意力、FFN："),
        lang.pick(
            "self-attention, cross-attention, FFN (the notes):",
            "自注意力、交叉注意力、FFN（笔记）：",
        ),
        lang.pick("too many: 4d² =", "多出 4d² ="),
        attention * layers,
        lang.pick(
            "cross-attention on its own input against self-attention: max |Δ| =",
            "以自己的输入为 memory 的交叉注意力与自注意力之差：max |Δ| =",
        ),
        max_abs(&(cross - same)),
    )
}

fn inputs(sizes: &[(&'static str, usize)]) -> Inputs {
    let mut case = Case {
        kind: "demo",
        seed: 0,
        settings: PROBLEM
            .settings
            .iter()
            .map(|s| (s.name, s.default))
            .collect(),
    };
    case.settings.extend(sizes.iter().copied());
    (PROBLEM.inputs)(&case)
}
