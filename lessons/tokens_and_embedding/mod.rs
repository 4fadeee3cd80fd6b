//! Tokens, embedding and the tied output head.

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
    id: "tokens-and-embedding",
    aliases: &["bpe", "tokenizer", "embedding"],
    title: Text::new(
        "Tokens, embedding and the tied output head",
        "词元、词嵌入与共享输出头",
    ),
    summary: Text::new(
        "byte-pair encoding turns text into ids, a table turns ids into vectors, and the same table turns vectors back into scores",
        "BPE 把文本变成 id，一张表把 id 变成向量，再用同一张表把向量变回分数",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Leader],
    needs: &[],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Three parts that do not meet: text to ids (for each text, for each word), ids to rows of the table, hidden states to scores. Which of them needs arithmetic at all?",
            "互不相干的三部分：文本到 id（逐条文本、逐个词），id 到表的行，隐藏状态到分数。哪一部分真正需要算术？",
        ),
        Text::new(
            "Cut a text before every symbol 0. Within a word look at all neighbouring pairs, find the one that stands first in `merges`, replace it everywhere from left to right, and start again.",
            "在每个符号 0 之前切开文本。在一个词里看所有相邻的对，找出在 `merges` 中排得最前的那一对，从左到右全部替换，然后重来。",
        ),
        Text::new(
            "Since merge i only uses ids that were made before it, one pass over the merges in order does the same: for rank in 0..r replace all (merges[rank][0], merges[rank][1]) by v − r + rank.",
            "规则 i 只用到在它之前产生的 id，所以按顺序过一遍规则即可：for rank in 0..r，把所有 (merges[rank][0], merges[rank][1]) 换成 v − r + rank。",
        ),
        Text::new(
            "embedded starts as zeros [b n d]; row t gets table.index_axis(Axis(0), id). logits = einsum(\"b n d, v d -> b n v\", &[hidden, table]): no softmax, no scale.",
            "embedded 从全零 [b n d] 开始，第 t 行赋值为 table.index_axis(Axis(0), id)。logits = einsum(\"b n d, v d -> b n v\", &[hidden, table])：不做 softmax，也不缩放。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};
