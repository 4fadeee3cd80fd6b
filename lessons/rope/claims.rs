//! What the notes say about RoPE, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use std::f64::consts::TAU;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C006",
        verdict: Verdict::Wrong,
        quote: "3.3 手推 ROPE",
        right: Text::new(
            "RoPE is section 3.2 of the notes; 3.3 is ALiBi.",
            "RoPE 在笔记的 3.2 节；3.3 节是 ALiBi。",
        ),
        demo: None,
    },
    Claim {
        id: "C051",
        verdict: Verdict::Wrong,
        quote: "解法:旋转式(ROPE)",
        right: Text::new(
            "RoPE makes scores relative; it does not extrapolate. The ALiBi paper shows rotary models getting worse soon after the training length, and LLaMA run directly at 4 times its length has a perplexity above 1000 (arXiv 2306.15595). Position interpolation, NTK scaling and YaRN exist because of this.",
            "RoPE 让分数变成相对的，但并不能外推：ALiBi 论文显示 rotary 模型一过训练长度就变差；LLaMA 直接跑到 4 倍长度，困惑度超过 1000（arXiv 2306.15595）。位置插值、NTK 缩放、YaRN 正是为此而生。",
        ),
        demo: Some(unseen_angles),
    },
    Claim {
        id: "C052",
        verdict: Verdict::Wrong,
        quote: "把 q,x 当复数向量",
        right: Text::new(
            "q and k are turned, not q and x; v is not turned. With q alone the score depends on the absolute position of the query.",
            "旋转的是 q 和 k，不是 q 和 x；v 不旋转。只转 q 的话，分数依赖查询的绝对位置。",
        ),
        demo: Some(only_q),
    },
    Claim {
        id: "C053",
        verdict: Verdict::Imprecise,
        quote: "R_θ = [[cos mθ, −sin mθ], [sin mθ, cos mθ]]",
        right: Text::new(
            "That is one pair at position m. RoPE is a block-diagonal matrix of d/2 such blocks, each with its own θᵢ = base^(−2i/d), and is best named R_(Θ,m). The point is what follows: (R_m q)·(R_n k) = qᵀ·R_(n−m)·k.",
            "这只是位置 m 上的一对。完整的 RoPE 是 d/2 个这样的块组成的分块对角阵，各有 θᵢ = base^(−2i/d)，应记作 R_(Θ,m)。关键是由此得到 (R_m q)·(R_n k) = qᵀ·R_(n−m)·k。",
        ),
        demo: Some(one_theta),
    },
    Claim {
        id: "C054",
        verdict: Verdict::Right,
        quote: "复数乘法 = 2D 旋转",
        right: Text::new(
            "True for a factor of modulus 1, e^(iφ). Any other factor also stretches.",
            "对模为 1 的因子 e^(iφ) 成立；其他因子还会伸缩。",
        ),
        demo: Some(complex_product),
    },
    Claim {
        id: "C055",
        verdict: Verdict::Imprecise,
        quote: "→ 线性插值无参数",
        right: Text::new(
            "RoPE and position interpolation have no parameters, true; but the arrow does not follow. Interpolation computes another function and needs fine-tuning: LLaMA-7B at 8192 tokens goes from a perplexity of 16.10 with no training to 7.12 after 200 steps (arXiv 2306.15595, table 3).",
            "RoPE 与位置插值确实都没有参数，但箭头推不出来：插值算的是另一个函数，需要微调。LLaMA-7B 在 8192 长度上，不训练困惑度 16.10，200 步后 7.12（arXiv 2306.15595 表 3）。",
        ),
        demo: Some(interpolation),
    },
];

/// θᵢ of every pair.
fn inv_freq(d: usize, base: f64) -> Vec<f64> {
    (0..d / 2)
        .map(|i| base.powf(-2.0 * i as f64 / d as f64))
        .collect()
}

