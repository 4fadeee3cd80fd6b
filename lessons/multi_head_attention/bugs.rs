//! Mistakes that people really make in multi-head attention. `variants.rs` plants them.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals multi-head-attention …».
pub const BUGS: &[Bug] = &[
    bug(
        "reshape-no-transpose",
        [
            "with [b n h·dk] read as [b h n dk] directly: a head gets pieces of different tokens",
            "把 [b n h·dk] 直接当作 [b h n dk] 读的结果：一个头里混进了不同 token 的片段",
        ],
        [
            "Reshape to [b n h dk] first, then swap n and h: view(b, n, h, dk).transpose(1, 2).",
            "先 reshape 成 [b n h dk]，再交换 n 与 h：view(b, n, h, dk).transpose(1, 2)。",
        ],
    ),
    bug(
        "concat-wrong-order",
        [
            "with the heads [b h n dk] flattened to [b n d] without swapping h and n back",
            "合并时没有把 h 与 n 换回来、直接把 [b h n dk] 展平成 [b n d] 的结果",
        ],
        [
            "Swap back to [b n h dk] before the reshape: transpose(1, 2).reshape(b, n, d).",
            "reshape 之前先换回 [b n h dk]：transpose(1, 2).reshape(b, n, d)。",
        ],
    ),
    bug(
        "interleaved-heads",
        [
            "with the head as the fastest index: head i takes columns i, i+h, i+2h, …",
            "把头当成变化最快的下标的结果：第 i 个头取了第 i、i+h、i+2h…… 列",
        ],
        [
            "Reshape to [b n h dk], not [b n dk h]: head i is the block of columns i·dk .. (i+1)·dk.",
            "reshape 成 [b n h dk] 而不是 [b n dk h]：第 i 个头是连续的列 i·dk .. (i+1)·dk。",
        ],
    ),
    bug(
        "interleaved-concat",
        [
            "with the heads interleaved at the merge, as [b n dk h]",
            "合并时各头交错排列（按 [b n dk h] 展平）的结果",
        ],
        [
            "Put the heads side by side: flatten [b n h dk].",
            "各头应首尾相接：展平的是 [b n h dk]。",
        ],
    ),
    bug(
        "no-wo",
        [
            "without the output projection w_o",
            "少了输出投影 w_o 的结果",
        ],
        [
            "Multiply the concatenated heads by w_o: it is what mixes the heads.",
            "拼接之后再乘 w_o：各头的信息靠它混合。",
        ],
    ),
    bug(
        "wq-transposed",
        [
            "with x·w_qᵀ instead of x·w_q",
            "用 x·w_qᵀ 而不是 x·w_q 的结果",
        ],
        [
            "Use x·w_q: here weights are [in out]. Only nn.Linear keeps them as [out in].",
            "用 x·w_q：这里的权重是 [in out]；nn.Linear 存的才是 [out in]。",
        ],
    ),
    bug(
        "wo-transposed",
        [
            "with concat·w_oᵀ instead of concat·w_o",
            "用 concat·w_oᵀ 而不是 concat·w_o 的结果",
        ],
        [
            "Use concat·w_o: the rows of w_o belong to the heads.",
            "用 concat·w_o：w_o 的行才对应各个头。",
        ],
    ),
    bug(
        "weights-transposed",
        [
            "with all four weights transposed, x·wᵀ, as nn.Linear keeps them",
            "四个权重全部转置（x·wᵀ，nn.Linear 的存法）的结果",
        ],
        [
            "Use x·w: here weights are [in out].",
            "用 x·w：这里的权重是 [in out]。",
        ],
    ),
    bug(
        "no-scale",
        ["without the 1/√dk scale", "少了 1/√dk 缩放的结果"],
        [
            "Divide q·kᵀ by √dk, the size of one head.",
            "把 q·kᵀ 除以 √dk，dk 是单个头的维度。",
        ],
    ),
    bug(
        "scale-sqrt-d-model",
        [
            "scaled by √d, the model width, instead of √dk",
            "用模型维度 √d 而不是 √dk 缩放的结果",
        ],
        [
            "Divide by √dk with dk = d/h: a dot product runs over one head only.",
            "除以 √dk，dk = d/h：点积只在一个头内求和。",
        ],
    ),
    bug(
        "scale-dk",
        [
            "divided by dk instead of √dk (or scaled twice)",
            "除以 dk 而不是 √dk（或缩放了两次）的结果",
        ],
        [
            "Take the square root of dk, and scale in one place only.",
            "对 dk 开平方，且只在一处缩放。",
        ],
    ),
    bug(
        "scale-tokens",
        [
            "scaled by √n, the number of tokens, instead of √dk",
            "用 token 数 √n 而不是 √dk 缩放的结果",
        ],
        [
            "Take the size of the last axis of the heads, not of the one before it.",
            "取各头最后一维的大小，而不是倒数第二维。",
        ],
    ),
    bug(
        "gqa-tile-not-repeat",
        [
            "with query head i on key/value head i mod h_kv: the kv heads tiled instead of repeated",
            "查询头 i 用了第 i mod h_kv 个 kv 头的结果：kv 头被整体平铺，而不是逐个重复",
        ],
        [
            "Query head i reads kv head ⌊i·h_kv/h⌋: repeat_interleave, not repeat/tile.",
            "查询头 i 读第 ⌊i·h_kv/h⌋ 个 kv 头：用 repeat_interleave，而不是 repeat/tile。",
        ],
    ),
    bug(
        "kv-first-head",
        [
            "with the keys and values of head 0 for every query head, as in multi-query attention",
            "所有查询头都用第 0 个头的 k、v（成了多查询注意力）的结果",
        ],
        [
            "Query head i reads key/value head ⌊i·h_kv/h⌋.",
            "查询头 i 读第 ⌊i·h_kv/h⌋ 个 k/v 头。",
        ],
    ),
    bug(
        "one-head-repeated",
        [
            "with one set of projections for all heads: every head is head 0",
            "所有头共用同一组投影的结果：每个头都是第 0 个头",
        ],
        [
            "Give head i its own columns i·dk .. (i+1)·dk of w_q, w_k and w_v.",
            "第 i 个头要用 w_q、w_k、w_v 自己的列 i·dk .. (i+1)·dk。",
        ],
    ),
    bug(
        "sum-logits-then-softmax",
        [
            "with the scores summed over the heads before one common softmax: that is a single head",
            "先把各头的分数相加、再做一次公共 softmax 的结果：等于只有一个头",
        ],
        [
            "Keep the head axis: einsum(\"b h n k, b h m k -> b h n m\") and a softmax in each head.",
            "保留头这一维：einsum(\"b h n k, b h m k -> b h n m\")，各头分别做 softmax。",
        ],
    ),
    bug(
        "weights-averaged",
        [
            "with the weights averaged over the heads and used by all of them",
            "把各头的权重取平均、再供所有头使用的结果",
        ],
        [
            "Each head reads its values with its own weights; averages are for pictures.",
            "每个头用自己的权重读取 v；平均权重只用于可视化。",
        ],
    ),
    bug(
        "heads-mean",
        [
            "with the mean of the heads' contributions instead of their sum",
            "把各头的贡献取平均而不是相加的结果",
        ],
        [
            "Add headᵢ·w_o[block i] over the heads; do not divide by h.",
            "把 headᵢ·w_o[第 i 块] 相加，不要再除以 h。",
        ],
    ),
    bug(
        "softmax-heads",
        [
            "with the softmax over the heads (dim 1)",
            "在头维（dim 1）上做 softmax 的结果",
        ],
        [
            "Take the softmax over the last axis of the scores, the keys.",
            "softmax 要沿分数的最后一维（键）做。",
        ],
    ),
    bug(
        "softmax-queries",
        [
            "with the softmax over the queries (dim −2)",
            "在查询维（dim −2）上做 softmax 的结果",
        ],
        [
            "Take the softmax over the last axis of the scores, the keys.",
            "softmax 要沿分数的最后一维（键）做。",
        ],
    ),
    bug(
        "mask-ignored",
        ["without the mask", "没有使用掩码的结果"],
        [
            "Add the mask [n n] to the scores of every head before the softmax.",
            "在 softmax 之前把掩码 [n n] 加到每个头的分数上。",
        ],
    ),
    bug(
        "always-causal",
        [
            "with a causal mask of its own on top of the given one",
            "在给定掩码之外又自行加了因果掩码的结果",
        ],
        [
            "Use only the mask that is passed; None means no mask.",
            "只用传入的掩码；None 表示没有掩码。",
        ],
    ),
    bug(
        "mask-after-softmax",
        [
            "with dropped keys set to 0 after the softmax: rows no longer sum to 1",
            "在 softmax 之后才把被屏蔽的权重置 0 的结果：每行之和不再是 1",
        ],
        [
            "Add the mask to the scores before the softmax.",
            "在 softmax 之前把掩码加到分数上。",
        ],
    ),
    bug(
        "v-not-projected",
        [
            "with x itself, cut into heads, as the values: w_v is not used",
            "直接把 x 切成各头当作 v、没有用 w_v 的结果",
        ],
        ["Take v = x·w_v.", "v 应为 x·w_v。"],
    ),
    bug(
        "qk-swapped",
        [
            "with queries and keys exchanged: k·qᵀ instead of q·kᵀ",
            "q 与 k 互换（k·qᵀ 而不是 q·kᵀ）的结果",
        ],
        [
            "Rows of the scores are queries, columns are keys: q·kᵀ.",
            "分数的行是查询，列是键：q·kᵀ。",
        ],
    ),
    bug(
        "kv-swapped",
        ["with w_k and w_v exchanged", "w_k 与 w_v 用反了的结果"],
        [
            "Keys are x·w_k and are scored; values are x·w_v and are summed.",
            "k = x·w_k 用来打分，v = x·w_v 用来求和。",
        ],
    ),
    bug(
        "residual-added",
        [
            "with x added: the residual belongs to the block, not to the attention",
            "又加上了 x 的结果：残差属于外层的块，不属于注意力本身",
        ],
        ["Return concat·w_o alone.", "只返回 concat·w_o。"],
    ),
];
