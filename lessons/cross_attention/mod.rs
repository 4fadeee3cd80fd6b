//! Cross-attention: the decoder reads the encoder.

mod bugs;
mod claims;
mod laws;
mod problem;
mod reference;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "cross-attention",
    aliases: &["encoder-decoder-attention"],
    title: Text::new("Cross-attention", "交叉注意力"),
    summary: Text::new(
        "queries from the decoder, keys and values from the encoder: n × m scores, only padding is masked",
        "q 来自解码器，k、v 来自编码器：n × m 个分数，只屏蔽 padding",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard],
    needs: &["multi-head-attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "It is multi-head attention with two sources. Which of q, k and v has n rows, which have m? The output has one row for each query.",
            "就是有两个来源的多头注意力。q、k、v 中谁有 n 行，谁有 m 行？输出对每个查询给出一行。",
        ),
        Text::new(
            "q = x·w_q is [b n d]; k = memory·w_k and v = memory·w_v are [b m d], also where the encoder has another width c. Split all three into heads as in multi-head attention.",
            "q = x·w_q 是 [b n d]；k = memory·w_k、v = memory·w_v 是 [b m d]，编码器宽度 c 不同时也一样。三者照多头注意力那样拆头。",
        ),
        Text::new(
            "memory_mask has 1 for real tokens: turn it into 0 and −∞ and give it the shape [b 1 1 m], so that it broadcasts to [b h n m]. There is no causal mask here.",
            "memory_mask 中 1 是真实 token：把它变成 0 与 −∞，形状改为 [b 1 1 m]，就能广播到 [b h n m]。这里没有因果掩码。",
        ),
        Text::new(
            "let drop = memory_mask.mapv(|keep| if keep == 0 { f32::NEG_INFINITY } else { 0.0 }).insert_axis(Axis(1)).insert_axis(Axis(1)); scores = einsum(\"b h n k, b h m k -> b h n m\", &[&q, &k]) / √dk + drop; softmax over axis 3; times v; merge; times w_o.",
            "let drop = memory_mask.mapv(|keep| if keep == 0 { f32::NEG_INFINITY } else { 0.0 }).insert_axis(Axis(1)).insert_axis(Axis(1))；scores = einsum(\"b h n k, b h m k -> b h n m\", &[&q, &k]) / √dk + drop；沿第 3 维 softmax；乘 v；合并；乘 w_o。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};

#[cfg(test)]
mod tests;
