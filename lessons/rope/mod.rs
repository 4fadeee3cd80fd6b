//! Rotary position embedding (RoPE).

mod bugs;
mod claims;
#[cfg(feature = "cuda")]
pub mod gpu;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;
pub use bugs::CONVENTIONS as LAYOUTS;
pub use problem::{Exercise, candidate};
pub use reference::{inv_freq, norms, turn, turn_as};

pub static LESSON: Lesson = Lesson {
    id: "rope",
    aliases: &["rotary", "rotary-position-embedding"],
    title: Text::new("Rotary position embedding (RoPE)", "旋转位置编码（RoPE）"),
    summary: Text::new(
        "turn every pair of dimensions of q and k by an angle that grows with the position, and scores depend on distances",
        "把 q、k 的每对维度按位置旋转一个角度，分数便只依赖相对距离",
    ),
    part: Part::Position,
    tracks: &[Track::Whiteboard, Track::Leader],
    needs: &["attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Read the pair (x₀, x₁) as the complex number x₀ + i·x₁. Which complex number turns it by an angle φ?",
            "把 (x₀, x₁) 看成复数 x₀ + i·x₁。乘上哪个复数能让它转过角 φ？",
        ),
        Text::new(
            "φ = m·θᵢ: m is positions[b, n] (not the row's number n), θᵢ = rope_theta^(−2i/d) for pair i = 0 … d/2 − 1. Compute it in f64.",
            "φ = m·θᵢ：m 是 positions[b, n]（不是行号 n），θᵢ = rope_theta^(−2i/d)，i = 0 … d/2 − 1。用 f64 计算。",
        ),
        Text::new(
            "y₀ = x₀·cos φ − x₁·sin φ, y₁ = x₀·sin φ + x₁·cos φ, with x₀ = x[2i], x₁ = x[2i+1]. Read both before you write either.",
            "y₀ = x₀·cos φ − x₁·sin φ，y₁ = x₀·sin φ + x₁·cos φ，其中 x₀ = x[2i]，x₁ = x[2i+1]。先读两个再写。",
        ),
        Text::new(
            "Four loops: b, n, pair i, head h; write a helper rotate(x, positions, rope_theta) and return (rotate(q), rotate(k)).",
            "四重循环 b、n、第 i 对、头 h；写一个 rotate(x, positions, rope_theta)，返回 (rotate(q), rotate(k))。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
