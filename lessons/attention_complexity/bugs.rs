//! The mistakes that people make when they count what attention costs.

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
        "memory-n2d",
        Text::new(
            "with scores of h·n²·d numbers, which is the notes' «memory O(n²d)»",
            "但分数有 h·n²·d 个数，即笔记的「内存复杂度 O(n²d)」",
        ),
        Text::new(
            "A score is one number: d is summed over in q·k. O(n²d) is the time.",
            "一个分数就是一个数：d 在 q·k 里被求和掉了。O(n²d) 是时间。",
        ),
    ),
    bug(
        "forget-heads",
        Text::new(
            "with one matrix of scores for all heads",
            "但所有头只算了一个分数矩阵",
        ),
        Text::new(
            "Each head has its own: h·n² numbers.",
            "每个头各有一个：h·n² 个数。",
        ),
    ),
    bug(
        "gqa-shrinks-scores",
        Text::new(
            "with a matrix of scores for each key head only",
            "但分数矩阵只按 key 头的个数算",
        ),
        Text::new(
            "Every query head has scores of its own; shared keys shrink k, v and the cache, not the scores.",
            "每个 query 头都有自己的分数；共享 key 缩小的是 k、v 和缓存，不是分数。",
        ),
    ),
    bug(
        "scores-and-weights",
        Text::new(
            "with the scores counted twice, as scores and as weights",
            "但分数算了两遍（分数与权重各一份）",
        ),
        Text::new(
            "The exercise asks for one stored matrix; softmax may work in place.",
            "题目问的是一个存下来的矩阵；softmax 可以原地做。",
        ),
    ),
    bug(
        "causal-halves-scores",
        Text::new(
            "with half of the score matrix stored under a causal mask",
            "但因果时分数矩阵只按一半存",
        ),
        Text::new(
            "A dense matrix has its upper triangle too, filled with −∞: the mask halves the work, not the memory.",
            "稠密矩阵的上三角照样占地方，只是填 −∞：掩码减半的是计算，不是内存。",
        ),
    ),
    bug(
        "counts-one-matmul",
        Text::new(
            "with only one of the products q·kᵀ and weights·v",
            "但 q·kᵀ 与 weights·v 只算了一个",
        ),
        Text::new(
            "Two products of the same size: 4·pairs·D FLOP.",
            "两个同样大小的矩阵乘：4·pairs·D FLOP。",
        ),
    ),
    bug(
        "one-head-flop",
        Text::new(
            "with the attention FLOP of a single head",
            "但 attention 的 FLOP 只算了一个头",
        ),
        Text::new(
            "h heads of d: 4·pairs·h·d.",
            "h 个头、每头 d 维：4·pairs·h·d。",
        ),
    ),
    bug(
        "mac-as-flop",
        Text::new(
            "with a multiply-add counted as one FLOP",
            "但一次乘加只算 1 FLOP",
        ),
        Text::new(
            "A multiply-add is two FLOP, as in vendors' peak figures; else a rate against the peak is off by 2.",
            "一次乘加是 2 FLOP，厂商峰值也这么算；否则与峰值相比会差一倍。",
        ),
    ),
    bug(
        "n2-projections",
        Text::new(
            "with projections that grow with n²",
            "但投影的 FLOP 随 n² 增长",
        ),
        Text::new(
            "Each token is projected once: n·D·D per matrix, linear in n.",
            "每个 token 只投影一次：每个矩阵 n·D·D，对 n 是线性的。",
        ),
    ),
    bug(
        "out-projection-missing",
        Text::new("without the output projection", "但漏了输出投影"),
        Text::new(
            "Four matrices: q, k, v and out.",
            "共四个矩阵：q、k、v、out。",
        ),
    ),
    bug(
        "gqa-ignored",
        Text::new(
            "with as many key heads as query heads: kv_heads is not used",
            "但 key 头与 query 头一样多，没有用 kv_heads",
        ),
        Text::new(
            "k and v have kv_heads·d columns: D_kv in two projections and in the operands.",
            "k、v 只有 kv_heads·d 列：两个投影与操作数里都是 D_kv。",
        ),
    ),
    bug(
        "causal-not-halved",
        Text::new(
            "with n² pairs although it is causal",
            "但明明是因果，却按 n² 对计算",
        ),
        Text::new(
            "Query i sees i + 1 keys: n(n + 1)/2 pairs.",
            "query i 看 i + 1 个 key：共 n(n + 1)/2 对。",
        ),
    ),
    bug(
        "out-not-counted",
        Text::new(
            "with q, k and v but no output in the operands",
            "但操作数只算了 q、k、v，漏了输出",
        ),
        Text::new(
            "2·n·(D + D_kv): q and out, k and v.",
            "2·n·(D + D_kv)：q 与 out，k 与 v。",
        ),
    ),
    bug(
        "numbers-for-bytes",
        Text::new(
            "with numbers counted in place of bytes",
            "但数的是元素个数，不是字节数",
        ),
        Text::new("Multiply by width.", "再乘 width。"),
    ),
    bug(
        "gb-for-gib",
        Text::new(
            "with GB (10⁹ bytes) in place of GiB (2^30)",
            "但用了 GB（10⁹ 字节）而不是 GiB（2^30）",
        ),
        Text::new(
            "Divide bytes by 2^30 = 1 073 741 824.",
            "字节数除以 2^30 = 1 073 741 824。",
        ),
    ),
    bug(
        "rate-with-projections",
        Text::new(
            "with the projections in the rate, though only the core was timed",
            "但速率里算进了投影，而计时的只是核心部分",
        ),
        Text::new(
            "Divide the FLOP of what was timed: scores and weights·v.",
            "只除被计时那部分的 FLOP：分数与 weights·v。",
        ),
    ),
    bug(
        "rate-inverted",
        Text::new(
            "with seconds for a GFLOP in place of GFLOP a second",
            "但给的是每 GFLOP 多少秒，而不是每秒多少 GFLOP",
        ),
        Text::new(
            "rate = attention GFLOP/seconds.",
            "rate = attention GFLOP / seconds。",
        ),
    ),
    bug(
        "exponent-without-logs",
        Text::new(
            "with a straight line through (n, t) without logarithms",
            "但没取对数，直接对 (n, t) 拟合直线",
        ),
        Text::new(
            "t = c·n^p is a line in ln n and ln t; its slope is p.",
            "t = c·n^p 在 ln n、ln t 下才是直线，斜率为 p。",
        ),
    ),
    bug(
        "exponent-mixed-logs",
        Text::new(
            "with different bases of the logarithms for n and t",
            "但 n 与 t 取了不同底的对数",
        ),
        Text::new(
            "Any base will do, the same for both.",
            "什么底都行，但两边要一样。",
        ),
    ),
    bug(
        "exponent-inverted",
        Text::new("with ln n fitted over ln t", "但拟合成了 ln n 对 ln t"),
        Text::new(
            "Divide by the spread of x = ln n.",
            "分母是 x = ln n 的离差平方和。",
        ),
    ),
    bug(
        "exponent-endpoints",
        Text::new(
            "with the exponent from the first and the last case alone",
            "但指数只用了首尾两个点",
        ),
        Text::new(
            "Least squares over all cases: single times are noisy.",
            "对所有点做最小二乘：单次计时噪声大。",
        ),
    ),
    bug(
        "exponent-through-origin",
        Text::new(
            "with a line through the origin: Σxy/Σx²",
            "但拟合的是过原点的直线：Σxy/Σx²",
        ),
        Text::new(
            "Subtract both means first; ln c is the intercept and is not 0.",
            "先减去两边的均值；截距 ln c 并不是 0。",
        ),
    ),
];
