//! The mistakes that people make with sinusoidal positions, and the layouts that are all right.

use crate::problem::{Bug, Convention};
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "exponent-i-not-2i",
        sentence: Text::new(
            "with the exponent i/d for pair i in place of 2i/d",
            "但第 i 对的指数用了 i/d 而非 2i/d",
        ),
        repair: Text::new(
            "The d/2 exponents run from 0 to almost 1: arange(0, d, 2)/d.",
            "d/2 个指数从 0 走到接近 1：arange(0, d, 2)/d。",
        ),
    },
    Bug {
        id: "exponent-half-dim",
        sentence: Text::new(
            "with the exponent divided by d/2 in place of d",
            "但指数除以 d/2 而非 d",
        ),
        repair: Text::new(
            "2i/d: divide by the whole width.",
            "应为 2i/d：除以完整的宽度。",
        ),
    },
    Bug {
        id: "exponent-per-dim",
        sentence: Text::new(
            "with an exponent j/d for every dimension, so that sine and cosine of a pair have different frequencies",
            "但每一维各用指数 j/d，一对里的正弦与余弦频率不同",
        ),
        repair: Text::new(
            "Dimensions 2i and 2i + 1 share the exponent 2i/d: use j / 2 * 2.",
            "第 2i 与 2i + 1 维共用指数 2i/d：用 j / 2 * 2。",
        ),
    },
    Bug {
        id: "exponent-sign",
        sentence: Text::new(
            "with m·10000^(+2i/d): frequencies grow",
            "但用了 m·10000^(+2i/d)，频率越来越大",
        ),
        repair: Text::new(
            "Divide by 10000^(2i/d): wavelengths grow from 2π to 10000·2π.",
            "应除以 10000^(2i/d)：波长从 2π 增到接近 10000·2π。",
        ),
    },
    Bug {
        id: "no-logarithm",
        sentence: Text::new(
            "with exp(−2i/d): ln 10000 is missing in the exponent",
            "但用了 exp(−2i/d)，指数里漏了 ln 10000",
        ),
        repair: Text::new(
            "10000^x is exp(x·ln 10000).",
            "10000^x 等于 exp(x·ln 10000)。",
        ),
    },
    Bug {
        id: "base-1000",
        sentence: Text::new("with the base 1000", "但底数写成了 1000"),
        repair: Text::new("The base is 10000.", "底数是 10000。"),
    },
    Bug {
        id: "single-frequency",
        sentence: Text::new(
            "with one frequency (1) for all pairs",
            "但所有对共用一个频率（1）",
        ),
        repair: Text::new(
            "Compute the exponent in floats: 2*i/d in integers is 0.",
            "指数用浮点算：整数除法 2*i/d 得 0。",
        ),
    },
    Bug {
        id: "sin-all",
        sentence: Text::new(
            "with sines in all dimensions, no cosines",
            "但所有维都用了正弦，没有余弦",
        ),
        repair: Text::new(
            "Odd dimensions take the cosine: with sines alone a shift is no longer a linear map.",
            "奇数维取余弦：只有正弦的话，平移就不再是线性映射。",
        ),
    },
    Bug {
        id: "cos-sin-swapped",
        sentence: Text::new(
            "with cosine in the even and sine in the odd dimensions",
            "但偶数维用了余弦、奇数维用了正弦",
        ),
        repair: Text::new(
            "sin goes first: at position 0 the vector is 0, 1, 0, 1 …",
            "正弦在前：位置 0 的向量是 0, 1, 0, 1 ……",
        ),
    },
    Bug {
        id: "degrees",
        sentence: Text::new(
            "with the angle taken for degrees and converted once more",
            "但把角度当成角度制又换算了一次弧度",
        ),
        repair: Text::new("m·ω is in radians already.", "m·ω 已经是弧度。"),
    },
    Bug {
        id: "positions-from-1",
        sentence: Text::new("with every position one too large", "但每个位置都多了 1"),
        repair: Text::new(
            "Use the positions as they come; the first is 0.",
            "直接用给定的位置，第一个是 0。",
        ),
    },
    Bug {
        id: "row-positions",
        sentence: Text::new(
            "with positions 0, 1, 2 … in place of the given ones",
            "但位置用了 0, 1, 2 ……，没有用传入的 positions",
        ),
        repair: Text::new(
            "Read positions[b, n]: a new token stands behind those before it, in decoding too.",
            "读取 positions[b, n]：解码时新 token 也排在前文之后。",
        ),
    },
    Bug {
        id: "batch-row-0",
        sentence: Text::new(
            "with the positions of sequence 0 for the whole batch",
            "但整个 batch 都用了第 0 条序列的位置",
        ),
        repair: Text::new(
            "Index by the sequence too: with left padding they differ.",
            "也要按序列取：左填充时各行不同。",
        ),
    },
    Bug {
        id: "batch-as-position",
        sentence: Text::new(
            "with the sequence's number as position: the wrong axis was taken for the tokens",
            "但把序列在 batch 里的编号当成了位置：token 轴取错了",
        ),
        repair: Text::new(
            "Embeddings are [b n d]; the tokens are axis 1. (Code for [n b d] reads axis 0.)",
            "embedding 的形状是 [b n d]，token 在第 1 轴。（[n b d] 的代码才读第 0 轴。）",
        ),
    },
    Bug {
        id: "no-root",
        sentence: Text::new(
            "without the factor √d on the embeddings",
            "但 embedding 没有乘 √d",
        ),
        repair: Text::new("out = √d·E + PE.", "应为 √d·E + PE。"),
    },
    Bug {
        id: "divided-by-root",
        sentence: Text::new(
            "with the embeddings divided by √d",
            "但 embedding 除以了 √d",
        ),
        repair: Text::new(
            "Multiply: the division belongs to attention scores.",
            "应当乘；除以 √d 是注意力分数的事。",
        ),
    },
    Bug {
        id: "root-on-the-sum",
        sentence: Text::new(
            "with the encoding multiplied by √d too: (E + PE)·√d",
            "但位置编码也乘了 √d：(E + PE)·√d",
        ),
        repair: Text::new(
            "Scale before you add: √d·E + PE.",
            "先缩放再相加：√d·E + PE。",
        ),
    },
    Bug {
        id: "multiplied",
        sentence: Text::new(
            "with embedding and encoding multiplied in place of added",
            "但 embedding 与位置编码相乘而非相加",
        ),
        repair: Text::new(
            "Add them; position 0 has sines 0 and would erase half of the word.",
            "要相加；位置 0 的正弦为 0，相乘会抹掉半个词。",
        ),
    },
    Bug {
        id: "encoding-only",
        sentence: Text::new(
            "with the encoding alone: the embeddings are left out",
            "但只返回了位置编码，漏了 embedding",
        ),
        repair: Text::new("Add √d times the embeddings.", "加上 √d 倍的 embedding。"),
    },
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "halves",
        sentence: Text::new(
            "all sines stand in the first half, all cosines in the second",
            "正弦全在前一半，余弦全在后一半",
        ),
        who: Text::new(
            "halves: Marian and Pegasus in transformers; interleaved: the paper, PyTorch's tutorial",
            "前后两半：transformers 里的 Marian、Pegasus；交错：论文、PyTorch 教程",
        ),
    },
    Convention {
        id: "tensor2tensor",
        sentence: Text::new(
            "two halves, with exponents i/(d/2 − 1), so that the last wavelength is 10000·2π exactly",
            "前后两半，且指数为 i/(d/2 − 1)，最后的波长恰为 10000·2π",
        ),
        who: Text::new(
            "tensor2tensor: the authors' own code, fairseq, FSMT in transformers; exponents 2i/d: the paper's text",
            "tensor2tensor：作者自己的代码、fairseq、transformers 的 FSMT；指数 2i/d：论文正文",
        ),
    },
];
