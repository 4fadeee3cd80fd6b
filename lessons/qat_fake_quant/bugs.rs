//! Mistakes that people really make, and the one choice that is not a mistake.

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
    // The gradient of x.
    bug(
        "true-gradient",
        [
            "with the true derivative of round, which is 0: nothing is ever learned",
            "但用了 round 的真实导数 0：什么也学不到",
        ],
        [
            "Straight through: treat round as the identity where the code is not clipped.",
            "用直通估计：编码未被截断处，把 round 当恒等映射。",
        ],
    ),
    bug(
        "no-clip-mask",
        [
            "with a gradient that passes where codes are clipped too",
            "但被截断处的梯度也传了过去",
        ],
        [
            "Multiply by the mask qmin ≤ round(x/s) + z ≤ qmax.",
            "乘以掩码 qmin ≤ round(x/s) + z ≤ qmax。",
        ],
    ),
    bug(
        "ends-clipped",
        [
            "with no gradient at the codes qmin and qmax themselves, though what rounds to them is not clipped",
            "但编码恰为 qmin、qmax 的数也没有梯度：舍入到两端的数并没有被截断",
        ],
        [
            "The ends are inside: qmin ≤ round(x/s) + z ≤ qmax.",
            "两端属于区间内：qmin ≤ round(x/s) + z ≤ qmax。",
        ],
    ),
    bug(
        "mask-inverted",
        [
            "with a gradient that passes only where codes are clipped",
            "但掩码反了：只有被截断处才有梯度",
        ],
        [
            "1 inside of the range, 0 outside.",
            "范围内为 1，范围外为 0。",
        ],
    ),
    bug(
        "gradient-times-scale",
        [
            "with ∂x̂/∂x = s: the s of dequantization without the 1/s of quantization",
            "但把 ∂x̂/∂x 当成 s：只算了反量化的 s，漏了量化的 1/s",
        ],
        [
            "s·(1/s) = 1: the gradient passes as it is.",
            "s·(1/s) = 1：梯度原样通过。",
        ],
    ),
    bug(
        "gradient-over-scale",
        [
            "with ∂x̂/∂x = 1/s: the 1/s of quantization without the s of dequantization",
            "但把 ∂x̂/∂x 当成 1/s：只算了量化的 1/s，漏了反量化的 s",
        ],
        [
            "s·(1/s) = 1: the gradient passes as it is.",
            "s·(1/s) = 1：梯度原样通过。",
        ],
    ),
    // The forward pass.
    bug(
        "zero-point-left-in",
        [
            "with the zero-point left in: s·q instead of s·(q − z)",
            "但反量化漏减 zero-point：s·q 而不是 s·(q − z)",
        ],
        ["x̂ = s·(q − z).", "x̂ = s·(q − z)。"],
    ),
    bug(
        "zero-point-subtracted",
        [
            "with round(x/s) − z for the code, and − z again on the way back",
            "但编码写成 round(x/s) − z，反量化又减了一次 z",
        ],
        ["q = round(x/s) + z.", "q = round(x/s) + z。"],
    ),
    bug(
        "clamp-before-zero-point",
        [
            "clamped before the zero-point is added: the range is shifted",
            "但在加 zero-point 之前截断：范围错位",
        ],
        [
            "Clamp the code: clamp(round(x/s) + z, qmin, qmax).",
            "截断的是编码：clamp(round(x/s) + z, qmin, qmax)。",
        ],
    ),
    bug(
        "no-clamp",
        [
            "without clamping: values that no integer of this width can hold",
            "但没有截断：出现了该位宽装不下的值",
        ],
        [
            "clamp(round(x/s) + z, qmin, qmax).",
            "clamp(round(x/s) + z, qmin, qmax)。",
        ],
    ),
    bug(
        "floor",
        ["with floor instead of round", "但用了 floor 而不是 round"],
        [
            "Round to nearest; floor shifts everything by half a step.",
            "应四舍五入（就近取整）；floor 会整体偏半个步长。",
        ],
    ),
    bug(
        "one-level-more",
        ["with 2^bits as the largest code", "但最大编码取成了 2^bits"],
        [
            "qmax = 2^bits − 1 (unsigned) or 2^(bits−1) − 1 (signed): use the argument as it is.",
            "qmax = 2^bits − 1（无符号）或 2^(bits−1) − 1（有符号）：直接用参数即可。",
        ],
    ),
    // The gradient of the scale.
    bug(
        "scale-gradient-without-round",
        [
            "with −x/s as ∂x̂/∂s inside: the round was forgotten",
            "但范围内 ∂x̂/∂s 写成 −x/s：漏了 round",
        ],
        [
            "round(x/s) − x/s: within ±½.",
            "应为 round(x/s) − x/s，落在 ±½ 内。",
        ],
    ),
    bug(
        "scale-gradient-zero-outside",
        [
            "with ∂x̂/∂s = 0 where codes are clipped: the scale never learns to grow",
            "但截断处 ∂x̂/∂s 取 0：scale 学不会变大",
        ],
        [
            "At the ends x̂ = s·(qmin − z) or s·(qmax − z): the slope is that integer.",
            "两端 x̂ = s·(qmin − z) 或 s·(qmax − z)：斜率就是这个整数。",
        ],
    ),
    bug(
        "scale-gradient-inside-everywhere",
        [
            "with round(x/s) − x/s where codes are clipped too",
            "但截断处也用了 round(x/s) − x/s",
        ],
        [
            "At the ends the slope is qmin − z or qmax − z.",
            "两端斜率应为 qmin − z 或 qmax − z。",
        ],
    ),
    bug(
        "scale-gradient-forgets-z",
        [
            "with qmin and qmax as slopes at the ends, without the zero-point",
            "但两端斜率用了 qmin、qmax，没有减 zero-point",
        ],
        [
            "x̂ = s·(qmax − z): the slope is qmax − z.",
            "x̂ = s·(qmax − z)：斜率是 qmax − z。",
        ],
    ),
    bug(
        "upstream-forgotten",
        [
            "with Σ ∂x̂/∂s, not multiplied by grad_out",
            "但 scale 的梯度只是 Σ ∂x̂/∂s，没有乘 grad_out",
        ],
        [
            "Chain rule: Σ grad_out·∂x̂/∂s.",
            "链式法则：Σ grad_out·∂x̂/∂s。",
        ],
    ),
    bug(
        "no-gradient-scale",
        [
            "without LSQ's factor 1/√(N·qmax) on the gradient of the scale",
            "但 scale 的梯度漏了 LSQ 的系数 1/√(N·qmax)",
        ],
        [
            "Divide the sum by √(N·qmax), N = number of elements (PyTorch calls it grad_factor, 1 by default).",
            "和要除以 √(N·qmax)，N 为元素个数（PyTorch 里叫 grad_factor，默认 1）。",
        ],
    ),
    bug(
        "gradient-scale-without-root",
        [
            "with 1/(N·qmax), without the root",
            "但系数写成 1/(N·qmax)，漏了开平方",
        ],
        ["1/√(N·qmax).", "1/√(N·qmax)。"],
    ),
];

pub const CONVENTIONS: &[Convention] = &[Convention {
    id: "unrounded-mask",
    sentence: Text::new(
        "clipped is what lies beyond qmin or qmax before it is rounded",
        "按舍入前的值判断是否越界",
    ),
    who: Text::new(
        "unrounded: the LSQ paper, −Q_N < x/s < Q_P; rounded: torch.fake_quantize_per_tensor_affine. They differ by half a step at either end",
        "舍入前：LSQ 论文 −Q_N < x/s < Q_P；舍入后：torch.fake_quantize_per_tensor_affine。两端各差半个步长",
    ),
}];
