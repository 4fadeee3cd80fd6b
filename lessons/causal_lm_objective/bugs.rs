//! Mistakes that people really make in a language-model loss. `variants.rs` plants them.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals causal-lm-objective …».
pub const BUGS: &[Bug] = &[
    bug(
        "no-shift",
        [
            "with row t compared with label t: the model is asked for the token that it has just read",
            "第 t 行与第 t 个标签比较（没有错位）的结果：问模型的是它刚读过的 token",
        ],
        [
            "Compare logits[:, :−1] with labels[:, 1:].",
            "用 logits[:, :−1] 与 labels[:, 1:] 比较。",
        ],
    ),
    bug(
        "shift-wrong-way",
        [
            "with row t compared with label t − 1: the shift goes the wrong way",
            "第 t 行与第 t − 1 个标签比较的结果：错位方向反了",
        ],
        [
            "Drop the last row of the logits and the first label, not the other way round.",
            "应去掉最后一行 logits 和第一个标签，而不是反过来。",
        ],
    ),
    bug(
        "shift-twice",
        [
            "with row t compared with label t + 2: shifted twice, by the data loader and by the loss",
            "第 t 行与第 t + 2 个标签比较的结果：数据加载和损失函数各错位了一次",
        ],
        [
            "Shift once. Here labels are the tokens themselves, so the loss shifts.",
            "只错位一次。这里的标签就是 token 本身，由损失函数来错位。",
        ],
    ),
    bug(
        "shift-rolled",
        [
            "with the labels rolled: the last row of each sequence predicts its own first token",
            "用 roll 错位的结果：每条序列的最后一行去预测自己的第一个 token",
        ],
        [
            "Cut the last row off; a roll brings the first token round to the end.",
            "应切掉最后一行；roll 会把第一个 token 转到末尾。",
        ],
    ),
    bug(
        "shift-flat",
        [
            "with the batch flattened before the shift: the end of one sequence predicts the start of the next",
            "先展平 batch 再错位的结果：一条序列的末尾去预测下一条的开头",
        ],
        [
            "Shift along the token axis first, then flatten.",
            "先沿 token 轴错位，再展平。",
        ],
    ),
    bug(
        "mean-of-batch-means",
        [
            "with the mean taken per sequence and then over the sequences: tokens of short ones count more",
            "先对每条序列求平均、再对各序列求平均的结果：短序列的 token 权重更大",
        ],
        [
            "Add all losses and all counts over the batch, and divide once.",
            "整个 batch 的损失与计数各自求和，只除一次。",
        ],
    ),
    bug(
        "sum-not-mean",
        [
            "with the sum of the losses in place of their mean",
            "用损失之和代替平均的结果",
        ],
        [
            "Divide by the number of tokens that count.",
            "除以计入的 token 数。",
        ],
    ),
    bug(
        "counts-ignored",
        [
            "divided by all predictions, the ignored ones too: padding makes the loss small",
            "除以所有预测数（含被忽略的）的结果：填充越多损失越小",
        ],
        [
            "Count only labels that are not ignore_index.",
            "只数不等于 ignore_index 的标签。",
        ],
    ),
    bug(
        "count-before-shift",
        [
            "divided by the number of labels before the shift: the first tokens are counted and never predicted",
            "除以错位之前的标签数的结果：每条序列的首 token 被计数，却从未被预测",
        ],
        [
            "Count after the shift: labels[:, 1:].",
            "错位之后再计数：labels[:, 1:]。",
        ],
    ),
    bug(
        "ignored-as-class-0",
        [
            "with ignored labels scored as token 0 and counted",
            "把被忽略的标签当作 token 0 计算损失并计数的结果",
        ],
        [
            "Leave labels that equal ignore_index out of the sum and of the count.",
            "等于 ignore_index 的标签既不进总和，也不进计数。",
        ],
    ),
    bug(
        "softmax-over-positions",
        [
            "with the softmax over the positions (dim 1)",
            "在位置维（dim 1）上做 softmax 的结果",
        ],
        [
            "Normalise over the vocabulary, the last axis.",
            "要沿最后一维（词表）归一化。",
        ],
    ),
    bug(
        "softmax-twice",
        [
            "with softmax before a log_softmax: the loss cannot come near 0",
            "softmax 之后又做 log_softmax 的结果：损失降不到 0 附近",
        ],
        [
            "Give log_softmax (or cross_entropy) the logits.",
            "log_softmax（或 cross_entropy）的输入应是 logits。",
        ],
    ),
    bug(
        "nll-of-prob",
        [
            "with −p in place of −ln p: nll_loss fed with probabilities",
            "用 −p 代替 −ln p 的结果：nll_loss 的输入成了概率",
        ],
        [
            "Take the logarithm: log_softmax, then the target's entry, negated.",
            "要取对数：log_softmax，再取目标项并变号。",
        ],
    ),
    bug(
        "no-minus",
        [
            "with the mean log-likelihood itself, not negated",
            "没有取负号、直接用平均对数似然的结果",
        ],
        [
            "The loss is −log p; perplexity below 1 is a sign of this.",
            "损失是 −log p；困惑度小于 1 就是征兆。",
        ],
    ),
    bug(
        "loss-in-bits",
        [
            "with the loss in bits (log₂), used further as if it were in nats",
            "损失以比特计（log₂）、后面却当作 nats 使用的结果",
        ],
        [
            "Use the natural logarithm; convert in bits_per_byte only.",
            "用自然对数，只在 bits_per_byte 里换算。",
        ],
    ),
    bug(
        "ppl-base2",
        [
            "with perplexity = 2^loss while the loss is in nats",
            "损失以 nats 计、困惑度却取 2^loss 的结果",
        ],
        [
            "Nats go with e: perplexity = e^loss. (2^x belongs to a loss in bits.)",
            "nats 配 e：困惑度 = e^loss。（2^x 用于以比特计的损失。）",
        ],
    ),
    bug(
        "ppl-mean-of-exp",
        [
            "with the mean of each sequence's perplexity",
            "对每条序列的困惑度求平均的结果",
        ],
        [
            "Average the losses of all tokens first, then take exp once.",
            "先对全部 token 的损失求平均，最后只取一次 exp。",
        ],
    ),
    bug(
        "ppl-mean-of-tokens",
        [
            "with the mean of 1/p over the tokens as perplexity: exp inside the mean",
            "对每个 token 的 1/p 求平均当作困惑度（exp 放进了平均里）的结果",
        ],
        [
            "Perplexity is the exponential of the mean, a geometric mean of 1/p.",
            "困惑度是平均损失的指数，即 1/p 的几何平均。",
        ],
    ),
    bug(
        "bits-in-nats",
        [
            "with nats per byte: the division by ln 2 is missing",
            "每字节的 nats（没有除以 ln 2）的结果",
        ],
        ["Divide by ln 2.", "除以 ln 2。"],
    ),
    bug(
        "bits-per-token",
        [
            "with bits per token in place of bits per byte",
            "用每 token 比特代替每字节比特的结果",
        ],
        [
            "Multiply by the number of tokens T and divide by the number of bytes.",
            "乘以 token 数 T，再除以字节数。",
        ],
    ),
    bug(
        "bits-of-mean",
        [
            "with the mean loss divided by the bytes: T is missing",
            "用平均损失除以字节数（漏乘 T）的结果",
        ],
        [
            "Divide the sum of the losses, loss·T, by bytes·ln 2.",
            "用损失之和 loss·T 除以 字节数·ln 2。",
        ],
    ),
    bug(
        "bits-inverted",
        [
            "with bits per token multiplied by bytes per token instead of divided",
            "用每 token 比特去乘（而不是除以）每 token 字节数的结果",
        ],
        [
            "bits/byte = (bits/token) / (bytes/token).",
            "bits/byte =（bits/token）/（bytes/token）。",
        ],
    ),
];
