//! What attention can express: reach, order, and what happens without residuals and FFN.

mod bugs;
mod claims;
mod laws;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;
pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "attention-expressivity",
    aliases: &["expressivity", "rank-collapse"],
    title: Text::new(
        "What attention can express: reach, order, collapse",
        "注意力的表达能力：感受野、顺序与塌缩",
    ),
    summary: Text::new(
        "every token is one layer away from every other; without positions order is invisible, and without residuals and FFN all tokens become one",
        "任意两个 token 只隔一层；没有位置就看不见顺序；没有残差和 FFN，所有 token 会变成同一个",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Leader],
    needs: &["multi-head-attention", "position-wise-ffn"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Two questions that share only `sees`: on the graph «i reads j» shortest paths, and on the tokens l layers of plain attention with a measurement after each.",
            "两个问题只共用 `sees`：在“i 读 j”的图上求最短路径；在 token 上跑 l 层纯注意力，每层之后测一次。",
        ),
        Text::new(
            "Paths: start with 0 on the diagonal and −1 elsewhere. In round s every token i gets s for each j that some token which i reads knew before.",
            "路径：对角线 0，其余 −1。第 s 轮里，凡 i 所读的某个 token 此前已知道 j，就把 layers[i, j] 记为 s。",
        ),
        Text::new(
            "A layer: q, k, v = x·w[l, 0], x·w[l, 1], x·w[l, 2]; scores = q·kᵀ/√d, −∞ where sees is 0; softmax over the keys; times v; plus x where skip is 1.",
            "一层：q、k、v = x·w[l, 0]、x·w[l, 1]、x·w[l, 2]；scores = q·kᵀ/√d，sees 为 0 处 −∞；沿键 softmax；乘 v；skip 为 1 时加 x。",
        ),
        Text::new(
            "collapse[l] = ‖x − x.mean_axis(Axis(0))‖ / ‖x‖ with ‖y‖ = y.iter().map(|y| y·y).sum().sqrt(): the mean is over tokens, and the x is the one after layer l.",
            "collapse[l] = ‖x − x.mean_axis(Axis(0))‖ / ‖x‖，其中 ‖y‖ = y.iter().map(|y| y·y).sum().sqrt()：均值对 token 求，x 是第 l 层之后的。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};
