//! What the notes say about weighted losses, and what is true.

use super::reference::class_weights;
use crate::lesson::{Claim, Verdict};
use crate::problem::Case;
use crate::text::{Lang, Text};
use ndarray::{Array1, ArrayD};
use rand::RngExt;
use std::collections::BTreeMap;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C010",
        verdict: Verdict::Wrong,
        quote: "8. 小样本 SOTA 方案",
        right: Text::new(
            "Section 8 of the notes is about metrics; small-sample methods are in section 6.",
            "笔记第 8 节讲的是评测指标；小样本方法在第 6 节。",
        ),
        demo: Some(link),
    },
    Claim {
        id: "C098",
        verdict: Verdict::Imprecise,
        quote: "小样本 & 长尾 = 每类 100 条",
        right: Text::new(
            "100 samples of every class is balanced few-shot, the opposite of a long tail: n_max/n_k = 1, so the weights of 6.1 are all 1 and do nothing.",
            "每类都是 100 条是均衡的小样本，恰与长尾相反：n_max/n_k = 1，6.1 的权重全是 1，等于没加权。",
        ),
        demo: Some(balanced),
    },
    Claim {
        id: "C099",
        verdict: Verdict::Right,
        quote: "wₖ = (n_max / nₖ)^0.5",
        right: Text::new(
            "A legitimate heuristic (square-root inverse frequency; compare square-root sampling, Mahajan et al. 2018, arXiv 1805.00932). The notes give no source.",
            "这是合理的经验公式（逆频率开平方；可对照 Mahajan 等 2018 的 square-root sampling，arXiv 1805.00932）。笔记没有给出处。",
        ),
        demo: Some(formula),
    },
    Claim {
        id: "C100",
        verdict: Verdict::Imprecise,
        quote: "→ 平滑过采样效果",
        right: Text::new(
            "In expectation a weight equals oversampling by the same factor, but the noise of the estimate, batch statistics and augmentation differ; and the square root only softens the imbalance (.901/.090/.009 becomes .706/.223/.071, not 1/3 each).",
            "期望意义下，加权等于按同样倍数过采样；但估计的噪声、批统计量和数据增强都不同。而且开平方只是缓解失衡（.901/.090/.009 变为 .706/.223/.071，并不是各占 1/3）。",
        ),
        demo: Some(oversampling),
    },
    Claim {
        id: "C101",
        verdict: Verdict::Right,
        quote: "nn.CrossEntropyLoss(weight=class_weight)",
        right: Text::new(
            "The call is right. Its reduction 'mean' divides by Σ w[y_i], so the scale of the weights cancels, and a batch of one sample ignores them altogether.",
            "API 用法正确。但 reduction='mean' 除以 Σ w[y_i]：权重的整体尺度会约掉，批大小为 1 时权重完全不起作用。",
        ),
        demo: Some(scale_cancels),
    },
    Claim {
        id: "C102",
        verdict: Verdict::Imprecise,
        quote: "加权 CE + 温度缩放",
        right: Text::new(
            "Temperature scaling (Guo et al. 2017, arXiv 1706.04599) is calibration after training: dividing the logits by T > 0 cannot change the argmax, so accuracy on the tail stays as it is. For a long tail use logit adjustment (Menon et al. 2020, arXiv 2007.07314).",
            "温度缩放（Guo 等 2017，arXiv 1706.04599）是训练后的校准：logits 除以 T > 0 不改变 argmax，尾部类的准确率原样不动。应对长尾要用 logit adjustment（Menon 等 2020，arXiv 2007.07314）。",
        ),
        demo: Some(temperature),
    },
];

/// Headings of the notes' sections, to which their table of uses links.
const HEADINGS: [&str; 3] = [
    "6 小样本 & 长尾:每类 100 条也能 SOTA",
    "7 长序列外推:面试现问现答",
    "8 评测指标:不止 BLEU",
];

