//! Class-weighted cross-entropy: rare classes count for more.

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

mod bugs;
mod claims;
#[cfg(feature = "cuda")]
pub mod gpu;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::candidate;

pub static LESSON: Lesson = Lesson {
    id: "class-weighted-ce",
    aliases: &["weighted-ce", "weighted-cross-entropy"],
    title: Text::new("Class-weighted cross-entropy", "类别加权交叉熵"),
    summary: Text::new(
        "Rare classes weigh more in the loss: w_k = √(n_max/n_k), averaged by Σw.",
        "让稀有类在损失里占更大比重：w_k = √(n_max/n_k)，再按 Σw 求加权平均。",
    ),
    part: Part::Data,
    tracks: &[Track::Algorithms, Track::Whiteboard, Track::Phone],
    needs: &[],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Three small pieces: one weight for each class, one log-probability for each sample, one weighted average. Write and print them one at a time.",
            "拆成三小块：每类一个权重、每个样本一个对数概率、最后一个加权平均。逐块写、逐块打印。",
        ),
        Text::new(
            "log p_y = z_y − max − ln Σ exp(z − max). Never take the logarithm of a probability that may have become 0, and never take exp of a logit from which the row's maximum was not subtracted.",
            "log p_y = z_y − max − ln Σ exp(z − max)。不要对可能已下溢成 0 的概率取 ln，也不要在没减行最大值时取 exp。",
        ),
        Text::new(
            "The weight belongs to the target y_i, not to the prediction, and the average divides by the same weights: Σ w_y·ℓ / Σ w_y. Rows with target −100 appear in neither sum.",
            "权重取自真实标签 y_i，而不是预测类别；分母用同一批权重：Σ w_y·ℓ / Σ w_y。标签为 −100 的行在分子、分母里都不出现。",
        ),
        Text::new(
            "for each row with y ≠ −100 { let w = (n_max / n[y]).sqrt(); num += w * (lse − z[y]); den += w } then return if den == 0 { 0 } else { num / den }; a class with n_k = 0 gets w = 0.",
            "对每个 y ≠ −100 的行：w = (n_max / n[y]).sqrt()；num += w * (lse − z[y])；den += w。最后 den == 0 时返回 0，否则返回 num / den；n_k = 0 的类取 w = 0。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
