//! The mistakes that people make with NTK scaling, and the conventions that are all right.

use crate::problem::{Bug, Convention};
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "no-scale",
        sentence: Text::new(
            "with the frequencies of plain RoPE: nothing is stretched",
            "但频率还是普通 RoPE 的，什么都没拉伸",
        ),
        repair: Text::new(
            "Change the frequencies by the method that is asked for.",
            "按要求的方法修改频率。",
        ),
    },
    Bug {
        id: "factor-inverted",
        sentence: Text::new(
            "with 1/factor in place of factor, so that pairs turn faster",
            "但用了 1/factor 而非 factor，各对反而转得更快",
        ),
        repair: Text::new(
            "s is how many times longer the text may be; it is at least 1.",
            "s 是文本可以变长多少倍，至少为 1。",
        ),
    },
    Bug {
        id: "base-times-s",
        sentence: Text::new(
            "with base·s: the exponent d/(d − 2) is missing, and the last pair falls short of 1/s",
            "但底数只乘了 s，漏了指数 d/(d − 2)，最后一对没有慢到 1/s",
        ),
        repair: Text::new(
            "base' = base·s^(d/(d − 2)); the last pair has the exponent (d − 2)/d, which this undoes.",
            "base' = base·s^(d/(d − 2))：最后一对的指数是 (d − 2)/d，正好抵消。",
        ),
    },
    Bug {
        id: "exponent-inverted",
        sentence: Text::new(
            "with the exponent (d − 2)/d in place of d/(d − 2)",
            "但指数写成了 (d − 2)/d 而非 d/(d − 2)",
        ),
        repair: Text::new(
            "Ask for θ'_last = θ_last/s: base'^(−(d−2)/d) = base^(−(d−2)/d)/s gives s^(d/(d − 2)).",
            "令 θ'_last = θ_last/s：base'^(−(d−2)/d) = base^(−(d−2)/d)/s，得 s^(d/(d − 2))。",
        ),
    },
    Bug {
        id: "exponent-of-pairs",
        sentence: Text::new(
            "with the number of pairs for head_dim in the exponent: p/(p − 2)",
            "但指数里把维度对的个数 p 当成了 head_dim：p/(p − 2)",
        ),
        repair: Text::new(
            "d is head_dim, twice the number of pairs: d/(d − 2) = p/(p − 1).",
            "d 是 head_dim，为维度对个数的两倍：d/(d − 2) = p/(p − 1)。",
        ),
    },
    Bug {
        id: "base-divided",
        sentence: Text::new(
            "with the base divided by s^(d/(d − 2)): pairs turn faster",
            "但底数除以了 s^(d/(d − 2))，各对反而转得更快",
        ),
        repair: Text::new(
            "Multiply: a larger base makes slower pairs.",
            "应当乘：底数越大，各对越慢。",
        ),
    },
    Bug {
        id: "linear",
        sentence: Text::new(
            "with position interpolation, θ/s, where another base was asked for",
            "但该改底数的地方用了位置插值 θ/s",
        ),
        repair: Text::new(
            "Interpolation slows all pairs alike; NTK leaves the first as it is.",
            "插值让所有对同样变慢；NTK 不动第一对。",
        ),
    },
    Bug {
        id: "base-and-positions",
        sentence: Text::new(
            "with another base and interpolated positions, both",
            "但既改了底数，又插值了位置",
        ),
        repair: Text::new(
            "Do one of the two: the last pair is to be slowed by s, not by s².",
            "两者只做其一：最后一对应慢 s 倍，而不是 s² 倍。",
        ),
    },
    Bug {
        id: "dynamic-is-static",
        sentence: Text::new(
            "with the fixed factor where the length at hand was asked for (dynamic NTK)",
            "但动态 NTK 用了固定的 factor，没有看当前长度",
        ),
        repair: Text::new(
            "For method 1, s = max(1, l/trained), l = last position + 1.",
            "method 1 的 s = max(1, l/trained)，l = 末位置 + 1。",
        ),
    },
    Bug {
        id: "dynamic-below-trained",
        sentence: Text::new(
            "with s below 1 for texts shorter than the training: dynamic NTK must leave these alone",
            "但文本短于训练长度时 s 小于 1：动态 NTK 此时不应改动",
        ),
        repair: Text::new(
            "s = max(1, l/trained): up to L it is exactly plain RoPE.",
            "s = max(1, l/trained)：不超过 L 时就是普通 RoPE。",
        ),
    },
    Bug {
        id: "factor-times-length",
        sentence: Text::new(
            "with s = factor·l/L in dynamic NTK, which jumps to factor at l = L",
            "但动态 NTK 用了 s = factor·l/L，在 l = L 处会跳到 factor",
        ),
        repair: Text::new(
            "s = l/L; with a factor, as transformers has it, factor·l/L − (factor − 1), which begins at 1.",
            "s = l/L；若带 factor（transformers 的写法）则是 factor·l/L − (factor − 1)，从 1 开始。",
        ),
    },
    Bug {
        id: "length-of-rows",
        sentence: Text::new(
            "with the number of rows as length of the text in dynamic NTK: in decoding that is 1",
            "但动态 NTK 把行数当成文本长度：解码时它是 1",
        ),
        repair: Text::new(
            "l is the last position + 1, the cache included.",
            "l 是末位置 + 1，包含 cache。",
        ),
    },
    Bug {
        id: "length-too-short",
        sentence: Text::new(
            "with the last position as length in dynamic NTK: one too small",
            "但动态 NTK 把末位置当长度，少了 1",
        ),
        repair: Text::new(
            "Positions count from 0: l = last position + 1.",
            "位置从 0 数起：l = 末位置 + 1。",
        ),
    },
    Bug {
        id: "stale-cache",
        sentence: Text::new(
            "with every token turned by the base of its own time, as keys in a cache that were rotated when they came",
            "但每个 token 用的是它到来时的底数，正如 cache 里早先转好的 key",
        ),
        repair: Text::new(
            "In dynamic NTK the base follows the whole length; cache keys unrotated and turn them when they are read.",
            "动态 NTK 的底数随总长度变：cache 里存未旋转的 key，读出时再转。",
        ),
    },
    Bug {
        id: "turns-without-tau",
        sentence: Text::new(
            "with r = L·θ: the 2π of the wavelength is missing",
            "但 r = L·θ，漏了波长里的 2π",
        ),
        repair: Text::new("r = L/λ with λ = 2π/θ.", "r = L/λ，λ = 2π/θ。"),
    },
    Bug {
        id: "turns-of-target",
        sentence: Text::new(
            "with turns counted over the stretched length in place of the trained one",
            "但圈数按拉伸后的长度算，而不是训练长度",
        ),
        repair: Text::new(
            "Ask what training showed: r = trained·θ/2π.",
            "要问的是训练见过什么：r = trained·θ/2π。",
        ),
    },
    Bug {
        id: "ramp-reversed",
        sentence: Text::new(
            "with the ramp reversed: fast pairs are interpolated and slow ones left alone",
            "但 ramp 反了：插值了快速对，放过了慢速对",
        ),
        repair: Text::new(
            "γ = 1 keeps θ where r > 32; γ = 0 takes θ/s where r < 1.",
            "r > 32 时 γ = 1，保留 θ；r < 1 时 γ = 0，取 θ/s。",
        ),
    },
    Bug {
        id: "ramp-unclamped",
        sentence: Text::new(
            "with γ not held to 0 … 1: fast pairs are sped up, slow ones slowed by more than s",
            "但 γ 没有限制在 0 … 1：快速对被加速，慢速对慢过了 s 倍",
        ),
        repair: Text::new("Clamp (r − 1)/31 to 0 … 1.", "把 (r − 1)/31 截到 0 … 1。"),
    },
    Bug {
        id: "ramp-step",
        sentence: Text::new(
            "with a step at one turn in place of the ramp",
            "但没有 ramp，在一圈处直接跳变",
        ),
        repair: Text::new(
            "Between 1 and 32 turns, blend linearly.",
            "1 到 32 圈之间要线性混合。",
        ),
    },
    Bug {
        id: "blends-wavelengths",
        sentence: Text::new(
            "with wavelengths blended in place of frequencies",
            "但混合的是波长而不是频率",
        ),
        repair: Text::new(
            "θ' = (1 − γ)·θ/s + γ·θ; the blend of λ·s and λ is another curve.",
            "θ' = (1 − γ)·θ/s + γ·θ；混合 λ·s 与 λ 是另一条曲线。",
        ),
    },
    Bug {
        id: "no-heat",
        sentence: Text::new(
            "without YaRN's attention temperature",
            "但没有 YaRN 的注意力温度",
        ),
        repair: Text::new(
            "Multiply cos and sin by 0.1·ln s + 1.",
            "cos、sin 都要乘 0.1·ln s + 1。",
        ),
    },
    Bug {
        id: "heat-inverted",
        sentence: Text::new(
            "with the tables divided by 0.1·ln s + 1: attention gets flatter, not sharper",
            "但表除以了 0.1·ln s + 1：注意力变平而不是变尖",
        ),
        repair: Text::new(
            "Multiply: √(1/t) is above 1, t below.",
            "应当乘：√(1/t) 大于 1，t 小于 1。",
        ),
    },
    Bug {
        id: "heat-squared",
        sentence: Text::new(
            "with 1/t on both tables, so that scores get it twice",
            "但两张表都乘了 1/t，分数被放大了两次",
        ),
        repair: Text::new(
            "√(1/t) on each side: q·k then has 1/t.",
            "两边各乘 √(1/t)，q·k 就带 1/t。",
        ),
    },
    Bug {
        id: "heat-log10",
        sentence: Text::new("with log₁₀ in the temperature", "但温度里用了 log₁₀"),
        repair: Text::new(
            "The natural logarithm: 0.1·ln s + 1.",
            "应为自然对数：0.1·ln s + 1。",
        ),
    },
    Bug {
        id: "heat-in-parts",
        sentence: Text::new(
            "with YaRN's temperature also where only NTK-by-parts was asked for",
            "但只要求 NTK-by-parts 时也乘了 YaRN 的温度",
        ),
        repair: Text::new(
            "By parts is YaRN without the temperature.",
            "by-parts 是不带温度的 YaRN。",
        ),
    },
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "hugging-face",
        sentence: Text::new(
            "the ramp runs linearly over the pairs' numbers, between those with 32 turns (rounded down) and 1 turn (rounded up), and dynamic NTK has s = factor·l/L − (factor − 1)",
            "ramp 在对的编号上线性变化，两端是 32 圈（向下取整）与 1 圈（向上取整）所在的对；动态 NTK 的 s = factor·l/L − (factor − 1)",
        ),
        who: Text::new(
            "hugging-face: transformers (rope_type yarn and dynamic), vLLM, YaRN's own code; ramp over turns and s = l/L: the paper",
            "hugging-face：transformers（rope_type yarn 与 dynamic）、vLLM、YaRN 自己的代码；按圈数做 ramp、s = l/L：论文",
        ),
    },
    Convention {
        id: "index-ramp",
        sentence: Text::new(
            "the ramp runs linearly over the pairs' numbers; dynamic NTK has s = l/L",
            "ramp 在对的编号上线性变化；动态 NTK 的 s = l/L",
        ),
        who: Text::new(
            "index-ramp: transformers' yarn, YaRN's own code; ramp over turns: the paper, and LLaMA 3's scaling with 1 and 4 turns",
            "index-ramp：transformers 的 yarn、YaRN 自己的代码；按圈数做 ramp：论文，以及 LLaMA 3 的缩放（1 与 4 圈）",
        ),
    },
    Convention {
        id: "dynamic-factor",
        sentence: Text::new(
            "dynamic NTK has s = factor·l/L − (factor − 1), which begins at 1 and grows factor times as fast",
            "动态 NTK 的 s = factor·l/L − (factor − 1)：从 1 开始，增长快 factor 倍",
        ),
        who: Text::new(
            "dynamic-factor: transformers (rope_type dynamic) with factor above 1; s = l/L: the paper, the same with factor 1",
            "dynamic-factor：transformers（rope_type dynamic，factor 大于 1）；s = l/L：论文，等于 factor 取 1",
        ),
    },
];
