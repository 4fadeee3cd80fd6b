//! Mistakes that people really make with attention in einsum. `variants.rs` plants them.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals einsum-attention …».
pub const BUGS: &[Bug] = &[
    bug(
        "index-reuse",
        [
            "with v named by the query's axis, n: each query takes its own value",
            "给 v 用了查询轴的名字 n 的结果：每个查询取了自己位置的值",
        ],
        [
            "v has the axes of the memory: \"b h n m, b m h e -> b n h e\".",
            "v 的轴是 memory 的轴：\"b h n m, b m h e -> b n h e\"。",
        ],
    ),
    bug(
        "weights-transposed",
        [
            "with n and m exchanged when the weights meet v: weightsᵀ·v",
            "权重与 v 相乘时 n、m 写反（weightsᵀ·v）的结果",
        ],
        [
            "Name the weights as they were made: b h n m, queries before keys.",
            "权重怎么造出来就怎么命名：b h n m，查询在前，键在后。",
        ],
    ),
    bug(
        "scores-transposed",
        [
            "with scores laid out as [b h m n] and a softmax over the last axis: it runs over the queries",
            "分数排成 [b h m n]、又沿最后一轴做 softmax 的结果：归一化落在了查询上",
        ],
        [
            "Ask for b h n m, so that the last axis is the memory.",
            "结果要写成 b h n m，让最后一轴是 memory。",
        ],
    ),
    bug(
        "softmax-queries",
        [
            "with the softmax over the queries, axis 2",
            "沿查询轴（第 2 轴）做 softmax 的结果",
        ],
        [
            "The softmax runs over m, axis 3 of b h n m.",
            "softmax 沿 m，即 b h n m 的第 3 轴。",
        ],
    ),
    bug(
        "softmax-heads",
        [
            "with the softmax over the heads, axis 1",
            "沿头轴（第 1 轴）做 softmax 的结果",
        ],
        [
            "The softmax runs over m, axis 3 of b h n m.",
            "softmax 沿 m，即 b h n m 的第 3 轴。",
        ],
    ),
    bug(
        "head-axis-dropped",
        [
            "with h missing in the result of the scores: they are summed over the heads, and all heads share them",
            "分数的结果里漏写了 h 的结果：分数对各头求和，所有头共用",
        ],
        [
            "Keep h in the result: an axis that the result does not name is summed.",
            "结果里要保留 h：结果没有写出的轴会被求和。",
        ],
    ),
    bug(
        "scores-two-names",
        [
            "with two names for the contracted axis: q and k are each summed over their own, and multiplied then",
            "收缩轴在两边用了不同名字的结果：q、k 各自先求和再相乘",
        ],
        [
            "Use one name, k, in both operands: \"b n h k, b m h k -> b h n m\".",
            "两个操作数要用同一个名字 k：\"b n h k, b m h k -> b h n m\"。",
        ],
    ),
    bug(
        "values-two-names",
        [
            "with two names for the memory's axis in the last product: weights sum to 1 and v is summed, so attention is lost",
            "最后一步里 memory 轴用了两个名字的结果：权重求和得 1，v 直接求和，注意力没了",
        ],
        [
            "Weights and v share m: \"b h n m, b m h e -> b n h e\".",
            "权重与 v 共用 m：\"b h n m, b m h e -> b n h e\"。",
        ],
    ),
    bug(
        "batch-two-names",
        [
            "with two names for the batch in the scores: keys are summed over all sequences",
            "分数里 batch 用了两个名字的结果：k 对所有序列求了和",
        ],
        [
            "b stands in both operands and in the result.",
            "b 要同时出现在两个操作数和结果里。",
        ],
    ),
    bug(
        "wo-two-names",
        [
            "with two names for the heads in the output: heads and w_o are each summed over their own",
            "输出里头轴用了两个名字的结果：各头与 w_o 各自先求和",
        ],
        [
            "Use h in both: \"b n h e, h e d -> b n d\".",
            "两边都用 h：\"b n h e, h e d -> b n d\"。",
        ],
    ),
    bug(
        "heads-for-tokens",
        [
            "with [b n h k] named b h n k: heads attend to heads of one token, tokens never meet",
            "把 [b n h k] 命名成 b h n k 的结果：在同一个 token 内部让头关注头，token 之间没有交流",
        ],
        [
            "q and k come as [b n h k]; name them so, and let einsum move h: \"b n h k, b m h k -> b h n m\".",
            "q、k 的布局是 [b n h k]，照实命名，让 einsum 去移动 h：\"b n h k, b m h k -> b h n m\"。",
        ],
    ),
    bug(
        "wq-head-dim-swapped",
        [
            "with w_q [d h k] named d k h: head and head size exchanged",
            "把 w_q [d h k] 命名成 d k h（头与头维度写反）的结果",
        ],
        [
            "Name the axes of w_q in the order in which they lie: d h k.",
            "按实际次序命名 w_q 的轴：d h k。",
        ],
    ),
    bug(
        "wo-head-dim-swapped",
        [
            "with w_o [h e d] named e h d: head and head size exchanged",
            "把 w_o [h e d] 命名成 e h d（头与头维度写反）的结果",
        ],
        [
            "Name the axes of w_o in the order in which they lie: h e d.",
            "按实际次序命名 w_o 的轴：h e d。",
        ],
    ),
    bug(
        "no-scale",
        ["without the 1/√k scale", "少了 1/√k 缩放的结果"],
        [
            "Divide the scores by √k, the head size of q.",
            "把分数除以 √k，k 是 q 的头维度。",
        ],
    ),
    bug(
        "scale-axis-2",
        [
            "scaled by √h: axis 2 of q was taken for the head size, as in another layout",
            "用 √h 缩放的结果：按别的布局把 q 的第 2 轴当成了头维度",
        ],
        [
            "In [b n h k] the head size is the last axis: q.shape()[3].",
            "在 [b n h k] 里头维度是最后一轴：q.shape()[3]。",
        ],
    ),
    bug(
        "scale-model",
        [
            "scaled by √d, the model width, instead of √k",
            "用模型宽度 √d 而不是 √k 缩放的结果",
        ],
        [
            "The dot product runs over k: divide by √k.",
            "点积在 k 上求和：除以 √k。",
        ],
    ),
    bug(
        "no-sqrt",
        ["divided by k instead of √k", "除以 k 而不是 √k 的结果"],
        ["Take the square root of k.", "要对 k 开平方。"],
    ),
    bug(
        "mask-ignored",
        ["without the mask", "没有使用掩码的结果"],
        [
            "Where there is a mask, add it to the scores before the softmax.",
            "有掩码时，在 softmax 之前加到分数上。",
        ],
    ),
    bug(
        "mask-after-softmax",
        [
            "with dropped keys set to 0 after the softmax: rows no longer sum to 1",
            "softmax 之后才把被屏蔽的权重置 0 的结果：每行之和不再是 1",
        ],
        [
            "Add the mask to the scores before the softmax.",
            "在 softmax 之前把掩码加到分数上。",
        ],
    ),
    bug(
        "memory-not-used",
        [
            "with keys and values from x: self-attention, whatever the memory is",
            "k、v 取自 x 的结果：不管 memory 是什么，做的都是自注意力",
        ],
        [
            "Project the memory with w_k and w_v.",
            "用 w_k、w_v 投影的应是 memory。",
        ],
    ),
    bug(
        "kv-weights-swapped",
        ["with w_k and w_v exchanged", "w_k 与 w_v 用反了的结果"],
        [
            "Keys are memory·w_k and are scored; values are memory·w_v and are summed.",
            "k = memory·w_k 用来打分，v = memory·w_v 用来求和。",
        ],
    ),
];
