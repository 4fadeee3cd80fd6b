//! The mistakes that people make about what attention can reach, and how it collapses.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals attention-expressivity …».
pub const BUGS: &[Bug] = &[
    bug(
        "path-length-n",
        [
            "with the distance |i − j| for the path: that is a recurrent network's",
            "但路径长度取了 |i − j|：那是循环网络的路径",
        ],
        [
            "Count layers, not positions: whatever is read directly is one layer away.",
            "数的是层数而不是位置差：直接读到的都只隔一层。",
        ],
    ),
    bug(
        "direct-only",
        [
            "with only what is read directly, −1 for all that needs more layers",
            "但只算了直接读到的，需要多层的都成了 −1",
        ],
        [
            "Go on: after s layers a token knows what those it reads knew after s − 1.",
            "继续往下：s 层之后，一个 token 知道它所读的那些 token 在 s − 1 层后知道的一切。",
        ],
    ),
    bug(
        "reversed",
        [
            "with the paths the other way round: from i to j",
            "但路径方向反了：成了从 i 到 j",
        ],
        [
            "sees[i, j] = 1 lets j flow to i: layers[i, j] is how long j needs to reach i.",
            "sees[i, j] = 1 表示信息从 j 流向 i：layers[i, j] 是 j 到达 i 需要的层数。",
        ],
    ),
    bug(
        "undirected",
        [
            "with paths in both directions wherever one reads the other",
            "但只要一方读另一方，就当成双向通路",
        ],
        [
            "Reading is directed: under a causal mask nothing flows backwards.",
            "“读”有方向：因果掩码下信息不会倒流。",
        ],
    ),
    bug(
        "self-counts-one",
        [
            "with 1 on the diagonal of the paths",
            "但路径矩阵对角线取了 1",
        ],
        [
            "A token knows itself before the first layer: 0.",
            "token 在第一层之前就知道自己：取 0。",
        ],
    ),
    bug(
        "counts-tokens",
        [
            "with the tokens on the path counted in place of the layers between: one too many",
            "但数的是路径上的 token 数而不是层数：多了一",
        ],
        [
            "A path over s + 1 tokens takes s layers.",
            "经过 s + 1 个 token 的路径只要 s 层。",
        ],
    ),
    bug(
        "unreachable-zero",
        [
            "with 0 for tokens that never arrive",
            "但到不了的 token 填了 0",
        ],
        [
            "0 means «the token itself»; write −1 for never.",
            "0 表示 token 自己；到不了应写 −1。",
        ],
    ),
    bug(
        "unreachable-n",
        [
            "with n for tokens that never arrive",
            "但到不了的 token 填了 n",
        ],
        [
            "Write −1 for never, whatever the number of layers.",
            "不管多少层都到不了，应写 −1。",
        ],
    ),
    bug(
        "residual-relative-to-zero",
        [
            "without the token mean subtracted: ‖X‖/‖X‖ is always 1",
            "但没有减去 token 均值：‖X‖/‖X‖ 恒为 1",
        ],
        [
            "Subtract the mean of the tokens from every token, then compare with ‖X‖.",
            "每个 token 先减去 token 均值，再与 ‖X‖ 相比。",
        ],
    ),
    bug(
        "mean-over-features",
        [
            "with the mean over the features of each token subtracted, as in LayerNorm",
            "但减去的是每个 token 的特征均值，像 LayerNorm 那样",
        ],
        [
            "Collapse is about tokens becoming equal: take the mean over tokens (axis 0), one vector of d features.",
            "塌缩指 token 变得相同：对 token 求均值（第 0 轴），得到一个 d 维向量。",
        ],
    ),
    bug(
        "not-relative",
        ["without the division by ‖X‖", "但没有除以 ‖X‖"],
        [
            "Divide by ‖X‖ of the same layer: X shrinks or grows, and that is not collapse.",
            "除以同一层的 ‖X‖：X 整体变大变小不是塌缩。",
        ],
    ),
    bug(
        "relative-to-start",
        [
            "with the division by ‖X‖ before the first layer",
            "但除的是第一层之前的 ‖X‖",
        ],
        [
            "Divide by ‖X‖ after the layer that is measured.",
            "除以被测那一层之后的 ‖X‖。",
        ],
    ),
    bug(
        "relative-to-mean",
        [
            "with the division by the norm of the mean part, ‖1·x̄ᵀ‖",
            "但除的是均值部分的范数 ‖1·x̄ᵀ‖",
        ],
        [
            "Divide by ‖X‖, so that the result lies between 0 and 1.",
            "除以 ‖X‖，结果才在 0 与 1 之间。",
        ],
    ),
    bug(
        "squared",
        [
            "with the squares of the norms divided: the root is missing",
            "但相除的是范数的平方：漏了开方",
        ],
        [
            "‖·‖ is the root of the sum of squares.",
            "‖·‖ 是平方和再开方。",
        ],
    ),
    bug(
        "skip-ignored",
        [
            "without the residual connection where skip = 1",
            "但 skip = 1 时没有加残差",
        ],
        [
            "With skip = 1 a layer is x + attention(x).",
            "skip = 1 时一层是 x + attention(x)。",
        ],
    ),
    bug(
        "skip-always",
        [
            "with a residual connection where skip = 0 too",
            "但 skip = 0 时也加了残差",
        ],
        [
            "With skip = 0 a layer is attention(x) alone: that is what collapses.",
            "skip = 0 时一层只有 attention(x)：塌缩的正是它。",
        ],
    ),
    bug(
        "mask-ignored",
        [
            "with every token reading all others, whatever `sees` says",
            "但不管 `sees`，每个 token 都读了全部",
        ],
        [
            "Add −∞ to the scores where sees is 0.",
            "在 sees 为 0 处给分数加 −∞。",
        ],
    ),
    bug(
        "no-scale",
        ["without the 1/√d scale of the scores", "但分数没有除以 √d"],
        ["Divide q·kᵀ by √d.", "q·kᵀ 要除以 √d。"],
    ),
    bug(
        "softmax-queries",
        [
            "with the softmax over the queries: columns sum to 1",
            "但 softmax 沿查询方向做：每列和为 1",
        ],
        [
            "Every query spreads 1 over the keys that it reads: rows sum to 1.",
            "每个查询把 1 分给它读的键：每行和为 1。",
        ],
    ),
    bug(
        "same-weights",
        [
            "with the weights of layer 0 in every layer",
            "但每一层都用了第 0 层的权重",
        ],
        ["Layer l has the weights w[l].", "第 l 层用 w[l]。"],
    ),
];
