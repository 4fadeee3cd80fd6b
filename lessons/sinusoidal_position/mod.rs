//! Absolute sinusoidal position encoding.

mod bugs;
mod claims;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;
pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "sinusoidal-position",
    aliases: &["sinusoidal", "absolute-position", "positional-encoding"],
    title: Text::new(
        "Sinusoidal position encoding",
        "正弦位置编码（绝对位置编码）",
    ),
    summary: Text::new(
        "add to every embedding a vector of sines and cosines of its position, once, at the bottom of the model",
        "在模型最底层给每个 embedding 加上一个由位置的正弦、余弦组成的向量",
    ),
    part: Part::Position,
    tracks: &[Track::Phone, Track::Whiteboard],
    needs: &["attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Two dimensions share one frequency: the even one takes the sine, the odd one behind it the cosine.",
            "每两维共用一个频率：偶数维取正弦，紧跟着的奇数维取余弦。",
        ),
        Text::new(
            "The angle of dimensions 2i and 2i + 1 at position m is m / 10000^(2i/d), m = positions[b, n].",
            "位置 m 上第 2i、2i + 1 维的角度是 m / 10000^(2i/d)，m = positions[b, n]。",
        ),
        Text::new(
            "The embeddings are multiplied by √d first, so that the vector that is added does not drown them; the vector itself is not.",
            "先把 embedding 乘 √d，免得被加上的向量淹没；加上的向量本身不乘。",
        ),
        Text::new(
            "Tensor::from_shape_fn(embeddings.raw_dim(), |at| …) with at = [b, n, j], i = j / 2, and sin where j is even, cos where it is odd.",
            "Tensor::from_shape_fn(embeddings.raw_dim(), |at| …)，at = [b, n, j]，i = j / 2，j 为偶数取 sin，奇数取 cos。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
