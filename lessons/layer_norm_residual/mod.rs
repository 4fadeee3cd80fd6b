//! Residual connection, LayerNorm and RMSNorm.

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
    id: "layer-norm-residual",
    aliases: &["layer-norm", "rms-norm"],
    title: Text::new(
        "Residual connection, LayerNorm and RMSNorm",
        "残差连接、LayerNorm 与 RMSNorm",
    ),
    summary: Text::new(
        "add each sublayer's output to its input, and bring every token's features to one scale: what makes deep stacks trainable",
        "子层输出加回输入，再把每个 token 的特征归一到同一尺度：深层网络靠它们才训得动",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard],
    needs: &["attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Three steps: add, then two different norms of the same sum. Over which axis does a norm of one token run, and how many means are there in [b n d]?",
            "三步：先相加，再对同一个和做两种归一化。单个 token 的归一化沿哪个轴？[b n d] 里一共有几个均值？",
        ),
        Text::new(
            "LayerNorm: μ and σ² over d, with σ² = Σ(h − μ)²/d. First the mean, then the centred squares: two passes. RMSNorm needs neither: mean(h²) only.",
            "LayerNorm：沿 d 求 μ 和 σ²，σ² = Σ(h − μ)²/d。先求均值，再求去均值后的平方和：两遍。RMSNorm 两者都不需要，只要 mean(h²)。",
        ),
        Text::new(
            "ε goes under the root: (h − μ)/√(σ² + ε) and h/√(mean(h²) + ε). γ multiplies both; β is added in LayerNorm only, after γ.",
            "ε 在根号里：(h − μ)/√(σ² + ε) 和 h/√(mean(h²) + ε)。两者都乘 γ；β 只在 LayerNorm 里加，且在乘 γ 之后。",
        ),
        Text::new(
            "let sum = x + sublayer; then for every lane h of sum along Axis(2): mean = h.sum()/d, variance = Σ(h − mean)²/d, out[i] = (h[i] − mean)/(variance + eps).sqrt()·gamma[i] + beta[i].",
            "let sum = x + sublayer; 然后对 sum 沿 Axis(2) 的每一行 h：mean = h.sum()/d，variance = Σ(h − mean)²/d，out[i] = (h[i] − mean)/(variance + eps).sqrt()·gamma[i] + beta[i]。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};
