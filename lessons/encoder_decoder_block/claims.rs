//! What the notes say about the decoder, and what computing it shows.

use super::PROBLEM;
use crate::lesson::{Claim, Verdict};
use crate::problem::{Deviation, Variant};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::{Lang, Text};
use crate::trace::Trace;
use ndarray::Axis;

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C024",
    verdict: Verdict::Right,
    quote: "Decoder:「Masked 自注意力 → 交叉注意力 → FFN」× N",
    right: Text::new(
        "The order is right for encoder–decoder models (Vaswani et al. 2017, section 3.1). Decoder-only models, which is what «large model» means today, have two sublayers: masked self-attention → FFN. (The line before it, an encoder with cross-attention, is wrong: `llmlab claims C023`.)",
        "对 encoder–decoder 模型，这个次序是对的（Vaswani 等 2017，3.1 节）。而今天说的大模型是 decoder-only，只有两个子层：带掩码的自注意力 → FFN。（它上面那行说编码器有交叉注意力，是错的：见 `llmlab claims C023`。）",
    ),
    demo: Some(dependencies),
}];

/// Which target tokens each position of the decoder depends on, found by changing them.
fn dependencies(lang: Lang) -> String {
    let case = crate::check::case(&PROBLEM, "post-norm", 24, &[]);
    let case = case.expect("a kind of this problem");
    let inputs = (PROBLEM.inputs)(&case);
    let n = case.size("n");
    let run = |inputs: &Inputs, bugs: &[&'static str]| -> Outputs {
        match bugs {
            [] => (PROBLEM.reference)(inputs, &mut Trace::new()),
            bugs => (PROBLEM.variant)(inputs, &Variant(bugs.to_vec())),
        }
    };
    // Position i on token j.
    let table = |bugs: &[&'static str]| -> String {
        let base = run(&inputs, bugs);
        let changed: Vec<Outputs> = (0..n)
            .map(|j| {
                let mut tgt = inputs.float("tgt").clone();
                tgt.index_axis_mut(Axis(1), j).mapv_inplace(|x| 1.0 - x);
                run(&inputs.clone().with("tgt", Value::Float(tgt)), bugs)
            })
            .collect();
        let row = |i: usize| -> String {
            let at = |outputs: &Outputs| vec![outputs[1].index_axis(Axis(1), i).to_owned()];
            let moved = |other: &Outputs| !Deviation::between(&at(&base), &at(other), 1e-9).holds();
            let cell = |other: &Outputs| if moved(other) { " x" } else { " ·" };
            format!(
                "\n  {}{}",
                i + 1,
                changed.iter().map(cell).collect::<String>()
            )
        };
        (0..n).map(row).collect()
    };
    let gap = |bug| Deviation::between(&run(&inputs, &[]), &run(&inputs, &[bug]), 0.0).err;
    let (right, open) = (table(&[]), table(&["decoder-no-mask"]));
    let (swapped, without) = (gap("cross-before-self"), gap("no-cross"));
    lang.pick(
        format!(
            "which target tokens (columns 1 … {n}) the decoder's output at a position (rows) depends on:{right}\n\
             without the causal mask, position 1 knows its answer (token 1) already:{open}\n\
             cross-attention before self-attention moves the output by up to {swapped:.2}, no cross-attention by up to {without:.2}"
        ),
        format!(
            "解码器每个位置（行）的输出依赖哪些目标 token（列 1 … {n}）：{right}\n\
             去掉因果掩码，位置 1 就已经知道答案（token 1）了：{open}\n\
             交叉注意力放到自注意力之前，输出最多变 {swapped:.2}；去掉交叉注意力，最多变 {without:.2}"
        ),
    )
}
