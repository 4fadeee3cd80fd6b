//! Position interpolation (PI, linear RoPE scaling).

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
    id: "position-interpolation",
    aliases: &["pi", "linear-scaling", "linear-rope-scaling"],
    title: Text::new(
        "Position interpolation (linear RoPE scaling)",
        "位置插值（PI，RoPE 线性缩放）",
    ),
    summary: Text::new(
        "divide positions by s = L'/L, so that a longer text stays inside the angles that training showed",
        "把位置除以 s = L'/L，让更长的文本仍落在训练见过的角度范围内",
    ),
    part: Part::Position,
    tracks: &[Track::Phone, Track::Leader],
    needs: &["rope"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "The last position of the long text, L' − 1, must land inside [0, L). Must positions grow or shrink?",
            "长文本的最后一个位置 L' − 1 必须落回 [0, L) 内。位置该放大还是缩小？",
        ),
        Text::new(
            "s = max(1, target/trained) in floats: it depends on the two lengths only, never on how many tokens there are just now.",
            "s = max(1, target/trained)，用浮点算：只由两个长度决定，与眼下有多少 token 无关。",
        ),
        Text::new(
            "The angle of pair i at position m is (m/s)·rope_theta^(−2i/d), the same for q and k. m/s is a fraction: do not round it.",
            "位置 m 上第 i 对的角度是 (m/s)·rope_theta^(−2i/d)，q、k 相同。m/s 是小数，不要取整。",
        ),
        Text::new(
            "Take your solution of `rope`, and put `let m = positions[[b, n]] as f64 / s;` where it reads the position.",
            "拿 `rope` 的答案来，把读取位置的那一行改成 `let m = positions[[b, n]] as f64 / s;`。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
