//! Distillation of hidden states: a small model learns what the large one computes on the way.

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

mod bugs;
mod claims;
mod laws;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "hidden-state-distillation",
    aliases: &["feature-distillation", "fitnets", "tinybert"],
    title: Text::new("Distillation of hidden states", "隐藏层蒸馏"),
    summary: Text::new(
        "Σ_l MSE(H_s·W, H_t[g(l)]): a learned W bridges the widths, a map g the numbers of layers.",
        "Σ_l MSE(H_s·W, H_t[g(l)])：可学的 W 对齐宽度，映射 g 对齐层数。",
    ),
    part: Part::Compression,
    tracks: &[Track::Algorithms, Track::Phone],
    needs: &["logit-distillation"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Three things must be matched before two states can be subtracted: the layer, the width and the tokens that count.",
            "两个隐藏态相减之前要先对齐三样：层、宽度、有效 token。",
        ),
        Text::new(
            "Index 0 are the embeddings, so l states are l − 1 layers: the map is ⌊i·(m − 1)/(l − 1)⌋. Both ends meet.",
            "下标 0 是嵌入，所以 l 个隐藏态对应 l − 1 层：映射为 ⌊i·(m − 1)/(l − 1)⌋，首尾都对齐。",
        ),
        Text::new(
            "D = mask·(H_s·W − H_t); the loss is Σ D²/(N·q) with N = Σ mask, summed over layers; the gradient is 2/(N·q)·Σ_l H_sᵀ·D.",
            "D = mask·(H_s·W − H_t)；损失为 Σ D²/(N·q)，N = Σ mask，再对层求和；梯度为 2/(N·q)·Σ_l H_sᵀ·D。",
        ),
        Text::new(
            "einsum(\"l n p, p q -> l n q\", …), teacher.select(Axis(0), &map), and einsum(\"l n p, l n q -> p q\", …) are all that it takes; count = max(Σ mask, 1)·q.",
            "einsum(\"l n p, p q -> l n q\", …)、teacher.select(Axis(0), &map)、einsum(\"l n p, l n q -> p q\", …) 就够了；count = max(Σ mask, 1)·q。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};
