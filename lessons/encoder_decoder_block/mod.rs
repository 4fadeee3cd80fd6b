//! Encoder and decoder: which sublayers, in which order, with which masks and norms.

mod bugs;
mod claims;
mod laws;
mod problem;
mod production;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;
pub use problem::{Exercise, PROBLEM, candidate};

pub static LESSON: Lesson = Lesson {
    id: "encoder-decoder-block",
    aliases: &["transformer-block", "encoder-decoder"],
    title: Text::new(
        "Encoder and decoder layers (pre-LN, post-LN)",
        "编码器层与解码器层（pre-LN、post-LN）",
    ),
    summary: Text::new(
        "encoder: self-attention → FFN; decoder: masked self-attention → cross-attention → FFN; a residual and a norm around each",
        "编码器：自注意力 → FFN；解码器：带掩码的自注意力 → 交叉注意力 → FFN；每个子层都有残差和归一化",
    ),
    part: Part::Transformer,
    tracks: &[Track::Phone, Track::Whiteboard],
    needs: &[
        "cross-attention",
        "layer-norm-residual",
        "position-wise-ffn",
    ],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Five sublayers of one form: two in the encoder, three in the decoder. Write down for each what asks (q), what is read (k, v), and which mask it has.",
            "五个子层同一个形式：编码器两个，解码器三个。先为每个子层写下：谁来问（q），读谁（k、v），用什么掩码。",
        ),
        Text::new(
            "Write three functions first: norm(x, i), attend(i, q, kv, mask), ffn(i, x). A sublayer is then x + f(norm(x, i)) with norm_first = 1 and norm(x + f(x), i) without.",
            "先写三个函数：norm(x, i)、attend(i, q, kv, mask)、ffn(i, x)。子层在 norm_first = 1 时是 x + f(norm(x, i))，否则是 norm(x + f(x), i)。",
        ),
        Text::new(
            "Two masks: 0 and −∞ from src_mask, shape [b 1 m], in the encoder's self-attention and in cross-attention; causal_mask(n, n) in the decoder's self-attention only.",
            "两种掩码：由 src_mask 得到的 0 与 −∞，形状 [b 1 m]，用在编码器自注意力和交叉注意力；causal_mask(n, n) 只用在解码器自注意力。",
        ),
        Text::new(
            "x = sublayer(src, 0, attend(0, y, y, padding)); memory = sublayer(x, 1, ffn(0, y)); z = [bos, tgt[.. n−1]]; z = sublayer(z, 2, attend(1, y, y, causal)); z = sublayer(z, 3, attend(2, y, memory, padding)); out = sublayer(z, 4, ffn(1, y)): y is the normed x in pre-LN; memory is never normed here.",
            "x = sublayer(src, 0, attend(0, y, y, padding))；memory = sublayer(x, 1, ffn(0, y))；z = [bos, tgt[.. n−1]]；z = sublayer(z, 2, attend(1, y, y, causal))；z = sublayer(z, 3, attend(2, y, memory, padding))；out = sublayer(z, 4, ffn(1, y))。pre-LN 时 y 是归一化后的 x；memory 在这里从不归一化。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: &[],
};
