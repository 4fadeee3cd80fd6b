//! Mistakes that people really make; the first is the notes'.

use crate::problem::Bug;
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
    // Range.
    bug(
        "mean-as-zero",
        [
            "with the group's mean as `zero`, a float shift, and codes −8 … 7, as in the notes",
            "但像笔记那样把组均值当作 `zero`（浮点偏移），码为 −8 … 7",
        ],
        [
            "The zero point is the integer code of 0.0: z = round(−α/s); codes are 0 … 15.",
            "zero_point 是 0.0 的整数码：z = round(−α/s)；码为 0 … 15。",
        ],
    ),
    bug(
        "scale-ignores-zero",
        [
            "with the symmetric scale max|w|/7 beside a zero point: range and shift disagree",
            "但有 zero_point 却用对称的 scale max|w|/7：区间与偏移不一致",
        ],
        [
            "With a zero point the 15 steps cover β − α: s = (β − α)/15.",
            "有 zero_point 时 15 步覆盖的是 β − α：s = (β − α)/15。",
        ],
    ),
    bug(
        "symmetric",
        [
            "with symmetric codes: scale max|w|/7 and zero point 8 for every group",
            "但用了对称的码：scale 为 max|w|/7，每组 zero_point 都是 8",
        ],
        [
            "The exercise is asymmetric: s = (β − α)/15 and z = round(−α/s).",
            "本练习是非对称的：s = (β − α)/15，z = round(−α/s)。",
        ],
    ),
    bug(
        "range-without-zero",
        [
            "with a range that need not hold 0, for groups of one sign",
            "但同号的组没有把 0 纳入区间",
        ],
        [
            "Widen it first: α = min(0, min w), β = max(0, max w).",
            "先扩展：α = min(0, min w)，β = max(0, max w)。",
        ],
    ),
    bug(
        "sixteen-steps",
        [
            "divided by 16, the number of codes, instead of the 15 steps between them",
            "但除的是 16（码的个数），而不是 15（步数）",
        ],
        ["s = (β − α)/15.", "s = (β − α)/15。"],
    ),
    bug(
        "zero-group-nan",
        [
            "with scale 0 for a group of zeros, and 0/0 = NaN after it",
            "但全零组的 scale 为 0，随后 0/0 得到 NaN",
        ],
        [
            "Take scale 1 where the group is all zeros.",
            "整组为零时取 scale = 1。",
        ],
    ),
    bug(
        "one-group-a-row",
        [
            "with one range for a whole row: per channel, not per group",
            "但整行共用一个区间：那是 per-channel，不是分组",
        ],
        [
            "Take minimum and maximum of each group_size neighbours along k.",
            "沿 k 每 group_size 个相邻权重单独求最小、最大值。",
        ],
    ),
    bug(
        "group-straddles-rows",
        [
            "with groups of the flattened matrix, reshape(−1, group_size), which straddle rows where these are not whole groups",
            "但分组是在展平的矩阵上做的（reshape(−1, group_size)），行长不是整组时会跨行",
        ],
        [
            "Group within each row; the last group of a row may be short.",
            "在每行之内分组，行末的组可以更短。",
        ],
    ),
    // Zero point.
    bug(
        "zero-not-rounded",
        [
            "with a zero point that is not rounded",
            "但 zero_point 没有取整",
        ],
        [
            "z = round(−α/s): it is stored in 4 bits.",
            "z = round(−α/s)：它要用 4 位存。",
        ],
    ),
    bug(
        "zero-minus-one",
        [
            "with z − 1 stored for z, as in AutoGPTQ's first checkpoint format",
            "但存的是 z − 1 而不是 z（AutoGPTQ 早期的检查点格式如此）",
        ],
        [
            "Store z itself; a kernel that expects z reads every weight one step off otherwise.",
            "直接存 z；否则按 z 读取的 kernel 会让每个权重都偏一步。",
        ],
    ),
    bug(
        "zero-forgotten",
        [
            "with y made from s·q, without the zero point",
            "但算 y 时用了 s·q，漏了 zero_point",
        ],
        ["ŵ = s·(q − z).", "ŵ = s·(q − z)。"],
    ),
    // Codes and packing.
    bug(
        "truncates",
        [
            "with w/s cut off towards 0 instead of rounded",
            "但 w/s 向 0 截断，没有取最近整数",
        ],
        [
            "Round to the nearest before the cast.",
            "转换类型之前先取最近的整数。",
        ],
    ),
    bug(
        "nibble-swapped",
        [
            "with the two codes of a byte swapped: the first in the high four bits",
            "但字节里的两个码放反了：先来的放进了高 4 位",
        ],
        [
            "packed = q[2j] | q[2j + 1] << 4.",
            "packed = q[2j] | q[2j + 1] << 4。",
        ],
    ),
    bug(
        "halves-packed",
        [
            "with codes j and j + k/2 of a row in a byte (as Q4_0 does within a block), not neighbours",
            "但一个字节放的是第 j 和 j + k/2 个码（Q4_0 在块内如此），而不是相邻两个",
        ],
        [
            "Byte j holds codes 2j and 2j + 1.",
            "第 j 个字节放第 2j 和 2j + 1 个码。",
        ],
    ),
    bug(
        "signed-nibbles",
        [
            "with q − 8 in two's complement packed, beside zero points of unsigned codes",
            "但打包的是补码形式的 q − 8，zero_point 却是无符号码的",
        ],
        [
            "Pack q from 0 to 15 as it is; the zero point is one of these codes.",
            "直接打包 0 到 15 的 q；zero_point 就是其中一个码。",
        ],
    ),
    bug(
        "scale-of-first-group",
        [
            "with y made from the scale of each row's first group for all of the row",
            "但算 y 时整行都用了第一组的 scale",
        ],
        [
            "The group of column j is j / group_size.",
            "第 j 列属于第 j / group_size 组。",
        ],
    ),
];
