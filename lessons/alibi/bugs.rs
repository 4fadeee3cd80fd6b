//! The mistakes that people make with ALiBi.

use crate::problem::Bug;
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "sign-flip",
        sentence: Text::new(
            "with the bias +m_h·(i − j): the farthest key is preferred, which is the notes' formula",
            "但偏置是 +m_h·(i − j)：反而偏好最远的 key（即笔记里的公式）",
        ),
        repair: Text::new(
            "Take slope·(i − j) off the score; or add slope·j, which differs by a constant of the row.",
            "应从分数里减去 slope·(i − j)；或者加上 slope·j，两者只差一个行内常数。",
        ),
    },
    Bug {
        id: "no-bias",
        sentence: Text::new(
            "without any bias: causal attention that knows no distances",
            "但没有加偏置，只是不知道距离的因果注意力",
        ),
        repair: Text::new(
            "Add −slope·(i − j) to every score that may be seen.",
            "给每个可见的分数加上 −slope·(i − j)。",
        ),
    },
    Bug {
        id: "no-causal-mask",
        sentence: Text::new(
            "without the causal mask, so that −m_h·(i − j) rewards keys of the future",
            "但没有因果掩码，−m_h·(i − j) 反而奖励未来的 key",
        ),
        repair: Text::new(
            "Put −∞ where j > i, before softmax.",
            "softmax 之前把 j > i 处置为 −∞。",
        ),
    },
    Bug {
        id: "symmetric",
        sentence: Text::new(
            "with the encoder's bias −m_h·|i − j| and no causal mask",
            "但用了 encoder 的对称偏置 −m_h·|i − j|，且没有因果掩码",
        ),
        repair: Text::new(
            "This exercise is causal: keys with j > i get −∞.",
            "本题是因果的：j > i 的 key 应为 −∞。",
        ),
    },
    Bug {
        id: "mask-off-by-one",
        sentence: Text::new(
            "with a mask that lets every query see one key of the future",
            "但掩码多放行了一个未来的 key",
        ),
        repair: Text::new(
            "Keep j ≤ i, the query's own key included and nothing after it.",
            "只保留 j ≤ i：包含自己，但不含之后的任何 key。",
        ),
    },
    Bug {
        id: "causal-top-left",
        sentence: Text::new(
            "with i taken as the row's number where there are cached keys (mask aligned top-left)",
            "但有缓存 key 时仍把行号当作 i（掩码左上对齐）",
        ),
        repair: Text::new(
            "The queries are the last n of m positions: i = row + m − n.",
            "query 是 m 个位置里的最后 n 个：i = 行号 + m − n。",
        ),
    },
    Bug {
        id: "row-distance",
        sentence: Text::new(
            "with the distance |row − j| where it should start from position row + m − n",
            "但距离用了 |行号 − j|，没有从位置 行号 + m − n 算起",
        ),
        repair: Text::new(
            "Use i = row + m − n in the distance as in the mask; |r − j| prefers the oldest keys in decoding.",
            "距离与掩码一样要用 i = 行号 + m − n；解码时 |r − j| 会偏好最旧的 key。",
        ),
    },
    Bug {
        id: "masked-score-zero",
        sentence: Text::new(
            "with masked scores set to 0 in place of −∞, so that future keys keep a weight",
            "但被遮的分数置成 0 而非 −∞，未来的 key 仍有权重",
        ),
        repair: Text::new(
            "Fill masked scores with −∞: exp(0) is 1.",
            "被遮位置填 −∞：exp(0) 等于 1。",
        ),
    },
    Bug {
        id: "mask-after-softmax",
        sentence: Text::new(
            "with the mask on the weights after softmax: the rest of a row does not sum to 1",
            "但掩码放在 softmax 之后乘到权重上，每行剩余权重之和不为 1",
        ),
        repair: Text::new(
            "Put −∞ into the scores before softmax.",
            "在 softmax 之前往分数里填 −∞。",
        ),
    },
    Bug {
        id: "softmax-queries",
        sentence: Text::new(
            "with softmax over the queries in place of the keys",
            "但 softmax 沿 query 轴而不是 key 轴",
        ),
        repair: Text::new(
            "Softmax over the last axis, m.",
            "沿最后一轴 m 做 softmax。",
        ),
    },
    Bug {
        id: "no-softmax",
        sentence: Text::new(
            "without softmax: these are biased scores",
            "但没有做 softmax，输出的是加过偏置的分数",
        ),
        repair: Text::new(
            "Give softmax of the biased scores over m.",
            "对加过偏置的分数沿 m 做 softmax 再返回。",
        ),
    },
    Bug {
        id: "bias-after-softmax",
        sentence: Text::new(
            "with the bias added to the weights, after softmax",
            "但偏置加在 softmax 之后的权重上",
        ),
        repair: Text::new(
            "Add the bias to the scores, before softmax.",
            "偏置要在 softmax 之前加到分数上。",
        ),
    },
    Bug {
        id: "bias-multiplied",
        sentence: Text::new(
            "with scores multiplied by the bias in place of a sum",
            "但分数与偏置相乘而非相加",
        ),
        repair: Text::new(
            "scores + bias: the bias is 0 for the query's own key, and a product would erase that score.",
            "应为 分数 + 偏置：自己那个 key 的偏置是 0，相乘会把分数抹掉。",
        ),
    },
    Bug {
        id: "distance-squared",
        sentence: Text::new("with the distance squared", "但距离取了平方"),
        repair: Text::new(
            "The bias is linear: −slope·(i − j).",
            "偏置是线性的：−slope·(i − j)。",
        ),
    },
    Bug {
        id: "distance-over-length",
        sentence: Text::new(
            "with the distance divided by the number of keys",
            "但距离除以了 key 的个数",
        ),
        repair: Text::new(
            "Distances are in tokens: a bias that depends on the length is another function at every length.",
            "距离以 token 为单位；随长度变化的偏置在每个长度上都是另一个函数。",
        ),
    },
    Bug {
        id: "repeat-interleave",
        sentence: Text::new(
            "with slopes repeated b times each (h b order) on scores that lie in b h order",
            "但斜率按 h b 的顺序各重复 b 次，而分数按 b h 排列",
        ),
        repair: Text::new(
            "Index slopes by the head: shape them [1 h 1 1] and let them broadcast.",
            "斜率按头索引：变形为 [1 h 1 1] 再广播。",
        ),
    },
    Bug {
        id: "heads-reversed",
        sentence: Text::new(
            "with the slopes in reverse: head 0 has the smallest",
            "但斜率顺序反了：第 0 个头拿到最小的",
        ),
        repair: Text::new(
            "Head 0 has the largest slope, 2^(−8/h); the order matters for weights that were trained with it.",
            "第 0 个头的斜率最大，为 2^(−8/h)；加载训练好的权重时顺序不能变。",
        ),
    },
    Bug {
        id: "one-slope",
        sentence: Text::new("with one slope for all heads", "但所有头共用一个斜率"),
        repair: Text::new(
            "Every head has its own slope: near and far heads side by side.",
            "每个头各有斜率：有的看近，有的看远。",
        ),
    },
    Bug {
        id: "slopes-linear",
        sentence: Text::new(
            "with slopes k/h, an arithmetic series",
            "但斜率取等差的 k/h",
        ),
        repair: Text::new(
            "Slopes are geometric: 2^(−8k/h).",
            "斜率是等比数列：2^(−8k/h)。",
        ),
    },
    Bug {
        id: "slopes-start-at-1",
        sentence: Text::new(
            "with slopes that start at 2⁰ = 1 (k counted from 0)",
            "但斜率从 2⁰ = 1 开始（k 从 0 数起）",
        ),
        repair: Text::new(
            "Count k from 1: the first slope is 2^(−8/h), the last 2^(−8).",
            "k 从 1 数起：第一个斜率是 2^(−8/h)，最后一个是 2^(−8)。",
        ),
    },
    Bug {
        id: "eight-missing",
        sentence: Text::new(
            "with slopes 2^(−k/h): the 8 is missing",
            "但斜率写成 2^(−k/h)，少了 8",
        ),
        repair: Text::new(
            "The exponent is −8k/h, so that the last head reaches 2^(−8).",
            "指数是 −8k/h，最后一个头正好到 2^(−8)。",
        ),
    },
    Bug {
        id: "exponent-minus-k",
        sentence: Text::new(
            "with slopes 2^(−k), which is right for 8 heads only",
            "但斜率写成 2^(−k)，只有 8 个头时才对",
        ),
        repair: Text::new(
            "The exponent is −8k/h: divide by the number of heads.",
            "指数是 −8k/h：要除以头数。",
        ),
    },
    Bug {
        id: "base-e",
        sentence: Text::new(
            "with slopes e^(−8k/h) in place of powers of 2",
            "但斜率用了 e^(−8k/h) 而非 2 的幂",
        ),
        repair: Text::new(
            "2^(−8k/h): use exp2 or powf with base 2.",
            "应为 2^(−8k/h)：用 exp2，或以 2 为底的 powf。",
        ),
    },
    Bug {
        id: "plain-formula",
        sentence: Text::new(
            "with 2^(−8k/h) also for a number of heads that is no power of two",
            "但头数不是 2 的幂时也直接用 2^(−8k/h)",
        ),
        repair: Text::new(
            "Take all slopes of the power of two below h, then k = 1, 3, 5 … of twice that number.",
            "先取不超过 h 的 2 的幂的全部斜率，再从其两倍头数的序列里取 k = 1, 3, 5 …。",
        ),
    },
    Bug {
        id: "extra-not-skipped",
        sentence: Text::new(
            "with the extra slopes k = 1, 2, 3 … of twice as many heads, none left out",
            "但补充的斜率取了两倍头数序列的 k = 1, 2, 3 …，没有隔一个取",
        ),
        repair: Text::new(
            "Only every second one is new: k = 1, 3, 5 …",
            "只有隔一个取的才是新斜率：k = 1, 3, 5 …。",
        ),
    },
    Bug {
        id: "extra-from-second",
        sentence: Text::new(
            "with the extra slopes k = 2, 4, 6 …, which the first heads have already",
            "但补充的斜率取了 k = 2, 4, 6 …，与前面的头重复",
        ),
        repair: Text::new(
            "Begin with the first: slopes[0::2], not slopes[1::2].",
            "从第一个开始隔一个取：slopes[0::2]，不是 slopes[1::2]。",
        ),
    },
    Bug {
        id: "next-power-truncated",
        sentence: Text::new(
            "with the slopes of the next power of two, cut off after h",
            "但取了更大的 2 的幂的斜率，再截到 h 个",
        ),
        repair: Text::new(
            "Begin with all slopes of the power of two below h, so that one head reaches 2^(−8).",
            "应先取不超过 h 的 2 的幂的全部斜率，保证有一个头到 2^(−8)。",
        ),
    },
    Bug {
        id: "slopes-sorted",
        sentence: Text::new(
            "with the slopes sorted by size where h is no power of two",
            "但头数不是 2 的幂时把斜率按大小排了序",
        ),
        repair: Text::new(
            "Append the extra slopes at the end; pretrained heads expect them there.",
            "补充的斜率接在末尾；预训练好的头按这个顺序使用。",
        ),
    },
];
