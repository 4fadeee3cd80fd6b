//! Mistakes that people really make with magnitude pruning. `variants.rs` plants them.

use crate::problem::{Bug, Convention};
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

pub const CONVENTIONS: &[Convention] = &[Convention {
    id: "truncate",
    sentence: Text::new(
        "the number of weights that go is cut down to a whole one, ⌊sparsity·n·k⌋",
        "剪掉的个数向下取整：⌊sparsity·n·k⌋",
    ),
    who: Text::new(
        "truncated: the SparseGPT and Wanda code (`int(W.numel() * sparsity)`); rounded, half to even: torch.nn.utils.prune",
        "向下取整：SparseGPT、Wanda 的代码（`int(W.numel() * sparsity)`）；四舍五入（半数取偶）：torch.nn.utils.prune",
    ),
}];

/// Sentences complete «your output equals magnitude-pruning …».
pub const BUGS: &[Bug] = &[
    bug(
        "prune-signed",
        [
            "of the signed weights: large negative ones go first",
            "按带符号的权重排序的结果：绝对值大的负权重最先被剪",
        ],
        [
            "Rank |w|, not w: a weight of −3 matters as much as one of 3.",
            "按 |w| 排序而不是 w：−3 与 3 同样重要。",
        ],
    ),
    bug(
        "ratio-of-threshold",
        [
            "with the threshold sparsity·max|w| in place of a rank",
            "阈值取成 sparsity·max|w|、而不是按名次取的结果",
        ],
        [
            "The threshold is the count-th smallest |w|; a share of the maximum prunes whatever share of the weights happens to lie below it.",
            "阈值是第 count 小的 |w|；取最大值的某个比例，剪掉多少全看分布。",
        ],
    ),
    bug(
        "density-for-sparsity",
        [
            "with `sparsity` taken for the share that stays",
            "把 sparsity 当成保留比例的结果",
        ],
        [
            "Sparsity is the share of zeros: round(sparsity·n·k) weights go.",
            "sparsity 是零的占比：要剪掉 round(sparsity·n·k) 个。",
        ],
    ),
    bug(
        "keeps-smallest",
        [
            "with the largest weights gone and the smallest kept",
            "剪掉了最大的、留下了最小的结果",
        ],
        [
            "Sort ascending, or negate the mask: the smallest go.",
            "升序排列，或者把掩码取反：应剪掉最小的。",
        ],
    ),
    bug(
        "global-not-layer",
        [
            "with one threshold over all layers together",
            "所有层共用一个阈值的结果",
        ],
        [
            "Rank within each layer [n k]; global pruning is another method, and empties layers whose weights are small throughout.",
            "在每一层 [n k] 内部排序；全局剪枝是另一种方法，会把整体数值偏小的层剪空。",
        ],
    ),
    bug(
        "per-row",
        [
            "with the same share pruned in each output row",
            "每个输出行各剪同样比例的结果",
        ],
        [
            "Rank all n·k weights of a layer together; a rank per row is what Wanda does.",
            "一层的 n·k 个权重一起排序；按行排序是 Wanda 的做法。",
        ],
    ),
    bug(
        "of-the-remaining",
        [
            "with the share taken of the weights that are not yet 0",
            "按尚未为 0 的权重计算比例的结果",
        ],
        [
            "The target counts zeros that are already there: round(sparsity·n·k) in all.",
            "目标包含已经为 0 的权重：总数是 round(sparsity·n·k)。",
        ],
    ),
    bug(
        "ties-over-pruned",
        [
            "with every weight at the threshold pruned, more than the target where some are equal",
            "把等于阈值的权重全部剪掉的结果：有并列时会超过目标个数",
        ],
        [
            "Prune exactly `count` weights; of equal ones the first in row-major order.",
            "恰好剪 count 个；并列时按行优先顺序剪靠前的。",
        ],
    ),
    bug(
        "threshold-survives",
        [
            "with the weights at the threshold kept: `|w| >= θ` prunes too few",
            "保留了等于阈值的权重的结果：`|w| >= θ` 剪得太少",
        ],
        [
            "The count-th smallest weight goes too.",
            "第 count 小的权重自己也要剪掉。",
        ],
    ),
    bug(
        "mask-inverted",
        [
            "with a mask that is 1 where a weight goes",
            "掩码取反（被剪处为 1）的结果",
        ],
        [
            "1 stays and 0 goes: the mask is what weights are multiplied with.",
            "1 表示保留，0 表示剪掉：掩码是用来与权重相乘的。",
        ],
    ),
    bug(
        "sign-lost",
        [
            "with |w| kept in place of w",
            "保留下来的是 |w| 而不是 w 的结果",
        ],
        [
            "|w| is for ranking only; multiply w itself with the mask.",
            "|w| 只用于排序；与掩码相乘的应是 w 本身。",
        ],
    ),
    bug(
        "mask-not-reapplied",
        [
            "with the step not masked: pruned weights grow back",
            "更新之后没有再乘掩码的结果：被剪的权重又长了回来",
        ],
        [
            "Multiply by the mask after every optimizer step.",
            "每次优化器更新之后都要再乘一次掩码。",
        ],
    ),
    bug(
        "only-gradient-masked",
        [
            "with the gradient masked but not the momentum, which moves pruned weights",
            "只掩了梯度、没有掩动量的结果：动量仍在推动被剪的权重",
        ],
        [
            "Mask the weights after the step: the velocity remembers gradients from before the pruning.",
            "更新后对权重乘掩码：速度里还记着剪枝之前的梯度。",
        ],
    ),
    bug(
        "step-from-dense",
        [
            "with the step taken from the dense weights: the pruning is forgotten",
            "从未剪枝的权重出发更新的结果：剪枝白做了",
        ],
        ["The step starts at w ⊙ mask.", "更新要从 w ⊙ mask 出发。"],
    ),
    bug(
        "no-momentum",
        [
            "with plain SGD: the velocity is not used",
            "只用普通 SGD、没有用速度的结果",
        ],
        [
            "v ← momentum·v + g, then w ← w − lr·v.",
            "先 v ← momentum·v + g，再 w ← w − lr·v。",
        ],
    ),
    bug(
        "no-learning-rate",
        [
            "with a step of the whole velocity: lr is not used",
            "整步走了速度、没有乘 lr 的结果",
        ],
        ["w ← w − lr·v.", "w ← w − lr·v。"],
    ),
];
