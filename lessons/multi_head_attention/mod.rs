//! Multi-head attention, and grouped-query attention as its setting.

mod bugs;
mod claims;
mod laws;
mod problem;
mod reference;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};
pub(crate) use reference::{merge, split};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "multi-head-attention",
    aliases: &["mha", "gqa"],
    title: Text::new("Multi-head attention", "多头注意力"),
    summary: Text::new(
        "concat(head₁ … head_h)·w_o: h attentions side by side, each on d/h columns; GQA lets heads share keys and values",
        "concat(head₁ … head_h)·w_o：h 个注意力并排，各用 d/h 列；GQA 让多个头共用 k、v",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["attention"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Five steps: project, split into heads, attend in every head, put the heads side by side, project. Write down the shape after each: [b n d], [b h n dk], [b h n n], [b n d], [b n d].",
            "五步：投影、拆头、每个头做注意力、拼接、再投影。先写出每一步的形状：[b n d]、[b h n dk]、[b h n n]、[b n d]、[b n d]。",
        ),
        Text::new(
            "Splitting is two moves: reshape [b n d] to [b n h dk] (head i is the columns i·dk .. (i+1)·dk), then swap n and h. Merging undoes both, in the reverse order.",
            "拆头是两步：先把 [b n d] reshape 成 [b n h dk]（第 i 个头是列 i·dk .. (i+1)·dk），再交换 n 与 h。合并则反过来各做一次。",
        ),
        Text::new(
            "dk = d/h, h_kv = w_k.shape()[1] / dk. With fewer key/value heads, query head i reads head i·h_kv/h (integer division): k.select(Axis(1), &order) repeats each of them h/h_kv times in a row.",
            "dk = d/h，h_kv = w_k.shape()[1] / dk。k/v 头较少时，查询头 i 读第 i·h_kv/h（整除）个头：k.select(Axis(1), &order) 让每个头连续重复 h/h_kv 次。",
        ),
        Text::new(
            "scores = einsum(\"b h n k, b h m k -> b h n m\", &[&q, &k]) / √dk + mask; heads = einsum(\"b h n m, b h m k -> b n h k\", &[&softmax(&scores, 3), &v]) has n before h already; reshape it to [b n d] and multiply by w_o.",
            "scores = einsum(\"b h n k, b h m k -> b h n m\", &[&q, &k]) / √dk + mask；heads = einsum(\"b h n m, b h m k -> b n h k\", &[&softmax(&scores, 3), &v]) 已把 n 放回 h 之前；reshape 成 [b n d] 再乘 w_o。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};

#[cfg(test)]
mod tests;
