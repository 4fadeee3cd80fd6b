//! Attention with linear biases (ALiBi).

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
pub use reference::slopes;

pub static LESSON: Lesson = Lesson {
    id: "alibi",
    aliases: &["attention-with-linear-biases", "linear-bias"],
    title: Text::new(
        "Attention with linear biases (ALiBi)",
        "线性偏置注意力（ALiBi）",
    ),
    summary: Text::new(
        "no position vectors: every head takes a fixed slope times the distance off the score",
        "不加位置向量：每个头从分数里减去一个固定斜率乘距离",
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
            "Far keys should count less. So which sign has the bias, and what is it for the key that is the query itself?",
            "越远的 key 越应当不重要。那么偏置的符号是什么？query 看自己时偏置是多少？",
        ),
        Text::new(
            "Row r of the scores belongs to position i = r + m − n: the n queries are the last of the m positions. The bias is −slope·(i − j) for j ≤ i and −∞ for j > i.",
            "分数的第 r 行对应位置 i = r + m − n：n 个 query 是 m 个位置里的最后 n 个。j ≤ i 时偏置为 −slope·(i − j)，j > i 时为 −∞。",
        ),
        Text::new(
            "Slopes for h = 2ᵃ heads: 2^(−8k/h), k = 1 … h. Else: those of the power of two c below h, then those of 2c heads with k = 1, 3, 5 … until there are h.",
            "h = 2ᵃ 时斜率为 2^(−8k/h)，k = 1 … h。否则：先取不超过 h 的最大 2 的幂 c 的全部斜率，再从 2c 个头的斜率里取 k = 1, 3, 5 … 补足 h 个。",
        ),
        Text::new(
            "Build biased = Tensor::from_shape_fn(scores.raw_dim(), |at| …) from at = [b, h, r, j], then softmax(&biased, 3).",
            "用 Tensor::from_shape_fn(scores.raw_dim(), |at| …) 构造 biased，at = [b, h, r, j]，再 softmax(&biased, 3)。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
