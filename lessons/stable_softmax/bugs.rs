//! Mistakes that people really make in softmax. `variants.rs` plants them.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals stable-softmax …».
pub const BUGS: &[Bug] = &[
    bug(
        "no-max",
        [
            "without taking the maximum off: exp overflows above 88, and 0/0 comes out below −104",
            "没有减最大值的结果：x > 88 时 exp 上溢，x < −104 时得到 0/0",
        ],
        [
            "Subtract the row's maximum before exp: exp(x − max)/Σ exp(x − max).",
            "先减去该行最大值再取 exp：exp(x − max)/Σ exp(x − max)。",
        ],
    ),
    bug(
        "lse-no-max",
        [
            "with a stable softmax but logsumexp as ln Σ exp(x), which overflows, and log_softmax as x minus that",
            "softmax 稳定、但 logsumexp 写成 ln Σ exp(x)（会上溢）、log_softmax 又减去它的结果",
        ],
        [
            "logsumexp = max + ln Σ exp(x − max), with the same maximum as in the softmax.",
            "logsumexp = max + ln Σ exp(x − max)，与 softmax 用同一个最大值。",
        ],
    ),
    bug(
        "max-of-tensor",
        [
            "with the maximum of the whole tensor taken off every row: rows far below it underflow to 0/0",
            "每行都减整个张量最大值的结果：远低于它的行全部下溢成 0/0",
        ],
        [
            "Take the maximum of each row (dim=-1, keepdim=True).",
            "每行各取自己的最大值（dim=-1, keepdim=True）。",
        ],
    ),
    bug(
        "max-of-column",
        [
            "with the maximum of each column taken off: a row is no longer shifted by one number",
            "减的是每列最大值的结果：同一行减去的不再是同一个数",
        ],
        [
            "The shift must be one number for a whole row: reduce over the last axis and keep it as [n 1].",
            "同一行必须减同一个数：沿最后一维求最大值，并保持形状 [n 1]。",
        ],
    ),
    bug(
        "max-from-zero",
        [
            "with a maximum that starts at 0 (or at f32::MIN_POSITIVE): rows of negative numbers are not shifted",
            "最大值从 0（或 f32::MIN_POSITIVE）开始累积的结果：全为负数的行没有被平移",
        ],
        [
            "Start the maximum at −∞ (f32::NEG_INFINITY), or at the first entry.",
            "最大值的初值取 −∞（f32::NEG_INFINITY）或首个元素。",
        ],
    ),
    bug(
        "min-not-max",
        [
            "with the minimum taken off in place of the maximum: exponents are positive and overflow",
            "减的是最小值而不是最大值的结果：指数为正，会上溢",
        ],
        [
            "Subtract the maximum, so that every exponent is at most 0.",
            "减去最大值，使所有指数都不大于 0。",
        ],
    ),
    bug(
        "wrong-axis",
        [
            "with softmax and log_softmax over n (the columns) instead of m",
            "softmax 与 log_softmax 沿 n（按列）而不是沿 m 做的结果",
        ],
        [
            "Normalise over the last axis: rows sum to 1, not columns.",
            "沿最后一维归一化：每行之和为 1，而不是每列。",
        ],
    ),
    bug(
        "whole-matrix",
        [
            "with softmax and log_softmax normalised over the whole matrix: all entries together sum to 1",
            "softmax 与 log_softmax 在整个矩阵上归一化的结果：所有元素加起来才是 1",
        ],
        [
            "Give the sum an axis: sum(dim=-1, keepdim=True), one sum for each row.",
            "求和要指定轴：sum(dim=-1, keepdim=True)，每行一个和。",
        ],
    ),
    bug(
        "no-normalise",
        [
            "without the division by the sum in softmax",
            "softmax 没有除以总和的结果",
        ],
        [
            "Divide exp(x − max) by the sum of its row.",
            "把 exp(x − max) 除以该行之和。",
        ],
    ),
    bug(
        "sum-misses-last",
        [
            "with the last entry of a row missing in the sum",
            "求和时漏掉每行最后一个元素的结果",
        ],
        [
            "Let the loop run over all m entries.",
            "循环要覆盖全部 m 个元素。",
        ],
    ),
    bug(
        "online-no-rescale",
        [
            "with a running sum that is not rescaled when a larger maximum comes",
            "流式求和时最大值变大、却没有重新缩放已累积之和的结果",
        ],
        [
            "When the maximum grows from a to b, multiply the sum so far by exp(a − b).",
            "最大值由 a 变为 b 时，先把已有的和乘以 exp(a − b)。",
        ],
    ),
    bug(
        "log-of-softmax",
        [
            "with log_softmax as ln(softmax): a probability that underflowed gives −∞",
            "log_softmax 写成 ln(softmax) 的结果：概率下溢后得到 −∞",
        ],
        [
            "Compute log_softmax as x − max − ln Σ exp(x − max); never take the logarithm of a probability.",
            "用 x − max − ln Σ exp(x − max) 计算 log_softmax，不要对概率取对数。",
        ],
    ),
    bug(
        "log-add-1e-9",
        [
            "with log_softmax as ln(softmax + 1e-9): nothing gets below −20.7",
            "log_softmax 写成 ln(softmax + 1e-9) 的结果：再小也只到 −20.7",
        ],
        [
            "An ε hides −∞ and falsifies small probabilities; use x − max − ln Σ exp(x − max).",
            "加 ε 只是掩盖 −∞，还歪曲了小概率；应使用 x − max − ln Σ exp(x − max)。",
        ],
    ),
    bug(
        "log-softmax-of-probs",
        [
            "with log_softmax applied to the softmax instead of to x: softmax twice",
            "log_softmax 作用在 softmax 的输出而不是 x 上的结果：做了两次 softmax",
        ],
        [
            "Give log_softmax the logits x.",
            "log_softmax 的输入应是 logits x。",
        ],
    ),
    bug(
        "log-max-not-subtracted",
        [
            "with log_softmax as x − ln Σ exp(x − max): the maximum is missing",
            "log_softmax 写成 x − ln Σ exp(x − max) 的结果：少减了最大值",
        ],
        [
            "Subtract the maximum here too: (x − max) − ln Σ exp(x − max).",
            "这里同样要减最大值：(x − max) − ln Σ exp(x − max)。",
        ],
    ),
    bug(
        "max-not-added-back",
        [
            "with logsumexp as ln Σ exp(x − max): the maximum was not added back",
            "logsumexp 写成 ln Σ exp(x − max) 的结果：最大值没有加回来",
        ],
        [
            "Add the maximum again: logsumexp = max + ln Σ exp(x − max).",
            "把最大值加回来：logsumexp = max + ln Σ exp(x − max)。",
        ],
    ),
    bug(
        "log-mean-exp",
        [
            "with the mean in place of the sum in logsumexp: smaller by ln m",
            "logsumexp 中求的是均值而不是和的结果：小了 ln m",
        ],
        [
            "Sum the exponentials; do not divide by m.",
            "对指数求和，不要除以 m。",
        ],
    ),
    bug(
        "log2",
        [
            "with log2 in place of the natural logarithm",
            "把自然对数写成 log2 的结果",
        ],
        [
            "Use ln: torch.log and np.log are natural logarithms.",
            "使用自然对数 ln：torch.log、np.log 都是自然对数。",
        ],
    ),
    bug(
        "no-guard",
        [
            "with NaN where a row's maximum is infinite: ∞ − ∞",
            "行最大值为无穷时得到 NaN 的结果：∞ − ∞",
        ],
        [
            "Treat a row whose maximum is −∞ or +∞ before subtracting it: the docstring says what they give.",
            "减法之前先处理最大值为 −∞ 或 +∞ 的行，结果见题目约定。",
        ],
    ),
    bug(
        "nan-on-masked-row",
        [
            "with NaN for a row in which everything is −∞",
            "整行全为 −∞ 时得到 NaN 的结果",
        ],
        [
            "A row of −∞ alone has max = −∞, and −∞ − (−∞) is NaN: give 0, −∞ and −∞ there.",
            "整行 −∞ 时 max = −∞，而 −∞ − (−∞) 是 NaN：这样的行应给出 0、−∞、−∞。",
        ],
    ),
    bug(
        "torch-on-masked-row",
        [
            "with a row of −∞ alone as PyTorch has it: softmax and log_softmax are NaN, logsumexp is −∞",
            "整行 −∞ 时与 PyTorch 一致的结果：softmax、log_softmax 为 NaN，logsumexp 为 −∞",
        ],
        [
            "logsumexp is right; give softmax 0 and log_softmax −∞ in such a row.",
            "logsumexp 没错；这样的行 softmax 应为 0、log_softmax 应为 −∞。",
        ],
    ),
    bug(
        "zeros-on-masked-row",
        [
            "with 0 in all three outputs for a row of −∞ alone",
            "整行 −∞ 时三个输出都填 0 的结果",
        ],
        [
            "Only softmax is 0 there; the logarithm of 0 is −∞, for log_softmax and logsumexp.",
            "只有 softmax 为 0；0 的对数是 −∞，log_softmax 与 logsumexp 都应为 −∞。",
        ],
    ),
    bug(
        "finite-fill",
        [
            "with −∞ replaced by −1e9 first: a row of −∞ alone becomes uniform",
            "先把 −∞ 换成 −1e9 的结果：整行 −∞ 变成均匀分布",
        ],
        [
            "Keep −∞ (its exponential is 0), and treat a row of −∞ alone by itself.",
            "保留 −∞（其指数为 0），整行 −∞ 单独处理。",
        ],
    ),
    bug(
        "nan-on-infinity",
        [
            "with NaN for a row that holds +∞",
            "行内含 +∞ 时得到 NaN 的结果",
        ],
        [
            "∞ − ∞ is NaN: where the maximum is +∞, entries that equal it become 0 and all others −∞, before exp.",
            "∞ − ∞ 是 NaN：最大值为 +∞ 时，先令等于它的元素为 0、其余为 −∞，再取 exp。",
        ],
    ),
    bug(
        "infinity-one-hot",
        [
            "with the whole weight on the first +∞ of a row, though there are more",
            "一行有多个 +∞ 时把全部权重给了第一个的结果",
        ],
        [
            "Entries that are +∞ share the weight: 1/k each, with log_softmax −ln k.",
            "所有 +∞ 平分权重：每个 1/k，log_softmax 为 −ln k。",
        ],
    ),
];
