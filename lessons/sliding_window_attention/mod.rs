//! Sliding-window attention with global tokens.

mod bugs;
mod claims;
mod laws;
mod pictures;
mod problem;
mod production;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;
pub use problem::{Exercise, PROBLEM, candidate};

pub static LESSON: Lesson = Lesson {
    id: "sliding-window-attention",
    aliases: &["local-attention", "window-attention", "swa"],
    title: Text::new(
        "Sliding-window attention and global tokens",
        "滑动窗口注意力与全局 token",
    ),
    summary: Text::new(
        "each query sees its last w keys and a few global tokens: n·(w + g) scores in place of n²",
        "每个 query 只看最近 w 个 key 和少量全局 token：分数从 n² 个降到 n·(w + g) 个",
    ),
    part: Part::Position,
    tracks: &[Track::Phone, Track::Leader],
    needs: &["attention", "attention-mask"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Write down for one query which keys it sees: what is the nearest, what the farthest, and which are seen from anywhere?",
            "先写出一个 query 能看到哪些 key：最近的是谁，最远的是谁，哪些在任何位置都能看到？",
        ),
        Text::new(
            "Row r stands at position i = r + m − n. Key j is seen when |i − j| < w, or j < g, or i < g; with causal = 1 only if j ≤ i too. A window of w holds w keys, the own one included.",
            "第 r 行的位置是 i = r + m − n。|i − j| < w、或 j < g、或 i < g 时可见；causal = 1 时还要求 j ≤ i。窗口 w 包含 w 个 key，自己算一个。",
        ),
        Text::new(
            "A key that is global and in the window as well must count once: one softmax over the union.",
            "既是全局又在窗口内的 key 只能算一次：对并集做一个 softmax。",
        ),
        Text::new(
            "For each query make the list of its keys: 0..g, then max(g, i − w + 1)..=i (for both sides up to i + w − 1; for i < g all). Scores, softmax and sum over that list only: nothing of size n·m.",
            "对每个 query 列出它的 key：0..g，再加 max(g, i − w + 1)..=i（双向时到 i + w − 1；i < g 时为全部）。只在这个列表上算分数、softmax 与加权和，不产生 n·m 的东西。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
