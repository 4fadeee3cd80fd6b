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
    // The projection.
    bug(
        "no-projection",
        [
            "without the projection: dimension k is compared with dimension k, up to the smaller width",
            "但没有做投影：直接拿第 k 维比第 k 维，比到较窄的一边为止",
        ],
        [
            "Map the student's states into the teacher's width first: H_s·W, W [p q].",
            "先把学生的隐藏态映射到教师的宽度：H_s·W，W [p q]。",
        ],
    ),
    bug(
        "teacher-projected",
        [
            "with the teacher projected into the student's width: a learned W can then make both sides small, and the student learns nothing",
            "但把教师投影到了学生的宽度：可学的 W 能把两边一起变小，学生什么也学不到",
        ],
        [
            "Project the student: MSE(H_s·W, H_t). The target must not depend on what is learned.",
            "投影学生：MSE(H_s·W, H_t)。目标不能依赖可学参数。",
        ],
    ),
    bug(
        "normalised",
        [
            "with states of length 1, as in Patient KD: their size is not learned",
            "但先把隐藏态归一化成单位长度（Patient KD 的做法）：学不到幅值",
        ],
        [
            "Compare the states as they are.",
            "直接比较隐藏态，不要归一化。",
        ],
    ),
    // The layers.
    bug(
        "layer-map-off-by-one",
        [
            "with a layer map that takes index 0 for the first layer, though it holds the embeddings",
            "但层映射错开一位：把下标 0 当成第一层，而它是嵌入层",
        ],
        [
            "hidden_states[0] are the embeddings: g(i) = ⌊i·L_t/L_s⌋ for i = 0 … L_s.",
            "hidden_states[0] 是嵌入：g(i) = ⌊i·L_t/L_s⌋，i = 0 … L_s。",
        ],
    ),
    bug(
        "first-layers",
        [
            "with the student's layer i mapped to the teacher's layer i",
            "但学生第 i 层对到了教师第 i 层",
        ],
        [
            "Spread the layers evenly: g(i) = ⌊i·L_t/L_s⌋, the last to the last.",
            "均匀映射：g(i) = ⌊i·L_t/L_s⌋，最后一层对最后一层。",
        ],
    ),
    bug(
        "last-layers",
        [
            "with the student's layers mapped to the teacher's last ones",
            "但学生各层对到了教师的最后几层",
        ],
        [
            "Spread the layers evenly: g(i) = ⌊i·L_t/L_s⌋, embeddings to embeddings.",
            "均匀映射：g(i) = ⌊i·L_t/L_s⌋，嵌入对嵌入。",
        ],
    ),
    bug(
        "only-last-layer",
        ["with the last layer only", "但只比了最后一层"],
        [
            "Sum over all of the student's layers, the embeddings among them.",
            "对学生所有层求和，包括嵌入。",
        ],
    ),
    bug(
        "embedding-skipped",
        ["without the embeddings (index 0)", "但漏了嵌入层（下标 0）"],
        ["Start at index 0.", "从下标 0 开始。"],
    ),
    // The tokens.
    bug(
        "mse-over-pads",
        [
            "with padding among the tokens: the student learns states that nobody reads",
            "但把填充也算进去了：学生在学没人用的隐藏态",
        ],
        [
            "Multiply the differences by the mask and divide by the tokens that count.",
            "差值乘掩码，再除以有效 token 数。",
        ],
    ),
    bug(
        "pads-in-denominator",
        [
            "with padding masked above but counted below",
            "但分子做了掩码，分母仍把填充算在内",
        ],
        ["Divide by mask.sum()·q.", "除以 mask.sum()·q。"],
    ),
    bug(
        "mask-inverted",
        [
            "on padding instead of tokens: the mask was read upside down",
            "但掩码用反了：只算了填充",
        ],
        [
            "1 is a token, 0 is padding (attention_mask of Hugging Face).",
            "1 是 token，0 是填充（同 Hugging Face 的 attention_mask）。",
        ],
    ),
    // The mean.
    bug(
        "not-over-dims",
        [
            "with a mean over tokens only: the loss grows with the width",
            "但只对 token 取平均、没除维数：损失随宽度变大",
        ],
        [
            "nn.MSELoss divides by all elements: N·q.",
            "nn.MSELoss 除以全部元素数：N·q。",
        ],
    ),
    bug(
        "sum-not-mean",
        [
            "summed over tokens and dimensions",
            "但对 token 和维度只求和、没有取平均",
        ],
        ["Divide by N·q.", "除以 N·q。"],
    ),
    bug(
        "root",
        [
            "with the root of each layer's mean square",
            "但每层的均方误差开了平方根",
        ],
        ["MSE has no root.", "MSE 不开方。"],
    ),
    // The gradient.
    bug(
        "gradient-half",
        [
            "with half of the gradient: the 2 of the square was forgotten",
            "但梯度只有一半：漏了平方求导的 2",
        ],
        ["∂/∂W of Σ D² is 2·H_sᵀ·D.", "Σ D² 对 W 的导数是 2·H_sᵀ·D。"],
    ),
    bug(
        "gradient-sign",
        [
            "with the gradient's sign turned: teacher − student",
            "但梯度符号反了：用了 教师 − 学生",
        ],
        [
            "D = H_s·W − H_t in the gradient.",
            "梯度中 D = H_s·W − H_t。",
        ],
    ),
    bug(
        "gradient-not-averaged",
        [
            "with a gradient of the sum of squares, not of the mean",
            "但梯度是平方和的梯度，没有除以元素数",
        ],
        [
            "Divide the gradient by N·q, as the loss.",
            "梯度与损失一样除以 N·q。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "mean-of-layers",
        sentence: Text::new(
            "loss and gradient are means over the layers, not sums",
            "损失与梯度对层取平均而不是求和",
        ),
        who: Text::new(
            "sum: TinyBERT's code (rep_loss += …) and its paper; mean: many later repositories; the factor goes into the weight of the term",
            "求和：TinyBERT 的论文与代码（rep_loss += …）；取平均：不少后来的仓库；差一个倍数，并进该项权重即可",
        ),
    },
    Convention {
        id: "nearest-layer",
        sentence: Text::new(
            "layer i learns from the teacher's layer that is nearest to i·L_t/L_s, not from the one at or below it",
            "第 i 层对齐离 i·L_t/L_s 最近的教师层，而不是向下取整得到的层",
        ),
        who: Text::new(
            "down: integer division, as here; nearest: round(i·L_t/L_s). They differ only where L_t is no multiple of L_s",
            "向下：整数除法，本课的写法；最近：round(i·L_t/L_s)。只有 L_t 不是 L_s 的倍数时才有差别",
        ),
    },
];
