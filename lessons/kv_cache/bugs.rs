//! Mistakes that people really make with a KV cache. `variants.rs` plants them.

use crate::problem::{Bug, Convention};
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

pub const CONVENTIONS: &[Convention] = &[Convention {
    id: "half-split",
    sentence: Text::new(
        "RoPE turns the pairs (xᵢ, xᵢ₊d/₂), the two halves of a head",
        "RoPE 旋转的是 (xᵢ, xᵢ₊d/₂)，即一个头的前后两半",
    ),
    who: Text::new(
        "half-split: Hugging Face, GPT-NeoX; interleaved: the paper, GPT-J, Meta's LLaMA code",
        "half-split：Hugging Face、GPT-NeoX；interleaved：论文、GPT-J、Meta 的 LLaMA 代码",
    ),
}];

/// Sentences complete «your output equals kv-cache …».
pub const BUGS: &[Bug] = &[
    bug(
        "position-0-each-step",
        [
            "with positions that start at 0 in every call, for q and k alike",
            "每次调用位置都从 0 数起（q、k 都如此）的结果",
        ],
        [
            "Rotate q and k at length + r, the absolute position: the cached keys were rotated at theirs.",
            "q、k 都要在绝对位置 length + r 上旋转：缓存里的 k 就是按各自的绝对位置转的。",
        ],
    ),
    bug(
        "query-position-restarts",
        [
            "with q rotated at r, as if the row began with this call; k is right",
            "q 按 r 旋转、好像这一行从本次调用才开始的结果；k 是对的",
        ],
        [
            "Rotate q at length + r, just as k.",
            "q 与 k 一样，在 length + r 上旋转。",
        ],
    ),
    bug(
        "key-position-restarts",
        [
            "with the new k rotated at r, as if the row began with this call; q is right",
            "新 k 按 r 旋转、好像这一行从本次调用才开始的结果；q 是对的",
        ],
        [
            "Rotate the new k at length + r before it is cached.",
            "新 k 先在 length + r 上旋转，再写入缓存。",
        ],
    ),
    bug(
        "position-off-by-one",
        [
            "with positions length + r + 1: the length was taken after the append",
            "位置取成 length + r + 1 的结果：长度是在追加之后才读的",
        ],
        [
            "The first new token of a row with `length` cached tokens stands at position `length`: read the length before you append.",
            "已缓存 length 个 token 的行，第一个新 token 的位置是 length：要在追加之前读长度。",
        ],
    ),
    bug(
        "cache-pre-rope-mix",
        [
            "with the new k cached and scored as it came, not rotated, beside cached keys that are",
            "新 k 未旋转就写入缓存并参与打分的结果，而旧的 k 都是旋转过的",
        ],
        [
            "Rotate k before you append it; or rotate everything on reading, but never one half each.",
            "先旋转 k 再追加；或者全部在读取时旋转，但不能一半一半。",
        ],
    ),
    bug(
        "rotated-twice",
        [
            "with RoPE applied to the whole cache after the append: the past is rotated twice",
            "追加之后对整个缓存做 RoPE 的结果：旧的 k 被旋转了两次",
        ],
        [
            "Rotate only the new k, before the append; cached keys have their rotation.",
            "只旋转新 k，并在追加之前做；缓存里的 k 已经转过了。",
        ],
    ),
    bug(
        "v-rotated",
        ["with v rotated as well", "v 也做了旋转的结果"],
        [
            "Rotate q and k only; values carry no position.",
            "只旋转 q 和 k；v 不带位置。",
        ],
    ),
    bug(
        "overwrites-last",
        [
            "with the new tokens written from slot length − 1 on: the last cached token is lost",
            "新 token 从槽位 length − 1 写起的结果：最后一个已缓存的 token 被覆盖",
        ],
        [
            "Slots are counted from 0, so `length` tokens end at slot length − 1 and the next one is slot `length`.",
            "槽位从 0 数起，length 个 token 占到 length − 1，下一个写在槽位 length。",
        ],
    ),
    bug(
        "causal-top-left",
        [
            "with the causal mask aligned top-left: new token r sees slots 0 … r only",
            "因果掩码左上对齐的结果：第 r 个新 token 只看见槽位 0 … r",
        ],
        [
            "Token r stands at length + r and sees slots j ≤ length + r: align the mask at the bottom right.",
            "第 r 个 token 的位置是 length + r，应看见 j ≤ length + r 的槽位：掩码要右下对齐。",
        ],
    ),
    bug(
        "no-causal-in-chunk",
        [
            "with the whole chunk visible to each of its tokens: the future leaks",
            "块内每个 token 都能看见整块的结果：泄露了未来",
        ],
        [
            "More than one new token needs a causal mask: slot j is visible when j ≤ length + r.",
            "新 token 多于一个就需要因果掩码：j ≤ length + r 的槽位才可见。",
        ],
    ),
    bug(
        "no-mask",
        [
            "with all m slots visible, the free ones too: they score 0 and take weight e⁰",
            "m 个槽位全部可见（含空槽位）的结果：空槽位得分 0，却占了 e⁰ 的权重",
        ],
        [
            "Set the scores of slots j > length + r to −∞, or slice the cache to its filled part.",
            "把 j > length + r 的分数置为 −∞，或者只取缓存里已写入的部分。",
        ],
    ),
    bug(
        "self-not-seen",
        [
            "with each new token blind to itself: it attends before its own k and v are there",
            "新 token 看不见自己的结果：自己的 k、v 还没写入就做了注意力",
        ],
        [
            "Append first, then attend: slot length + r belongs to token r itself.",
            "先追加，再做注意力：槽位 length + r 就是第 r 个 token 自己。",
        ],
    ),
    bug(
        "cache-not-read",
        [
            "with attention over the new tokens only: the cache is written and never read",
            "只在新 token 之间做注意力的结果：缓存只写不读",
        ],
        [
            "Attend over present_k and present_v, not over k and v.",
            "注意力要对 present_k、present_v 做，而不是对 k、v 做。",
        ],
    ),
    bug(
        "stale-present",
        [
            "with the past handed back as present: what this call added is forgotten",
            "把 past 当作 present 返回的结果：本次追加的内容丢了",
        ],
        [
            "Return the buffers that hold the new k and v.",
            "返回写入了新 k、v 的缓存。",
        ],
    ),
    bug(
        "v-not-written",
        ["with k appended and v not", "只追加了 k、没有追加 v 的结果"],
        [
            "Write v into the same slots as k.",
            "v 也要写入与 k 相同的槽位。",
        ],
    ),
    bug(
        "present-swapped",
        [
            "with present_v and present_k returned in this order",
            "present_v、present_k 顺序返反了的结果",
        ],
        [
            "Return (out, present_k, present_v).",
            "应返回 (out, present_k, present_v)。",
        ],
    ),
    bug(
        "caches-q",
        [
            "with the queries (the first head of each group) in the key cache",
            "把查询（每组的第一个头）写进了 k 缓存的结果",
        ],
        [
            "Cache k and v. A query is used once, by its own token, and never again.",
            "缓存的是 k 和 v。查询只被自己那个 token 用一次，无需保存。",
        ],
    ),
    bug(
        "padded-length",
        [
            "with the longest length used for every row",
            "所有行都用了最长那一行的长度的结果",
        ],
        [
            "Each row has its own length: slots, positions and mask all start from lengths[row].",
            "每行有自己的长度：槽位、位置、掩码都从 lengths[row] 算起。",
        ],
    ),
    bug(
        "no-reorder-in-beam",
        [
            "with beam_idx ignored: row i continues row i",
            "忽略了 beam_idx 的结果：第 i 行仍接着第 i 行写",
        ],
        [
            "Take row beam_idx[i] of past_k, past_v and lengths: past_k.select(Axis(0), &rows).",
            "past_k、past_v、lengths 都取第 beam_idx[i] 行：past_k.select(Axis(0), &rows)。",
        ],
    ),
    bug(
        "lengths-not-reordered",
        [
            "with the rows of the cache reordered by beam_idx, but not their lengths",
            "缓存的行按 beam_idx 重排了、长度却没有重排的结果",
        ],
        [
            "`lengths` belongs to the rows of the past: row i starts at lengths[beam_idx[i]].",
            "lengths 属于旧缓存的行：第 i 行从 lengths[beam_idx[i]] 开始。",
        ],
    ),
    bug(
        "values-not-reordered",
        [
            "with past_k reordered by beam_idx and past_v not",
            "past_k 按 beam_idx 重排了、past_v 没有重排的结果",
        ],
        ["Reorder both caches.", "两个缓存都要重排。"],
    ),
    bug(
        "no-scale",
        ["without the 1/√d scale", "少了 1/√d 缩放的结果"],
        [
            "Divide q·kᵀ by √d, the size of one head.",
            "把 q·kᵀ 除以 √d，d 是单个头的维度。",
        ],
    ),
    bug(
        "gqa-tile-not-repeat",
        [
            "with query head i on cached head i mod g: the heads tiled instead of repeated",
            "查询头 i 用了第 i mod g 个缓存头的结果：整体平铺，而不是逐个重复",
        ],
        [
            "Query head i reads cached head ⌊i·g/h⌋: repeat_interleave, not repeat/tile.",
            "查询头 i 读第 ⌊i·g/h⌋ 个缓存头：用 repeat_interleave，而不是 repeat/tile。",
        ],
    ),
];
