//! Softmax, log_softmax and logsumexp that neither overflow nor lose small probabilities.

mod bugs;
#[cfg(feature = "cuda")]
pub mod gpu;
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
    id: "stable-softmax",
    aliases: &["softmax", "logsumexp", "log-softmax"],
    title: Text::new("Numerically stable softmax", "数值稳定的 softmax"),
    summary: Text::new(
        "exp(x − max)/Σ exp(x − max): the same softmax, without overflow; its logarithm is x − logsumexp",
        "exp(x − max)/Σ exp(x − max)：同一个 softmax，但不会溢出；取对数就是 x − logsumexp",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard],
    needs: &[],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Adding one number to a whole row changes no probability. Which number would you add so that exp cannot overflow and the sum cannot become 0?",
            "给整行加同一个数不会改变任何概率。加哪个数，才能让 exp 不上溢、总和也不会变成 0？",
        ),
        Text::new(
            "One maximum for each row: e = exp(x − max), Σ = sum of the row's e; softmax = e/Σ, log_softmax = (x − max) − ln Σ, logsumexp = max + ln Σ. No logarithm of a probability anywhere.",
            "每行一个最大值：e = exp(x − max)，Σ = 该行 e 之和；softmax = e/Σ，log_softmax = (x − max) − ln Σ，logsumexp = max + ln Σ。任何地方都不要对概率取对数。",
        ),
        Text::new(
            "∞ − ∞ is NaN. What is the maximum of a row of −∞ alone, and what is it where one entry is +∞? Treat these two rows before the subtraction.",
            "∞ − ∞ 是 NaN。整行 −∞ 时最大值是什么？含 +∞ 时又是什么？这两种行要在做减法之前处理。",
        ),
        Text::new(
            "Shift entry by entry: if x == −∞ then −∞, else if x == max then 0, else x − max. After that exp and ln do the right thing by themselves, except 0/0 and −∞ − (−∞) in a row of −∞ alone.",
            "逐元素平移：x == −∞ 则 −∞；否则 x == max 则 0；否则 x − max。之后 exp 与 ln 自然正确，只剩整行 −∞ 时的 0/0 和 −∞ − (−∞) 需要单独处理。",
        ),
    ],
    // The notes have one line on it (C045, the axis), which `attention` shows.
    claims: &[],
    pictures: pictures::PICTURES,
};
