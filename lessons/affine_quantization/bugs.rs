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
    // Scale.
    bug(
        "scale-before-shift",
        [
            "with an asymmetric scale taken from max|x|, as if there were no zero point",
            "但非对称方案的 scale 取自 max|x|，仿佛没有 zero_point",
        ],
        [
            "With a zero point the codes cover β − α: s = (β − α)/(2^b − 1).",
            "有 zero_point 时，码覆盖的是 β − α：s = (β − α)/(2^b − 1)。",
        ],
    ),
    bug(
        "power-of-two-levels",
        [
            "divided by the number of codes, 2^b (or 2^(b−1)), instead of the number of steps between them",
            "但除的是码的个数 2^b（或 2^(b−1)），而不是码之间的步数",
        ],
        [
            "2^b codes have 2^b − 1 steps: divide by 2^b − 1, or by 2^(b−1) − 1 if symmetric.",
            "2^b 个码之间有 2^b − 1 步：除以 2^b − 1；对称时除以 2^(b−1) − 1。",
        ],
    ),
    bug(
        "symmetric-half-range",
        [
            "with a symmetric scale from half the range, (high − low)/2, so that the longer side is cut off",
            "但对称方案的 scale 取自半个区间 (high − low)/2，较长的一侧被截掉",
        ],
        [
            "Take the larger absolute end: max(|low|, |high|).",
            "取绝对值较大的一端：max(|low|, |high|)。",
        ],
    ),
    bug(
        "symmetric-from-high",
        [
            "with a symmetric scale from `high` alone, so that a longer negative side is cut off",
            "但对称方案只用 `high` 求 scale，负侧更长时被截掉",
        ],
        [
            "Take the larger absolute end: max(|low|, |high|).",
            "取绝对值较大的一端：max(|low|, |high|)。",
        ],
    ),
    bug(
        "empty-range-nan",
        [
            "with scale 0 for a channel whose range is empty, and 0/0 = NaN after it",
            "但空区间的通道 scale 为 0，随后 0/0 得到 NaN",
        ],
        [
            "Where the range is 0 … 0 take scale 1: every code then stands for 0.",
            "区间为 0 … 0 时取 scale = 1：所有数仍还原为 0。",
        ],
    ),
    bug(
        "per-tensor",
        [
            "with one range for all channels (per tensor instead of per channel)",
            "但所有通道共用一个区间（per-tensor 而不是 per-channel）",
        ],
        [
            "Give each channel the scale and zero point of its own low and high.",
            "每个通道用自己的 low、high 求 scale 和 zero_point。",
        ],
    ),
    bug(
        "bits-ignored",
        [
            "with 8 bits whatever `bits` says",
            "但无论 `bits` 是多少都按 8 位算",
        ],
        [
            "Compute the least and greatest code from `bits`.",
            "码的上下限要由 `bits` 算出。",
        ],
    ),
    // Zero point.
    bug(
        "range-without-zero",
        [
            "with a range that need not hold 0, so that 0.0 has no code and the zero point leaves its bits",
            "但区间没有强制包含 0：0.0 没有对应的码，zero_point 也超出位宽",
        ],
        [
            "Widen the range first: α = min(low, 0), β = max(high, 0).",
            "先扩展区间：α = min(low, 0)，β = max(high, 0)。",
        ],
    ),
    bug(
        "zero-point-not-integer",
        [
            "with a zero point that is not rounded, so that 0.0 does not come back as 0.0",
            "但 zero_point 没有取整，0.0 还原不回 0.0",
        ],
        [
            "The zero point is a code: z = round(−α/s).",
            "zero_point 本身是一个码：z = round(−α/s)。",
        ],
    ),
    bug(
        "zero-point-subtracted",
        [
            "with q = round(x/s) − z, but read back as s·(q − z): the sign of z is wrong on one side",
            "但写成 q = round(x/s) − z，还原却用 s·(q − z)：z 的符号两边不一致",
        ],
        [
            "Add the zero point when quantising, subtract it when reading back.",
            "量化时加 z，反量化时减 z。",
        ],
    ),
    bug(
        "zero-point-forgotten",
        [
            "read back as s·q, without the zero point",
            "但反量化写成了 s·q，漏了 zero_point",
        ],
        ["x_hat = s·(q − z).", "x_hat = s·(q − z)。"],
    ),
    // Codes.
    bug(
        "round-then-scale",
        [
            "with x rounded before it is divided by the scale",
            "但先对 x 取整、再除以 scale",
        ],
        ["Divide first: round(x/s).", "先除后取整：round(x/s)。"],
    ),
    bug(
        "truncates",
        [
            "with x/s cut off towards 0 (a cast) instead of rounded: the error is up to a whole step",
            "但 x/s 向 0 截断（直接类型转换）而没有四舍五入：误差可达一整步",
        ],
        [
            "Round to the nearest before the cast.",
            "转换类型之前先取最近的整数。",
        ],
    ),
    bug(
        "clamp-missing",
        [
            "without the clamp: numbers outside the range get codes that do not exist",
            "但没有 clamp：超出区间的数得到不存在的码",
        ],
        [
            "Clamp after rounding: codes saturate.",
            "取整之后 clamp，让码饱和。",
        ],
    ),
    bug(
        "clamp-before-zero-point",
        [
            "clamped before the zero point is added: the codes are shifted out of their range",
            "但在加 zero_point 之前就 clamp：码整体偏出范围",
        ],
        [
            "Clamp the code: clamp(round(x/s) + z).",
            "要截断的是码：clamp(round(x/s) + z)。",
        ],
    ),
    bug(
        "wraps-around",
        [
            "with codes that wrap around instead of saturating: the largest numbers become the smallest",
            "但码溢出回绕而不是饱和：最大的数变成最小的",
        ],
        [
            "Clamp before the conversion to an integer type.",
            "转成整数类型之前先 clamp。",
        ],
    ),
    bug(
        "sym-clamp-asym",
        [
            "with symmetric codes from −2^(b−1) on, a level below that has none above to match it",
            "但对称方案的码从 −2^(b−1) 开始，比正侧多出一级",
        ],
        [
            "Clamp to ±(2^(b−1) − 1), the codes that the scale was made for.",
            "clamp 到 ±(2^(b−1) − 1)，scale 就是按它算的。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "half-away",
        sentence: Text::new(
            "ties are rounded away from 0: round(2.5) = 3, round(−2.5) = −3",
            "恰为一半时远离 0 取整：round(2.5) = 3，round(−2.5) = −3",
        ),
        who: Text::new(
            "half away: Rust's f32::round, C's round, TFLite's reference kernels; half to even: torch.round, NumPy, ONNX QuantizeLinear, the hardware's default",
            "远离 0：Rust 的 f32::round、C 的 round、TFLite 参考实现；取偶：torch.round、NumPy、ONNX QuantizeLinear、硬件默认",
        ),
    },
    Convention {
        id: "half-up",
        sentence: Text::new(
            "ties are rounded up: floor(x/s + z + 0.5), which is also f32::round after a zero point was added",
            "恰为一半时向上取整：floor(x/s + z + 0.5)；先加 zero_point 再用 f32::round 也是这样",
        ),
        who: Text::new(
            "half up: fixed-point DSP code (add half, shift right); half to even: torch.round, NumPy, ONNX QuantizeLinear",
            "向上：定点 DSP 代码（加一半再右移）；取偶：torch.round、NumPy、ONNX QuantizeLinear",
        ),
    },
];
