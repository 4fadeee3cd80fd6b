//! Distillation of logits: a small model learns the large one's probabilities.

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
    id: "logit-distillation",
    aliases: &["knowledge-distillation", "kd", "soft-targets"],
    title: Text::new("Distillation of logits", "logits 蒸馏"),
    summary: Text::new(
        "α·CE + β·T²·KL(softmax(z_t/T) ‖ softmax(z_s/T)): the student learns what the teacher thinks of the wrong answers too.",
        "α·CE + β·T²·KL(softmax(z_t/T) ‖ softmax(z_s/T))：学生连教师对错误答案的看法也一起学。",
    ),
    part: Part::Compression,
    tracks: &[Track::Algorithms, Track::Phone, Track::Whiteboard],
    needs: &["stable-softmax"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Three log_softmax: the student's at T = 1 for CE, the student's and the teacher's at T for KL. Everything else is sums over rows.",
            "三次 log_softmax：学生 T = 1 的给 CE，学生和教师在温度 T 下的给 KL。剩下的只是对行求和。",
        ),
        Text::new(
            "KL_i = Σ_k p·(ln p − ln q) with p = exp(log_softmax(z_t/T)): the teacher's weights. Rows with target −100 are in neither term, and both means divide by the rows that are left.",
            "KL_i = Σ_k p·(ln p − ln q)，p = exp(log_softmax(z_t/T))，用教师概率加权。标签 −100 的行两项都不参与，两个平均都除以剩下的行数。",
        ),
        Text::new(
            "The gradient of KL with respect to z_s/T is q − p; the chain rule gives 1/T, the factor T² makes it T·(q − p). That of CE is softmax(z_s) − onehot(y).",
            "KL 对 z_s/T 的梯度是 q − p；链式法则给 1/T，乘上 T² 得 T·(q − p)。CE 的梯度是 softmax(z_s) − onehot(y)。",
        ),
        Text::new(
            "loss = Σ_i (−α·log_hard[i, y] + β·T²·Σ_k p·(log_p − log_q))/N; grad[i, k] = (α·(exp(log_hard) − [k = y]) + β·T·(q − p))/N, N = rows with a target, at least 1.",
            "loss = Σ_i (−α·log_hard[i, y] + β·T²·Σ_k p·(log_p − log_q))/N；grad[i, k] = (α·(exp(log_hard) − [k = y]) + β·T·(q − p))/N，N 为有标签的行数，至少取 1。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
