//! Mistakes that people really make in masks, and the choices on which libraries differ.

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
        id: "finite-min",
        sentence: Text::new(
            "dropped keys get the most negative finite number instead of −∞",
            "被丢弃的键用最小的有限数而不是 −∞",
        ),
        who: Text::new(
            "torch.finfo(dtype).min: Hugging Face's eager attention; −∞: PyTorch's own examples, FlashAttention",
            "torch.finfo(dtype).min：Hugging Face 的 eager 实现；−∞：PyTorch 官方示例、FlashAttention",
        ),
    },
    Convention {
        id: "minus-1e9",
        sentence: Text::new(
            "dropped keys get −1e9 instead of −∞",
            "被丢弃的键用 −1e9 而不是 −∞",
        ),
        who: Text::new(
            "−1e9: tensor2tensor and The Annotated Transformer; beware f16, whose range ends at 65504",
            "−1e9：tensor2tensor、The Annotated Transformer；注意 f16 的范围只到 65504",
        ),
    },
    Convention {
        id: "empty-rows-open",
        sentence: Text::new(
            "a query that sees no key gets a row of 0, so that its softmax is not NaN",
            "看不到任何键的查询，整行改为 0，以免 softmax 得到 NaN",
        ),
        who: Text::new(
            "rows of 0: Hugging Face for SDPA (its output there is meaningless and ignored); −∞: whoever has a kernel that gives zeros",
            "整行 0：Hugging Face 配合 SDPA 时（该位置的输出无意义、被忽略）；保留 −∞：kernel 自己会输出 0 的实现",
        ),
    },
    Convention {
        id: "hugging-face",
        sentence: Text::new(
            "dropped keys get the most negative finite number, and a query without any key a row of 0",
            "被丢弃的键用最小的有限数，且看不到任何键的查询整行为 0",
        ),
        who: Text::new(
            "Hugging Face transformers, masks made for SDPA",
            "Hugging Face transformers 为 SDPA 生成的掩码",
        ),
    },
];

