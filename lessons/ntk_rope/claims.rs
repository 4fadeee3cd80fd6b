//! What the notes say about NTK scaling, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::lessons::rope::inv_freq;
use crate::text::{Lang, Text};
use ndarray::Array1;
use std::f64::consts::TAU;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C117",
        verdict: Verdict::Imprecise,
        quote: "NTK-RoPE 动态基频",
        right: Text::new(
            "Two methods in one name. NTK-aware changes the base once, to base·s^(d/(d − 2)); dynamic NTK computes s = max(1, l/L) anew for every length l, so that short texts are left alone, and needs a cache of keys that are not yet rotated (arXiv 2309.00071, sections 3.1 and 3.3).",
            "这是把两种方法混成了一个名字。NTK-aware 一次性把底数改成 base·s^(d/(d − 2))；动态 NTK 对每个长度 l 重算 s = max(1, l/L)，短文本不受影响，但 cache 里必须存未旋转的 key（arXiv 2309.00071 的 3.1、3.3 节）。",
        ),
        demo: Some(two_bases),
    },
    Claim {
        id: "C118",
        verdict: Verdict::Unsupported,
        quote: "2× 长度掉点 < 1 %",
        right: Text::new(
            "Without a source, and what is measured says otherwise. Even fine-tuned to 8192, the NTK model is about 7 % worse in perplexity than PI and YaRN on Proof-pile (3.587 against 3.344 and 3.356; figures of the YaRN repository, whose training sets differ). A toy model that is run at twice its length with no tuning loses 29 % in cross-entropy (1.48 → 1.91), where plain RoPE loses 110 %.",
            "没有出处，而测到的数字并非如此。即便微调到 8192，NTK 模型在 Proof-pile 上的困惑度仍比 PI、YaRN 差约 7 %（3.587 对 3.344、3.356；YaRN 仓库的数据，训练集不完全相同）。小模型不微调跑 2 倍长度，交叉熵差 29 %（1.48 → 1.91），普通 RoPE 则差 110 %。",
        ),
        demo: Some(out_of_range),
    },
    Claim {
        id: "C155",
        verdict: Verdict::Imprecise,
        quote: "NTK-RoPE 与 ALiBi 相比体验如何",
        right: Text::new(
            "At inference they are no alternatives: ALiBi is chosen before training, NTK changes a model that was trained with RoPE. A better question: «which RoPE scaling do you serve with, static or dynamic, fine-tuned or not, and how do you check that far tokens are used?»",
            "推理时二者不是互相替代的选项：ALiBi 在训练前就定了，NTK 则是改动已用 RoPE 训练好的模型。更好的问法：「线上用哪种 RoPE 缩放，静态还是动态，微调过没有，怎么确认远处 token 真被用上了？」",
        ),
        demo: Some(no_swap),
    },
];

/// base·s^(d/(d − 2)).
fn stretched(base: f64, s: f64, d: usize) -> f64 {
    let d = d as f64;
    base * s.powf(d / (d - 2.0))
}

/// The score of a vector with itself, all pairs of equal weight, turned by a·θᵢ and b·ηᵢ.
fn alike(a: f64, theta: &Array1<f64>, b: f64, eta: &Array1<f64>) -> f64 {
    let angles = theta.iter().zip(eta).map(|(t, e)| (a * t - b * e).cos());
    angles.sum::<f64>() / theta.len() as f64
}

fn two_bases(lang: Lang) -> String {
    let (d, trained) = (128, 8192.0);
    let fixed = stretched(1e4, 4.0, d);
    let mut lines = vec![lang.pick(
        format!("d = 128, base 10000, L = 8192. NTK-aware for s = 4: base {fixed:.2}, at every length\nlength    dynamic base   score of neighbours, key cached at 8192: fresh, stale"),
        format!("d = 128，base 10000，L = 8192。NTK-aware 取 s = 4：底数恒为 {fixed:.2}\n长度      动态底数       相邻 token 的分数，key 在 8192 时缓存：重新转 / 沿用旧的"),
    )];
    let at = |length: f64| inv_freq(d, stretched(1e4, f64::max(length / trained, 1.0), d));
    for length in [4096.0, 8192.0, 16_384.0, 32_768.0] {
        let base = stretched(1e4, f64::max(length / trained, 1.0), d);
        let (now, then) = (at(length), at(8192.0));
        // The key at 8000 and a query right behind it, which comes at this length.
        let fresh = alike(8001.0, &now, 8000.0, &now);
        let stale = alike(8001.0, &now, 8000.0, &then);
        lines.push(format!(
            "{length:6}   {base:12.2}   {fresh:6.3}   {stale:6.3}"
        ));
    }
    lines.push(
        lang.pick(
            "A key that was rotated with the base of its time no longer looks near once the base has moved on.",
            "按当时的底数转好的 key，底数一变就认不出是邻居了。",
        )
        .to_string(),
    );
    lines.join("\n")
}

