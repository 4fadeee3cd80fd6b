//! What the notes say about sinusoidal positions, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::lessons::rope::inv_freq;
use crate::text::{Lang, Text};
use ndarray::Array1;
use std::f64::consts::TAU;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C049",
        verdict: Verdict::Imprecise,
        quote: "绝对 PE 的致命伤 … 训练长度外推",
        right: Text::new(
            "True that absolute encodings extrapolate badly (ALiBi paper, figure 1: sinusoidal models get worse some tens of tokens past the training length). But the two kinds differ: sines are at least defined at every position, a learned table has no row past its end. In a toy model trained on 64 bytes the cross-entropy goes from 1.94 to 2.70 at 128.",
            "绝对编码确实外推得差（ALiBi 论文图 1：正弦编码的模型超过训练长度几十个 token 就开始变差）。但两种绝对编码不同：正弦编码在任何位置至少有定义，可学习的位置表超出末行就没有了。在 64 字节上训练的小模型，跑到 128 时交叉熵从 1.94 升到 2.70。",
        ),
        demo: Some(past_the_end),
    },
    Claim {
        id: "C050",
        verdict: Verdict::Wrong,
        quote: "→ 周期错位",
        right: Text::new(
            "No period gets out of step: the dot product of two encodings depends on the distance exactly, at any position. What fails is that the slow pairs reach phases that training never showed. With d = 512 and L = 512, 133 of the 256 pairs have a wavelength above L and never finish a turn.",
            "没有什么周期错位：两个编码的点积在任何位置都严格只取决于距离。失败的原因是慢速对走到了训练中从未出现的相位。d = 512、L = 512 时，256 对里有 133 对波长超过 L，一圈都没转完。",
        ),
        demo: Some(phases),
    },
];

/// Σ cos((m − n)·ω) over all pairs: PE(m)·PE(n).
fn product(omega: &Array1<f64>, m: f64, n: f64) -> f64 {
    let pair = |omega: &f64| {
        let ((a, b), (c, d)) = ((m * omega).sin_cos(), (n * omega).sin_cos());
        a * c + b * d
    };
    omega.iter().map(pair).sum()
}

fn past_the_end(lang: Lang) -> String {
    let (d, trained) = (512, 512);
    let omega = inv_freq(d, 1e4);
    // How like the nearest trained encoding that of position m is, 1 for the same.
    let nearest = |m: f64| {
        let each = (0..trained).map(|n| product(&omega, m, f64::from(n)) / (d / 2) as f64);
        each.fold(f64::NEG_INFINITY, f64::max)
    };
    let rows: Vec<String> = [300.0, 512.0, 540.0, 600.0, 1000.0, 4000.0]
        .map(|m| {
            format!(
                "{m:8}   {:8.3}   {}",
                nearest(m),
                if m < 512.0 { "✓" } else { "—" }
            )
        })
        .to_vec();
    let head = lang.pick(
        "d = 512, trained on positions 0 … 511. The most similar trained vector, and whether a learned table has a row:\nposition   sin/cos    learned table",
        "d = 512，训练位置 0 … 511。与训练见过的最像的向量有多像，以及可学习的位置表有没有这一行：\n位置       正弦编码   可学习的表",
    );
    let tail = lang.pick(
        "Sines go on past 512, farther and farther from anything that the model has met; the table just ends.",
        "过了 512 正弦编码仍有值，但离模型见过的越来越远；位置表则直接没有了。",
    );
    format!("{head}\n{}\n{tail}", rows.join("\n"))
}

fn phases(lang: Lang) -> String {
    let (d, trained) = (512, 512.0);
    let omega = inv_freq(d, 1e4);
    let slow = omega.iter().filter(|omega| **omega * trained < TAU).count();
    let gap = [1000.0, 10_000.0, 100_000.0]
        .map(|shift| {
            (product(&omega, 40.0, 33.0) - product(&omega, 40.0 + shift, 33.0 + shift)).abs()
        })
        .into_iter()
        .fold(0.0, f64::max);
    let (pairs, last) = (d / 2, omega[d / 2 - 1]);
    let (seen, now) = ((trained - 1.0) * last, 2047.0 * last);
    match lang {
        Lang::En => format!(
            "d = {d}, L = {trained}: {slow} of {pairs} pairs have a wavelength above L and never finish a turn in training.\n\
             The last one goes from 0 to {seen:.4} rad there; at position 2047 it is at {now:.4} rad: a phase that no step showed.\n\
             Out of step? PE(40)·PE(33) against both moved by up to 100000: it changes by {gap:.0e} of {:.1}.",
            product(&omega, 40.0, 33.0)
        ),
        Lang::Zh => format!(
            "d = {d}，L = {trained}：{pairs} 对里有 {slow} 对波长超过 L，训练中一圈都没转完。\n\
             最后一对在训练中只走过 0 … {seen:.4} rad，到位置 2047 已是 {now:.4} rad：从未见过的相位。\n\
             「错位」吗？PE(40)·PE(33) = {:.1}，两者一起平移多达 100000，变化 {gap:.0e}。",
            product(&omega, 40.0, 33.0)
        ),
    }
}
