//! What the notes say about length extrapolation, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::lessons::rope::inv_freq;
use crate::text::{Lang, Text};
use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C007",
        verdict: Verdict::Wrong,
        quote: "5.3 长序列外推",
        right: Text::new(
            "Section 5.3 of the notes is knowledge distillation; length extrapolation is section 7, and position encodings are section 3.",
            "笔记的 5.3 节是知识蒸馏；长序列外推在第 7 节，位置编码在第 3 节。",
        ),
        demo: None,
    },
    Claim {
        id: "C114",
        verdict: Verdict::Imprecise,
        quote: "面试官:8 k→32 k 如何 0 微调?",
        right: Text::new(
            "Four times the length without tuning: none of the three answers of the notes does it without a loss. PI belongs with a short tuning, the claim for NTK is about twice the length, and a window of 4k + 1k never sees more than 5k. A toy RoPE model at 4 times its length has a cross-entropy of 3.77 as it is, 2.88 with PI, 3.48 with NTK, and 1.48 in range.",
            "不微调就要 4 倍长度：笔记的三个答案没有一个能无损做到。PI 要配短微调；NTK 的说法只针对 2 倍；4k + 1k 的窗口最多看到 5k。小型 RoPE 模型跑 4 倍长度：不处理交叉熵 3.77，PI 2.88，NTK 3.48，而范围内是 1.48。",
        ),
        demo: Some(four_times),
    },
];

/// Coefficients c that solve (ΦᵀΦ + λ)·c = Φᵀy, by Cholesky.
fn least_squares(features: &Array2<f64>, y: &Array1<f64>) -> Array1<f64> {
    let mut a = features.t().dot(features);
    let mut c = features.t().dot(y);
    let n = c.len();
    for i in 0..n {
        a[[i, i]] += 1e-9;
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            let rest = a[[i, j]] - known;
            a[[i, j]] = if i == j {
                rest.max(1e-18).sqrt()
            } else {
                rest / a[[j, j]]
            };
        }
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| a[[i, k]] * c[k]).sum();
        c[i] = (c[i] - known) / a[[i, i]];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[[k, i]] * c[k]).sum();
        c[i] = (c[i] - known) / a[[i, i]];
    }
    c
}

/// cos and sin of a distance times each θ.
fn waves(theta: &Array1<f64>, distance: f64) -> Array1<f64> {
    let p = theta.len();
    Array1::from_shape_fn(2 * p, |j| match j < p {
        true => (distance * theta[j]).cos(),
        false => (distance * theta[j - p]).sin(),
    })
}

/// A RoPE score as a function of the distance, trained on 0 … L − 1 only, then used to 4·L.
fn four_times(lang: Lang) -> String {
    let (d, trained, s) = (64, 128, 4.0_f64);
    let theta = inv_freq(d, 1e4);
    let mut rng = StdRng::seed_from_u64(0);
    let y = Array1::from_shape_fn(trained, |_| rng.random_range(-1.0..1.0));
    let mut features = Array2::zeros((trained, d));
    for (t, mut row) in features.rows_mut().into_iter().enumerate() {
        row.assign(&waves(&theta, t as f64));
    }
    let c = least_squares(&features, &y);
    let largest = |from: usize, to: usize, score: &dyn Fn(f64) -> f64| {
        (from..to)
            .map(|t| score(t as f64).abs())
            .fold(0.0, f64::max)
    };
    let end = trained * s as usize;
    let ntk = inv_freq(d, 1e4 * s.powf(d as f64 / (d as f64 - 2.0)));
    let plain = |t: f64| waves(&theta, t).dot(&c);
    let rows = [
        (
            Text::new("in range            ", "训练范围内        "),
            largest(0, trained, &plain),
        ),
        (
            Text::new("4 times, as it is   ", "4 倍，不处理      "),
            largest(0, end, &plain),
        ),
        (
            Text::new("4 times, NTK-aware  ", "4 倍，NTK-aware   "),
            largest(0, end, &|t| waves(&ntk, t).dot(&c)),
        ),
        (
            Text::new("4 times, PI         ", "4 倍，PI          "),
            largest(0, end, &|t| plain(t / s)),
        ),
        (
            Text::new("4 times, notes' θ·s ", "4 倍，笔记的 θ·s  "),
            largest(0, end, &|t| plain(t * s)),
        ),
    ];
    let mut lines = vec![lang.pick(
        format!("A score as RoPE can form it (d = {d}), fitted to random values at the distances 0 … {}. The largest |score|:", trained - 1),
        format!("RoPE 能表示的分数函数（d = {d}），拟合距离 0 … {} 上的随机值。最大的 |分数|：", trained - 1),
    )];
    for (name, value) in rows {
        lines.push(format!("{} {value:12.1}", name.get(lang)));
    }
    lines.push(
        lang.pick(
            "Outside the range nothing holds the score down; between known distances it stays bounded, and still is not what was trained.",
            "出了范围，没有任何东西压住分数；在已知距离之间它有界，但也不等于训练过的值。",
        )
        .to_string(),
    );
    lines.join("\n")
}
