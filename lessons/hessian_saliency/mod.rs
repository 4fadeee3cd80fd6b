//! Which weights matter: magnitude, first-order Taylor, second-order OBD and OBS, SparseGPT.

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
pub use reference::inverse;

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "hessian-saliency",
    aliases: &["obs", "obd", "sparsegpt", "saliency"],
    title: Text::new("Second-order saliency", "二阶显著性：OBD 与 OBS"),
    summary: Text::new(
        "how much the loss rises when a weight goes: |g·w| by first order, ½·H_qq·w² by second (OBD), w²/(2·[H⁻¹]_qq) with the others adjusted (OBS)",
        "删掉一个权重损失会涨多少：一阶 |g·w|，二阶 ½·H_qq·w²（OBD），允许其余权重补偿则是 w²/(2·[H⁻¹]_qq)（OBS）",
    ),
    part: Part::Compression,
    tracks: &[Track::Whiteboard, Track::Leader],
    needs: &["magnitude-pruning"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "One matrix serves everything: H = 2·XᵀX/t plus λ on the diagonal, [k k], the same for all rows of w. Compute it, then its inverse, in f64.",
            "一个矩阵贯穿始终：H = 2·XᵀX/t，再在对角线上加 λ，形状 [k k]，w 的各行共用。先算它，再求逆，用 f64。",
        ),
        Text::new(
            "The three scores are elementwise: |g·w|; ½·H_qq·w² with the diagonal of H; w²/(2·[H⁻¹]_qq) with the diagonal of the inverse (not the inverse of the diagonal).",
            "三个分数都是逐元素的：|g·w|；½·H_qq·w² 用 H 的对角线；w²/(2·[H⁻¹]_qq) 用逆矩阵的对角线（不是对角线的倒数）。",
        ),
        Text::new(
            "Each row begins with its own copy of H⁻¹. To remove q: w −= w_q/[H⁻¹]_qq·H⁻¹e_q, set w_q to exactly 0, and take q out of the inverse: H⁻¹ −= H⁻¹e_q·e_qᵀH⁻¹/[H⁻¹]_qq.",
            "每一行从自己的一份 H⁻¹ 开始。删 q：w −= w_q/[H⁻¹]_qq·H⁻¹e_q，把 w_q 置为恰好 0，再把 q 从逆矩阵中消去：H⁻¹ −= H⁻¹e_q·e_qᵀH⁻¹/[H⁻¹]_qq。",
        ),
        Text::new(
            "Test yourself: after all removals H·(pruned − w) is 0 on every kept weight. Or solve for them at once: δ_K = H_KK⁻¹·H_KG·w_G.",
            "自检：全部删完后，H·(pruned − w) 在每个保留位置上都为 0。也可以一次解出：δ_K = H_KK⁻¹·H_KG·w_G。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
