//! How to measure whether a model works past its training length.

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
    id: "length-extrapolation",
    aliases: &["extrapolation", "long-context-evaluation"],
    title: Text::new("Measuring length extrapolation", "长度外推的评测"),
    summary: Text::new(
        "perplexity by context length on the same target tokens, and what happens past the training length",
        "在相同的目标 token 上按上下文长度测困惑度，看超过训练长度后会怎样",
    ),
    part: Part::Position,
    tracks: &[Track::Leader],
    needs: &["attention", "rope", "alibi"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Window i starts at token i·stride of the text. So bucket c of window i (its positions c·stride … c·stride + stride − 1) holds block i + c of the text.",
            "第 i 个窗口从全文第 i·stride 个 token 开始。所以第 i 个窗口的第 c 桶（位置 c·stride … c·stride + stride − 1）就是全文的第 i + c 块。",
        ),
        Text::new(
            "Which blocks are seen with every context, c = 0 … k − 1? Those from k − 1 to w − 1. For bucket c take only the windows with k − 1 ≤ i + c ≤ w − 1.",
            "哪些块在每种上下文 c = 0 … k − 1 下都出现过？第 k − 1 到第 w − 1 块。对第 c 桶只取满足 k − 1 ≤ i + c ≤ w − 1 的窗口。",
        ),
        Text::new(
            "A perplexity is exp of the mean: add up the counted losses and their number over all windows first, divide once, then exp.",
            "困惑度是均值的 exp：先把所有窗口里计入的损失和个数分别加起来，只除一次，再取 exp。",
        ),
        Text::new(
            "Sliding: all of window 0, and only the last bucket of each later one. Ratio: by_context[k − 1] over by_context[trained/stride − 1], the index held to 0 … k − 1.",
            "滑动：第 0 个窗口全算，之后每个窗口只算最后一桶。比值：by_context[k − 1] 除以 by_context[trained/stride − 1]，下标限制在 0 … k − 1。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
