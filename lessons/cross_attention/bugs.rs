//! Mistakes that people really make in cross-attention. `variants.rs` plants them.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals cross-attention …».
pub const BUGS: &[Bug] = &[
    bug(
        "self-attention",
        [
            "with keys and values from the decoder: self-attention, the source is never read",
            "k、v 也取自解码器的结果：成了自注意力，根本没读源序列",
        ],
        [
            "Take k = memory·w_k and v = memory·w_v; only q comes from x.",
            "k = memory·w_k、v = memory·w_v；只有 q 来自 x。",
        ],
    ),
    bug(
        "causal-on-cross",
        [
            "with a causal mask j ≤ i between target and source",
            "在目标与源之间加了因果掩码 j ≤ i 的结果",
        ],
        [
            "Mask the padding only: the whole source is known before decoding starts.",
            "只屏蔽 padding：解码开始前整个源序列都已知。",
        ],
    ),
    bug(
        "mask-ignored",
        [
            "without the memory mask: padding of the source is read",
            "没有使用 memory_mask 的结果：读到了源序列的 padding",
        ],
        [
            "Set the scores of source tokens with memory_mask 0 to −∞.",
            "把 memory_mask 为 0 的源 token 的分数置为 −∞。",
        ],
    ),
    bug(
        "mask-inverted",
        [
            "with the memory mask read the wrong way round: 1 drops and 0 keeps",
            "把 memory_mask 读反的结果：1 被屏蔽，0 被保留",
        ],
        [
            "Here 1 is a real token; nn.MultiheadAttention's key_padding_mask is the one in which True drops.",
            "这里 1 表示真实 token；True 表示屏蔽的是 nn.MultiheadAttention 的 key_padding_mask。",
        ],
    ),
    bug(
        "keep-mask-added",
        [
            "with the 0/1 mask added to the scores: padding is only 1 lower instead of −∞",
            "把 0/1 掩码直接加到分数上的结果：padding 只低 1，而不是 −∞",
        ],
        [
            "Turn 1 into 0 and 0 into −∞ before the mask is added.",
            "先把 1 变成 0、0 变成 −∞，再相加。",
        ],
    ),
    bug(
        "masked-score-zero",
        [
            "with the scores multiplied by the 0/1 mask: padding keeps the weight e⁰",
            "分数乘以 0/1 掩码的结果：padding 仍有 e⁰ 的权重",
        ],
        [
            "Set dropped scores to −∞, so that exp makes them 0.",
            "被屏蔽的分数要置为 −∞，exp 之后才是 0。",
        ],
    ),
    bug(
        "memory-zeroed",
        [
            "with the padded rows of memory set to 0 instead of masked: their scores are 0 and they keep the weight e⁰",
            "把 memory 的 padding 行置 0、却没有屏蔽的结果：它们的分数为 0，仍有 e⁰ 的权重",
        ],
        [
            "Mask the scores with −∞: a key of zeros still takes part in the softmax.",
            "要用 −∞ 屏蔽分数：全零的键照样参与 softmax。",
        ],
    ),
    bug(
        "mask-after-softmax",
        [
            "with the weights of padding set to 0 after the softmax: rows no longer sum to 1",
            "在 softmax 之后才把 padding 的权重置 0 的结果：每行之和不再是 1",
        ],
        [
            "Mask the scores before the softmax.",
            "在 softmax 之前对分数做掩码。",
        ],
    ),
    bug(
        "mask-first-batch",
        [
            "with the memory mask of the first sequence for the whole batch",
            "整个批都用了第一条序列的 memory_mask 的结果",
        ],
        [
            "Give the mask the shape [b 1 1 m], one row for each sequence.",
            "掩码形状应为 [b 1 1 m]，每条序列一行。",
        ],
    ),
    bug(
        "mask-repeat-order",
        [
            "with the mask repeated in the wrong order for [b·h n m]: sequence and head are mixed up",
            "为 [b·h n m] 重复掩码时顺序错了的结果：序列与头对不上",
        ],
        [
            "Row b·h + head needs the mask of sequence b: repeat_interleave(h), not repeat(h, 1).",
            "第 b·h + head 行要用第 b 条序列的掩码：repeat_interleave(h)，而不是 repeat(h, 1)。",
        ],
    ),
    bug(
        "memory-first-batch",
        [
            "with the memory of the first sequence for the whole batch",
            "整个批都读了第一条序列的 memory 的结果",
        ],
        [
            "Each target reads its own source; only beams of one sequence share a memory.",
            "每个目标读自己的源；只有同一序列的各个 beam 才共用 memory。",
        ],
    ),
    bug(
        "kv-swapped",
        ["with w_k and w_v exchanged", "w_k 与 w_v 用反了的结果"],
        [
            "Keys are memory·w_k and are scored; values are memory·w_v and are summed.",
            "k = memory·w_k 用来打分，v = memory·w_v 用来求和。",
        ],
    ),
    bug(
        "softmax-queries",
        [
            "with the softmax over the target tokens (dim −2)",
            "沿目标 token（dim −2）做 softmax 的结果",
        ],
        [
            "Take the softmax over the last axis, the source tokens.",
            "softmax 要沿最后一维（源 token）做。",
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
        ["Divide by √dk with dk = d/h.", "除以 √dk，dk = d/h。"],
    ),
    bug(
        "reshape-no-transpose",
        [
            "with [b n h·dk] read as [b h n dk] directly",
            "把 [b n h·dk] 直接当作 [b h n dk] 读的结果",
        ],
        [
            "Reshape to [b n h dk] first, then swap n and h (for k and v: m and h).",
            "先 reshape 成 [b n h dk]，再交换 n 与 h（k、v 则是 m 与 h）。",
        ],
    ),
    bug(
        "concat-wrong-order",
        [
            "with the heads [b h n dk] flattened without swapping h and n back",
            "合并时没有把 h 与 n 换回来就展平 [b h n dk] 的结果",
        ],
        [
            "Swap back to [b n h dk] before the reshape.",
            "reshape 之前先换回 [b n h dk]。",
        ],
    ),
    bug(
        "no-wo",
        [
            "without the output projection w_o",
            "少了输出投影 w_o 的结果",
        ],
        [
            "Multiply the concatenated heads by w_o.",
            "拼接之后再乘 w_o。",
        ],
    ),
    bug(
        "wq-transposed",
        [
            "with x·w_qᵀ instead of x·w_q",
            "用 x·w_qᵀ 而不是 x·w_q 的结果",
        ],
        [
            "Use x·w_q: here weights are [in out].",
            "用 x·w_q：这里的权重是 [in out]。",
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
        "residual-added",
        [
            "with x added: the residual belongs to the decoder block, not to the attention",
            "又加上了 x 的结果：残差属于解码器的块，不属于注意力本身",
        ],
        ["Return concat·w_o alone.", "只返回 concat·w_o。"],
    ),
];
