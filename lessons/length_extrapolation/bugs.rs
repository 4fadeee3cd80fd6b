//! The mistakes that people make when they measure length extrapolation.

use crate::problem::Bug;
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "different-targets",
        sentence: Text::new(
            "with other target tokens for every context: all windows are averaged in each bucket",
            "但每种上下文用了不同的目标 token：每一桶都对所有窗口求平均",
        ),
        repair: Text::new(
            "For bucket c take only the windows whose block i + c stands in all buckets: k − 1 ≤ i + c ≤ w − 1.",
            "第 c 桶只取块 i + c 在每一桶都出现过的窗口：k − 1 ≤ i + c ≤ w − 1。",
        ),
    },
    Bug {
        id: "blocks-misaligned",
        sentence: Text::new(
            "with i − c in place of i + c, so that buckets compare other parts of the text",
            "但用了 i − c 而非 i + c，各桶比的不是同一段文本",
        ),
        repair: Text::new(
            "Window i, bucket c is block i + c of the text: a later bucket of an earlier window.",
            "第 i 个窗口的第 c 桶是全文第 i + c 块：更靠前的窗口，更靠后的桶。",
        ),
    },
    Bug {
        id: "whole-window-mean",
        sentence: Text::new(
            "with the mean over the whole prefix up to a bucket, where tokens with little context weigh in",
            "但取了到该桶为止整段前缀的平均，上下文很短的 token 也算了进去",
        ),
        repair: Text::new(
            "Average the bucket's own positions only.",
            "只对这一桶自己的位置求平均。",
        ),
    },
    Bug {
        id: "mean-of-perplexities",
        sentence: Text::new(
            "with the mean of exp(loss) in place of exp of the mean",
            "但先取 exp 再平均，而不是先平均再取 exp",
        ),
        repair: Text::new(
            "Average the losses, then exp once.",
            "先对损失求平均，再取一次 exp。",
        ),
    },
    Bug {
        id: "mean-of-windows",
        sentence: Text::new(
            "with the mean of the windows' means, though windows count different numbers of tokens",
            "但取了各窗口均值的平均，而各窗口计入的 token 数不同",
        ),
        repair: Text::new(
            "Add up all losses and all counts, then divide once.",
            "把损失与个数分别全部加起来，只除一次。",
        ),
    },
    Bug {
        id: "no-exp",
        sentence: Text::new(
            "without the exp: these are mean losses",
            "但没有取 exp，这是平均损失",
        ),
        repair: Text::new(
            "A perplexity is exp(mean loss).",
            "困惑度是 exp(平均损失)。",
        ),
    },
    Bug {
        id: "base-2",
        sentence: Text::new(
            "with 2 to the power of a loss that is in nats",
            "但对以 nat 为单位的损失取了 2 的幂",
        ),
        repair: Text::new(
            "Nats go with exp; 2^x belongs to bits.",
            "nat 对应 exp；2^x 对应 bit。",
        ),
    },
    Bug {
        id: "padding-counted",
        sentence: Text::new("with padding counted as tokens", "但把填充也算作 token"),
        repair: Text::new(
            "Leave out positions where counted is 0, in the sum and in the number.",
            "counted 为 0 的位置，求和与计数都不算。",
        ),
    },
    Bug {
        id: "padding-in-the-mean",
        sentence: Text::new(
            "with padding left out of the sum and left in the number that it is divided by",
            "但填充没算进求和，却算进了分母",
        ),
        repair: Text::new(
            "Divide by the number of counted tokens.",
            "除以计入的 token 数。",
        ),
    },
    Bug {
        id: "overlap-counted",
        sentence: Text::new(
            "with every window counted whole in `sliding`, so that most tokens are counted k times",
            "但 sliding 里每个窗口都整个计入，多数 token 被算了 k 次",
        ),
        repair: Text::new(
            "After the first window take the last bucket of each only.",
            "第一个窗口之后，每个只取最后一桶。",
        ),
    },
    Bug {
        id: "non-overlapping",
        sentence: Text::new(
            "with non-overlapping windows in `sliding`: many tokens have little context",
            "但 sliding 用了互不重叠的窗口：许多 token 上下文很短",
        ),
        repair: Text::new(
            "Move by one stride, and score the last bucket of each window.",
            "每次移动一个 stride，只给每个窗口的最后一桶计分。",
        ),
    },
    Bug {
        id: "first-window-dropped",
        sentence: Text::new(
            "with the first window's early buckets left out of `sliding`: the beginning of the text is never scored",
            "但 sliding 漏了第一个窗口的前几桶：全文开头从未计分",
        ),
        repair: Text::new("Count window 0 whole.", "第 0 个窗口要整个计入。"),
    },
    Bug {
        id: "first-stride",
        sentence: Text::new(
            "with the first bucket of later windows in `sliding`, those with the least context",
            "但 sliding 对后续窗口取了第一桶，恰是上下文最短的",
        ),
        repair: Text::new(
            "The new tokens are the last stride of a window.",
            "新 token 是窗口的最后 stride 个。",
        ),
    },
    Bug {
        id: "contexts-reversed",
        sentence: Text::new(
            "with the contexts in reverse: the longest first",
            "但上下文顺序反了：最长的排在最前",
        ),
        repair: Text::new(
            "by_context[0] has the least context.",
            "by_context[0] 的上下文最短。",
        ),
    },
    Bug {
        id: "ratio-inverted",
        sentence: Text::new(
            "with the ratio upside down: trained over longest",
            "但比值颠倒：训练长度除以最长",
        ),
        repair: Text::new(
            "Longest over trained: above 1 means a loss.",
            "最长除以训练长度：大于 1 表示变差。",
        ),
    },
    Bug {
        id: "ratio-to-shortest",
        sentence: Text::new(
            "with the ratio to the shortest context in place of the trained one",
            "但比值的基准用了最短上下文，而不是训练长度",
        ),
        repair: Text::new(
            "Compare with the bucket that ends at `trained` tokens.",
            "应与恰在 trained 处结束的那一桶比。",
        ),
    },
    Bug {
        id: "trained-off-by-one",
        sentence: Text::new(
            "with the ratio to the bucket after the trained length",
            "但比值的基准取了训练长度之后的那一桶",
        ),
        repair: Text::new(
            "The bucket that ends at `trained` has index trained/stride − 1.",
            "在 trained 处结束的桶，下标是 trained/stride − 1。",
        ),
    },
    Bug {
        id: "ratio-of-losses",
        sentence: Text::new(
            "with the ratio of mean losses in place of perplexities",
            "但比的是平均损失，而不是困惑度",
        ),
        repair: Text::new("Divide the perplexities.", "用困惑度相除。"),
    },
    Bug {
        id: "ratio-is-difference",
        sentence: Text::new(
            "with the difference of the perplexities in place of their ratio",
            "但取了困惑度之差，而不是之比",
        ),
        repair: Text::new(
            "Divide: a ratio of 1 is flat for any model.",
            "应当相除：比值为 1 就是持平，与模型无关。",
        ),
    },
];
