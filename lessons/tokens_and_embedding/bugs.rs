//! The mistakes that people make with tokens and embeddings, and the scales that are all right.

use crate::problem::{Bug, Convention};
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals tokens-and-embedding …».
pub const BUGS: &[Bug] = &[
    bug(
        "encode-by-frequency",
        [
            "with the pair merged first that is most frequent in this text",
            "但先合并的是在这条文本里出现最多的符号对",
        ],
        [
            "Frequency is for training. To encode, take the pair that was learned first (the lowest rank), wherever it stands.",
            "频率只在训练时用。编码时取最早学到的（rank 最小的）那一对，不管它在哪里。",
        ],
    ),
    bug(
        "left-to-right",
        [
            "with the leftmost pair merged first, whatever its rank",
            "但先合并最左边的符号对，不看 rank",
        ],
        [
            "Look at all pairs of the word and take the one of the lowest rank.",
            "看完词里所有的对，再取 rank 最小的。",
        ],
    ),
    bug(
        "rank-reversed",
        [
            "with the merge that was learned last applied first",
            "但先用最后学到的合并规则",
        ],
        [
            "Lower ranks come first: later merges build on earlier ones.",
            "rank 小的先来：后面的规则建立在前面的之上。",
        ],
    ),
    bug(
        "longest-match",
        [
            "with the longest token of the vocabulary matched from the left: that is WordPiece",
            "但从左起取词表里最长的 token：那是 WordPiece",
        ],
        [
            "BPE does not look for long tokens; it merges pairs by rank.",
            "BPE 不找最长 token，只按 rank 合并符号对。",
        ],
    ),
    bug(
        "merge-across-words",
        [
            "with merges across the boundary of words",
            "但合并跨过了词边界",
        ],
        [
            "Cut the text before every space first; each word is encoded by itself.",
            "先在每个空格之前切开；每个词单独编码。",
        ],
    ),
    bug(
        "merge-once",
        [
            "with every merge applied to its first occurrence only",
            "但每条合并规则只用在第一次出现处",
        ],
        [
            "Replace every occurrence of the pair.",
            "替换这一对的所有出现。",
        ],
    ),
    bug(
        "overlaps-from-the-right",
        [
            "with overlapping pairs merged from the right: aaa becomes a, aa",
            "但重叠的对从右边开始合并：aaa 成了 a、aa",
        ],
        [
            "Go from left to right: aaa becomes aa, a.",
            "从左到右：aaa 变成 aa、a。",
        ],
    ),
    bug(
        "pairs-symmetric",
        [
            "with pairs taken in either order: (a, b) and (b, a) alike",
            "但符号对不分先后：(a, b) 与 (b, a) 一样处理",
        ],
        [
            "A pair has an order: th is not ht.",
            "符号对有先后：th 不是 ht。",
        ],
    ),
    bug(
        "no-merges",
        [
            "without merges: one token for each symbol",
            "但没有合并：每个符号一个 token",
        ],
        [
            "Apply the merges until no pair of a word is in the list.",
            "反复应用合并规则，直到词里没有任何一对在表中。",
        ],
    ),
    bug(
        "merge-ids-without-offset",
        [
            "with merge i given the id i: the id of a base symbol",
            "但合并规则 i 得到的 id 是 i：那是基本符号的 id",
        ],
        [
            "The base symbols come first: merge i makes the token v − r + i.",
            "基本符号排在前面：规则 i 产生的 token 是 v − r + i。",
        ],
    ),
    bug(
        "padding-looked-up",
        [
            "with row 0 of the table behind the last token in place of 0",
            "但最后一个 token 之后填的是词表第 0 行，而不是 0",
        ],
        [
            "Rows behind the last token are zeros; id 0 is a real token.",
            "最后一个 token 之后的行为零；id 0 是真实的 token。",
        ],
    ),
    bug(
        "padding-is-last",
        [
            "with the last row of the table behind the last token: −1 taken as an index from the end",
            "但最后一个 token 之后填的是词表最后一行：−1 被当成倒数下标",
        ],
        [
            "−1 is no index: leave those rows 0.",
            "−1 不是下标：这些行保持为 0。",
        ],
    ),
    bug(
        "padding-left",
        [
            "with the tokens at the end of the row and the zeros before them",
            "但 token 放在了行尾，零在前面",
        ],
        [
            "Tokens start at position 0, zeros follow.",
            "token 从位置 0 开始，零在后面。",
        ],
    ),
    bug(
        "divided-by-root-d",
        ["with the embedding divided by √d", "但词嵌入除以了 √d"],
        [
            "Take the rows as they are, or times √d (Vaswani et al.); only scores are divided by √d.",
            "词嵌入原样使用，或乘 √d（Vaswani 等）；除以 √d 的是注意力分数。",
        ],
    ),
    bug(
        "logits-times-root-d",
        [
            "with the logits multiplied by √d: the scale of the input applied to the head",
            "但 logits 乘了 √d：把输入端的缩放用到了输出头",
        ],
        [
            "The scale √d belongs to the input embedding; logits = hidden·Eᵀ with the plain table.",
            "√d 的缩放只属于输入端的词嵌入；logits = hidden·Eᵀ，用原来的表。",
        ],
    ),
    bug(
        "head-softmax",
        [
            "with probabilities in place of logits",
            "但输出的是概率而不是 logits",
        ],
        [
            "Give out hidden·Eᵀ; the loss takes the softmax itself, and a second one flattens it.",
            "输出 hidden·Eᵀ 即可；损失函数自己会做 softmax，再做一次会把分布压平。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "embedding-scaled",
        sentence: Text::new("the embedding is multiplied by √d", "词嵌入乘以 √d"),
        who: Text::new(
            "times √d: Vaswani et al. 2017, Gemma; as it is: GPT-2, LLaMA, BERT",
            "乘 √d：Vaswani 等 2017、Gemma；原样：GPT-2、LLaMA、BERT",
        ),
    },
    Convention {
        id: "head-scaled",
        sentence: Text::new(
            "the hidden state is divided by √d before the tied head",
            "进共享输出头之前，隐藏状态除以 √d",
        ),
        who: Text::new(
            "divided by √d: T5 with tied weights; as it is: GPT-2, Gemma, BERT",
            "除以 √d：共享权重的 T5；原样：GPT-2、Gemma、BERT",
        ),
    },
];
