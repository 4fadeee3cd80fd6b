//! The mistakes that people make with residuals and norms, and the choices that are all right.

use crate::problem::{Bug, Convention};
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "no-residual",
        sentence: Text::new(
            "without the residual connection: the sum is f(x) alone",
            "但没有残差连接：sum 只是 f(x)",
        ),
        repair: Text::new(
            "Add the sublayer's output to its input: h = x + f(x). Without the identity path deep stacks do not train.",
            "把子层输出加到输入上：h = x + f(x)。没有这条恒等通路，深层网络训不动。",
        ),
    },
    Bug {
        id: "residual-from-normed",
        sentence: Text::new(
            "with the residual taken from the normalised x: LN(x) + f(x)",
            "但残差取自归一化之后的 x：LN(x) + f(x)",
        ),
        repair: Text::new(
            "Add f(x) to x as it came; in pre-LN the norm goes into the sublayer only, x = x + f(LN(x)).",
            "把 f(x) 加到原样的 x 上；pre-LN 里归一化只进入子层：x = x + f(LN(x))。",
        ),
    },
    Bug {
        id: "sum-normed",
        sentence: Text::new(
            "with the LayerNorm given out as the residual sum too",
            "但 sum 也输出成了 LayerNorm 之后的值",
        ),
        repair: Text::new(
            "Keep the sum in a variable of its own: the residual stream goes on as it is, the norm is a copy for the next sublayer.",
            "sum 要单独保存：残差流原样往下走，归一化只是给下一个子层的副本。",
        ),
    },
    Bug {
        id: "norm-of-x",
        sentence: Text::new(
            "with the norms of x, before the sublayer's output is added",
            "但归一化的是 x，没有先加上子层输出",
        ),
        repair: Text::new(
            "Add first, then normalise the sum: LN(x + f(x)).",
            "先相加，再对和做归一化：LN(x + f(x))。",
        ),
    },
    Bug {
        id: "norm-of-sublayer",
        sentence: Text::new(
            "with the norm inside the addition: x + LN(f(x))",
            "但归一化放在了加法里面：x + LN(f(x))",
        ),
        repair: Text::new(
            "Normalise the sum, LN(x + f(x)), not the sublayer's output alone.",
            "归一化的对象是和 LN(x + f(x))，不是子层输出本身。",
        ),
    },
    Bug {
        id: "residual-after-norm",
        sentence: Text::new(
            "with x added once more after the norm: x + LN(x + f(x))",
            "但归一化之后又加了一次 x：x + LN(x + f(x))",
        ),
        repair: Text::new(
            "The sum contains x already: give out the norm as it is.",
            "和里已经有 x 了：归一化的结果直接输出。",
        ),
    },
    Bug {
        id: "no-final-norm",
        sentence: Text::new(
            "with no norm at all: the sum goes on as it is, as in a pre-LN stack without its final norm",
            "但根本没有归一化：直接输出 sum，就像 pre-LN 漏了最后的 norm",
        ),
        repair: Text::new(
            "Normalise the sum; a pre-LN stack needs a norm behind its last block, since nothing else bounds the residual stream.",
            "对 sum 做归一化；pre-LN 在最后一块之后必须再加一个 norm，否则残差流的幅度没有约束。",
        ),
    },
    Bug {
        id: "axis-0",
        sentence: Text::new(
            "with statistics over the batch (axis 0): sequences are mixed",
            "但统计量沿 batch（第 0 轴）计算，混合了不同序列",
        ),
        repair: Text::new(
            "Take mean and variance over the last axis, d, for each token of each sequence.",
            "均值和方差沿最后一轴 d 计算，每条序列的每个 token 各一份。",
        ),
    },
    Bug {
        id: "time-axis",
        sentence: Text::new(
            "with statistics over the tokens (axis 1): each feature is normalised along the sequence",
            "但统计量沿 token（第 1 轴）计算：每个特征沿序列归一化",
        ),
        repair: Text::new(
            "Take mean and variance over d; over n a token would see later ones, which breaks causality.",
            "均值和方差沿 d 计算；沿 n 计算会让 token 看到后文，破坏因果性。",
        ),
    },
    Bug {
        id: "batch-norm",
        sentence: Text::new(
            "with statistics over all tokens of the batch, for each feature: that is BatchNorm",
            "但按特征在整个 batch 的所有 token 上统计：那是 BatchNorm",
        ),
        repair: Text::new(
            "LayerNorm normalises each token over its own features: mean over axis d.",
            "LayerNorm 对每个 token 在自己的特征上归一化：沿 d 轴取均值。",
        ),
    },
    Bug {
        id: "whole-sequence",
        sentence: Text::new(
            "with one mean and variance for a whole sequence, over n and d together",
            "但一整条序列（n 和 d 一起）只用一组均值和方差",
        ),
        repair: Text::new(
            "Normalise over d only (`normalized_shape = d`), not over [n d].",
            "只在 d 上归一化（`normalized_shape = d`），不是 [n d]。",
        ),
    },
    Bug {
        id: "whole-tensor",
        sentence: Text::new(
            "with one mean and variance for the whole tensor",
            "但整个张量只用一组均值和方差",
        ),
        repair: Text::new(
            "Take mean and variance over the last axis, keeping the others: mean(-1, keepdim=True).",
            "沿最后一轴取均值和方差、保留其余轴：mean(-1, keepdim=True)。",
        ),
    },
    Bug {
        id: "unbiased-var",
        sentence: Text::new("with the variance divided by d − 1", "但方差除以了 d − 1"),
        repair: Text::new(
            "Divide by d: `x.var(-1, unbiased=False)`; torch's var and std divide by d − 1 unless told.",
            "除以 d：`x.var(-1, unbiased=False)`；torch 的 var 和 std 默认除以 d − 1。",
        ),
    },
    Bug {
        id: "var-not-centred",
        sentence: Text::new(
            "with mean(h²) in LayerNorm's root in place of the variance",
            "但 LayerNorm 的根号里用了 mean(h²) 而非方差",
        ),
        repair: Text::new(
            "The variance is the mean of (h − μ)²; mean(h²) belongs to RMSNorm.",
            "方差是 (h − μ)² 的均值；mean(h²) 是 RMSNorm 用的。",
        ),
    },
    Bug {
        id: "no-mean-subtraction",
        sentence: Text::new(
            "with h in LayerNorm's numerator in place of h − μ",
            "但 LayerNorm 的分子用了 h 而非 h − μ",
        ),
        repair: Text::new(
            "Subtract the mean in the numerator too: (h − μ)/√(σ² + ε).",
            "分子也要减均值：(h − μ)/√(σ² + ε)。",
        ),
    },
    Bug {
        id: "no-sqrt",
        sentence: Text::new(
            "divided by the variance (mean square), without the root",
            "但直接除以方差（均方），没有开根号",
        ),
        repair: Text::new(
            "Divide by √(σ² + ε), and by √(mean(h²) + ε).",
            "应除以 √(σ² + ε) 与 √(mean(h²) + ε)。",
        ),
    },
    Bug {
        id: "eps-outside",
        sentence: Text::new(
            "with ε outside LayerNorm's root: σ + ε",
            "但 LayerNorm 的 ε 放在了根号外：σ + ε",
        ),
        repair: Text::new(
            "Put ε under the root, √(σ² + ε): with ε = 1e-5 the smallest divisor is 0.003, not 0.00001.",
            "ε 放进根号：√(σ² + ε)。ε = 1e-5 时除数最小是 0.003，而不是 0.00001。",
        ),
    },
    Bug {
        id: "eps-missing",
        sentence: Text::new(
            "without ε: equal features are divided by zero",
            "但没有加 ε：特征全相等时除以零",
        ),
        repair: Text::new(
            "Add eps to the variance and to the mean square before the root.",
            "开根号前给方差、均方加上 eps。",
        ),
    },
    Bug {
        id: "eps-hardcoded",
        sentence: Text::new(
            "with ε = 1e-5 whatever eps says",
            "但 ε 写死为 1e-5，没有用 eps",
        ),
        repair: Text::new(
            "Use the argument eps: models differ (1e-5, 1e-6, 1e-12).",
            "用参数 eps：各模型不同（1e-5、1e-6、1e-12）。",
        ),
    },
    Bug {
        id: "no-gamma",
        sentence: Text::new("without the gain γ", "但没有乘 γ"),
        repair: Text::new(
            "Multiply by gamma, feature by feature, in both norms.",
            "两种归一化都要逐特征乘 gamma。",
        ),
    },
    Bug {
        id: "no-beta",
        sentence: Text::new("without LayerNorm's shift β", "但 LayerNorm 没有加 β"),
        repair: Text::new(
            "Add beta after the gain: γ⊙x̂ + β.",
            "乘 γ 之后加 beta：γ⊙x̂ + β。",
        ),
    },
    Bug {
        id: "affine-order",
        sentence: Text::new(
            "with β added before the gain: γ⊙(x̂ + β)",
            "但先加 β 再乘 γ：γ⊙(x̂ + β)",
        ),
        repair: Text::new("Multiply first, then add: γ⊙x̂ + β.", "先乘后加：γ⊙x̂ + β。"),
    },
    Bug {
        id: "gamma-beta-swapped",
        sentence: Text::new(
            "with γ and β exchanged in LayerNorm: β⊙x̂ + γ",
            "但 LayerNorm 的 γ 与 β 对调了：β⊙x̂ + γ",
        ),
        repair: Text::new(
            "gamma (weight, starts at 1) multiplies, beta (bias, starts at 0) is added.",
            "gamma（weight，初值 1）用来乘，beta（bias，初值 0）用来加。",
        ),
    },
    Bug {
        id: "rms-with-mean-subtraction",
        sentence: Text::new(
            "with the mean subtracted in RMSNorm: that is LayerNorm without β",
            "但 RMSNorm 减了均值：那是没有 β 的 LayerNorm",
        ),
        repair: Text::new(
            "RMSNorm divides h itself by √(mean(h²) + ε): no mean anywhere.",
            "RMSNorm 直接用 h 除以 √(mean(h²) + ε)，完全不涉及均值。",
        ),
    },
    Bug {
        id: "rms-centred-denominator",
        sentence: Text::new(
            "with the standard deviation in RMSNorm's denominator",
            "但 RMSNorm 的分母用了标准差",
        ),
        repair: Text::new(
            "Divide by √(mean(h²) + ε); the variance, mean(h²) − μ², is LayerNorm's.",
            "应除以 √(mean(h²) + ε)；方差 mean(h²) − μ² 是 LayerNorm 的。",
        ),
    },
    Bug {
        id: "rms-of-normed",
        sentence: Text::new(
            "with RMSNorm applied to LayerNorm's output",
            "但 RMSNorm 作用在了 LayerNorm 的输出上",
        ),
        repair: Text::new(
            "Both norms take the residual sum: mind which variable holds it.",
            "两种归一化的输入都是残差和：注意变量别用错。",
        ),
    },
    Bug {
        id: "rms-is-l2",
        sentence: Text::new(
            "with the sum of squares in RMSNorm in place of their mean: an L2 norm",
            "但 RMSNorm 用的是平方和而非均方：那是 L2 归一化",
        ),
        repair: Text::new(
            "Divide the sum of squares by d: the outputs should be of size 1, not 1/√d.",
            "平方和要除以 d：输出的量级应是 1，不是 1/√d。",
        ),
    },
    Bug {
        id: "rms-adds-beta",
        sentence: Text::new("with β added in RMSNorm", "但 RMSNorm 加了 β"),
        repair: Text::new(
            "RMSNorm has a gain and no shift.",
            "RMSNorm 只有增益，没有平移。",
        ),
    },
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "rms-eps-outside",
        sentence: Text::new(
            "RMSNorm's ε stands outside the root: h / (√mean(h²) + ε)",
            "RMSNorm 的 ε 在根号外：h / (√mean(h²) + ε)",
        ),
        who: Text::new(
            "outside: the RMSNorm authors' own code (bzhangGo/rmsnorm); under the root: torch.nn.RMSNorm, Hugging Face's LLaMA, T5",
            "根号外：RMSNorm 作者的代码（bzhangGo/rmsnorm）；根号内：torch.nn.RMSNorm、Hugging Face 的 LLaMA、T5",
        ),
    },
    Convention {
        id: "one-plus-gamma",
        sentence: Text::new(
            "RMSNorm multiplies by 1 + γ, so that the stored weight starts at 0",
            "RMSNorm 乘的是 1 + γ，存储的权重从 0 起步",
        ),
        who: Text::new(
            "1 + γ: Gemma, Transformer Engine with zero_centered_gamma; γ: the paper, LLaMA, torch.nn.RMSNorm",
            "1 + γ：Gemma、Transformer Engine 的 zero_centered_gamma；γ：论文、LLaMA、torch.nn.RMSNorm",
        ),
    },
];
