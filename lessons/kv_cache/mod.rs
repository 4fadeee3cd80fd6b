//! The KV cache: attention of new tokens over everything that came before.

mod bugs;
mod claims;
mod laws;
mod pictures;
mod problem;
mod reference;
mod variants;

pub use problem::{Exercise, PROBLEM, candidate};

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

pub static LESSON: Lesson = Lesson {
    id: "kv-cache",
    aliases: &["kv", "cached-attention"],
    title: Text::new("KV cache", "KV 缓存"),
    summary: Text::new(
        "keep the keys and values of past tokens, so that a new token costs one row of attention: O(t·d) per step, 2·L·h_kv·d_head·bytes of memory per token",
        "把过去 token 的 k、v 存下来，新 token 只算一行注意力：每步 O(t·d)，每个 token 占 2·L·h_kv·d_head·字节数 的显存",
    ),
    part: Part::Serving,
    tracks: &[Track::Phone, Track::Whiteboard, Track::Leader],
    needs: &["attention-mask", "multi-head-attention", "rope"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Everything hangs on one number per row: start = lengths[beam_idx[i]], the tokens that row i continues. New token r stands at position start + r and goes into slot start + r.",
            "一切取决于每行的一个数：start = lengths[beam_idx[i]]，即第 i 行接着多少个 token 往下写。第 r 个新 token 的位置是 start + r，写入的槽位也是 start + r。",
        ),
        Text::new(
            "Order: pick the rows of the cache (past_k.select(Axis(0), &rows)), rotate q and k at start + r, write k and v into their slots, and only then attend: a token sees itself.",
            "顺序：先选出缓存的行（past_k.select(Axis(0), &rows)），按 start + r 旋转 q 和 k，把 k、v 写进槽位，最后才做注意力：token 能看见自己。",
        ),
        Text::new(
            "Cached keys are rotated already. Slot j is visible to new token r when j ≤ start + r; that one rule hides the future of the chunk and the free slots.",
            "缓存里的 k 已经旋转过。槽位 j 对第 r 个新 token 可见，当且仅当 j ≤ start + r；这一条规则同时挡住了块内的未来和空槽位。",
        ),
        Text::new(
            "Query head i reads cache head i/(h/g) (integer division). Scores [b h n m] over all m slots, −∞ where j > start + r, divided by √d, softmax over m, times the cached values.",
            "查询头 i 读第 i/(h/g)（整除）个缓存头。对全部 m 个槽位算分数 [b h n m]，除以 √d，j > start + r 处置 −∞，沿 m 做 softmax，再乘缓存的 v。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};

#[cfg(test)]
mod tests;
