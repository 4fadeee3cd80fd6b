//! The mistakes that people make with an online softmax.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: Text, repair: Text) -> Bug {
    Bug {
        id,
        sentence,
        repair,
    }
}

pub const BUGS: &[Bug] = &[
    bug(
        "no-rescale-out",
        Text::new(
            "with the output of earlier tiles not rescaled when the maximum grows",
            "但最大值变大时没有缩放前面各块累积的输出",
        ),
        Text::new(
            "Multiply acc by e^(m − m') before the tile's weights·V is added.",
            "加上本块的 weights·V 之前，先把 acc 乘 e^(m − m')。",
        ),
    ),
    bug(
        "no-rescale-sum",
        Text::new(
            "with the sum ℓ of earlier tiles not rescaled when the maximum grows",
            "但最大值变大时没有缩放前面各块累积的和 ℓ",
        ),
        Text::new(
            "ℓ' = ℓ·e^(m − m') + Σ weights: the same factor as for the output.",
            "ℓ' = ℓ·e^(m − m') + Σ weights：与输出用同一个因子。",
        ),
    ),
    bug(
        "no-rescale",
        Text::new(
            "with nothing rescaled when the maximum grows (often because m was overwritten before the factor e^(m − m') was taken)",
            "但最大值变大时什么都没缩放（常见原因：算因子 e^(m − m') 之前 m 已被覆盖）",
        ),
        Text::new(
            "Compute keep = e^(m_old − m_new) first, multiply ℓ and acc by it, and only then store the new maximum.",
            "先算 keep = e^(m_old − m_new)，ℓ 与 acc 都乘它，最后才写入新的最大值。",
        ),
    ),
    bug(
        "rescale-inverted",
        Text::new(
            "with earlier tiles multiplied by e^(m' − m), the inverse of the factor",
            "但前面各块乘的是 e^(m' − m)，因子取反了",
        ),
        Text::new(
            "The old base is e^(−m), the new one e^(−m'): the factor is e^(m − m') ≤ 1.",
            "旧底数是 e^(−m)，新底数是 e^(−m')：因子为 e^(m − m') ≤ 1。",
        ),
    ),
    bug(
        "divide-each-tile",
        Text::new(
            "with a softmax of its own in every tile, and the mean over the tiles",
            "但每块各做一次 softmax，再对各块取平均",
        ),
        Text::new(
            "Tiles have different shares of the row's mass: keep ℓ and acc over all tiles and divide once at the end.",
            "各块在整行里所占的份额不同：ℓ 与 acc 跨块累积，最后只除一次。",
        ),
    ),
    bug(
        "divide-every-step",
        Text::new(
            "with acc divided by ℓ in every tile, and not multiplied back by the old ℓ in the next",
            "但每块都用 ℓ 除 acc，到下一块又没有乘回旧的 ℓ",
        ),
        Text::new(
            "Divide once, after the last tile (or, as in FlashAttention-1, multiply acc by the old ℓ first).",
            "最后一块之后只除一次（或像 FlashAttention-1 那样先乘回旧的 ℓ）。",
        ),
    ),
    bug(
        "max-of-tile",
        Text::new(
            "with the last tile's maximum in place of the largest so far: e^(m − m') overflows when a tile is far below the one before",
            "但用了本块的最大值而不是到目前为止的最大值：某块远低于前一块时 e^(m − m') 溢出",
        ),
        Text::new(
            "m' = max(m, max of the tile): the maximum never falls.",
            "m' = max(m, 本块最大值)：最大值只增不减。",
        ),
    ),
    bug(
        "no-max",
        Text::new(
            "without a maximum taken off: exp overflows",
            "但没有减去最大值，exp 会溢出",
        ),
        Text::new(
            "Weights are e^(s − m') with the largest score so far, which is at most 0 in the exponent.",
            "权重是 e^(s − m')，m' 为到目前为止的最大分数，指数不超过 0。",
        ),
    ),
    bug(
        "mask-after-max",
        Text::new(
            "with the maximum taken before the mask: hidden scores set the base, and what is seen underflows to 0",
            "但在加掩码之前取最大值：底数由被遮的分数决定，可见部分下溢为 0",
        ),
        Text::new(
            "Mask the tile's scores with −∞ first, then take their maximum.",
            "先把本块分数里被遮的位置置 −∞，再取最大值。",
        ),
    ),
    bug(
        "inf-minus-inf",
        Text::new(
            "with e^(−∞ − (−∞)) = NaN for a query that sees no key",
            "但看不到任何 key 的 query 出现 e^(−∞ − (−∞)) = NaN",
        ),
        Text::new(
            "Skip the tile while the maximum is still −∞ (or take 0 as the base), and give 0 and −∞ where ℓ = 0.",
            "最大值仍为 −∞ 时跳过该块（或以 0 为底），ℓ = 0 的行输出 0 与 −∞。",
        ),
    ),
    bug(
        "mask-ignored",
        Text::new("without the causal mask", "但没有使用因果掩码"),
        Text::new(
            "With causal = 1 query r sees keys j ≤ r + m − n.",
            "causal = 1 时第 r 个 query 只看 j ≤ r + m − n 的 key。",
        ),
    ),
    bug(
        "causal-top-left",
        Text::new(
            "with the causal mask aligned top-left: j ≤ r",
            "但因果掩码左上对齐：j ≤ r",
        ),
        Text::new(
            "The n queries are the last of the m positions: j ≤ r + m − n.",
            "n 个 query 是 m 个位置里的最后 n 个：j ≤ r + m − n。",
        ),
    ),
    bug(
        "tile-index-mask",
        Text::new(
            "with the key's index inside its tile compared in the causal mask",
            "但因果掩码比较的是 key 在块内的下标",
        ),
        Text::new(
            "Compare global positions: j = first + t, where first is the tile's first key.",
            "比较全局位置：j = first + t，first 是本块第一个 key。",
        ),
    ),
    bug(
        "last-tile-dropped",
        Text::new(
            "without the keys of the last tile where it is not full",
            "但最后一块不满时，其中的 key 被丢掉了",
        ),
        Text::new(
            "The last tile goes from first to min(first + block, m); chunks_exact drops it, chunks does not.",
            "最后一块是 first 到 min(first + block, m)；chunks_exact 会丢掉它，chunks 不会。",
        ),
    ),
    bug(
        "padded-keys-counted",
        Text::new(
            "with the last tile padded to a full one, and the padding counted as keys with score 0",
            "但最后一块补齐后，补出来的位置被当作分数为 0 的 key 计入",
        ),
        Text::new(
            "Padded scores are −∞, not 0: e^(0 − m) is a weight.",
            "补齐位置的分数应为 −∞ 而不是 0：e^(0 − m) 也是权重。",
        ),
    ),
    bug(
        "no-scale",
        Text::new("without the 1/√d scale", "但没有除以 √d"),
        Text::new("Scores are q·k/√d.", "分数是 q·k/√d。"),
    ),
    bug(
        "scale-twice",
        Text::new(
            "with the scale taken twice: scores are q·k/d",
            "但缩放了两次：分数成了 q·k/d",
        ),
        Text::new(
            "Scale q once, or the scores once, not both.",
            "要么缩放 q，要么缩放分数，只做一次。",
        ),
    ),
    bug(
        "no-normalise",
        Text::new(
            "with an output that was never divided by ℓ",
            "但输出始终没有除以 ℓ",
        ),
        Text::new(
            "out = acc/ℓ after the last tile.",
            "最后一块之后 out = acc/ℓ。",
        ),
    ),
    bug(
        "lse-without-max",
        Text::new(
            "with lse = ln ℓ: the maximum is not added back",
            "但 lse = ln ℓ，没有把最大值加回去",
        ),
        Text::new("lse = m + ln ℓ.", "lse = m + ln ℓ。"),
    ),
    bug(
        "lse-no-log",
        Text::new(
            "with lse = m + ℓ: the logarithm is missing",
            "但 lse = m + ℓ，少了对数",
        ),
        Text::new("lse = m + ln ℓ.", "lse = m + ln ℓ。"),
    ),
    bug(
        "lse-base-2",
        Text::new(
            "with lse in base 2: (m + ln ℓ)/ln 2",
            "但 lse 以 2 为底：(m + ln ℓ)/ln 2",
        ),
        Text::new(
            "Kernels compute with exp2 because it is cheaper; multiply lse by ln 2 before returning it.",
            "内核内部用 exp2 是为了省时；返回前要把 lse 乘 ln 2。",
        ),
    ),
];
