//! What the notes say about the structure of a block, and what they leave out.

use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C025",
    verdict: Verdict::Imprecise,
    quote: "结构速记",
    right: Text::new(
        "The sketch lists the sublayers and leaves out what holds a stack of them together: every sublayer has a residual connection and a norm, x + f(LN(x)) or LN(x + f(x)); positions must come in somewhere; and the blocks of decoder-only models (GPT, LLaMA: what one means by a large model today) have no cross-attention. Without residuals, attention layers make all tokens equal within a few layers (Dong et al. 2021, arXiv 2103.03404).",
        "这份速记只列了子层，漏掉了让它们能堆起来的东西：每个子层都有残差连接和归一化，即 x + f(LN(x)) 或 LN(x + f(x))；位置信息必须从某处引入；而 decoder-only 模型（GPT、LLaMA，也就是今天说的大模型）的 block 里没有交叉注意力。去掉残差，几层注意力就会让所有 token 变得一样（Dong 等 2021，arXiv 2103.03404）。",
    ),
    demo: Some(without_residuals),
}];

/// n tokens with d features each.
type Tokens = Vec<Vec<f64>>;

fn random(rng: &mut StdRng, rows: usize, columns: usize, scale: f64) -> Tokens {
    // The sum of twelve uniform numbers less 6 is nearly normal.
    let mut draw = || scale * ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0);
    (0..rows)
        .map(|_| (0..columns).map(|_| draw()).collect())
        .collect()
}

fn times(a: &Tokens, b: &Tokens) -> Tokens {
    let entry = |row: &[f64], j: usize| row.iter().zip(b).map(|(x, b)| x * b[j]).sum();
    a.iter()
        .map(|row| (0..b[0].len()).map(|j| entry(row, j)).collect())
        .collect()
}

/// One head of self-attention with random projections.
fn attention(x: &Tokens, rng: &mut StdRng) -> Tokens {
    let d = x[0].len();
    let mut project = || times(x, &random(rng, d, d, 1.0 / (d as f64).sqrt()));
    let (q, k, v) = (project(), project(), project());
    let weights = q.iter().map(|q| {
        let dot = |k: &Vec<f64>| q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>();
        let scores: Vec<f64> = k.iter().map(|k| dot(k) / (d as f64).sqrt()).collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let total: f64 = powers.iter().sum();
        powers.into_iter().map(|p| p / total).collect()
    });
    times(&weights.collect(), &v)
}

fn layer_norm(x: &Tokens) -> Tokens {
    let row = |row: &Vec<f64>| {
        let d = row.len() as f64;
        let mean = row.iter().sum::<f64>() / d;
        let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / d;
        let std = (variance + 1e-5).sqrt();
        row.iter().map(|x| (x - mean) / std).collect()
    };
    x.iter().map(row).collect()
}

fn plus(a: &Tokens, b: &Tokens) -> Tokens {
    let row = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
    a.iter().zip(b).map(row).collect()
}

/// ‖X − 1·x̄ᵀ‖ / ‖X‖: 0 when all tokens are equal.
fn difference(x: &Tokens) -> f64 {
    let n = x.len() as f64;
    let mean: Vec<f64> = (0..x[0].len())
        .map(|j| x.iter().map(|row| row[j]).sum::<f64>() / n)
        .collect();
    let apart = |row: &Vec<f64>| {
        row.iter()
            .zip(&mean)
            .map(|(x, m)| (x - m) * (x - m))
            .sum::<f64>()
    };
    let off: f64 = x.iter().map(apart).sum();
    let all: f64 = x.iter().flatten().map(|x| x * x).sum();
    (off / all).sqrt()
}

fn without_residuals(lang: Lang) -> String {
    let start = random(&mut StdRng::seed_from_u64(25), 16, 32, 1.0);
    let (mut bare, mut normed, mut pre) = (start.clone(), start.clone(), start);
    let mut lines = vec![lang.pick(
        "how different 16 tokens still are, ‖X − mean‖/‖X‖, after layers of random attention:\nlayers   f(x)     LN(f(x))   x + f(LN(x))".to_string(),
        "16 个 token 经过若干层随机注意力后还有多大差异，‖X − 均值‖/‖X‖：\n层数     f(x)     LN(f(x))   x + f(LN(x))".to_string(),
    )];
    for layer in 0..=6 {
        let [a, b, c] = [&bare, &normed, &pre].map(difference);
        lines.push(format!("{layer:6}   {a:.4}   {b:.4}     {c:.4}"));
        // The same weights for all three.
        let rng = || StdRng::seed_from_u64(layer);
        bare = attention(&bare, &mut rng());
        normed = layer_norm(&attention(&normed, &mut rng()));
        pre = plus(&pre, &attention(&layer_norm(&pre), &mut rng()));
    }
    lines.push(
        lang.pick(
            "without the residual the tokens become one and the same; a norm alone does not help"
                .to_string(),
            "没有残差，所有 token 变得一模一样；只有归一化也无济于事".to_string(),
        ),
    );
    lines.join("\n")
}
