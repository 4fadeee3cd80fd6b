//! Group-wise INT4 by rounding to nearest, packed two to a byte (W4A16).

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

mod bugs;
mod claims;
#[cfg(feature = "cuda")]
pub mod gpu;
mod laws;
mod pictures;
mod problem;
mod production;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "group-quant-int4",
    aliases: &["w4a16", "int4", "rtn", "group-quantization"],
    title: Text::new(
        "Group-wise INT4 and packing (W4A16)",
        "分组 INT4 与打包（W4A16）",
    ),
    summary: Text::new(
        "each group of 128 weights along the input axis gets its own scale and zero point, and two 4-bit codes share a byte: 4.16 to 4.25 bits per weight",
        "沿输入轴每 128 个权重一组，各有 scale 和 zero_point，两个 4 位码装进一个字节：每权重 4.16 到 4.25 位",
    ),
    part: Part::Compression,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["affine-quantization", "weight-only-int8"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Work row by row: a group is group_size neighbours of one row of w, and the last group of a row may be shorter. A group never holds weights of two rows.",
            "逐行处理：一组是 w 同一行里相邻的 group_size 个权重，每行最后一组可以更短。一组绝不跨两行。",
        ),
        Text::new(
            "Each group is affine quantization of 4 bits: α = min(min w, 0), β = max(max w, 0), s = (β − α)/15 (1 if that is 0), z = round(−α/s), q = round(w/s) + z, from 0 to 15.",
            "每组就是 4 位仿射量化：α = min(min w, 0)，β = max(max w, 0)，s = (β − α)/15（为 0 时取 1），z = round(−α/s)，q = round(w/s) + z，范围 0 到 15。",
        ),
        Text::new(
            "Byte j of a row holds codes 2j and 2j + 1: packed = q[2j] + 16·q[2j + 1]. Then the first weight is in the low four bits.",
            "一行里第 j 个字节放第 2j 和 2j + 1 个码：packed = q[2j] + 16·q[2j + 1]，先来的在低 4 位。",
        ),
        Text::new(
            "ŵ = s·(q − z) with the scale and zero point of the weight's own group, column / group_size; y = einsum(\"m k, n k -> m n\", &[x, &w_hat]).",
            "ŵ = s·(q − z)，s、z 取权重所在的组（列号 / group_size）；y = einsum(\"m k, n k -> m n\", &[x, &w_hat])。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