/// Sentences complete «your output equals attention-mask …».
pub const BUGS: &[Bug] = &[
    bug(
        "top-left",
        [
            "with queries aligned at the first keys (j ≤ i): in decoding the query sees key 0 only",
            "查询与最前面的键对齐（j ≤ i）的结果：解码时只能看到第 0 个键",
        ],
        [
            "The n queries are the last n positions: query i stands at i + (m − n).",
            "n 个查询是最后 n 个位置：第 i 个查询的位置是 i + (m − n)。",
        ],
    ),
    bug(
        "offset-flipped",
        [
            "with the offset subtracted: query i put at i − (m − n)",
            "偏移量减反了的结果：查询 i 被放在 i − (m − n)",
        ],
        ["Add m − n to i.", "应当是 i 加上 m − n。"],
    ),
    bug(
        "diagonal-dropped",
        [
            "with the diagonal dropped too (j < position): a query does not see itself",
            "连对角线也丢掉（j < position）的结果：查询看不到自己",
        ],
        [
            "Drop j > position only: triu(diagonal=1), not triu(0).",
            "只丢弃 j > position：用 triu(diagonal=1)，不是 triu(0)。",
        ],
    ),
    bug(
        "sees-next",
        [
            "with one key of the future let in (j ≤ position + 1)",
            "多放进一个未来键（j ≤ position + 1）的结果",
        ],
        [
            "A query sees keys up to its own position: triu(diagonal=1), not triu(2).",
            "查询只能看到不晚于自己的键：用 triu(diagonal=1)，不是 triu(2)。",
        ],
    ),
    bug(
        "future-only",
        [
            "with the triangle upside down: a query sees itself and the future",
            "三角形反了的结果：查询只看自己和未来",
        ],
        [
            "Keep j ≤ position (tril) and drop what comes after.",
            "保留 j ≤ position（tril），丢弃其后的键。",
        ],
    ),
    bug(
        "no-causal",
        [
            "without the causal part: queries see the future",
            "没有因果部分的结果：查询看得到未来",
        ],
        [
            "Drop every key with j > i + (m − n).",
            "丢弃所有 j > i + (m − n) 的键。",
        ],
    ),
    bug(
        "padding-ignored",
        ["without the padding part", "没有 padding 部分的结果"],
        [
            "Drop every key whose `keep` is 0, for all queries.",
            "`keep` 为 0 的键，对所有查询都要丢弃。",
        ],
    ),
    bug(
        "keep-flipped",
        [
            "with keep read the other way round: tokens dropped, padding seen",
            "keep 的含义弄反的结果：丢掉了 token，看到的是 padding",
        ],
        [
            "keep is 1 for tokens. (PyTorch's key_padding_mask has True for padding.)",
            "keep 为 1 表示 token。（PyTorch 的 key_padding_mask 则是 True 表示 padding。）",
        ],
    ),
    bug(
        "first-sequence",
        [
            "with the padding of the first sequence used for the whole batch",
            "整批都用第一条序列的 padding 的结果",
        ],
        [
            "Index keep with the sequence as well: keep[b, j].",
            "keep 还要按序列取：keep[b, j]。",
        ],
    ),
    bug(
        "right-padding-assumed",
        [
            "with keep reduced to a length: padding taken to be at the right",
            "只用 keep 之和当长度的结果：默认 padding 在右侧",
        ],
        [
            "Use keep[b, j] itself; in generation padding is at the left.",
            "直接用 keep[b, j]；生成时 padding 一般在左侧。",
        ],
    ),
    bug(
        "padding-on-queries",
        [
            "with keep applied to the query's position and not to the key's",
            "把 keep 用在查询位置而不是键位置的结果",
        ],
        [
            "Padding must not be seen: index keep with the key j, as [b 1 1 m].",
            "要让别人看不到 padding：按键 j 取 keep，形状为 [b 1 1 m]。",
        ],
    ),
    bug(
        "padding-on-both",
        [
            "with the rows of padded queries dropped as well: they see nothing, and their softmax is NaN",
            "把 padding 查询的整行也丢掉的结果：它们什么都看不到，softmax 为 NaN",
        ],
        [
            "Drop keys only; what a padded query computes is ignored by the loss.",
            "只丢弃键；padding 查询算出什么都会被损失忽略。",
        ],
    ),
    bug(
        "or-for-and",
        [
            "with a key seen if the causal part OR the padding part allows it",
            "因果与 padding 用「或」组合（满足其一就可见）的结果",
        ],
        [
            "All parts must allow a key: AND of keep masks, or the sum of additive masks.",
            "所有部分都允许才可见：布尔 keep 掩码用 AND，加性掩码用相加。",
        ],
    ),
    bug(
        "window-ignored",
        ["without the window", "没有窗口的结果"],
        [
            "With window w > 0 keep position − j < w only.",
            "window w > 0 时只保留 position − j < w。",
        ],
    ),
    bug(
        "window-one-more",
        [
            "with one key too many in the window (position − j ≤ w)",
            "窗口多了一个键（position − j ≤ w）的结果",
        ],
        [
            "A window of w holds the query itself and w − 1 keys before it: position − j < w.",
            "大小为 w 的窗口包含自己和之前 w − 1 个键：position − j < w。",
        ],
    ),
    bug(
        "window-one-less",
        [
            "with one key too few in the window: the query itself was not counted",
            "窗口少了一个键的结果：没有把自己算进去",
        ],
        [
            "The query's own position counts as one of the w: position − j < w.",
            "自己也算 w 个中的一个：position − j < w。",
        ],
    ),
    bug(
        "window-top-left",
        [
            "with the window measured from i and not from i + (m − n)",
            "窗口从 i 而不是从 i + (m − n) 起算的结果",
        ],
        [
            "Use the query's position in the window too.",
            "窗口同样要用查询的位置 i + (m − n)。",
        ],
    ),
    bug(
        "keep-as-number",
        [
            "with 1 for seen and 0 for dropped: a keep mask that is added drops nothing",
            "可见为 1、丢弃为 0 的结果：把 keep 掩码加到分数上，什么都没屏蔽",
        ],
        [
            "An additive mask holds 0 and −∞: masked_fill(~keep, −inf).",
            "加性掩码里是 0 和 −∞：masked_fill(~keep, -inf)。",
        ],
    ),
    bug(
        "drop-as-number",
        [
            "with 0 for seen and 1 for dropped: added to scores, it favours what should be hidden",
            "可见为 0、丢弃为 1 的结果：加到分数上反而偏向该屏蔽的键",
        ],
        ["Put −∞ in place of 1.", "把 1 换成 −∞。"],
    ),
    bug(
        "zero-and-infinity-swapped",
        [
            "with 0 and −∞ exchanged: what should be seen is dropped",
            "0 与 −∞ 写反的结果：该看的被屏蔽了",
        ],
        ["0 keeps a key, −∞ drops it.", "0 表示保留，−∞ 表示丢弃。"],
    ),
    bug(
        "positive-infinity",
        [
            "with +∞ for dropped keys: softmax gives NaN",
            "丢弃的键写成 +∞ 的结果：softmax 得到 NaN",
        ],
        ["Use −∞, whose exponential is 0.", "用 −∞，它的指数是 0。"],
    ),
    bug(
        "nan-by-product",
        [
            "with (1 − keep)·(−∞): 0·∞ is NaN where a key is kept",
            "写成 (1 − keep)·(−∞) 的结果：保留处是 0·∞ = NaN",
        ],
        [
            "Choose, do not multiply: where(keep, 0, −inf).",
            "用选择而不是乘法：where(keep, 0, -inf)。",
        ],
    ),
];
