//! Structured pruning: whole hidden units go, and with them what feeds and reads them.

mod bugs;
mod claims;
mod laws;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "structured-pruning",
    aliases: &["channel-pruning", "head-pruning"],
    title: Text::new("Structured pruning", "结构化剪枝"),
    summary: Text::new(
        "remove whole channels: row i of one layer, its bias, and column i of the next; the matrices get smaller and any dense kernel gets faster",
        "整条剪掉通道：本层第 i 行、它的偏置、下一层第 i 列；矩阵真的变小，普通稠密 kernel 就能提速",
    ),
    part: Part::Compression,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["magnitude-pruning"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "One list of indices, three cuts. First find which units stay; then every array with a hidden axis is cut along it: w1, b1, w2.",
            "一个下标列表，切三刀。先决定哪些单元留下，再把每个带隐藏轴的数组沿该轴切：w1、b1、w2。",
        ),
        Text::new(
            "Score a unit by its whole row of w1, √Σ_j w1[i, j]². Sort falling, take `keep`, then sort the indices ascending so that units keep their old order.",
            "用 w1 的整行给单元打分：√Σ_j w1[i, j]²。降序取前 keep 个，再把下标升序排列，保持原来的次序。",
        ),
        Text::new(
            "w1.select(Axis(0), &kept), b1.select(Axis(0), &kept), but w2.select(Axis(1), &kept): the hidden axis is w2's input.",
            "w1.select(Axis(0), &kept)、b1.select(Axis(0), &kept)，但 w2 要用 Axis(1)：隐藏轴是 w2 的输入轴。",
        ),
        Text::new(
            "y = silu(x·w1ᵀ + b1)·w2ᵀ + b2 with the small arrays; silu(z) = z/(1 + e^(−z)); b2 stays whole.",
            "用小数组算 y = silu(x·w1ᵀ + b1)·w2ᵀ + b2；silu(z) = z/(1 + e^(−z))；b2 原样保留。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};
