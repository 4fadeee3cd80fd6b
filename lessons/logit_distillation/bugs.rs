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
    // The divergence.
    bug(
        "direction-swapped",
        [
            "with KL(student ‖ teacher), the reverse direction: it lets the student ignore what the teacher thinks possible",
            "但 KL 写反了方向，成了 KL(student ‖ teacher)：学生可以对教师认为可能的类视而不见",
        ],
        [
            "Σ p_t·(ln p_t − ln p_s): the teacher's probabilities weigh. F.kl_div takes the student's log-probabilities first and the teacher's probabilities second.",
            "Σ p_t·(ln p_t − ln p_s)：用教师概率加权。F.kl_div 的第一个参数是学生的对数概率，第二个是教师的概率。",
        ],
    ),
    bug(
        "kl-on-logits",
        [
            "with logits where KL takes distributions: ln of a negative logit is NaN",
            "但直接把 logits 传给了 KL：负 logit 取对数得 NaN",
        ],
        [
            "Softmax both first: softmax(z_t/T) and log_softmax(z_s/T).",
            "两边都先做 softmax：softmax(z_t/T) 与 log_softmax(z_s/T)。",
        ],
    ),
    bug(
        "argmax-of-teacher",
        [
            "with the teacher's argmax as a label: pseudo-labels, without the dark knowledge",
            "但只用了教师的 argmax 当标签：成了伪标签，丢掉了暗知识",
        ],
        [
            "Keep the whole distribution softmax(z_t/T).",
            "保留完整分布 softmax(z_t/T)。",
        ],
    ),
    // The temperature.
    bug(
        "missing-t2",
        [
            "without T²: the soft gradient falls as 1/T²",
            "但漏乘 T²：软目标的梯度按 1/T² 衰减",
        ],
        ["Multiply the KL by T².", "给 KL 乘上 T²。"],
    ),
    bug(
        "t-not-squared",
        ["with T instead of T²", "但乘的是 T 而不是 T²"],
        [
            "T²: one T undoes the 1/T of the chain rule, the other the 1/T by which the differences of probabilities shrink.",
            "要乘 T²：一个 T 抵消链式法则的 1/T，另一个抵消概率之差随 T 缩小的 1/T。",
        ],
    ),
    bug(
        "t-only-on-student",
        [
            "with the temperature on the student only",
            "但只给学生加了温度",
        ],
        [
            "Divide both by T: at T a student with the teacher's logits must have no loss.",
            "两边都除以 T：学生与教师 logits 相同时，软损失必须为 0。",
        ],
    ),
    bug(
        "t-only-on-teacher",
        [
            "with the temperature on the teacher only",
            "但只给教师加了温度",
        ],
        [
            "Divide both by T: the student at T = 1 would have to be as soft as the teacher at T.",
            "两边都除以 T：否则学生在 T = 1 时就得和升温后的教师一样平。",
        ],
    ),
    bug(
        "multiply-t",
        [
            "with logits multiplied by T: sharper, not softer",
            "但 logits 乘了 T：变尖了而不是变平",
        ],
        ["Divide: z/T.", "要除：z/T。"],
    ),
    bug(
        "hard-with-t",
        [
            "with the temperature in the hard term too",
            "但硬标签项也除了 T",
        ],
        [
            "CE takes the student's logits as they are, T = 1.",
            "CE 用学生原始 logits，T = 1。",
        ],
    ),
    bug(
        "chain-rule-missed",
        [
            "with a soft gradient of T²·(q − p): the 1/T of z/T was forgotten",
            "但软目标梯度写成 T²·(q − p)：漏了 z/T 的 1/T",
        ],
        [
            "∂/∂z of T²·KL is T·(q − p).",
            "T²·KL 对 z 的导数是 T·(q − p)。",
        ],
    ),
    // Means and weights.
    bug(
        "reduction-mean",
        [
            "with a KL that is divided by the number of classes too: reduction='mean' instead of 'batchmean'",
            "但 KL 还除了类别数：用了 reduction='mean' 而不是 'batchmean'",
        ],
        [
            "Sum over classes, mean over rows: reduction='batchmean'.",
            "对类别求和、对行求平均：reduction='batchmean'。",
        ],
    ),
    bug(
        "reduction-sum",
        [
            "with a KL that is summed over the rows while CE is a mean",
            "但 KL 对行求和，而 CE 是平均",
        ],
        [
            "Divide the KL by the number of rows that take part.",
            "KL 也要除以参与计算的行数。",
        ],
    ),
    bug(
        "gradient-not-averaged",
        [
            "with a gradient of the sum, not of the mean",
            "但梯度是对总和求的，没有除以行数",
        ],
        [
            "Divide the gradient by the number of rows, as the loss.",
            "梯度和损失一样要除以行数。",
        ],
    ),
    bug(
        "weights-swapped",
        [
            "with α on the soft term and β on the hard one",
            "但 α、β 用反了：α 乘了软目标项",
        ],
        [
            "α·CE + β·T²·KL here; papers differ, so look at the formula.",
            "这里是 α·CE + β·T²·KL；各论文写法不同，以公式为准。",
        ],
    ),
    // Rows without a target.
    bug(
        "padding-in-soft-term",
        [
            "with ignored rows in the soft term: the student learns the teacher's opinion on padding",
            "但软目标项没有排除被忽略的行：学生在学教师对填充的看法",
        ],
        [
            "Mask both terms with targets ≠ −100, and divide both by the same number of rows.",
            "两项都用 targets ≠ −100 做掩码，并除以同一个行数。",
        ],
    ),
    bug(
        "divide-by-all-rows",
        [
            "divided by all rows, ignored ones too",
            "但分母用了全部行数，把被忽略的行也算进去了",
        ],
        [
            "Divide by the number of rows with a target.",
            "除以有标签的行数。",
        ],
    ),
    // Numbers.
    bug(
        "zero-times-log-zero",
        [
            "with 0·ln 0 = NaN where the teacher gives a class no weight",
            "但教师概率下溢为 0 时出现 0·ln 0 = NaN",
        ],
        [
            "Terms with p = 0 are 0; or use log_softmax, whose logarithm stays finite.",
            "p = 0 的项取 0；或用 log_softmax，它的对数保持有限。",
        ],
    ),
    bug(
        "log-of-softmax",
        [
            "with ln(softmax(z)) instead of log_softmax: ln 0 where a probability underflows",
            "但用了 ln(softmax(z)) 而不是 log_softmax：概率下溢时取 ln 0",
        ],
        [
            "z − max − ln Σ exp(z − max).",
            "z − max − ln Σ exp(z − max)。",
        ],
    ),
    bug(
        "no-max",
        [
            "without the row's maximum taken off: exp overflows",
            "但没有减行最大值：exp 上溢",
        ],
        [
            "Subtract the maximum of the row before exp.",
            "取 exp 前先减去该行最大值。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[Convention {
    id: "soft-cross-entropy",
    sentence: Text::new(
        "the soft term is the cross-entropy −Σ p_t·ln p_s: the KL plus the teacher's entropy, with the same gradient",
        "软目标项是交叉熵 −Σ p_t·ln p_s：等于 KL 加上教师的熵，梯度相同",
    ),
    who: Text::new(
        "cross-entropy: Hinton et al. 2015; KL: F.kl_div, DistilBERT and nearly all code since",
        "交叉熵：Hinton 等 2015；KL：F.kl_div、DistilBERT 以及此后几乎所有代码",
    ),
}];
