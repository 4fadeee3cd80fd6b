//! Weight-only INT8 (W8A16): weights in bytes, activations as they are.

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
pub use reference::norm;

pub static LESSON: Lesson = Lesson {
    id: "weight-only-int8",
    aliases: &["w8a16", "int8-weights"],
    title: Text::new("Weight-only INT8 (W8A16)", "仅权重 INT8（W8A16）"),
    summary: Text::new(
        "weights as bytes with one scale per output channel, activations in f16: y = s ⊙ (x·qᵀ); half the bytes of a decode step, no calibration",
        "权重用单字节加每个输出通道一个 scale，激活保持 f16：y = s ⊙ (x·qᵀ)；解码每步少读一半字节，无需校准",
    ),
    part: Part::Compression,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["affine-quantization"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "w is [n k]: a row holds the weights of one output. Which axis does the maximum run over, so that there are n scales?",
            "w 是 [n k]：一行是一个输出的权重。最大值沿哪个轴取，才会得到 n 个 scale？",
        ),
        Text::new(
            "s_n = max_k |w_nk|/127, and 1 for a row of zeros. q = round(w/s), half to even; it needs no clamp, but one does no harm.",
            "s_n = max_k |w_nk|/127，全零行取 1。q = round(w/s)，取偶；本不需要 clamp，加上也无妨。",
        ),
        Text::new(
            "Nothing happens to x. Multiply it with the codes, einsum(\"m k, n k -> m n\"), and scale column n of the result by s_n.",
            "x 什么都不做。直接与码相乘：einsum(\"m k, n k -> m n\")，再把结果第 n 列乘以 s_n。",
        ),
        Text::new(
            "let acc = einsum(\"m k, n k -> m n\", &[x, &q]); acc * &scale broadcasts over the last axis. Return (y, q, scale).",
            "let acc = einsum(\"m k, n k -> m n\", &[x, &q]);acc * &scale 沿最后一轴广播。返回 (y, q, scale)。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
