//! W8A8: weights and activations in 8 bits, with the outliers smoothed away.

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

mod bugs;
mod claims;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "w8a8-quantization",
    aliases: &["w8a8", "smoothquant", "int8-gemm"],
    title: Text::new("W8A8 and SmoothQuant", "W8A8 与 SmoothQuant"),
    summary: Text::new(
        "y = s_x·s_w·Σ q_x·q_w in int32: a scale for each token and each output, after the outliers' size has moved from x into w.",
        "y = s_x·s_w·Σ q_x·q_w（int32）：每个 token、每个输出通道一个 scale，事先把离群值的尺度从 x 移到 w。",
    ),
    part: Part::Compression,
    tracks: &[Track::Leader, Track::Phone, Track::Whiteboard],
    needs: &["affine-quantization"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "A scale may leave the sum over c only if it does not depend on c. So activations have one for each token, weights one for each output feature; what differs from input to input must be moved before.",
            "只有与 c 无关的 scale 才能提到求和号外面。所以激活每个 token 一个、权重每个输出通道一个；随输入通道变化的尺度要提前挪走。",
        ),
        Text::new(
            "s_j = act_max_j^α / max_r|w_rj|^(1−α); (x/s)·(w·s)ᵀ = x·wᵀ. Where one of the two is 0, s_j = 1.",
            "s_j = act_max_j^α / max_r|w_rj|^(1−α)；(x/s)·(w·s)ᵀ = x·wᵀ。任一为 0 时 s_j = 1。",
        ),
        Text::new(
            "One function for both: rows → codes round(v·127/max|v|) and scales max|v|/127 (1 for zeros). Sum the products of codes in i32.",
            "两边用同一个函数：按行得到编码 round(v·127/max|v|) 与 scale = max|v|/127（全零取 1）。编码乘积用 i32 累加。",
        ),
        Text::new(
            "y[t, r] = s_x[t]·s_w[r]·Σ_c q_x[t, c]·q_w[r, c], with q_x from x/s and q_w from weight·s.",
            "y[t, r] = s_x[t]·s_w[r]·Σ_c q_x[t, c]·q_w[r, c]，q_x 来自 x/s，q_w 来自 weight·s。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
