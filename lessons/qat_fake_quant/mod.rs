//! Fake quantization: training a network for the grid that it will live on.

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

mod bugs;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "qat-fake-quant",
    aliases: &["qat", "fake-quant", "ste", "lsq"],
    title: Text::new("QAT and fake quantization", "QAT 与伪量化"),
    summary: Text::new(
        "Forward x̂ = s·(clamp(round(x/s) + z) − z), backward straight through where nothing was clipped; LSQ learns s as well.",
        "前向 x̂ = s·(clamp(round(x/s) + z) − z)，反向在未截断处直通；LSQ 连 s 也一起学。",
    ),
    part: Part::Compression,
    tracks: &[Track::Leader, Track::Phone, Track::Whiteboard],
    needs: &["affine-quantization"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Write the forward pass in four steps: divide, round, add the zero-point and clamp, go back. Keep the code before clamping: the backward pass needs to know who was clipped.",
            "前向分四步：除以 s、取整、加 zero-point 并截断、还原。保留截断前的编码：反向要知道谁被截断了。",
        ),
        Text::new(
            "Backward for x: round counts as the identity, so s·(1/s) = 1 where code = clamp(code), else 0.",
            "对 x 的反向：round 视为恒等，未截断处 s·(1/s) = 1，否则为 0。",
        ),
        Text::new(
            "Backward for s: by the product rule x̂ = s·(round(x/s)) has the slope round(x/s) + s·(−x/s²) = round(x/s) − x/s inside; at the ends x̂ = s·(qmax − z) has the slope qmax − z.",
            "对 s 的反向：范围内由乘积法则，s·round(x/s) 的斜率是 round(x/s) + s·(−x/s²) = round(x/s) − x/s；两端 x̂ = s·(qmax − z)，斜率为 qmax − z。",
        ),
        Text::new(
            "q = clamp(code); x̂ = s·(q − z); if q == code { grad_x = g; sum += g·(q − z − x/s) } else { grad_x = 0; sum += g·(q − z) }; grad_scale = sum/√(N·qmax).",
            "q = clamp(code)；x̂ = s·(q − z)；若 q == code：grad_x = g，sum += g·(q − z − x/s)；否则 grad_x = 0，sum += g·(q − z)；grad_scale = sum/√(N·qmax)。",
        ),
    ],
    // PTQ or QAT (C156) is two questions in one; w8a8-quantization has it, with its demonstration.
    claims: &[],
    pictures: pictures::PICTURES,
};
