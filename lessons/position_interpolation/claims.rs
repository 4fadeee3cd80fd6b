//! What the notes say about position interpolation, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::lessons::rope::inv_freq;
use crate::text::{Lang, Text};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C115",
        verdict: Verdict::Wrong,
        quote: "θ’ = θ × (L’/L)",
        right: Text::new(
            "The ratio is upside down: θ' = θ·L/L', or positions m·L/L' (arXiv 2306.15595; transformers: inv_freq /= factor). The printed form pushes position 32767 of an 8k → 32k extension to 131068, 16 times what training showed. In a toy model at twice its length the cross-entropy is 2.31 with PI, 3.11 with nothing, and 3.78 with the printed form: worse than doing nothing.",
            "比值写反了：应为 θ' = θ·L/L'，即位置 m·L/L'（arXiv 2306.15595；transformers 里是 inv_freq /= factor）。按笔记的写法，8k → 32k 时位置 32767 会变成 131068，是训练所见的 16 倍。小模型跑到 2 倍长度：PI 的交叉熵 2.31，不处理 3.11，笔记的写法 3.78，比什么都不做还糟。",
        ),
        demo: Some(inverted),
    },
    Claim {
        id: "C116",
        verdict: Verdict::Wrong,
        quote: "8 k→32 k 如何 0 微调? 1. ROPE + 线性插值",
        right: Text::new(
            "Interpolation is the method that needs a fine-tuning, a short one: the paper speaks of fewer than 1000 steps. Without it LLaMA-7B has a perplexity of 16.10 at 4 times its length and 112.13 at 8 times (PG19); after 200 steps 7.12, after 1000 steps 6.95 at 4 times.",
            "插值恰恰是需要微调的方法，只是很短：论文说 1000 步以内。不微调时 LLaMA-7B 在 4 倍长度上困惑度 16.10，8 倍上 112.13（PG19）；4 倍长度上 200 步后 7.12，1000 步后 6.95。",
        ),
        demo: Some(neighbours),
    },
];

fn inverted(lang: Lang) -> String {
    let (d, trained, target) = (128, 8192.0, 32_768.0);
    let s: f64 = target / trained;
    let theta = inv_freq(d, 1e4);
    let last = target - 1.0;
    // Pairs that training never took round once, and that now go farther than it did.
    let outside = |place: f64| {
        let slow = theta
            .iter()
            .filter(|t| **t * trained < std::f64::consts::TAU);
        slow.filter(|t| **t * place > **t * trained).count()
    };
    let row = |factor: f64| {
        let place = last * factor;
        (place, place / (trained - 1.0), outside(place))
    };
    let (plain, right, notes) = (row(1.0), row(1.0 / s), row(s));
    let line = |name: &str, (place, ratio, outside): (f64, f64, usize)| {
        lang.pick(
            format!("\n{name}  position {place:9.2}, {ratio:5.2} times the last one trained, {outside:2} slow pairs meet unseen angles"),
            format!("\n{name}  位置 {place:9.2}，是训练末位置的 {ratio:5.2} 倍，{outside:2} 个慢速对遇到没见过的角度"),
        )
    };
    let head = lang.pick(
        "8192 → 32768, d = 128: where does token 32767 stand?",
        "8192 → 32768，d = 128：位置 32767 的 token 落在哪里？",
    );
    [
        head.to_string(),
        line(lang.pick("as it is        ", "不处理         "), plain),
        line("θ·L/L'  (PI)    ", right),
        line(lang.pick("θ·L'/L (notes)  ", "θ·L'/L（笔记） "), notes),
    ]
    .concat()
}

/// How alike the rotations of two positions are for a query equal to its key, all pairs of equal
/// weight: the mean of cos(t·θᵢ).
fn alike(theta: &ndarray::Array1<f64>, distance: f64) -> f64 {
    theta
        .mapv(|theta| (distance * theta).cos())
        .mean()
        .unwrap_or(0.0)
}

fn neighbours(lang: Lang) -> String {
    let theta = inv_freq(128, 1e4);
    let mut lines = vec![
        lang.pick(
            "score of a vector with itself (d = 128, 1 = same position): what the trained heads know, and what they get",
            "向量与自身的分数（d = 128，1 表示同一位置）：训练好的头认得的，和插值后得到的",
        )
        .to_string(),
        lang.pick(
            "distance   trained   s = 2   s = 4   s = 8",
            "距离       训练时    s = 2   s = 4   s = 8",
        )
        .to_string(),
    ];
    for distance in [1.0, 2.0, 4.0, 8.0] {
        let cells = [1.0, 2.0, 4.0, 8.0].map(|s| format!("{:5.3}", alike(&theta, distance / s)));
        lines.push(format!("{distance:8}   {}", cells.join("   ")));
    }
    lines.push(
        lang.pick(
            "At s = 4 the token 4 back looks as the token 1 back did. A head that watches «the token before» is off until it is retrained.",
            "s = 4 时，往前第 4 个 token 看起来就像当初的第 1 个。专看「前一个 token」的头不重新训练就会看错。",
        )
        .to_string(),
    );
    lines.join("\n")
}
