//! What attention costs: FLOPs, bytes, and the exponent that a measurement shows.

mod bugs;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;
pub use problem::{Exercise, PROBLEM, candidate};
pub use reference::slope;

pub static LESSON: Lesson = Lesson {
    id: "attention-complexity",
    aliases: &["attention-cost", "complexity"],
    title: Text::new("Time and memory of attention", "注意力的时间与内存复杂度"),
    summary: Text::new(
        "time O(n²·d), memory O(h·n² + n·d): count both, and fit the exponent of what was measured",
        "时间 O(n²·d)，内存 O(h·n² + n·d)：两者都数一遍，再从实测拟合指数",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["attention", "multi-head-attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "A product of an a×b and a b×c matrix takes 2·a·b·c FLOP. Which products does an attention layer have, and what are a, b and c in each?",
            "a×b 与 b×c 的矩阵乘需要 2·a·b·c FLOP。一层注意力有哪些矩阵乘，各自的 a、b、c 是什么？",
        ),
        Text::new(
            "Projections: q and out are n·D·D each, k and v n·D·D_kv each, with D = h·d and D_kv = kv_heads·d. Scores and weights·v: per head and pair of tokens d multiply-adds each.",
            "投影：q 与 out 各 n·D·D，k 与 v 各 n·D·D_kv，其中 D = h·d，D_kv = kv_heads·d。分数与 weights·v：每个头、每对 token 各 d 次乘加。",
        ),
        Text::new(
            "A stored matrix of scores has h·n² numbers: no head_dim in it, no kv_heads, and no half for a causal mask. GiB is 2^30 bytes.",
            "存下来的分数矩阵有 h·n² 个数：与 head_dim 无关，与 kv_heads 无关，因果掩码也不减半。GiB 是 2^30 字节。",
        ),
        Text::new(
            "The exponent is the slope of ln t over ln n: Σ(x − x̄)(y − ȳ)/Σ(x − x̄)², 0 where all lengths are equal. The rate is attention GFLOP over seconds.",
            "指数就是 ln t 对 ln n 的斜率：Σ(x − x̄)(y − ȳ)/Σ(x − x̄)²，长度全相等时为 0。速率是 attention 的 GFLOP 除以秒数。",
        ),
    ],
    claims: &[],
    pictures: pictures::PICTURES,
};
