//! The mistakes that people make with position interpolation.

use crate::problem::Bug;
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "inverted-scale",
        sentence: Text::new(
            "with angles multiplied by L'/L, which is the notes' formula: positions are pushed out, not pulled in",
            "但角度乘了 L'/L（即笔记里的公式）：位置被推得更远，而不是拉回来",
        ),
        repair: Text::new(
            "Divide: m·L/L', so that position L' − 1 lands inside [0, L).",
            "应当除：m·L/L'，让位置 L' − 1 落回 [0, L) 内。",
        ),
    },
    Bug {
        id: "no-scale",
        sentence: Text::new(
            "without any interpolation: plain RoPE, which meets unseen angles past L",
            "但完全没有插值，就是普通 RoPE：超过 L 就遇到没见过的角度",
        ),
        repair: Text::new(
            "Divide every position by s = max(1, target/trained).",
            "每个位置都要除以 s = max(1, target/trained)。",
        ),
    },
    Bug {
        id: "base-over-s",
        sentence: Text::new(
            "with rope_theta divided by s in place of the positions",
            "但被除以 s 的是 rope_theta，而不是位置",
        ),
        repair: Text::new(
            "Leave the base alone: (base/s)^(−2i/d) makes all pairs but the first faster.",
            "底数不要动：(base/s)^(−2i/d) 会让除第 0 对外的所有对转得更快。",
        ),
    },
    Bug {
        id: "base-times-s",
        sentence: Text::new(
            "with rope_theta multiplied by s: a change of base (the idea of NTK) and no interpolation",
            "但把 rope_theta 乘了 s：那是改底数（NTK 的思路），不是插值",
        ),
        repair: Text::new(
            "Interpolation slows all pairs by the same s: divide positions or θᵢ, not the base.",
            "插值让所有对同样变慢 s 倍：除位置或 θᵢ，不动底数。",
        ),
    },
    Bug {
        id: "scale-only-q",
        sentence: Text::new(
            "with only q at interpolated positions; k has kept its own",
            "但只有 q 用了插值位置，k 仍用原位置",
        ),
        repair: Text::new(
            "Interpolate q and k alike: else the score depends on m/s − n.",
            "q、k 要用同样的插值，否则分数依赖的是 m/s − n。",
        ),
    },
    Bug {
        id: "scale-only-k",
        sentence: Text::new(
            "with only k at interpolated positions; q has kept its own",
            "但只有 k 用了插值位置，q 仍用原位置",
        ),
        repair: Text::new(
            "Interpolate q and k alike: else the score depends on m − n/s.",
            "q、k 要用同样的插值，否则分数依赖的是 m − n/s。",
        ),
    },
    Bug {
        id: "scale-twice",
        sentence: Text::new(
            "with positions and frequencies both divided: the angle is m·θ/s²",
            "但位置和频率都除了一次：角度成了 m·θ/s²",
        ),
        repair: Text::new("Divide once: m/s or θᵢ/s.", "只除一次：除 m 或者除 θᵢ。"),
    },
    Bug {
        id: "square-root",
        sentence: Text::new("with positions divided by √s", "但位置只除以了 √s"),
        repair: Text::new(
            "Divide by s itself; q and k are not to share it, since their difference of positions scales by s.",
            "要除以 s 本身；不必在 q、k 之间各分一半，两者的位置差本来就同时缩小 s 倍。",
        ),
    },
    Bug {
        id: "floored",
        sentence: Text::new(
            "with m/s rounded down: s neighbouring tokens share one position",
            "但 m/s 向下取整：相邻 s 个 token 共用一个位置",
        ),
        repair: Text::new(
            "Keep the fraction; interpolated positions lie between the whole numbers. Divide floats.",
            "保留小数：插值位置本就落在整数之间。用浮点除法。",
        ),
    },
    Bug {
        id: "rounded",
        sentence: Text::new(
            "with m/s rounded to the nearest whole number",
            "但 m/s 四舍五入成了整数",
        ),
        repair: Text::new(
            "Keep the fraction; RoPE takes any real position.",
            "保留小数：RoPE 可以取任意实数位置。",
        ),
    },
    Bug {
        id: "integer-ratio",
        sentence: Text::new(
            "with s cut down to a whole number (target / trained in integers)",
            "但 s 被截成了整数（target / trained 用了整数除法）",
        ),
        repair: Text::new(
            "Divide floats: from 2048 to 3072 is s = 1.5, not 1.",
            "用浮点除法：2048 → 3072 的 s 是 1.5，不是 1。",
        ),
    },
    Bug {
        id: "ratio-of-last",
        sentence: Text::new(
            "with s = (L' − 1)/(L − 1), the ratio of the last positions",
            "但 s 取了末位置之比 (L' − 1)/(L − 1)",
        ),
        repair: Text::new(
            "s is the ratio of the lengths, L'/L.",
            "s 是长度之比 L'/L。",
        ),
    },
    Bug {
        id: "stretches-short",
        sentence: Text::new(
            "with s below 1 where target < trained, so that positions are pulled apart",
            "但 target < trained 时 s 小于 1，位置反而被拉开",
        ),
        repair: Text::new(
            "s = max(1, target/trained): a shorter target needs no change.",
            "s = max(1, target/trained)：目标更短就不必改动。",
        ),
    },
    Bug {
        id: "scale-by-length",
        sentence: Text::new(
            "with s from the tokens that are there now (last position + 1) in place of target: it changes as the text grows",
            "但 s 由当前 token 数（末位置 + 1）而不是 target 决定：文本变长它就变",
        ),
        repair: Text::new(
            "PI has one fixed s = target/trained, so that rotated keys in the cache stay right.",
            "PI 的 s = target/trained 固定不变，cache 里转好的 key 才一直有效。",
        ),
    },
    Bug {
        id: "only-beyond",
        sentence: Text::new(
            "with only the positions from L on divided, which then collide with those before",
            "但只除了 L 及之后的位置，它们会和前面的位置撞在一起",
        ),
        repair: Text::new(
            "Divide every position, also those below L: order and distances must survive.",
            "所有位置都要除，包括小于 L 的：次序与距离都要保住。",
        ),
    },
    Bug {
        id: "clamped",
        sentence: Text::new(
            "with positions cut off at L − 1 in place of a division",
            "但没有做除法，而是把位置截到 L − 1",
        ),
        repair: Text::new(
            "Divide by s; cut off, all tokens past L stand at one place.",
            "应除以 s；截断的话，L 之后的 token 全挤在一个位置上。",
        ),
    },
    Bug {
        id: "wrapped",
        sentence: Text::new(
            "with positions taken modulo L in place of a division",
            "但没有做除法，而是把位置对 L 取模",
        ),
        repair: Text::new(
            "Divide by s; modulo L, token L looks like token 0.",
            "应除以 s；取模的话，第 L 个 token 看起来就是第 0 个。",
        ),
    },
    Bug {
        id: "table-divided",
        sentence: Text::new(
            "with cos and sin divided by s in place of the angle: vectors shrink, angles stay",
            "但除以 s 的是 cos、sin 而不是角度：向量变短，角度没变",
        ),
        repair: Text::new(
            "Divide inside: cos(m·θ/s), not cos(m·θ)/s.",
            "除在里面：cos(m·θ/s)，而不是 cos(m·θ)/s。",
        ),
    },
    Bug {
        id: "row-positions",
        sentence: Text::new(
            "with positions 0, 1, 2 … in place of the given ones",
            "但位置用了 0, 1, 2 ……，没有用传入的 positions",
        ),
        repair: Text::new(
            "Read positions[b, n]: past the cache, and with padding, rows are not positions.",
            "读取 positions[b, n]：有 cache 或填充时，行号不是位置。",
        ),
    },
];
