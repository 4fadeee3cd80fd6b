//! GPTQ: rounding weights so that the layer's output, not the weights, stays what it was.

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
    id: "gptq",
    aliases: &["obq", "optq", "gptq-quantization"],
    title: Text::new("GPTQ", "GPTQ"),
    summary: Text::new(
        "Round a column, pass its error on to the columns that are left: least ‖X(W − Ŵ)ᵀ‖, by the Cholesky factor of the inverse Hessian.",
        "量化一列，就把误差补偿到剩下的列：借助逆 Hessian 的 Cholesky 因子，使 ‖X(W − Ŵ)ᵀ‖ 最小。",
    ),
    part: Part::Compression,
    tracks: &[Track::Leader, Track::Phone, Track::Whiteboard],
    needs: &["group-quant-int4"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "First write round-to-nearest, column by column, with a scale for each row's group. GPTQ adds one line to it: what the column could not represent goes to the later columns.",
            "先逐列写出就近舍入，每行每组一个 scale。GPTQ 只比它多一行：这一列表示不了的部分，补偿到后面的列。",
        ),
        Text::new(
            "H = 2·xᵀx/n (zeros on its diagonal: dead inputs), plus λ = percdamp·mean(diag H). You need H⁻¹ = UᵀU with U upper triangular: write Cholesky, solve for the inverse, Cholesky again, and transpose.",
            "H = 2·xᵀx/n（对角线为 0 的是恒零输入），再加 λ = percdamp·mean(diag H)。需要 H⁻¹ = UᵀU，U 为上三角：先写 Cholesky，解出逆，再做一次 Cholesky 并转置。",
        ),
        Text::new(
            "For column i: q = clamp(round(w_i/s))·s, e = (w_i − q)/U_ii, then w_j −= e·U_ij for every j > i, beyond the end of the group too. When i % group_size == 0, s comes from the weights as they are now.",
            "对第 i 列：q = clamp(round(w_i/s))·s，e = (w_i − q)/U_ii，然后对所有 j > i 做 w_j −= e·U_ij，组外的列也要更新。i % group_size == 0 时，用此刻的权重算 s。",
        ),
        Text::new(
            "act_order permutes the columns of w and both axes of H by argsort(−diag H) before all this, and the result is put back: w_hat[.., order[i]] = q.",
            "act_order 要先按 argsort(−diag H) 重排 w 的列和 H 的行、列，最后再放回：w_hat[.., order[i]] = q。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
