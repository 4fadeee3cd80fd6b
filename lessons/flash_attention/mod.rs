//! FlashAttention: exact attention by tiles, with an online softmax.

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
pub use problem::{Exercise, PROBLEM, candidate};

pub static LESSON: Lesson = Lesson {
    id: "flash-attention",
    aliases: &["flash", "online-softmax", "streaming-softmax"],
    title: Text::new(
        "FlashAttention and the online softmax",
        "FlashAttention 与在线 softmax",
    ),
    summary: Text::new(
        "exact attention tile by tile: a running maximum, sum and output per query, and no n×m matrix",
        "逐块计算的精确注意力：每个 query 只保留当前最大值、和与输出，不产生 n×m 矩阵",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["stable-softmax", "attention", "attention-mask"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "You read the keys once, a tile at a time, and may keep only a few numbers for each query. Which ones let you continue, and what happens to them when a larger score appears?",
            "key 只读一遍，每次一块，每个 query 只许留下少量数。留哪些才能接着算？出现更大的分数时它们怎么变？",
        ),
        Text::new(
            "Keep max m, sum ℓ = Σe^(s − m) and acc = Σe^(s − m)·v. For a new maximum m', both sums were made with the wrong base: multiply them by e^(m − m').",
            "保留最大值 m、ℓ = Σe^(s − m)、acc = Σe^(s − m)·v。最大值变成 m' 后，两个和用的都是旧底数：各乘 e^(m − m')。",
        ),
        Text::new(
            "Begin with m = −∞, ℓ = 0, acc = 0. e^(−∞ − m') = 0 makes the first tile come out right; only −∞ − (−∞) is NaN: skip a tile in which a query sees nothing.",
            "初值 m = −∞、ℓ = 0、acc = 0。e^(−∞ − m') = 0，第一块自然正确；只有 −∞ − (−∞) 是 NaN：某个 query 在一块里什么都看不到时跳过。",
        ),
        Text::new(
            "For each query: for each tile, scores → m' = max(m, max s) → keep = e^(m − m') → ℓ = ℓ·keep + Σp, acc = acc·keep + p·V. At the end acc/ℓ and m + ln ℓ. Everything larger than a tile must be of size n·d.",
            "对每个 query：逐块算 s → m' = max(m, max s) → keep = e^(m − m') → ℓ = ℓ·keep + Σp，acc = acc·keep + p·V。最后输出 acc/ℓ 与 m + ln ℓ。比一块大的东西只能是 n·d 级别。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
