//! The mistakes that people make with windows and global tokens.

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
        "off-by-one-window",
        Text::new(
            "with one key too many: the window reaches back to i − w",
            "但窗口多了一个 key：一直到了 i − w",
        ),
        Text::new(
            "A window of w holds w keys, the own one included: j > i − w.",
            "窗口 w 含 w 个 key，自己算一个：j > i − w。",
        ),
    ),
    bug(
        "window-too-short",
        Text::new(
            "with one key too few: the own key was not counted in w",
            "但窗口少了一个 key",
        ),
        Text::new(
            "|i − j| < w: from i − w + 1 to i.",
            "|i − j| < w：从 i − w + 1 到 i。",
        ),
    ),
    bug(
        "half-window",
        Text::new(
            "with w taken for both sides together: |i − j| ≤ w/2",
            "但把 w 当成两侧合计：|i − j| ≤ w/2",
        ),
        Text::new(
            "Here w is one side (Mistral); Longformer's attention_window is both sides.",
            "这里 w 指单侧（Mistral 的定义）；Longformer 的 attention_window 才是两侧合计。",
        ),
    ),
    bug(
        "blocks",
        Text::new(
            "with blocks in place of a sliding window: a query sees its own block of w positions only",
            "但用了不重叠的分块而不是滑动窗口：只看得到自己所在的 w 个位置",
        ),
        Text::new(
            "The window moves with the query; with blocks the first query of each sees only itself.",
            "窗口要跟着 query 移动；分块时每块第一个 query 只看得到自己。",
        ),
    ),
    bug(
        "two-sided-in-causal",
        Text::new(
            "with a window to both sides although the attention is causal",
            "但明明是因果注意力，窗口却向两侧展开",
        ),
        Text::new(
            "With causal = 1 a key must also satisfy j ≤ i, global or not.",
            "causal = 1 时还必须 j ≤ i，全局 token 也不例外。",
        ),
    ),
    bug(
        "globals-from-the-future",
        Text::new(
            "with global keys seen before they come, in causal attention",
            "但因果注意力里，全局 key 还没出现就被看到了",
        ),
        Text::new(
            "Apply j ≤ i to the union of window and globals.",
            "j ≤ i 要作用在窗口与全局的并集上。",
        ),
    ),
    bug(
        "globals-ignored",
        Text::new(
            "without the global tokens: a bare window",
            "但没有全局 token，只剩窗口",
        ),
        Text::new(
            "The first g keys stay visible from everywhere (in a cache: never evict them).",
            "前 g 个 key 处处可见（在缓存里就是永不淘汰）。",
        ),
    ),
    bug(
        "globals-last",
        Text::new(
            "with the last g tokens as the global ones",
            "但把最后 g 个 token 当成了全局",
        ),
        Text::new(
            "Global are the first g positions: j < g.",
            "全局的是开头 g 个位置：j < g。",
        ),
    ),
    bug(
        "global-one-way",
        Text::new(
            "with global tokens that see everything and are not seen",
            "但全局 token 能看所有人，别人却看不到它",
        ),
        Text::new(
            "Both ways: every query sees j < g, and a query i < g sees every key.",
            "要双向：所有 query 都看得到 j < g，i < g 的 query 看得到所有 key。",
        ),
    ),
    bug(
        "global-blind",
        Text::new(
            "with global tokens that are seen by all and see only their own window",
            "但全局 token 被所有人看到，自己却只看窗口",
        ),
        Text::new(
            "A query i < g sees every key (in causal attention: every j ≤ i, which changes nothing).",
            "i < g 的 query 看得到所有 key（因果时即所有 j ≤ i，没有区别）。",
        ),
    ),
    bug(
        "global-twice",
        Text::new(
            "with a global key that lies in the window counted twice",
            "但既是全局又在窗口内的 key 算了两次",
        ),
        Text::new(
            "Take the union: globals from 0 to min(g, start of the window), then the window.",
            "取并集：全局只取 0 到 min(g, 窗口起点)，再接窗口。",
        ),
    ),
    bug(
        "two-softmaxes",
        Text::new(
            "with a softmax for the window and another for the globals, added",
            "但窗口与全局各做一次 softmax 再相加",
        ),
        Text::new(
            "One softmax over the union; or merge the two parts with the weights e^(lse_part − lse).",
            "对并集做一次 softmax；或按 e^(lse_part − lse) 合并两部分。",
        ),
    ),
    bug(
        "padded-band",
        Text::new(
            "with the places of the window outside the text counted as keys with score 0",
            "但窗口伸出文本之外的位置被当作分数为 0 的 key",
        ),
        Text::new(
            "unfold pads with zeros: give these places −∞ before softmax.",
            "unfold 用零补齐：softmax 之前要把这些位置置 −∞。",
        ),
    ),
    bug(
        "row-for-position",
        Text::new(
            "with the row's number taken for the position, where keys are cached",
            "但有缓存 key 时把行号当成了位置",
        ),
        Text::new(
            "The queries are the last n of m positions: i = r + m − n.",
            "query 是 m 个位置里的最后 n 个：i = r + m − n。",
        ),
    ),
    bug(
        "masked-score-zero",
        Text::new(
            "with hidden scores set to 0 in place of −∞",
            "但被遮的分数置成 0 而不是 −∞",
        ),
        Text::new(
            "e^0 is 1: fill with −∞, or better, do not compute them at all.",
            "e^0 等于 1：应填 −∞，最好根本不算。",
        ),
    ),
    bug(
        "mask-after-softmax",
        Text::new(
            "with the window cut out of a full softmax: the rest does not sum to 1",
            "但先做完整 softmax 再裁窗口，剩下的权重之和不为 1",
        ),
        Text::new(
            "Softmax only over the keys that are seen.",
            "只对可见的 key 做 softmax。",
        ),
    ),
    bug(
        "no-scale",
        Text::new("without the 1/√d scale", "但没有除以 √d"),
        Text::new("Scores are q·k/√d.", "分数是 q·k/√d。"),
    ),
];