/// x turned by m·θᵢ, pair by pair.
fn turned(x: &[f64], m: f64, theta: &[f64]) -> Vec<f64> {
    let pair = |(x, theta): (&[f64], &f64)| {
        let (sin, cos) = (m * theta).sin_cos();
        [x[0] * cos - x[1] * sin, x[0] * sin + x[1] * cos]
    };
    x.chunks_exact(2).zip(theta).flat_map(pair).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Fixed vectors that look random.
fn vector(d: usize, phase: f64) -> Vec<f64> {
    (0..d)
        .map(|i| 1.5 * (i as f64 * 2.4 + phase).sin())
        .collect()
}

fn unseen_angles(lang: Lang) -> String {
    let (d, train, test) = (128, 2048.0, 8192.0);
    let theta = inv_freq(d, 1e4);
    let slow: Vec<f64> = theta.into_iter().filter(|t| t * train < TAU).collect();
    let (last, first) = (slow[slow.len() - 1], slow[0]);
    let pairs = d / 2;
    match lang {
        Lang::En => format!(
            "head_dim {d}, base 10000, trained on {train} tokens: {} of {pairs} pairs never finish one turn.\n\
             At {test} tokens they meet angles that no training step showed them:\n\
             pair {:2}: trained on 0 … {:.2} rad, now up to {:.2} rad\n\
             pair {:2}: trained on 0 … {:.2} rad, now up to {:.2} rad",
            slow.len(),
            pairs - slow.len(),
            first * train,
            first * test,
            pairs - 1,
            last * train,
            last * test,
        ),
        Lang::Zh => format!(
            "head_dim {d}、base 10000、训练长度 {train}：{pairs} 对里有 {} 对从未转满一圈。\n\
             到 {test} 个 token 时，它们遇到训练中从未出现的角度：\n\
             第 {:2} 对：训练见过 0 … {:.2} rad，现在到 {:.2} rad\n\
             第 {:2} 对：训练见过 0 … {:.2} rad，现在到 {:.2} rad",
            slow.len(),
            pairs - slow.len(),
            first * train,
            first * test,
            pairs - 1,
            last * train,
            last * test,
        ),
    }
}

fn only_q(lang: Lang) -> String {
    let theta = inv_freq(32, 1e4);
    let (q, k) = (vector(32, 0.3), vector(32, 1.1));
    let mut lines = vec![lang.pick(
        "score of a query and the key 3 tokens before it:\nquery at   q and k turned   only q turned".to_string(),
        "查询与它前面第 3 个键的分数：\n查询位置     q、k 都转     只转 q".to_string(),
    )];
    for m in [3.0, 30.0, 300.0] {
        let q = turned(&q, m, &theta);
        let both = dot(&q, &turned(&k, m - 3.0, &theta));
        lines.push(format!("{m:8}   {both:14.6}   {:13.6}", dot(&q, &k)));
    }
    lines.join("\n")
}

fn one_theta(lang: Lang) -> String {
    let d = 32;
    let x = vector(d, 0.3);
    let theta = inv_freq(d, 1e4);
    let score = |m: f64, n: f64, theta: &[f64]| {
        dot(&turned(&x, m, theta), &turned(&x, n, theta)) / dot(&x, &x)
    };
    let shift = (score(9.0, 2.0, &theta) - score(1009.0, 1002.0, &theta)).abs();
    let single = vec![1.0; d / 2];
    let head = lang.pick(
        format!(
            "moving both positions by 1000 changes the score by {shift:.0e}\n\
             score of a vector with itself (1 = not turned):\n\
             distance   θᵢ of RoPE   one θ = 1 for all pairs"
        ),
        format!(
            "两个位置同时平移 1000，分数变化 {shift:.0e}\n\
             向量与自身的分数（1 表示没有旋转）：\n\
             距离       RoPE 的 θᵢ   所有对共用 θ = 1"
        ),
    );
    let rows = [1.0, 22.0, 44.0, 710.0].map(|m| {
        format!(
            "{m:8}   {:10.3}   {:10.3}",
            score(m, 0.0, &theta),
            score(m, 0.0, &single)
        )
    });
    let tail = lang.pick(
        "44 ≈ 7 turns and 710 ≈ 113 turns: one θ cannot tell them from distance 0",
        "44 ≈ 7 圈，710 ≈ 113 圈：只有一个 θ 就分不清它们与距离 0",
    );
    format!("{head}\n{}\n{tail}", rows.join("\n"))
}

fn complex_product(lang: Lang) -> String {
    let mut gap: f64 = 0.0;
    for step in 0..1000 {
        let (re, im) = (3.0_f64, -2.0_f64);
        let (sin, cos) = (f64::from(step) * TAU / 1000.0).sin_cos();
        let product = (re * cos - im * sin, re * sin + im * cos);
        // The same turn in polar form: keep the radius, add the angle.
        let (r, at) = (re.hypot(im), im.atan2(re) + f64::from(step) * TAU / 1000.0);
        gap = gap.max((product.0 - r * at.cos()).abs());
        gap = gap.max((product.1 - r * at.sin()).abs());
    }
    let stretched = (3.0_f64 * 1.0 + 2.0 * 0.5).hypot(3.0 * 0.5 - 2.0 * 1.0) / 3.0_f64.hypot(2.0);
    lang.pick(
        format!(
            "(3 − 2i)·e^(iφ) against «same length, angle + φ» for 1000 φ: largest difference {gap:.0e}\n\
             (3 − 2i)·(1 + 0.5i), modulus not 1: the length grows by the factor {stretched:.3}"
        ),
        format!(
            "(3 − 2i)·e^(iφ) 与「长度不变、角度加 φ」比较 1000 个 φ：最大差 {gap:.0e}\n\
             (3 − 2i)·(1 + 0.5i)，模不为 1：长度变为 {stretched:.3} 倍"
        ),
    )
}

fn interpolation(lang: Lang) -> String {
    let theta = inv_freq(32, 1e4);
    let (q, k) = (vector(32, 0.3), vector(32, 1.1));
    let score = |distance: f64, s: f64| dot(&turned(&q, distance / s, &theta), &k);
    let mut lines = vec![lang.pick(
        "no new parameters, but not the same function either (s = 4):\ndistance   RoPE       interpolated".to_string(),
        "没有新参数，但也不再是同一个函数（s = 4）：\n距离       RoPE       插值后".to_string(),
    )];
    for distance in [0.0, 1.0, 2.0, 8.0] {
        lines.push(format!(
            "{distance:8}   {:8.3}   {:8.3}",
            score(distance, 1.0),
            score(distance, 4.0)
        ));
    }
    lines.join("\n")
}
