//! Mistakes that people really make in the structure of encoder and decoder. `variants.rs` plants them.

use crate::problem::Bug;
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

/// Sentences complete «your output equals encoder-decoder-block …».
pub const BUGS: &[Bug] = &[
    bug(
        "encoder-cross-attn",
        [
            "with cross-attention in the encoder too, over its own embeddings",
            "但编码器里也放了交叉注意力（读的是它自己的词嵌入）",
        ],
        [
            "An encoder layer has two sublayers, self-attention and FFN; cross-attention needs a second sequence and stands in the decoder.",
            "编码器层只有自注意力和 FFN 两个子层；交叉注意力需要第二个序列，只在解码器里。",
        ],
    ),
    bug(
        "encoder-causal",
        [
            "with a causal mask in the encoder",
            "但编码器也加了因果掩码",
        ],
        [
            "The source is known in full: mask its padding only, so that it is read in both directions.",
            "源序列全部已知：只屏蔽 padding，双向都能看。",
        ],
    ),
    bug(
        "decoder-no-mask",
        [
            "without the causal mask in the decoder's self-attention: targets see the tokens they should predict",
            "但解码器自注意力没有因果掩码：能看到要预测的 token",
        ],
        [
            "Set the scores of keys j > i to −∞ in the decoder's self-attention.",
            "解码器自注意力里把 j > i 的分数设为 −∞。",
        ],
    ),
    bug(
        "no-shift-right",
        [
            "with the target as it is for the decoder's input, not shifted right: position i sees its own answer",
            "但解码器输入没有右移：位置 i 看到了自己的答案",
        ],
        [
            "Feed bos, tgt₁ … tgtₙ₋₁: position i then predicts tgtᵢ from the tokens before it.",
            "输入 bos、tgt₁ … tgtₙ₋₁：这样位置 i 用它之前的 token 预测 tgtᵢ。",
        ],
    ),
    bug(
        "cross-before-self",
        [
            "with cross-attention before the decoder's self-attention",
            "但交叉注意力放在了解码器自注意力之前",
        ],
        [
            "Masked self-attention first, then cross-attention, then FFN.",
            "先带掩码的自注意力，再交叉注意力，最后 FFN。",
        ],
    ),
    bug(
        "no-cross",
        [
            "without cross-attention: a decoder-only layer that never reads the source",
            "但没有交叉注意力：成了 decoder-only 层，根本没读源序列",
        ],
        [
            "Between self-attention and FFN attend from the decoder to the encoder's output.",
            "在自注意力与 FFN 之间加上从解码器到编码器输出的注意力。",
        ],
    ),
    bug(
        "cross-reads-target",
        [
            "with keys and values of cross-attention from the decoder: self-attention once more, without a mask",
            "但交叉注意力的 k、v 取自解码器：又做了一次没有掩码的自注意力",
        ],
        [
            "k = memory·w_k and v = memory·w_v, with memory the encoder's output; only q is the decoder's.",
            "k = memory·w_k、v = memory·w_v，memory 是编码器输出；只有 q 来自解码器。",
        ],
    ),
    bug(
        "cross-reads-src",
        [
            "with cross-attention over the source's embeddings in place of the encoder's output",
            "但交叉注意力读的是源序列的词嵌入，不是编码器输出",
        ],
        [
            "Pass what the encoder gives out to the decoder; src goes into the encoder only.",
            "传给解码器的应是编码器的输出；src 只进编码器。",
        ],
    ),
    bug(
        "causal-on-cross",
        [
            "with a causal mask between target and source",
            "但目标与源之间也加了因果掩码",
        ],
        [
            "Cross-attention masks the padding of the source only.",
            "交叉注意力只屏蔽源序列的 padding。",
        ],
    ),
    bug(
        "padding-in-encoder",
        [
            "with the padding of the source read in the encoder's self-attention",
            "但编码器自注意力没有屏蔽源序列的 padding",
        ],
        [
            "Add −∞ at src_mask = 0 in the encoder as well: memory of real tokens would hold padding otherwise.",
            "编码器里也要在 src_mask = 0 处加 −∞，否则真实 token 的 memory 会混入 padding。",
        ],
    ),
    bug(
        "padding-in-cross",
        [
            "with the padding of the source read in cross-attention",
            "但交叉注意力没有屏蔽源序列的 padding",
        ],
        [
            "Add −∞ at src_mask = 0 in cross-attention as well: padded rows of memory are not 0.",
            "交叉注意力也要在 src_mask = 0 处加 −∞：memory 的 padding 行并不是 0。",
        ],
    ),
    bug(
        "norm-order-swapped",
        [
            "with pre-LN where post-LN is asked for, and the other way round",
            "但 pre-LN 与 post-LN 弄反了",
        ],
        [
            "norm_first = 1 is x + f(LN(x)); norm_first = 0 is LN(x + f(x)).",
            "norm_first = 1 是 x + f(LN(x))；norm_first = 0 是 LN(x + f(x))。",
        ],
    ),
    bug(
        "norm-twice",
        [
            "with a norm before and after every pre-LN sublayer",
            "但 pre-LN 的每个子层前后都做了归一化",
        ],
        [
            "In pre-LN the sum x + f(LN(x)) goes on as it is; only one norm follows, behind the last layer.",
            "pre-LN 里 x + f(LN(x)) 直接往下传；只在最后一层之后再做一次归一化。",
        ],
    ),
    bug(
        "no-norm",
        ["without any norm", "但完全没有归一化"],
        [
            "Every sublayer has a norm: on its input (pre-LN) or on its sum (post-LN).",
            "每个子层都有归一化：作用在输入上（pre-LN）或和上（post-LN）。",
        ],
    ),
    bug(
        "no-residual",
        ["without the residual connections", "但没有残差连接"],
        [
            "Add the input of every sublayer to its output.",
            "每个子层的输出都要加上它的输入。",
        ],
    ),
    bug(
        "residual-from-normed",
        [
            "with the residual taken from the normed input: LN(x) + f(LN(x))",
            "但残差取自归一化之后：LN(x) + f(LN(x))",
        ],
        [
            "Keep x: y = LN(x), then x + f(y).",
            "保留 x：y = LN(x)，再算 x + f(y)。",
        ],
    ),
    bug(
        "memory-normed",
        [
            "with the decoder's norm applied to memory as well in pre-LN cross-attention",
            "但 pre-LN 的交叉注意力把 memory 也做了归一化",
        ],
        [
            "Norm only what asks: attention(LN(x), memory, memory).",
            "只归一化查询一侧：attention(LN(x), memory, memory)。",
        ],
    ),
    bug(
        "shared-weights",
        [
            "with the encoder's attention and FFN weights in the decoder",
            "但解码器用了编码器的自注意力与 FFN 权重",
        ],
        [
            "The decoder's self-attention is attn[1] and its FFN up[1], down[1]; layers share nothing.",
            "解码器自注意力用 attn[1]，FFN 用 up[1]、down[1]；各层权重互不共享。",
        ],
    ),
    bug(
        "shared-norm",
        [
            "with gamma[0] in all five norms",
            "但五处归一化都用了 gamma[0]",
        ],
        [
            "Every norm has a gamma of its own: 0 and 1 in the encoder, 2 to 4 in the decoder.",
            "每处归一化各有自己的 gamma：编码器用 0、1，解码器用 2 到 4。",
        ],
    ),
];
