//! Scaled dot-product attention.

mod bugs;
mod claims;
pub mod einsum_attention;
#[cfg(feature = "cuda")]
pub mod gpu;
mod laws;
mod pictures;
mod problem;
mod reference;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "attention",
    aliases: &["sdpa", "scaled-dot-product-attention"],
    title: Text::new("Scaled dot-product attention", "缩放点积注意力"),
    summary: Text::new(
        "softmax(q·kᵀ/√d + mask)·v: each query takes a weighted mean of the values",
        "softmax(q·kᵀ/√d + mask)·v：每个查询对值做加权平均",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &[],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Three steps: scores of every query against every key, a softmax, a weighted sum of values. Write down the shape of each before any code.",
            "三步：每个查询对每个键打分、softmax、对值加权求和。先写出每一步的形状，再写代码。",
        ),
        Text::new(
            "scores = einsum(\"b h n d, b h m d -> b h n m\", &[q, k]) / √d with d = q.shape()[3]. The mask is added to the scores after the scale; `&scores + mask` broadcasts.",
            "scores = einsum(\"b h n d, b h m d -> b h n m\", &[q, k]) / √d，其中 d = q.shape()[3]。缩放之后再加掩码；`&scores + mask` 会自动广播。",
        ),
        Text::new(
            "The softmax runs over the last axis (3, the keys) and takes each row's maximum off first. What does it give for a row in which everything is −∞? The exercise asks for zeros there.",
            "softmax 沿最后一维（3，键）做，并先减去该行最大值。如果一行全是 −∞，它会给出什么？本题要求这样的行输出 0。",
        ),
        Text::new(
            "let mut w = softmax(&scores, 3); then, for every row of `scores` that is −∞ throughout, fill that row of `w` with 0; the result is einsum(\"b h n m, b h m v -> b h n v\", &[&w, v]).",
            "let mut w = softmax(&scores, 3)；然后对 `scores` 中全为 −∞ 的行，把 `w` 的对应行填 0；结果是 einsum(\"b h n m, b h m v -> b h n v\", &[&w, v])。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};

#[cfg(test)]
mod tests;
