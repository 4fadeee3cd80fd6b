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
    // Smoothing.
    bug(
        "no-smoothing",
        [
            "without smoothing: outliers set the steps of every token",
            "但没有做平滑：离群通道决定了每个 token 的步长",
        ],
        [
            "x/s and w·s with s_j = act_max_j^α / max|w_j|^(1 − α).",
            "x/s 与 w·s，s_j = act_max_j^α / max|w_j|^(1 − α)。",
        ],
    ),
    bug(
        "smooth-one-side",
        [
            "with activations divided by s and weights left as they are: the product has changed",
            "但只把激活除以 s，权重没有乘回来：乘积已经变了",
        ],
        [
            "Multiply the weight's columns by s: (x/s)·(w·s)ᵀ = x·wᵀ.",
            "权重的列要乘 s：(x/s)·(w·s)ᵀ = x·wᵀ。",
        ],
    ),
    bug(
        "smooth-inverted",
        [
            "with x·s and w/s: outliers grow instead of shrinking",
            "但写成了 x·s、w/s：离群值被放大而不是缩小",
        ],
        [
            "Divide the activations, multiply the weights.",
            "激活要除，权重要乘。",
        ],
    ),
    bug(
        "alpha-swapped",
        ["with α and 1 − α exchanged", "但 α 与 1 − α 用反了"],
        [
            "α is the activations' exponent: act_max^α / max|w|^(1 − α).",
            "α 是激活的指数：act_max^α / max|w|^(1 − α)。",
        ],
    ),
    bug(
        "smooth-from-this-batch",
        [
            "with s from this batch instead of act_max: the weights would have to be quantised anew for each batch",
            "但 s 取自当前批次而不是 act_max：那样每个批次都得重新量化权重",
        ],
        [
            "Use act_max, the calibration's maxima.",
            "使用校准得到的 act_max。",
        ],
    ),
    bug(
        "weights-quantised-first",
        [
            "with weights that were quantised before s was multiplied in: s stays inside the sum, and their codes do not fit it",
            "但先量化权重、后乘 s：s 留在求和号里，编码与它不匹配",
        ],
        ["Quantise w·s, not w.", "量化的对象是 w·s 而不是 w。"],
    ),
    // Scales.
    bug(
        "per-tensor-activation",
        [
            "with one activation scale for all tokens",
            "但所有 token 共用一个激活 scale",
        ],
        [
            "One scale for each token: max over c only.",
            "每个 token 一个 scale：只沿 c 取最大值。",
        ],
    ),
    bug(
        "static-activation",
        [
            "with a fixed activation scale from the calibration: tokens beyond it are cut off",
            "但激活用了校准得到的固定 scale：超出范围的 token 被截断",
        ],
        [
            "Take max|x'_t| of the token at hand (dynamic quantization).",
            "用当前 token 的 max|x'_t|（动态量化）。",
        ],
    ),
    bug(
        "per-tensor-weight",
        [
            "with one weight scale for all output features",
            "但所有输出通道共用一个权重 scale",
        ],
        [
            "One scale for each row of the weight.",
            "权重每行一个 scale。",
        ],
    ),
    bug(
        "divide-by-128",
        [
            "with max/128 as scale: the largest value has code 128, which does not exist",
            "但 scale 取 max/128：最大值的编码是 128，并不存在",
        ],
        [
            "max/127 for symmetric codes −127 … 127.",
            "对称编码 −127 … 127 用 max/127。",
        ],
    ),
    bug(
        "activation-scale-forgotten",
        ["without s_x at the end", "但最后漏乘 s_x"],
        ["y = s_x·s_w·sums.", "y = s_x·s_w·sums。"],
    ),
    bug(
        "weight-scale-forgotten",
        ["without s_w at the end", "但最后漏乘 s_w"],
        ["y = s_x·s_w·sums.", "y = s_x·s_w·sums。"],
    ),
    bug(
        "zero-row-nan",
        [
            "with scale 0 for a token or a row of zeros: 0/0 is NaN",
            "但全零的 token 或权重行 scale 为 0：0/0 得到 NaN",
        ],
        [
            "Use scale 1 where the maximum is 0.",
            "最大值为 0 时 scale 取 1。",
        ],
    ),
    // What is quantised, and the sum.
    bug(
        "weights-only",
        [
            "with activations left in float: that is W8A16",
            "但激活没有量化：这是 W8A16",
        ],
        [
            "Quantise the activations too; only then is it a product of integers.",
            "激活也要量化，这样才是整数乘法。",
        ],
    ),
    bug(
        "activations-only",
        ["with weights left in float", "但权重没有量化"],
        ["Quantise the weights too.", "权重也要量化。"],
    ),
    bug(
        "zero-point-forgotten",
        [
            "with asymmetric activations whose zero-point is still in the sum: z·Σ q_w was not taken off",
            "但激活用了非对称量化，求和里仍带着 zero-point：没有减去 z·Σ q_w",
        ],
        [
            "Subtract z_x·Σ_c q_w from each sum, or use symmetric codes.",
            "每个和要减去 z_x·Σ_c q_w，或改用对称编码。",
        ],
    ),
    bug(
        "int8-accumulator",
        [
            "with a sum that wraps around in 8 bits",
            "但累加器只有 8 位，发生回绕",
        ],
        [
            "Sum products of int8 in int32.",
            "int8 的乘积要用 int32 累加。",
        ],
    ),
    bug(
        "int16-accumulator",
        [
            "with a sum that wraps around in 16 bits: three products of 127·127 are enough",
            "但累加器只有 16 位，发生回绕：三个 127·127 就溢出",
        ],
        [
            "Sum products of int8 in int32.",
            "int8 的乘积要用 int32 累加。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[Convention {
    id: "asymmetric-activations",
    sentence: Text::new(
        "activations have a zero-point, whose part of the sum is taken off",
        "激活带 zero-point，并从和里减去了它的那一部分",
    ),
    who: Text::new(
        "asymmetric: PyTorch's dynamic quantization on x86, ONNX Runtime (uint8 activations); symmetric: SmoothQuant, LLM.int8(), TensorRT",
        "非对称：PyTorch 的 x86 动态量化、ONNX Runtime（uint8 激活）；对称：SmoothQuant、LLM.int8()、TensorRT",
    ),
}];
