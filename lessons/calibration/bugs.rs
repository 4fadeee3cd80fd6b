//! Mistakes that people really make, and choices that are not mistakes.

use crate::problem::{Bug, Convention};
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
    // Maximum and moving average.
    bug(
        "last-batch",
        [
            "with the maximum of the last batch: each batch overwrites the one before",
            "但最大值只取最后一批：每批都覆盖了前一批",
        ],
        [
            "Keep the larger one: max = max.max(batch_max).",
            "保留较大的：max = max.max(batch_max)。",
        ],
    ),
    bug(
        "signed-max",
        [
            "with max(x) in place of max|x|, which is blind to the negative tail",
            "但用了 max(x) 而不是 max|x|，看不到负的一侧",
        ],
        [
            "Take absolute values first; a symmetric threshold covers both tails.",
            "先取绝对值；对称阈值要覆盖两侧。",
        ],
    ),
    bug(
        "mean-of-maxima",
        [
            "with the mean of the batches' maxima as the maximum",
            "但把各批最大值的平均当成了最大值",
        ],
        [
            "The maximum over all batches is the largest of their maxima.",
            "所有批次的最大值是各批最大值中最大的那个。",
        ],
    ),
    bug(
        "average-from-zero",
        [
            "with a moving average that starts at 0, so that it is too small by (1 − c)^k",
            "但滑动平均从 0 开始，结果偏小 (1 − c)^k",
        ],
        [
            "Start with the first batch's maximum.",
            "以第一批的最大值为初值。",
        ],
    ),
    bug(
        "average-swapped",
        [
            "with c and 1 − c swapped in the moving average",
            "但滑动平均里 c 与 1 − c 写反了",
        ],
        [
            "The constant weighs the new batch: T + c·(max − T).",
            "常数是新批次的权重：T + c·(max − T)。",
        ],
    ),
    // Percentile.
    bug(
        "percentile-of-signed",
        [
            "with the percentile of x in place of |x|: it cuts one tail only",
            "但百分位取的是 x 而不是 |x|：只切掉了一侧",
        ],
        [
            "Take absolute values before the quantile.",
            "先取绝对值再求分位数。",
        ],
    ),
    bug(
        "percentile-other-tail",
        [
            "with the percentile counted from above: 1 − p in place of p",
            "但百分位从上往下数：用了 1 − p 而不是 p",
        ],
        [
            "99 means that 99 % lie below the threshold.",
            "99 的意思是 99 % 的数落在阈值以下。",
        ],
    ),
    // Square error.
    bug(
        "error-inside-only",
        [
            "with an error that leaves out the numbers beyond the threshold, so that clipping costs nothing",
            "但误差没算阈值之外的数，截断变成了免费的",
        ],
        [
            "Saturated numbers count: clamp the code and compare with x all the same.",
            "饱和的数也要算：clamp 之后照样与 x 比较。",
        ],
    ),
    bug(
        "error-of-clipping-only",
        [
            "with an error of clipping alone, without the rounding: the maximum always wins",
            "但误差只有截断、没有取整：最大值永远胜出",
        ],
        [
            "Quantise and read back; the step grows with the threshold.",
            "要量化再还原；步长随阈值变大。",
        ],
    ),
    bug(
        "mean-absolute-error",
        [
            "with the mean absolute error in place of the mean square error",
            "但用的是平均绝对误差，不是均方误差",
        ],
        ["Square the differences.", "对差取平方。"],
    ),
    bug(
        "bits-not-halved",
        [
            "with 2^b levels on each side, twice as many as b bits have",
            "但单侧用了 2^b 级，是 b 位实际级数的两倍",
        ],
        [
            "One bit is the sign: 2^(b−1) levels from 0 up.",
            "有一位是符号：单侧从 0 起只有 2^(b−1) 级。",
        ],
    ),
    // Divergence.
    bug(
        "kl-reversed",
        [
            "with KL(Q ‖ P) in place of KL(P ‖ Q)",
            "但算的是 KL(Q ‖ P)，不是 KL(P ‖ Q)",
        ],
        [
            "Σ p·ln(p/q), with p the distribution before quantisation.",
            "Σ p·ln(p/q)，p 是量化前的分布。",
        ],
    ),
    bug(
        "outliers-dropped",
        [
            "with the numbers beyond the threshold dropped from P, so that clipping costs nothing",
            "但 P 丢掉了阈值之外的数，截断变成了免费的",
        ],
        [
            "Add their count to the last bin of P: that is where they saturate.",
            "把它们的计数加到 P 的最后一个 bin：它们正是饱和到那里。",
        ],
    ),
    bug(
        "outliers-in-candidate",
        [
            "with the outliers in Q as well as in P, which hides what clipping does",
            "但离群值也加进了 Q，掩盖了截断的影响",
        ],
        [
            "Make Q from the counts without the outliers.",
            "Q 要用没加离群值的计数来做。",
        ],
    ),
    bug(
        "counts-not-normalised",
        [
            "with raw counts in place of probabilities",
            "但用的是原始计数，没有归一成概率",
        ],
        [
            "Divide P and Q each by its own sum.",
            "P、Q 各除以自己的总和。",
        ],
    ),
    bug(
        "empty-bins-filled",
        [
            "with each level's sum spread over its empty bins too",
            "但每级之和也分给了空的 bin",
        ],
        [
            "Divide by the number of non-empty bins and leave the empty ones at 0.",
            "除以非空 bin 的个数，空的保持为 0。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "bin-centre",
        sentence: Text::new(
            "the entropy threshold is (i + ½)·w, half a bin farther out",
            "熵阈值取 (i + ½)·w，再往外半个 bin",
        ),
        who: Text::new(
            "(i + ½)·w: Migacz's talk on TensorRT; i·w, the edge: NVIDIA's pytorch-quantization",
            "(i + ½)·w：Migacz 的 TensorRT 报告；i·w（bin 边界）：NVIDIA pytorch-quantization",
        ),
    },
    Convention {
        id: "nearest-rank",
        sentence: Text::new(
            "the percentile is a number that occurred: place ⌈p·N⌉ of the sorted |x|",
            "百分位取真实出现过的数：排序后第 ⌈p·N⌉ 个",
        ),
        who: Text::new(
            "nearest rank: many C++ implementations and histogram observers; linear interpolation: torch.quantile, numpy.percentile",
            "最近秩：许多 C++ 实现和直方图 observer；线性插值：torch.quantile、numpy.percentile",
        ),
    },
];