fn link(lang: Lang) -> String {
    let find =
        |test: &dyn Fn(&str) -> bool| HEADINGS.iter().find(|h| test(h)).copied().unwrap_or("–");
    let (target, topic) = (
        find(&|h| h.starts_with('8')),
        find(&|h| h.contains("小样本")),
    );
    lang.pick(
        format!("the link goes to: {target}\nthe topic is in:  {topic}\n"),
        format!("链接指向：{target}\n主题所在：{topic}\n"),
    )
}

fn weights_of(counts: &[f64]) -> Array1<f64> {
    class_weights(&Array1::from(counts.to_vec()))
}

/// Each class's share of Σ n_k·w_k: of the gradient, where samples are equally hard.
fn shares(counts: &[f64], weights: &[f64]) -> Vec<f64> {
    let mass: Vec<f64> = counts.iter().zip(weights).map(|(n, w)| n * w).collect();
    let total: f64 = mass.iter().sum();
    mass.iter().map(|m| m / total).collect()
}

fn row(values: &[f64], digits: usize) -> String {
    let shown: Vec<String> = values.iter().map(|x| format!("{x:.digits$}")).collect();
    shown.join("  ")
}

fn balanced(lang: Lang) -> String {
    let few = weights_of(&[100.0; 5]).to_vec();
    let tail = weights_of(&[1000.0, 100.0, 10.0]).to_vec();
    let (a, b) = lang.pick(
        (
            "weights for 5 classes of 100:    ",
            "weights for 1000, 100, 10:       ",
        ),
        ("5 个类各 100 条时的权重：", "1000、100、10 条时的权重："),
    );
    format!("{a}{}\n{b}{}\n", row(&few, 2), row(&tail, 2))
}

fn formula(lang: Lang) -> String {
    let counts = [1000.0, 100.0, 10.0];
    let head = lang.pick(
        "n_k      √(n_max/n_k)   n_max/n_k",
        "n_k      √(n_max/n_k)   n_max/n_k",
    );
    let lines = counts.iter().zip(weights_of(&counts));
    let lines: Vec<String> = lines
        .map(|(n, w)| format!("{n:<8} {w:<14.4} {:.1}", w * w))
        .collect();
    format!("{head}\n{}\n", lines.join("\n"))
}

/// A case whose random numbers the demos use.
fn seeded() -> Case {
    Case {
        kind: "demo",
        seed: 1,
        settings: BTreeMap::from([("n", 2000), ("c", 4)]),
    }
}

/// Gradient shares, and the noise of weighting and of oversampling with the same mean.
fn oversampling(lang: Lang) -> String {
    let counts = [1000.0, 100.0, 10.0];
    let weights = weights_of(&counts).to_vec();
    let raw = shares(&counts, &[1.0; 3]);
    let root = shares(&counts, &weights);
    // Each class pulls with a gradient of its own. A batch of 32 estimates the weighted mean:
    // drawn as it comes and weighted (÷Σw), or drawn in proportion to n·w and not weighted.
    let pull = [1.0, 0.0, -1.0];
    let truth: f64 = root.iter().zip(pull).map(|(share, g)| share * g).sum();
    let mut rng = seeded().rng("batches");
    let mut batch = |share: &[f64], weights: &[f64]| {
        let (mut sum, mut total) = (0.0, 0.0);
        for _ in 0..32 {
            let u: f64 = rng.random();
            let k = if u < share[0] {
                0
            } else {
                usize::from(u >= share[0] + share[1]) + 1
            };
            sum += weights[k] * pull[k];
            total += weights[k];
        }
        sum / total
    };
    let spread = |values: Vec<f64>| {
        let square = |x: &f64| (x - truth).powi(2);
        (values.iter().map(square).sum::<f64>() / values.len() as f64).sqrt()
    };
    let weighted = spread((0..4000).map(|_| batch(&raw, &weights)).collect());
    let sampled = spread((0..4000).map(|_| batch(&root, &[1.0; 3])).collect());
    let (a, b, c) = lang.pick(
        (
            "gradient share by class, no weights:   ",
            "gradient share by class, √ weights:    ",
            format!(
                "error of a batch of 32: {weighted:.3} when weighted, {sampled:.3} when oversampled"
            ),
        ),
        (
            "不加权时各类的梯度份额：",
            "√ 权重下各类的梯度份额：",
            format!("批大小 32 时的估计误差：加权 {weighted:.3}，过采样 {sampled:.3}"),
        ),
    );
    format!("{a}{}\n{b}{}\n{c}\n", row(&raw, 3), row(&root, 3))
}

