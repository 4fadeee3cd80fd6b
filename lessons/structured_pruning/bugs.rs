//! Mistakes that people really make with structured pruning. `variants.rs` plants them.

use crate::problem::{Bug, Convention};
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "l1",
        sentence: Text::new(
            "units are scored by the L1 norm of their rows",
            "用行的 L1 范数给单元打分",
        ),
        who: Text::new(
            "L1: Li et al. 2016; L2: prune.ln_structured(n=2), this lesson",
            "L1：Li 等 2016；L2：prune.ln_structured(n=2)、本课",
        ),
    },
    Convention {
        id: "by-rank",
        sentence: Text::new(
            "kept units stand in the order of their scores: the same network, renumbered",
            "保留的单元按分数从高到低排列：网络相同，只是重新编号",
        ),
        who: Text::new(
            "by rank: torch.topk's indices as they come; old order: boolean masks, sorted indices",
            "按分数：直接用 torch.topk 的下标；按原序：布尔掩码或排过序的下标",
        ),
    },
];

/// Sentences complete «your output equals structured-pruning …».
pub const BUGS: &[Bug] = &[
    bug(
        "next-layer-not-sliced",
        [
            "with the first m columns of w2 in the place of those of the kept units",
            "w2 取了前 m 列、而不是保留单元对应的列的结果",
        ],
        [
            "w2 reads the hidden units: take the columns of the same units, w2.select(Axis(1), &kept).",
            "w2 读的是隐藏单元：要取同一批单元的列，w2.select(Axis(1), &kept)。",
        ],
    ),
    bug(
        "bias-not-sliced",
        [
            "with the first m biases in the place of those of the kept units",
            "b1 取了前 m 个、而不是保留单元的偏置的结果",
        ],
        [
            "A unit takes its bias along: b1.select(Axis(0), &kept).",
            "偏置要跟着单元走：b1.select(Axis(0), &kept)。",
        ],
    ),
    bug(
        "order-mixed",
        [
            "with w1 and b1 in the order of the scores and w2 in the old order",
            "w1、b1 按分数排、w2 按原序排的结果",
        ],
        [
            "One list of indices for all three, sorted or not.",
            "三者用同一个下标列表，排不排序都行，但要一致。",
        ],
    ),
    bug(
        "bias-leaks",
        [
            "with outputs of a network whose pruned rows are 0 but whose biases still feed silu(b) on",
            "输出来自「行置 0、偏置还在」的网络的结果：silu(b) 仍在往下传",
        ],
        [
            "Remove the bias with its row: silu(0·x + b) = silu(b) is a constant, and not 0.",
            "偏置要和行一起删：silu(0·x + b) = silu(b) 是非零常数。",
        ],
    ),
    bug(
        "dense-output",
        [
            "with the outputs of the network before pruning",
            "输出来自剪枝前的网络的结果",
        ],
        [
            "Run x through the smaller w1, b1 and w2.",
            "要用变小后的 w1、b1、w2 计算输出。",
        ],
    ),
    bug(
        "outgoing-norm",
        [
            "with units scored by what leaves them, the columns of w2",
            "用 w2 的列（出边）给单元打分的结果",
        ],
        [
            "The score is the norm of the unit's row of w1; both together is a method of its own.",
            "分数是该单元在 w1 中那一行的范数；两者都用是另一种方法。",
        ],
    ),
    bug(
        "per-weight-score",
        [
            "with units scored by their largest single weight",
            "用单个最大权重给单元打分的结果",
        ],
        [
            "Score the whole row: √Σ_j w1[i, j]².",
            "对整行打分：√Σ_j w1[i, j]²。",
        ],
    ),
    bug(
        "signed-sum",
        [
            "with units scored by |Σ_j w1[i, j]|: weights of different sign cancel",
            "用 |Σ_j w1[i, j]| 打分的结果：正负权重相互抵消",
        ],
        [
            "Square (or take absolute values) before summing.",
            "先平方（或取绝对值）再求和。",
        ],
    ),
    bug(
        "keeps-weakest",
        [
            "with the units of the smallest norm kept",
            "留下了范数最小的单元的结果",
        ],
        [
            "Keep the m units of the largest norm.",
            "要保留范数最大的 m 个单元。",
        ],
    ),
    bug(
        "rescaled-like-dropout",
        [
            "with w2 scaled by h/m, as dropout does",
            "像 dropout 那样把 w2 放大 h/m 倍的结果",
        ],
        [
            "Pruned units are gone at inference and in training alike; nothing is to be made up for in the mean.",
            "被剪的单元训练和推理时都不在，不需要按期望放大。",
        ],
    ),
    bug(
        "output-bias-lost",
        ["without b2", "漏了 b2 的结果"],
        [
            "b2 belongs to the outputs, which are all kept.",
            "b2 属于输出，输出一个也没剪。",
        ],
    ),
];
