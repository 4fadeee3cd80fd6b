//! NTK-aware RoPE scaling: static, dynamic, by parts, and YaRN.

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
    id: "ntk-rope",
    aliases: &["ntk", "yarn", "dynamic-ntk", "ntk-by-parts"],
    title: Text::new("NTK-aware RoPE scaling and YaRN", "NTK-RoPE 缩放与 YaRN"),
    summary: Text::new(
        "stretch the slow pairs of RoPE and spare the fast ones: by another base, by the length at hand, or pair by pair",
        "只拉伸 RoPE 的慢速对、放过快速对：改底数、按当前长度改，或逐对处理",
    ),
    part: Part::Position,
    tracks: &[Track::Leader],
    needs: &["rope", "position-interpolation"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "First find s: factor, or for method 1 how many times longer than `trained` the text is now, positions counted up to the last; never below 1.",
            "先求 s：一般是 factor；method 1 则是当前文本长度（由末位置算出）与 trained 之比；都不小于 1。",
        ),
        Text::new(
            "Methods 0 and 1 change the base so that the last pair is slowed by exactly s: base' = base·s^(d/(d − 2)).",
            "method 0、1 改底数，使最后一对恰好慢 s 倍：base' = base·s^(d/(d − 2))。",
        ),
        Text::new(
            "Methods 2 and 3: r = trained·θ/2π turns in training; γ = (r − 1)/31, held to 0 … 1; θ' = (1 − γ)·θ/s + γ·θ.",
            "method 2、3：训练中转了 r = trained·θ/2π 圈；γ = (r − 1)/31，限制在 0 … 1；θ' = (1 − γ)·θ/s + γ·θ。",
        ),
        Text::new(
            "YaRN (method 3) multiplies both tables, cos and sin, by 0.1·ln s + 1. The others by 1.",
            "YaRN（method 3）把 cos、sin 两张表都乘 0.1·ln s + 1；其他方法乘 1。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
