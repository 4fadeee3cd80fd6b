//! Mistakes that people really make.

use crate::problem::Bug;
use crate::text::Text;

/// A bug's sentence and its repair, each in English and Chinese.
const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

pub const BUGS: &[Bug] = &[
    // Scale.
    bug(
        "per-tensor",
        [
            "with one scale for the whole matrix instead of one per output channel",
            "但整个矩阵共用一个 scale，而不是每个输出通道一个",
        ],
        [
            "Take the maximum over k only: s_n = max_k |w_nk|/127.",
            "最大值只沿 k 取：s_n = max_k |w_nk|/127。",
        ],
    ),
    bug(
        "scale-on-input-axis",
        [
            "with codes made by a scale per input channel (maximum over n) and a result scaled per output channel",
            "但码是按输入通道的 scale（沿 n 取最大值）算的，结果却按输出通道缩放",
        ],
        [
            "Both must be the scale of the output channel: the maximum runs over k, and only s_n leaves the sum.",
            "两处都要用输出通道的 scale：最大值沿 k 取，只有 s_n 能提到求和之外。",
        ],
    ),
    bug(
        "signed-max",
        [
            "with max(w) in place of max|w|: rows whose largest weight is negative are cut off",
            "但用了 max(w) 而不是 max|w|：绝对值最大的权重为负的行被截断",
        ],
        [
            "Take absolute values before the maximum.",
            "先取绝对值再求最大值。",
        ],
    ),
    bug(
        "range-without-zero-point",
        [
            "with the asymmetric scale (max − min)/255 but no zero point, so that the longer side is cut off",
            "但用了非对称的 scale (max − min)/255 却没有 zero_point，较长的一侧被截断",
        ],
        [
            "Symmetric codes need s = max|w|/127.",
            "对称的码要用 s = max|w|/127。",
        ],
    ),
    bug(
        "steps-128",
        [
            "with max/128: the largest weight would need code 128 and saturates",
            "但除的是 128：最大的权重需要码 128，只能饱和",
        ],
        [
            "127 steps lie between 0 and the greatest code: divide by 127.",
            "0 到最大码之间是 127 步：除以 127。",
        ],
    ),
    bug(
        "wraps-around",
        [
            "with max/128 and no clamp: the largest positive weight becomes code 128, which int8 turns into −128",
            "但除以 128 又没有 clamp：最大的正权重变成 128，在 int8 里成了 −128",
        ],
        [
            "Divide by 127, or clamp before the cast.",
            "除以 127，或者转类型之前先 clamp。",
        ],
    ),
    bug(
        "zero-row-nan",
        [
            "with scale 0 for a row of zeros, and 0/0 = NaN after it",
            "但全零行的 scale 为 0，随后 0/0 得到 NaN",
        ],
        [
            "Take scale 1 where the row is all zeros.",
            "整行为零时取 scale = 1。",
        ],
    ),
    // Codes.
    bug(
        "truncates",
        [
            "with w/s cut off towards 0 (a cast) instead of rounded",
            "但 w/s 向 0 截断（直接类型转换），没有取最近整数",
        ],
        [
            "Round to the nearest before the cast.",
            "转换类型之前先取最近的整数。",
        ],
    ),
    // Activations.
    bug(
        "activations-per-token",
        [
            "with the activations in 8 bits too, a scale for each token: that is W8A8",
            "但激活也按 token 量化成了 8 位：那是 W8A8",
        ],
        [
            "Leave x as it is; only weights are codes in W8A16.",
            "x 保持原样；W8A16 里只有权重是码。",
        ],
    ),
    bug(
        "activations-per-tensor",
        [
            "with the activations in 8 bits too, one scale for all of x: that is W8A8",
            "但激活也用一个全局 scale 量化成了 8 位：那是 W8A8",
        ],
        [
            "Leave x as it is; only weights are codes in W8A16.",
            "x 保持原样；W8A16 里只有权重是码。",
        ],
    ),
    // Product.
    bug(
        "scale-missing",
        [
            "without the scale on the result: x·qᵀ as it is",
            "但结果没有乘 scale，直接返回了 x·qᵀ",
        ],
        [
            "Multiply column n of the result by s_n.",
            "结果第 n 列要乘 s_n。",
        ],
    ),
    bug(
        "scale-twice",
        [
            "with the scale applied twice: to the weights and to the result",
            "但 scale 乘了两次：权重乘一次，结果又乘一次",
        ],
        [
            "Multiply codes and scale the result, or scale the weights and leave the result alone.",
            "要么乘码再缩放结果，要么先缩放权重、结果不再动。",
        ],
    ),
    bug(
        "scale-divided",
        [
            "divided by the scale instead of multiplied",
            "但结果除以了 scale，而不是乘",
        ],
        [
            "Quantising divides by s; reading back multiplies.",
            "量化是除以 s，还原是乘以 s。",
        ],
    ),
    bug(
        "product-of-floats",
        [
            "with a product of the original weights: the codes are right and not used",
            "但乘的还是原来的浮点权重：码算对了却没有用",
        ],
        ["Multiply x with q, and scale.", "要用 x 乘 q，再缩放。"],
    ),
];
