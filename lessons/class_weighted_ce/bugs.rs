//! Mistakes that people really make, and the one choice that is not a mistake.

use crate::problem::{Bug, Convention};
use crate::text::Text;

const fn bug(id: &'static str, en: [&'static str; 2], zh: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(en[0], zh[0]),
        repair: Text::new(en[1], zh[1]),
    }
}

pub const BUGS: &[Bug] = &[
    // The weights.
    bug(
        "inverse-not-sqrt",
        [
            "with weights n_max/n_k, without the square root",
            "但权重取了 n_max/n_k，漏了开平方",
        ],
        [
            "Take the square root: w_k = (n_max/n_k)^0.5.",
            "开平方：w_k = (n_max/n_k)^0.5。",
        ],
    ),
    bug(
        "freq-not-inverse",
        [
            "with the ratio upside down: weights √(n_k/n_max), so that rare classes count for less",
            "但比值取倒了：权重成了 √(n_k/n_max)，稀有类反而更轻",
        ],
        [
            "Put the class's own count below: √(n_max/n_k).",
            "把本类样本数放到分母：√(n_max/n_k)。",
        ],
    ),
    bug(
        "unweighted",
        [
            "without any weights: plain cross-entropy",
            "但没有加权，就是普通交叉熵",
        ],
        [
            "Multiply each sample's loss by w[y_i] and divide by the sum of these weights.",
            "每个样本的损失乘以 w[y_i]，再除以这些权重之和。",
        ],
    ),
    bug(
        "weight-on-prediction",
        [
            "with the weight of the predicted class (argmax) instead of the target's",
            "但权重取自预测类别（argmax），而不是真实标签",
        ],
        [
            "Look the weight up with the target: w[targets[i]].",
            "用真实标签查权重：w[targets[i]]。",
        ],
    ),
    bug(
        "batch-counts",
        [
            "with weights from the class counts of this batch instead of class_counts",
            "但权重按本批次的类别计数来算，没有用 class_counts",
        ],
        [
            "Use class_counts, the counts of the training set; a batch is too small to tell how rare a class is.",
            "使用训练集的计数 class_counts；一个批次太小，看不出类别有多稀有。",
        ],
    ),
    bug(
        "weight-twice",
        [
            "with the weight multiplied in twice: Σ w²·ℓ / Σ w",
            "但权重乘了两次：Σ w²·ℓ / Σ w",
        ],
        [
            "Multiply by w[y_i] once; PyTorch's reduction='none' with weight= has done it already.",
            "只乘一次 w[y_i]；PyTorch 的 weight= 配 reduction='none' 已经乘过了。",
        ],
    ),
    bug(
        "zero-count-nan",
        [
            "with weight ∞ for a class of count 0, which one-hot's 0·∞ turns into NaN",
            "但计数为 0 的类权重成了 ∞，乘上 one-hot 的 0 得到 NaN",
        ],
        [
            "Give a class with n_k = 0 the weight 0 (or take max(n_k, 1)).",
            "n_k = 0 的类权重取 0（或改用 max(n_k, 1)）。",
        ],
    ),
    bug(
        "weight-inside-log",
        [
            "with the weight inside the logarithm: −log(w·p) = −log p − log w, whose gradient knows no weight",
            "但把权重写进了对数：−log(w·p) = −log p − log w，梯度里根本没有权重",
        ],
        [
            "Multiply outside of the logarithm: −w·log p.",
            "乘在对数外面：−w·log p。",
        ],
    ),
    bug(
        "weight-on-logits",
        [
            "with the weights multiplied onto the logits before a plain cross-entropy",
            "但权重乘到了 logits 上，然后算的是普通交叉熵",
        ],
        [
            "Leave the logits alone and weigh the losses: Σ w·ℓ / Σ w.",
            "不要动 logits，给损失加权：Σ w·ℓ / Σ w。",
        ],
    ),
    // The average.
    bug(
        "sum-not-mean",
        ["summed, not averaged: Σ w·ℓ", "但只求和、没有取平均：Σ w·ℓ"],
        [
            "Divide by Σ w[y_i] over the samples that take part.",
            "除以参与计算的样本的 Σ w[y_i]。",
        ],
    ),
    bug(
        "divide-by-all-weights",
        [
            "divided by the sum of the class weights Σ_k w_k instead of Σ_i w[y_i]",
            "但除的是所有类别权重之和 Σ_k w_k，而不是 Σ_i w[y_i]",
        ],
        [
            "Sum the weights over samples, not over classes.",
            "对样本求权重之和，而不是对类别求和。",
        ],
    ),
    bug(
        "divide-by-c",
        ["divided by the number of classes", "但除的是类别数 C"],
        [
            "Divide by Σ w[y_i]; a mean over the class axis has no place here.",
            "除以 Σ w[y_i]；这里不该对类别轴取平均。",
        ],
    ),
    bug(
        "macro-average",
        [
            "averaged class by class: the plain mean of the class means (macro-average)",
            "但先在每个类内取平均、再对类取平均（宏平均）",
        ],
        [
            "Weigh each sample by √(n_max/n_k) and average once: Σ w·ℓ / Σ w.",
            "给每个样本乘 √(n_max/n_k)，只做一次平均：Σ w·ℓ / Σ w。",
        ],
    ),
    bug(
        "weights-after-mean",
        [
            "with the weights applied after averaging: mean(ℓ) · mean(w)",
            "但先取了平均再乘权重：mean(ℓ) · mean(w)",
        ],
        [
            "Keep the loss of each sample (reduction='none'), weigh it, then average.",
            "先保留逐样本损失（reduction='none'），加权之后再平均。",
        ],
    ),
    bug(
        "min-over-n",
        [
            "with weights √(n_min/n_k) and division by N: Σw would cancel that scale, N does not",
            "但权重取 √(n_min/n_k) 又除以 N：除以 Σw 时这个尺度会约掉，除以 N 不会",
        ],
        [
            "Take n_max above, or divide by Σ w, under which the scale of w does not matter.",
            "分子改用 n_max；或者除以 Σ w，那样 w 的整体尺度无所谓。",
        ],
    ),
    bug(
        "normalised-over-n",
        [
            "with weights scaled to mean 1 over the classes and division by N",
            "但权重先按类别归一到均值 1，又除以 N",
        ],
        [
            "Use the weights as they are, or divide by Σ w, under which their scale does not matter.",
            "权重不要再归一；或者除以 Σ w，那样整体尺度无所谓。",
        ],
    ),
    bug(
        "ddp-mean-of-means",
        [
            "as the mean of two half batches' weighted means (what DDP or gradient accumulation does)",
            "但把批次切成两半，各算加权平均后再平均（DDP 或梯度累积就会这样）",
        ],
        [
            "Sum numerators and denominators over all parts and divide once.",
            "先把各部分的分子、分母分别加总，最后只除一次。",
        ],
    ),
    // Targets that are ignored.
    bug(
        "ignored-in-denominator",
        [
            "with ignored rows counted in the denominator",
            "但分母里算进了被忽略的行",
        ],
        [
            "Mask the weights as well as the losses: a row with target −100 adds 0 to both sums.",
            "权重也要遮掉：标签为 −100 的行对分子、分母都贡献 0。",
        ],
    ),
    bug(
        "ignored-as-class-0",
        [
            "with −100 taken for class 0 (clamped, not masked)",
            "但把 −100 当成了第 0 类（只 clamp、没遮掉）",
        ],
        [
            "After clamping the index, set the weight of rows with target −100 to 0.",
            "clamp 下标之后，还要把标签为 −100 的行权重置 0。",
        ],
    ),
    bug(
        "all-ignored-nan",
        [
            "with 0/0 = NaN where every target is ignored (as PyTorch does)",
            "但所有标签都被忽略时算出了 0/0 = NaN（PyTorch 就是如此）",
        ],
        [
            "Return 0 where the sum of weights is 0: such a batch has nothing to teach, and one NaN ruins the model.",
            "权重之和为 0 时返回 0：这样的批次没有可学的东西，而一个 NaN 就能毁掉模型。",
        ],
    ),
    // The logarithm.
    bug(
        "no-max",
        [
            "with a softmax that does not subtract the row's maximum: exp overflows to ∞/∞ = NaN",
            "但 softmax 没有减行最大值：exp 上溢，∞/∞ = NaN",
        ],
        [
            "Subtract the row's maximum before exp.",
            "取 exp 之前先减去行最大值。",
        ],
    ),
    bug(
        "lse-no-max",
        [
            "with ln Σ exp(z) computed without the maximum: exp overflows and the loss is ∞",
            "但直接算 ln Σ exp(z)，没有减最大值：exp 上溢，损失成了 ∞",
        ],
        [
            "Write max + ln Σ exp(z − max).",
            "写成 max + ln Σ exp(z − max)。",
        ],
    ),
    bug(
        "log-of-softmax",
        [
            "with log(softmax(z)) in two steps: a small probability underflows to 0 and its log to −∞",
            "但分两步算 log(softmax(z))：小概率下溢成 0，取对数得 −∞",
        ],
        [
            "Use log_softmax: z_y − max − ln Σ exp(z − max) never takes the log of 0.",
            "用 log_softmax：z_y − max − ln Σ exp(z − max) 不会对 0 取对数。",
        ],
    ),
    bug(
        "clamp-1e-7",
        [
            "with probabilities clamped at 1e-7, so that no sample loses more than 16.1",
            "但概率被截断在 1e-7，单个样本的损失不会超过 16.1",
        ],
        [
            "Use log_softmax instead of clamping; a clamped sample has no gradient at all.",
            "用 log_softmax 代替截断；被截断的样本完全没有梯度。",
        ],
    ),
    bug(
        "clamp-1e-12",
        [
            "with probabilities clamped at 1e-12, so that no sample loses more than 27.6",
            "但概率被截断在 1e-12，单个样本的损失不会超过 27.6",
        ],
        [
            "Use log_softmax instead of clamping; a clamped sample has no gradient at all.",
            "用 log_softmax 代替截断；被截断的样本完全没有梯度。",
        ],
    ),
    bug(
        "add-1e-8",
        [
            "with log(p + 1e-8), so that no sample loses more than 18.4",
            "但算的是 log(p + 1e-8)，单个样本的损失不会超过 18.4",
        ],
        [
            "Use log_softmax instead of an epsilon.",
            "用 log_softmax，不要靠加 epsilon。",
        ],
    ),
    bug(
        "softmax-twice",
        [
            "with softmax applied twice: probabilities were given where logits belong",
            "但 softmax 做了两次：该传 logits 的地方传了概率",
        ],
        [
            "Give the raw logits to the loss; it applies log-softmax itself.",
            "把原始 logits 传给损失函数，它自己会做 log-softmax。",
        ],
    ),
    bug(
        "batch-axis",
        [
            "with softmax over the batch axis n instead of the class axis c",
            "但 softmax 做在了批次轴 n 上，而不是类别轴 c",
        ],
        [
            "Normalise each row over its classes (axis 1).",
            "对每一行的各个类别归一化（axis 1）。",
        ],
    ),
    bug(
        "no-softmax",
        [
            "without log-softmax: the raw logit −z_y was taken for −log p_y",
            "但漏了 log-softmax：把原始 −z_y 当成了 −log p_y",
        ],
        [
            "Subtract ln Σ exp(z) from the logit; NLLLoss expects log-probabilities.",
            "logit 还要减去 ln Σ exp(z)；NLLLoss 要的是对数概率。",
        ],
    ),
    bug(
        "no-log",
        [
            "without the logarithm: −p_y instead of −log p_y",
            "但漏了对数：用了 −p_y 而不是 −log p_y",
        ],
        [
            "Take the log: NLLLoss expects log-probabilities, not probabilities.",
            "要取对数：NLLLoss 要的是对数概率，不是概率。",
        ],
    ),
    bug(
        "log2",
        [
            "with logarithms to base 2: bits, not nats",
            "但对数以 2 为底：单位是 bit 而不是 nat",
        ],
        ["Use the natural logarithm (ln).", "用自然对数 ln。"],
    ),
    bug(
        "positive-sign",
        [
            "with the sign turned round: the mean log-probability, not its negative",
            "但符号反了：给出的是平均对数概率，忘了取负",
        ],
        [
            "Put the minus: ℓ = −log p_y, which is never negative.",
            "补上负号：ℓ = −log p_y，它不会是负数。",
        ],
    ),
    // The target.
    bug(
        "target-minus-one",
        [
            "with the targets shifted by one: class y − 1 was read (index −1 being the last class)",
            "但标签错了一位：读的是第 y − 1 类（下标 −1 即最后一类）",
        ],
        [
            "Targets run from 0 to c − 1 already: index with y itself.",
            "标签本来就是 0 到 c − 1，直接用 y 作下标。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[Convention {
    id: "divide-by-n",
    sentence: Text::new(
        "the weighted losses are divided by the number of samples that take part, not by the sum of their weights: Σ w·ℓ / N",
        "加权损失除以参与计算的样本数，而不是权重之和：Σ w·ℓ / N",
    ),
    who: Text::new(
        "÷N: Keras (sample_weight or class_weight with sum_over_batch_size), tf.losses with SUM_BY_NONZERO_WEIGHTS; ÷Σw (the default here): PyTorch's reduction='mean', scikit-learn's log_loss",
        "÷N：Keras（sample_weight 或 class_weight 配 sum_over_batch_size）、tf.losses 的 SUM_BY_NONZERO_WEIGHTS；÷Σw（本课默认）：PyTorch 的 reduction='mean'、scikit-learn 的 log_loss",
    ),
}];
