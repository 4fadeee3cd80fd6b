//! Affine quantisation: numbers as small integers, a scale and a zero point.

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

mod bugs;
mod claims;
pub mod grid;
pub mod histogram;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "affine-quantization",
    aliases: &["quantization", "affine", "scale-zero-point"],
    title: Text::new("Affine quantization", "仿射量化"),
    summary: Text::new(
        "a number as an integer of b bits: q = clamp(round(x/s) + z), read back as s·(q − z); symmetric means z = 0",
        "用 b 位整数表示实数：q = clamp(round(x/s) + z)，还原为 s·(q − z)；对称量化即 z = 0",
    ),
    part: Part::Compression,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &[],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Two schemes, one formula: find scale, zero_point and the least and greatest code of each channel; then q and x_hat are the same two lines for both.",
            "两种方案，同一个公式：先求出每个通道的 scale、zero_point 和码的上下限，之后 q 和 x_hat 各一行，两种方案通用。",
        ),
        Text::new(
            "Asymmetric: first make the range hold 0 (α = min(low, 0), β = max(high, 0)), then s = (β − α)/(2^b − 1): 2^b codes have 2^b − 1 steps between them.",
            "非对称：先让区间包含 0（α = min(low, 0)，β = max(high, 0)），再取 s = (β − α)/(2^b − 1)：2^b 个码之间有 2^b − 1 步。",
        ),
        Text::new(
            "The zero point is the code of 0.0, an integer: z = round(−α/s). Symmetric: s = max(|low|, |high|)/(2^(b−1) − 1), z = 0, codes ±(2^(b−1) − 1).",
            "zero_point 是 0.0 的码，是整数：z = round(−α/s)。对称：s = max(|low|, |high|)/(2^(b−1) − 1)，z = 0，码在 ±(2^(b−1) − 1) 之间。",
        ),
        Text::new(
            "q = ((x/s).round_ties_even() + z).clamp(least, most); x_hat = s·(q − z). A range of 0 … 0 would divide by 0: take s = 1 there.",
            "q = ((x/s).round_ties_even() + z).clamp(least, most)；x_hat = s·(q − z)。区间为 0 … 0 时会除以 0：此时取 s = 1。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
