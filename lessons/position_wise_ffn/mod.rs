//! Position-wise feed-forward networks: GELU and SwiGLU.

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
pub use reference::erf;

pub static LESSON: Lesson = Lesson {
    id: "position-wise-ffn",
    aliases: &["ffn", "swiglu"],
    title: Text::new(
        "Position-wise feed-forward network (GELU, SwiGLU)",
        "逐位置前馈网络（GELU、SwiGLU）",
    ),
    summary: Text::new(
        "widen every token's features, activate or gate them, narrow them again: two thirds of a block's weights, and no token sees another",
        "把每个 token 的特征升维、激活或加门、再降维：占一个 block 约三分之二的参数，且 token 之间互不相看",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard],
    needs: &["attention", "layer-norm-residual"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Two networks share x, W_up and W_down. How many matrix products does each need, and what stands between them?",
            "两个网络共用 x、W_up、W_down。各需要几次矩阵乘？中间夹着什么？",
        ),
        Text::new(
            "First: hidden = GELU(x·W_up + b_up), out = hidden·W_down + b_down. `matmul(x, w_up)` of the prelude takes [b n d] by [d f], and adding b_up broadcasts.",
            "第一个：hidden = GELU(x·W_up + b_up)，out = hidden·W_down + b_down。prelude 的 `matmul(x, w_up)` 能算 [b n d] 乘 [d f]，加 b_up 会自动广播。",
        ),
        Text::new(
            "GELU(z) = z·Φ(z). Without erf at hand use ½·z·(1 + tanh(√(2/π)·(z + 0.044715·z³))). SiLU(z) = z/(1 + e^(−z)).",
            "GELU(z) = z·Φ(z)。手头没有 erf 就用 ½·z·(1 + tanh(√(2/π)·(z + 0.044715·z³)))。SiLU(z) = z/(1 + e^(−z))。",
        ),
        Text::new(
            "Second: (SiLU(x·W_gate) * (x·W_up))·W_down: the activation on the gate, no bias anywhere. Return the two as a tuple.",
            "第二个：(SiLU(x·W_gate) * (x·W_up))·W_down：激活在门上，没有任何偏置。以元组返回两者。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
