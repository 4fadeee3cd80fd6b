//! Attention in einsum: the second exercise of the attention lesson.

mod bugs;
mod laws;
mod problem;
mod reference;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "einsum-attention",
    aliases: &["einsum"],
    title: Text::new("Attention in einsum", "用 einsum 写注意力"),
    summary: Text::new(
        "the whole layer in six lines of named axes, heads included, and what a wrong name computes",
        "用带名字的轴六行写完整层（含多头），以及轴名写错时算出来的是什么",
    ),
    part: Part::Transformer,
    tracks: &[Track::Whiteboard],
    needs: &["attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Write the axes under every operand before any code: x [b n d], w_q [d h k], so q is [b n h k]. Which letter disappears? Only that one is summed.",
            "先在每个操作数下面写出轴：x [b n d]、w_q [d h k]，所以 q 是 [b n h k]。哪个字母消失了？只有它被求和。",
        ),
        Text::new(
            "Queries and memory need two names, n and m. The head axis h stands in both operands and in the result: it is a batch axis, and nothing has to be transposed.",
            "查询与 memory 要用两个名字：n 和 m。头轴 h 在两个操作数和结果里都出现：它是批轴，不需要任何转置。",
        ),
        Text::new(
            "scores = einsum(\"b n h k, b m h k -> b h n m\", &[&q, &k]) / √k; add the mask; softmax over axis 3, which is m.",
            "scores = einsum(\"b n h k, b m h k -> b h n m\", &[&q, &k]) / √k；加掩码；沿第 3 轴（即 m）做 softmax。",
        ),
        Text::new(
            "einsum(\"b h n m, b m h e -> b n h e\", &[&weights, &v]), then einsum(\"b n h e, h e d -> b n d\", &[&heads, w_o]): the last one sums over heads and their columns at once, so that no concat is needed.",
            "einsum(\"b h n m, b m h e -> b n h e\", &[&weights, &v])，再 einsum(\"b n h e, h e d -> b n d\", &[&heads, w_o])：最后一步同时对头和头内维度求和，不需要拼接。",
        ),
    ],
    claims: &[],
    pictures: &[],
};

#[cfg(test)]
mod tests;
