//! Mistakes that people really make in attention. `variants.rs` plants them.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals attention …».
pub const BUGS: &[Bug] = &[
    bug(
        "no-scale",
        ["without the 1/√d scale", "少了 1/√d 缩放的结果"],
        [
            "Divide q·kᵀ by √d, with d the last axis of q.",
            "把 q·kᵀ 除以 √d，d 是 q 的最后一维。",
        ],
    ),
    bug(
        "scale-dmodel",
        [
            "scaled by √(h·d), the model size, instead of √d",
            "用模型维度 √(h·d) 而不是 √d 缩放的结果",
        ],
        [
            "Use the head size: the last axis of q, not heads × head size.",
            "用单个头的维度，即 q 的最后一维，而不是 头数×头维度。",
        ],
    ),
    bug(
        "scale-dk-not-sqrt",
        [
            "divided by d instead of √d (or scaled by 1/√d twice)",
            "除以 d 而不是 √d（或缩放了两次）的结果",
        ],
        [
            "Take the square root of d, and scale in one place only.",
            "对 d 开平方，且只在一处缩放。",
        ],
    ),
    bug(
        "scale-fourth-root",
        [
            "divided by d^¼ instead of √d: one of q and k was scaled by d^-¼, the other was not",
            "除以 d^¼ 而不是 √d 的结果：q、k 中只有一个乘了 d^-¼",
        ],
        [
            "Multiply both q and k by d^-¼, or the scores by 1/√d.",
            "q 和 k 都乘 d^-¼，或者只给分数乘 1/√d。",
        ],
    ),
    bug(
        "scale-multiply",
        [
            "multiplied by √d instead of divided",
            "乘以 √d 而不是除以 √d 的结果",
        ],
        ["Divide the scores by √d.", "分数应除以 √d。"],
    ),
    bug(
        "scale-dv",
        [
            "scaled by √dv, the head size of v, instead of √d",
            "用 v 的头维度 √dv 而不是 √d 缩放的结果",
        ],
        [
            "Take d from q or k: the dot product runs over their last axis.",
            "d 取自 q 或 k：点积是沿它们的最后一维求和的。",
        ],
    ),
    bug(
        "scale-keys",
        [
            "scaled by √m, the number of keys, instead of √d",
            "用键的个数 √m 而不是 √d 缩放的结果",
        ],
        [
            "Take the size of the last axis of k, not of the one before it.",
            "取 k 最后一维的大小，而不是倒数第二维。",
        ],
    ),
    bug(
        "scale-queries",
        [
            "scaled by √n, the number of queries, instead of √d",
            "用查询个数 √n 而不是 √d 缩放的结果",
        ],
        [
            "Take the size of the last axis of q, not of the one before it.",
            "取 q 最后一维的大小，而不是倒数第二维。",
        ],
    ),
    bug(
        "scale-after-softmax",
        [
            "with the 1/√d scale on the weights, after the softmax, instead of on the scores",
            "把 1/√d 乘在 softmax 之后的权重上、而不是分数上的结果",
        ],
        [
            "Divide the scores by √d before the softmax.",
            "在 softmax 之前把分数除以 √d。",
        ],
    ),
    bug(
        "softmax-queries",
        [
            "with the softmax over the queries (dim −2): columns sum to 1 instead of rows",
            "在查询维（dim −2）上做 softmax 的结果：每列之和为 1，而不是每行",
        ],
        [
            "Take the softmax over the last axis of the scores, the keys.",
            "softmax 要沿分数的最后一维（键）做。",
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
        "softmax-batch",
        [
            "with the softmax over the batch (dim 0)",
            "在批维（dim 0）上做 softmax 的结果",
        ],
        [
            "Take the softmax over the last axis of the scores, the keys.",
            "softmax 要沿分数的最后一维（键）做。",
        ],
    ),
    bug(
        "softmax-whole-matrix",
        [
            "with one softmax over the whole n×m matrix instead of one per row",
            "对整个 n×m 矩阵做一次 softmax、而不是逐行做的结果",
        ],
        [
            "Normalise each row by itself: maximum and sum belong to one query.",
            "逐行归一化：最大值与和都只属于一个查询。",
        ],
    ),
    bug(
        "softmax-twice",
        ["with the softmax applied twice", "做了两次 softmax 的结果"],
        [
            "Apply the softmax once; the second one makes the weights nearly uniform.",
            "只做一次 softmax；第二次会把权重抹得接近均匀。",
        ],
    ),
    bug(
        "no-softmax",
        [
            "without the softmax: the raw scores weigh the values",
            "没有做 softmax、直接用分数加权 v 的结果",
        ],
        [
            "Turn the scores into weights with a softmax over the keys.",
            "先沿键做 softmax，把分数变成权重。",
        ],
    ),
    bug(
        "log-softmax",
        [
            "with log-softmax instead of softmax",
            "用 log-softmax 代替 softmax 的结果",
        ],
        [
            "Use softmax: weights are probabilities, not their logarithms.",
            "用 softmax：权重是概率，不是对数概率。",
        ],
    ),
    bug(
        "no-normalise",
        [
            "with exp(s − max) not divided by its row sum",
            "exp(s − max) 没有除以行和的结果",
        ],
        [
            "Divide each row by its sum (in a streaming softmax: divide by l at the end).",
            "每行除以自己的和（流式 softmax 则在最后除以 l）。",
        ],
    ),
    bug(
        "exp2",
        [
            "with 2^s in place of e^s: the factor log₂e is missing",
            "用 2^s 代替 e^s 的结果：少乘了 log₂e",
        ],
        [
            "Use exp, or multiply the scores by log₂e = 1.4427 before exp2.",
            "用 exp，或者在 exp2 之前把分数乘以 log₂e = 1.4427。",
        ],
    ),
    bug(
        "no-max",
        [
            "with a softmax that does not take off the row maximum: exp overflows f32 for scores above 88",
            "softmax 没有减去行最大值的结果：分数超过 88 时 exp 在 f32 下溢出",
        ],
        [
            "Take the row's maximum off before exp.",
            "在 exp 之前减去该行的最大值。",
        ],
    ),
    bug(
        "max-of-tensor",
        [
            "with the maximum of the whole tensor taken off instead of each row's: rows far below it vanish",
            "减去整个张量的最大值、而不是各行最大值的结果：分数低得多的行会整行下溢",
        ],
        [
            "Take off the maximum of each row by itself.",
            "逐行减去该行自己的最大值。",
        ],
    ),
    bug(
        "mean-over-keys",
        [
            "divided by the number of keys: a mean where the weighted sum belongs",
            "又除以键的个数的结果：该用加权和的地方用了平均",
        ],
        [
            "Sum weights × values; the weights sum to 1 already.",
            "对 权重×值 求和即可；权重之和已经是 1。",
        ],
    ),
    bug(
        "last-key-dropped",
        [
            "without the last key (a loop that ends one too early)",
            "漏掉最后一个键的结果（循环少走了一步）",
        ],
        ["Run over all m keys: 0..m.", "遍历全部 m 个键：0..m。"],
    ),
    bug(
        "kv-first-head",
        [
            "with the keys and values of head 0 in every head",
            "每个头都用了第 0 个头的 k、v 的结果",
        ],
        [
            "Index k and v with the head of the query.",
            "用查询所在的头去索引 k 和 v。",
        ],
    ),
    bug(
        "kv-first-batch",
        [
            "with the keys and values of the first sequence for the whole batch",
            "整个批都用了第一条序列的 k、v 的结果",
        ],
        [
            "Index k and v with the sequence of the query.",
            "用查询所在的序列去索引 k 和 v。",
        ],
    ),
    bug(
        "mask-ignored",
        ["without the mask", "没有使用掩码的结果"],
        [
            "Add the mask to the scores before the softmax.",
            "在 softmax 之前把掩码加到分数上。",
        ],
    ),
    bug(
        "mask-before-scale",
        [
            "with the mask added before the scale: (q·kᵀ + mask)/√d, which shrinks a finite bias",
            "在缩放之前加掩码的结果：(q·kᵀ + mask)/√d，有限值偏置被缩小了",
        ],
        ["Scale first, then add the mask.", "先缩放，再加掩码。"],
    ),
    bug(
        "mask-subtracted",
        [
            "with the mask subtracted instead of added",
            "减去掩码而不是加上掩码的结果",
        ],
        [
            "Add the mask: dropped keys hold −∞ already.",
            "掩码应当相加：被屏蔽的键本身就是 −∞。",
        ],
    ),
    bug(
        "mask-multiply",
        [
            "with scores × mask instead of scores + mask",
            "用 分数×掩码 而不是 分数+掩码 的结果",
        ],
        ["Add the mask to the scores.", "把掩码加到分数上。"],
    ),
    bug(
        "masked-score-zero",
        [
            "with the scores of dropped keys set to 0 (scores × a 0/1 mask): they keep the weight e⁰",
            "把被屏蔽键的分数置 0（分数乘 0/1 掩码）的结果：它们仍有 e⁰ 的权重",
        ],
        [
            "Set dropped scores to −∞, so that exp makes them 0.",
            "被屏蔽的分数要置为 −∞，exp 之后才是 0。",
        ],
    ),
    bug(
        "keep-mask-added",
        [
            "with a 0/1 keep-mask added to the scores: dropped keys are only 1 lower instead of −∞",
            "把 0/1 保留掩码加到分数上的结果：被屏蔽的键只低 1，而不是 −∞",
        ],
        [
            "Add the mask as it is; a bool mask must first become 0 and −∞.",
            "直接加原掩码；布尔掩码要先变成 0 和 −∞。",
        ],
    ),
    bug(
        "drop-mask-added",
        [
            "with a 0/1 drop-mask added to the scores: dropped keys gain 1",
            "把 0/1 屏蔽掩码加到分数上的结果：被屏蔽的键反而加了 1",
        ],
        [
            "Add the mask as it is; a bool mask must first become 0 and −∞.",
            "直接加原掩码；布尔掩码要先变成 0 和 −∞。",
        ],
    ),
    bug(
        "mask-inverted",
        [
            "with the mask read the wrong way round: masked_fill(mask == 0, −∞) drops the keys to keep",
            "把掩码读反的结果：masked_fill(mask == 0, −∞) 屏蔽了该保留的键",
        ],
        [
            "This mask is additive: 0 keeps, −∞ drops. `mask == 0` fits 1/0 keep-masks.",
            "这里是加性掩码：0 保留，−∞ 屏蔽；`mask == 0` 适用于 1/0 保留掩码。",
        ],
    ),
    bug(
        "bias-ignored",
        [
            "with the mask used as keep or drop only: its finite values are ignored",
            "只把掩码当作保留/屏蔽、忽略其中有限值的结果",
        ],
        [
            "Add the mask's values: a finite one is a bias, as in ALiBi.",
            "要加上掩码的数值：有限值是偏置，如 ALiBi。",
        ],
    ),
    bug(
        "bias-drops",
        [
            "with every key dropped whose mask is not 0, finite biases too",
            "凡是掩码不为 0 的键都被屏蔽（连有限偏置也算）的结果",
        ],
        [
            "Add the mask; only −∞ drops a key.",
            "把掩码加上去；只有 −∞ 才表示屏蔽。",
        ],
    ),
    bug(
        "mask-after-softmax",
        [
            "with dropped keys set to 0 after the softmax: rows no longer sum to 1, and biases are lost",
            "在 softmax 之后才把被屏蔽的权重置 0 的结果：每行之和不再是 1，偏置也丢了",
        ],
        [
            "Mask the scores before the softmax.",
            "在 softmax 之前对分数做掩码。",
        ],
    ),
    bug(
        "exp-mask-after-softmax",
        [
            "with the weights multiplied by exp(mask) after the softmax and not normalised again",
            "在 softmax 之后把权重乘以 exp(mask)、却没有重新归一化的结果",
        ],
        [
            "Add the mask before the softmax, or divide by the new row sums.",
            "在 softmax 之前加掩码，或者除以新的行和。",
        ],
    ),
    bug(
        "mask-on-weights",
        [
            "with the mask added to the weights, after the softmax",
            "在 softmax 之后把掩码加到权重上的结果",
        ],
        [
            "Add the mask to the scores, before the softmax.",
            "在 softmax 之前把掩码加到分数上。",
        ],
    ),
    bug(
        "mask-first-head",
        [
            "with the mask of head 0 in every head",
            "每个头都用了第 0 个头的掩码的结果",
        ],
        [
            "Broadcast the mask to [b h n m] and index it with the head.",
            "把掩码广播到 [b h n m]，再按头索引。",
        ],
    ),
    bug(
        "mask-first-batch",
        [
            "with the mask of the first sequence for the whole batch",
            "整个批都用了第一条序列的掩码的结果",
        ],
        [
            "Broadcast the mask to [b h n m] and index it with the sequence.",
            "把掩码广播到 [b h n m]，再按序列索引。",
        ],
    ),
    bug(
        "causal-top-left",
        [
            "with a causal mask j ≤ i of its own on top of the given one",
            "在给定掩码之外又自行加了因果掩码 j ≤ i 的结果",
        ],
        [
            "Use only the mask that is passed; None means no mask.",
            "只用传入的掩码；None 表示没有掩码。",
        ],
    ),
    bug(
        "causal-bottom-right",
        [
            "with a causal mask j ≤ i + m − n of its own on top of the given one",
            "在给定掩码之外又自行加了因果掩码 j ≤ i + m − n 的结果",
        ],
        [
            "Use only the mask that is passed; None means no mask.",
            "只用传入的掩码；None 表示没有掩码。",
        ],
    ),
    bug(
        "nan-on-masked-row",
        [
            "with NaN for a query whose keys are all dropped: softmax of −∞ alone is 0/0",
            "所有键都被屏蔽的查询得到 NaN 的结果：全为 −∞ 的 softmax 是 0/0",
        ],
        [
            "Give zeros where the row's maximum is −∞ (or its sum 0), as PyTorch's SDPA and FlashAttention do.",
            "行最大值为 −∞（或行和为 0）时输出 0，与 PyTorch SDPA、FlashAttention 一致。",
        ],
    ),
    bug(
        "uniform-on-masked-row",
        [
            "with a fully masked query averaging all values: −10⁹ in place of −∞",
            "整行被屏蔽的查询得到所有 v 的平均的结果：用 −10⁹ 代替了 −∞",
        ],
        [
            "Mask with −∞ and give zeros to a row without a key.",
            "用 −∞ 做掩码，没有可见键的行输出 0。",
        ],
    ),
    bug(
        "masked-row-unmasked",
        [
            "with the mask lifted from fully masked queries: they attend to everything",
            "整行被屏蔽的查询被取消掩码、看到所有键的结果",
        ],
        [
            "Give zeros to a row without a key.",
            "没有可见键的行应输出 0。",
        ],
    ),
];
