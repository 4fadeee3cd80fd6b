//! The additive attention mask: causal, padding, window.

mod bugs;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "attention-mask",
    aliases: &["mask", "causal-mask", "padding-mask"],
    title: Text::new("Attention masks", "注意力掩码"),
    summary: Text::new(
        "0 where query i may see key j, −∞ where not: causal at the bottom right, padding, a window",
        "查询 i 能看键 j 处为 0，否则为 −∞：右下对齐的因果、padding、滑动窗口",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Write down the question for one pair first: at which position does query i stand, and when may it see key j?",
            "先只想一对：查询 i 站在第几个位置？它什么时候能看键 j？",
        ),
        Text::new(
            "Query i stands at p = i + (m − n), since the queries are the last n of m positions. In decoding n = 1 and p = m − 1.",
            "查询是 m 个位置里的最后 n 个，所以查询 i 站在 p = i + (m − n)。解码时 n = 1，p = m − 1。",
        ),
        Text::new(
            "Three conditions, and all of them must hold: j ≤ p; p − j < window (where window > 0); keep[b, j] is 1. Mind that p may be negative when n > m: use signed numbers.",
            "三个条件要同时成立：j ≤ p；p − j < window（window > 0 时）；keep[b, j] 为 1。n > m 时 p 可能为负，要用有符号整数。",
        ),
        Text::new(
            "Fill a tensor of shape [b 1 n m] with −∞, loop over its indices, and write 0 where the three conditions hold. Rows without any key stay −∞.",
            "建一个全为 −∞、形状 [b 1 n m] 的张量，遍历下标，三个条件都成立处写 0。看不到任何键的行保持 −∞。",
        ),
    ],
    // The notes' lines on masks (C043, C046, C143) are shown by `attention`.
    claims: &[],
    pictures: pictures::PICTURES,
};
