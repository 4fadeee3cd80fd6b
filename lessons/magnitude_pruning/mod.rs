//! Magnitude pruning: the smallest weights become 0 and stay 0; sparse formats and kernels; retraining.

mod bugs;
mod claims;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "magnitude-pruning",
    aliases: &[
        "pruning",
        "unstructured-pruning",
        "sparse-kernels",
        "prune-retrain",
    ],
    title: Text::new("Magnitude pruning", "幅值剪枝"),
    summary: Text::new(
        "set the weights of least |w| to 0 and keep them there while retraining; bytes are saved by a sparse format, time only by a sparse kernel",
        "把 |w| 最小的权重置 0，重训时保持为 0；省字节靠稀疏格式，省时间只能靠稀疏 kernel",
    ),
    part: Part::Compression,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &[],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Three outputs, three steps: who goes, the weights without them, one optimizer step after which they are still gone. Write the mask first.",
            "三个输出，三步：谁被剪、剪掉之后的权重、更新一步之后它们仍为 0。先写掩码。",
        ),
        Text::new(
            "Rank by |w| within one layer, all n·k weights together. How many go is round(sparsity·n·k), half to even (round_ties_even), not a share of the largest weight.",
            "在一层之内把 n·k 个权重一起按 |w| 排名。剪掉的个数是 round(sparsity·n·k)（半数取偶，round_ties_even），而不是最大值的某个比例。",
        ),
        Text::new(
            "A threshold alone cannot prune exactly `count` where weights are equal. Sort indices with a stable sort and take the first `count`.",
            "有并列时，单靠阈值剪不出恰好 count 个。对下标做稳定排序，取前 count 个。",
        ),
        Text::new(
            "pruned = w * mask; v = momentum·velocity + grad; next = (pruned − lr·v) * mask. The last product is what keeps momentum from bringing weights back.",
            "pruned = w * mask；v = momentum·velocity + grad；next = (pruned − lr·v) * mask。最后这次相乘，正是为了不让动量把权重带回来。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
