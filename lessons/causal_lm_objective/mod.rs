//! The causal language-model objective: next-token cross-entropy, perplexity, bits.

mod bugs;
mod claims;
mod laws;
mod pictures;
mod problem;
mod reference;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "causal-lm-objective",
    aliases: &["causal-lm", "next-token-loss", "perplexity"],
    title: Text::new("The causal LM objective", "自回归语言模型目标"),
    summary: Text::new(
        "logits at t predict token t + 1: mean cross-entropy over the tokens that count; perplexity = e^loss; bits per byte = Σ loss/(bytes·ln 2)",
        "位置 t 的 logits 预测第 t + 1 个 token：对计入的 token 求平均交叉熵；困惑度 = e^loss；每字节比特 = Σ loss/(字节数·ln 2)",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Algorithms],
    needs: &["stable-softmax"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Write three tokens on paper and draw an arrow from each row of logits to the label that it is compared with. Which row has no arrow, and which label?",
            "在纸上写三个 token，从每一行 logits 向与它比较的标签画箭头。哪一行没有箭头？哪个标签没有？",
        ),
        Text::new(
            "Row t of the logits meets labels[t + 1]: the last row and the first label of every sequence drop out, per sequence, before anything is flattened.",
            "logits 的第 t 行对应 labels[t + 1]：每条序列各自去掉最后一行 logits 和第一个标签，之后才能展平。",
        ),
        Text::new(
            "One sum and one count over the whole batch: skip labels that equal ignore_index, divide at the very end. Do not average per row first.",
            "整个 batch 只用一个总和、一个计数：跳过等于 ignore_index 的标签，最后才相除。不要先按行求平均。",
        ),
        Text::new(
            "let log_p = log_softmax(logits, 2); for t in 0..n − 1, y = labels[[i, t + 1]]: if y is not ignored { sum −= log_p[[i, t, y]]; count += 1 }; loss = sum/count, perplexity = loss.exp(), bits_per_byte = sum/(bytes·ln 2).",
            "let log_p = log_softmax(logits, 2)；对 t in 0..n − 1，y = labels[[i, t + 1]]：若不忽略 { sum −= log_p[[i, t, y]]；count += 1 }；loss = sum/count，perplexity = loss.exp()，bits_per_byte = sum/(bytes·ln 2)。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};

#[cfg(test)]
mod tests;