fn out_of_range(lang: Lang) -> String {
    let (d, trained, s) = (128, 2048.0, 2.0);
    let plain = inv_freq(d, 1e4);
    let ntk = inv_freq(d, stretched(1e4, s, d));
    let slow: Vec<usize> = (0..d / 2).filter(|&i| plain[i] * trained < TAU).collect();
    // How far a pair goes on the longer text, over how far it went in training.
    let reach = |theta: &dyn Fn(usize) -> f64| {
        let each = slow.iter().map(|&i| theta(i) * s / plain[i]);
        let over = each.clone().filter(|ratio| *ratio > 1.0 + 1e-9).count();
        (over, each.fold(0.0, f64::max))
    };
    let rows = [
        ("RoPE", reach(&|i| plain[i])),
        ("NTK ", reach(&|i| ntk[i])),
        ("PI  ", reach(&|i| plain[i] / s)),
    ];
    let mut lines = vec![lang.pick(
        format!("d = 128, L = 2048 → 4096. Of 64 pairs {} never finish a turn in training; how many of them go farther than they did?", slow.len()),
        format!("d = 128，L = 2048 → 4096。64 对里有 {} 对训练中转不满一圈；其中多少对走得比训练更远？", slow.len()),
    )];
    for (name, (over, most)) in rows {
        lines.push(lang.pick(
            format!("{name}  {over:2} pairs, at most {most:.3} times as far"),
            format!("{name}  {over:2} 对，最远到 {most:.3} 倍"),
        ));
    }
    lines.push(
        lang.pick(
            "NTK leaves all slow pairs but the last a little out of range: a loss at twice the length is to be expected.",
            "NTK 让除最后一对之外的慢速对都略微出界：2 倍长度上有损失是意料之中。",
        )
        .to_string(),
    );
    lines.join("\n")
}

fn no_swap(lang: Lang) -> String {
    let theta = inv_freq(128, 1e4);
    let ntk = inv_freq(128, stretched(1e4, 2.0, 128));
    let change = |other: &dyn Fn(f64) -> f64| {
        let gaps =
            (0..64).map(|t| (other(f64::from(t)) - alike(f64::from(t), &theta, 0.0, &theta)).abs());
        gaps.fold(0.0, f64::max)
    };
    let scaled = change(&|t| alike(t, &ntk, 0.0, &ntk));
    // In units of |q|·|k|/√d ≈ √128 for normal vectors: slope 1/256 and 1/2 per token.
    let bias =
        |slope: f64| change(&|t| alike(t, &theta, 0.0, &theta) - slope * t / f64::sqrt(128.0));
    let swapped = change(&|t| 1.0 - 0.5 * t / f64::sqrt(128.0));
    lang.pick(
        format!(
            "A model trained with RoPE: by how much do its scores change within 64 tokens (1 = a vector with itself)?\n\
             NTK with s = 2:               {scaled:.3}\n\
             ALiBi added, slope 1/256:     {:.3}\n\
             ALiBi added, slope 1/2:       {:.3}\n\
             ALiBi in place of RoPE, 1/2:  {swapped:.3}\n\
             A flat slope hardly acts, a steep one drowns what the head has learned: no setting turns the one\n\
             model into the other. NTK keeps what was learned, a little stretched.",
            bias(1.0 / 256.0),
            bias(0.5),
        ),
        format!(
            "用 RoPE 训练的模型，64 个 token 内的分数变化多大（1 = 向量与自身）？\n\
             NTK，s = 2：              {scaled:.3}\n\
             再加 ALiBi，斜率 1/256：  {:.3}\n\
             再加 ALiBi，斜率 1/2：    {:.3}\n\
             用 ALiBi 换掉 RoPE，1/2： {swapped:.3}\n\
             斜率缓则几乎不起作用，陡则淹没头学到的东西：没有哪种设置能把一种模型变成另一种。\n\
             NTK 保留学到的东西，只是略微拉伸。",
            bias(1.0 / 256.0),
            bias(0.5),
        ),
    )
}