fn scale_cancels(lang: Lang) -> String {
    let losses: [f64; 3] = [0.2, 0.9, 2.5];
    let weights = weights_of(&[1000.0, 100.0, 10.0]);
    let mean = |scale: f64, losses: &[f64], weights: &[f64], by_weight: bool| {
        let sum: f64 = losses.iter().zip(weights).map(|(l, w)| scale * w * l).sum();
        let total: f64 = weights.iter().map(|w| scale * w).sum();
        sum / if by_weight {
            total
        } else {
            losses.len() as f64
        }
    };
    let all = weights.to_vec();
    let line = |by_weight| {
        let many = [1.0, 10.0].map(|s| mean(s, &losses, &all, by_weight));
        let one = mean(1.0, &losses[2..], &all[2..], by_weight);
        [many[0], many[1], one]
            .map(|x| format!("{x:<10.4}"))
            .concat()
    };
    let head = lang.pick(
        "       w         10·w      one sample (ℓ = 2.5)",
        "       w         10·w      单个样本（ℓ = 2.5）",
    );
    format!(
        "{head}\n÷Σw    {}\n÷N     {}\n",
        line(true).trim_end(),
        line(false).trim_end()
    )
}

/// Overconfident logits, and the temperature that calibrates them.
fn temperature(lang: Lang) -> String {
    let case = seeded();
    let noise: ArrayD<f32> = case.normal("logits", "n c", 1.0);
    let targets = case.integers("targets", "n", 0..4);
    // The evidence for the target is real, the confidence is three times what it deserves.
    let logit = |i: usize, k: usize| {
        let signal = f64::from(u8::from(targets[i] as usize == k)) * 1.2;
        3.0 * (signal + f64::from(noise[[i, k]]))
    };
    let measure = |t: f64| {
        let (mut hits, mut nll) = (0, 0.0);
        let mut bins = [(0.0, 0.0); 10];
        for (i, &y) in targets.iter().enumerate() {
            let z: [f64; 4] = std::array::from_fn(|k| logit(i, k) / t);
            let best = (0..4).fold(0, |best, k| if z[k] > z[best] { k } else { best });
            let sum: f64 = z.iter().map(|x| (x - z[best]).exp()).sum();
            let hit = best == y as usize;
            hits += usize::from(hit);
            nll += sum.ln() + z[best] - z[y as usize];
            let bin = &mut bins[((10.0 / sum) as usize).min(9)];
            bin.0 += 1.0 / sum;
            bin.1 += f64::from(u8::from(hit));
        }
        let n = targets.len() as f64;
        let ece = bins
            .iter()
            .map(|(conf, right)| (conf - right).abs())
            .sum::<f64>()
            / n;
        (hits as f64 / n, nll / n, ece)
    };
    let grid = (10..=80).map(|i| f64::from(i) / 20.0);
    let best = grid
        .min_by(|a, b| measure(*a).1.total_cmp(&measure(*b).1))
        .unwrap_or(1.0);
    let line = |t: f64| {
        let (accuracy, nll, ece) = measure(t);
        format!("{t:<6.2} {accuracy:<10.4} {nll:<8.4} {ece:.4}")
    };
    let head = lang.pick(
        "T      accuracy   NLL      ECE",
        "T      准确率     NLL      ECE",
    );
    format!("{head}\n{}\n{}\n", line(1.0), line(best))
}
