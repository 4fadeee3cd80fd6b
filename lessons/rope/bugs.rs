//! The mistakes that people make with RoPE, and the layouts that are all right.

use crate::problem::{Bug, Convention};
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "sign-flip",
        sentence: Text::new(
            "with the angle negated: R₋ₘ in place of Rₘ",
            "但角度取反：用了 R₋ₘ 而非 Rₘ",
        ),
        repair: Text::new(
            "y₀ = x₀·cos − x₁·sin and y₁ = x₀·sin + x₁·cos; rotate_half is (−x₂, x₁), not (x₂, −x₁).",
            "应为 y₀ = x₀·cos − x₁·sin，y₁ = x₀·sin + x₁·cos；rotate_half 是 (−x₂, x₁)，不是 (x₂, −x₁)。",
        ),
    },
    Bug {
        id: "angle-per-dim-not-pair",
        sentence: Text::new(
            "with the exponent −i/d for pair i in place of −2i/d",
            "但第 i 对的指数用了 −i/d 而非 −2i/d",
        ),
        repair: Text::new(
            "Pair i turns by base^(−2i/d): the exponents of the d/2 pairs run from 0 to almost −1 (`arange(0, d, 2) / d`).",
            "第 i 对的频率是 base^(−2i/d)：d/2 个指数从 0 走到接近 −1（`arange(0, d, 2) / d`）。",
        ),
    },
    Bug {
        id: "angle-per-dim",
        sentence: Text::new(
            "with an angle of its own for every dimension, base^(−j/d), so that a pair is sheared, not turned",
            "但每一维各用一个角度 base^(−j/d)，一对维度被剪切而不是旋转",
        ),
        repair: Text::new(
            "Both dimensions of a pair take the same angle: one θ for each of the d/2 pairs.",
            "同一对的两维必须用同一个角度：d/2 对各一个 θ。",
        ),
    },
    Bug {
        id: "base-exponent-d-model",
        sentence: Text::new(
            "with h·d (d_model) in the exponent in place of head_dim",
            "但指数里用了 h·d（d_model）而非 head_dim",
        ),
        repair: Text::new(
            "RoPE works inside one head: divide 2i by head_dim.",
            "RoPE 在单个头内部进行：2i 要除以 head_dim。",
        ),
    },
    Bug {
        id: "exponent-half-dim",
        sentence: Text::new(
            "with the exponent divided by d/2 in place of d, so that frequencies fall twice as fast",
            "但指数除以 d/2 而非 d，频率衰减快了一倍",
        ),
        repair: Text::new(
            "Divide 2i by the whole head_dim, not by the number of pairs (that would take i, not 2i).",
            "2i 要除以完整的 head_dim；若除以对数 d/2，分子就应是 i。",
        ),
    },
    Bug {
        id: "exponent-endpoint",
        sentence: Text::new(
            "with exponents spread up to −1 inclusive (linspace, 2i/(d−2))",
            "但指数一直铺到 −1（linspace，即 2i/(d−2)）",
        ),
        repair: Text::new(
            "The last pair has exponent −(d−2)/d: use arange(0, d, 2)/d, not linspace(0, 1, d/2).",
            "最后一对的指数是 −(d−2)/d：用 arange(0, d, 2)/d，不要用 linspace(0, 1, d/2)。",
        ),
    },
    Bug {
        id: "exponent-sign",
        sentence: Text::new(
            "with base^(+2i/d): frequencies grow from pair to pair",
            "但用了 base^(+2i/d)，频率逐对增大",
        ),
        repair: Text::new(
            "Put a minus into the exponent (or divide by base^(2i/d)): pair 0 is the fastest.",
            "指数要带负号（或除以 base^(2i/d)）：第 0 对转得最快。",
        ),
    },
    Bug {
        id: "exp-without-ln-base",
        sentence: Text::new(
            "with exp(−2i/d): ln(rope_theta) is missing in the exponent",
            "但用了 exp(−2i/d)，指数里漏了 ln(rope_theta)",
        ),
        repair: Text::new("base^x is exp(x·ln base).", "base^x 等于 exp(x·ln base)。"),
    },
    Bug {
        id: "base-10000",
        sentence: Text::new(
            "with the base 10000 whatever rope_theta says",
            "但底数写死为 10000，没有用 rope_theta",
        ),
        repair: Text::new(
            "Use the argument rope_theta: LLaMA 3 has 500000, many code models 1000000.",
            "用参数 rope_theta：LLaMA 3 是 500000，不少代码模型是 1000000。",
        ),
    },
    Bug {
        id: "single-theta",
        sentence: Text::new(
            "with one frequency (θ = 1) for all pairs",
            "但所有对共用一个频率（θ = 1）",
        ),
        repair: Text::new(
            "Compute base^(−2i/d) for each pair, in floats: the integer division 2*i/d gives 0 and so θ = 1 everywhere.",
            "每对各算 base^(−2i/d)，且用浮点：整数除法 2*i/d 得 0，θ 就全成了 1。",
        ),
    },
    Bug {
        id: "frequencies-reversed",
        sentence: Text::new(
            "with the frequencies in reverse order: the last pair is the fastest",
            "但频率顺序颠倒：最后一对转得最快",
        ),
        repair: Text::new(
            "θ₀ = 1 belongs to the first pair and the slowest frequency to the last.",
            "θ₀ = 1 属于第一对，最慢的频率属于最后一对。",
        ),
    },
    Bug {
        id: "pairs-from-1",
        sentence: Text::new(
            "with pairs counted from 1: pair i has the frequency of pair i + 1",
            "但对的编号从 1 开始：第 i 对用了第 i+1 对的频率",
        ),
        repair: Text::new(
            "Count pairs from 0, so that θ₀ = 1 (the paper counts from 1 and writes i − 1).",
            "对从 0 编号，θ₀ = 1（论文从 1 编号，所以写 i − 1）。",
        ),
    },
    Bug {
        id: "table-layout",
        sentence: Text::new(
            "with the frequency table in the other layout than the pairs: the dimensions of a pair get different frequencies",
            "但频率表与配对方式的布局不一致：同一对的两维拿到了不同频率",
        ),
        repair: Text::new(
            "Interleaved pairs want every frequency twice in a row (repeat_interleave); half-split pairs want the whole list twice (cat).",
            "交错配对要让每个频率连着出现两次（repeat_interleave）；前后半配对要把整张表拼两遍（cat）。",
        ),
    },
    Bug {
        id: "offset-ignored",
        sentence: Text::new(
            "with positions 0, 1, 2 … in place of the given ones",
            "但位置用了 0, 1, 2 ……，没有用传入的 positions",
        ),
        repair: Text::new(
            "Read positions[b, n]: in decoding the one new token stands behind the whole cache.",
            "读取 positions[b, n]：解码时唯一的新 token 排在整个 cache 之后。",
        ),
    },
    Bug {
        id: "positions-from-1",
        sentence: Text::new("with every position one too large", "但每个位置都多了 1"),
        repair: Text::new(
            "Use the positions as they come; the first token has position 0 and is not turned.",
            "直接使用给定的位置；第一个 token 的位置是 0，不旋转。",
        ),
    },
    Bug {
        id: "batch-row-0",
        sentence: Text::new(
            "with the positions of sequence 0 for every sequence of the batch",
            "但整个 batch 都用了第 0 条序列的位置",
        ),
        repair: Text::new(
            "Index positions by the sequence too: with left padding they differ from row to row.",
            "positions 也要按序列取：左填充时各行位置不同。",
        ),
    },
    Bug {
        id: "head-as-position",
        sentence: Text::new(
            "with the head's index as position: the wrong axis was taken for the sequence",
            "但把头的编号当成了位置：序列轴取错了",
        ),
        repair: Text::new(
            "q and k are [b h n d]: the tokens are axis 2 (they are axis 1 in [b n h d] code).",
            "q、k 的形状是 [b h n d]：token 在第 2 轴（[b n h d] 的代码里才是第 1 轴）。",
        ),
    },
    Bug {
        id: "degrees",
        sentence: Text::new(
            "with m·θ taken for degrees and converted to radians once more",
            "但把 m·θ 当成角度制又换算了一次弧度",
        ),
        repair: Text::new(
            "m·θ is in radians already: take its sin and cos as it is.",
            "m·θ 已经是弧度，直接取 sin、cos。",
        ),
    },
    Bug {
        id: "bf16-positions",
        sentence: Text::new(
            "with positions rounded to bfloat16, which tells them apart only up to 256",
            "但位置被舍入到 bfloat16，超过 256 就分不清相邻位置",
        ),
        repair: Text::new(
            "Keep positions, angles, cos and sin in f32 (or f64); round only the rotated result.",
            "位置、角度、cos、sin 都用 f32（或 f64），只在最后对结果降精度。",
        ),
    },
    Bug {
        id: "only-q",
        sentence: Text::new("with k left as it was", "但 k 没有旋转"),
        repair: Text::new(
            "Turn k by its own position too: only then the score depends on the distance.",
            "k 也要按自己的位置旋转，分数才只依赖距离。",
        ),
    },
    Bug {
        id: "only-k",
        sentence: Text::new("with q left as it was", "但 q 没有旋转"),
        repair: Text::new(
            "Turn q by its own position too: only then the score depends on the distance.",
            "q 也要按自己的位置旋转，分数才只依赖距离。",
        ),
    },
    Bug {
        id: "k-opposite-sign",
        sentence: Text::new(
            "with k turned by −m: scores depend on i + j in place of i − j",
            "但 k 转了 −m：分数依赖 i + j 而不是 i − j",
        ),
        repair: Text::new(
            "Turn q and k the same way; the dot product itself takes the difference.",
            "q 和 k 朝同一方向旋转，点积自会取差。",
        ),
    },
    Bug {
        id: "k-rotated-twice",
        sentence: Text::new(
            "with k turned twice: keys that were rotated before they were cached are rotated again",
            "但 k 旋转了两次：写入 cache 前转过的 key 又转了一遍",
        ),
        repair: Text::new(
            "Rotate a key once, either before it is cached or when it is read.",
            "每个 key 只转一次：要么写入 cache 前转，要么读出时转。",
        ),
    },
    Bug {
        id: "mixed-conventions",
        sentence: Text::new(
            "with q and k in different layouts, one interleaved and one half-split",
            "但 q 与 k 的布局不同，一个交错配对、一个前后半配对",
        ),
        repair: Text::new(
            "Choose one layout for both; each is right alone, the mix destroys the scores.",
            "两者选同一种布局：单独都对，混用就毁掉分数。",
        ),
    },
    Bug {
        id: "sin-cos-swapped",
        sentence: Text::new("with sin and cos exchanged", "但 sin 与 cos 对调了"),
        repair: Text::new(
            "cos goes with the element itself, sin with its partner; at position 0 nothing may change.",
            "cos 乘自身，sin 乘同伴；位置 0 处应当原样不变。",
        ),
    },
    Bug {
        id: "rotate-half-no-minus",
        sentence: Text::new(
            "without the minus sign in rotate_half: y₀ = x₀·cos + x₁·sin",
            "但 rotate_half 少了负号：y₀ = x₀·cos + x₁·sin",
        ),
        repair: Text::new(
            "y₀ = x₀·cos − x₁·sin: i² = −1. Without the minus it is no rotation and lengths change.",
            "y₀ = x₀·cos − x₁·sin，负号来自 i² = −1；没有它就不是旋转，长度会变。",
        ),
    },
    Bug {
        id: "overwritten-first",
        sentence: Text::new(
            "with x₀ overwritten before y₁ was computed from it",
            "但算 y₁ 时 x₀ 已被 y₀ 覆盖",
        ),
        repair: Text::new(
            "Read both elements of a pair before you write either.",
            "先读出一对的两个元素，再写回。",
        ),
    },
    Bug {
        id: "q-scaled",
        sentence: Text::new("with q also divided by √d", "但 q 还多除了一次 √d"),
        repair: Text::new(
            "Leave the 1/√d to attention: RoPE keeps lengths.",
            "1/√d 留给 attention；RoPE 保持长度不变。",
        ),
    },
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "half-split",
        sentence: Text::new(
            "pairs are (xᵢ, xᵢ₊d/₂): a head's first half with its second (rotate_half)",
            "配对为 (xᵢ, xᵢ₊d/₂)：每个头的前半与后半（rotate_half）",
        ),
        who: Text::new(
            "half-split: Hugging Face transformers, GPT-NeoX, vLLM's default; interleaved: the paper, GPT-J, Meta's LLaMA code",
            "前后半配对：Hugging Face transformers、GPT-NeoX、vLLM 默认；交错配对：论文、GPT-J、Meta 的 LLaMA 代码",
        ),
    },
    Convention {
        id: "pairs-to-halves",
        sentence: Text::new(
            "pairs are read interleaved and written half-split; q and k are permuted alike, so scores are the same",
            "按交错配对读入、按前后半写出；q、k 的置换相同，分数不变",
        ),
        who: Text::new(
            "pairs-to-halves: the published DeepSeek-V2/V3 code for transformers; in place: the paper, Meta's LLaMA code",
            "读交错写前后半：DeepSeek-V2/V3 公布的 transformers 代码；原位写回：论文、Meta 的 LLaMA 代码",
        ),
    },
];
