//! What the notes say about 1×1, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C161",
    verdict: Verdict::Wrong,
    quote: "1×1 矩阵乘法",
    right: Text::new(
        "The product of two 1×1 matrices is a product of two numbers. What is meant is a 1×1 convolution (kernel size 1): the same linear map for every position. The paper says that the feed-forward network is «two convolutions with kernel size 1» (arXiv 1706.03762, section 3.3).",
        "两个 1×1 矩阵相乘只是两个数相乘。本意应是 1×1 卷积（核大小为 1）：对每个位置做同一个线性映射。论文说前馈网络等价于「两个核大小为 1 的卷积」（arXiv 1706.03762，3.3 节）。",
    ),
    demo: Some(convolution),
}];

/// A convolution over positions as textbooks have it: x `[n][d]`, kernel `[taps][d][f]`, zeros
/// beyond the ends.
fn convolve(x: &[Vec<f64>], kernel: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
    let (n, f, half) = (x.len(), kernel[0][0].len(), kernel.len() / 2);
    let mut out = vec![vec![0.0; f]; n];
    for (position, out) in out.iter_mut().enumerate() {
        for (tap, weights) in kernel.iter().enumerate() {
            let Some(x) = (position + tap).checked_sub(half).and_then(|at| x.get(at)) else {
                continue;
            };
            for (x, row) in x.iter().zip(weights) {
                for (out, w) in out.iter_mut().zip(row) {
                    *out += x * w;
                }
            }
        }
    }
    out
}

/// x·W, one token after the other.
fn linear(x: &[Vec<f64>], w: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let one = |x: &Vec<f64>| {
        let unit = |j: usize| x.iter().zip(w).map(|(x, row)| x * row[j]).sum();
        (0..w[0].len()).map(unit).collect()
    };
    x.iter().map(one).collect()
}

fn gap(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn convolution(lang: Lang) -> String {
    let (n, d, f) = (10, 16, 64);
    let mut rng = StdRng::seed_from_u64(161);
    let mut matrix = |rows: usize, columns: usize| -> Vec<Vec<f64>> {
        let mut row = || (0..columns).map(|_| rng.random::<f64>() - 0.5).collect();
        (0..rows).map(|_| row()).collect()
    };
    let (x, w, left, right) = (matrix(n, d), matrix(d, f), matrix(d, f), matrix(d, f));
    let token_by_token = linear(&x, &w);
    let one = gap(&convolve(&x, std::slice::from_ref(&w)), &token_by_token);
    let three = gap(&convolve(&x, &[left, w, right]), &token_by_token);
    lang.pick(
        format!(
            "{n} tokens, {d} → {f} features, against x·W token by token:\n\
             convolution with kernel size 1: largest difference {one:.1e}\n\
             convolution with kernel size 3: largest difference {three:.2} (it sees the neighbours)"
        ),
        format!(
            "{n} 个 token，{d} → {f} 维，与逐 token 的 x·W 比较：\n\
             核大小为 1 的卷积：最大差 {one:.1e}\n\
             核大小为 3 的卷积：最大差 {three:.2}（它看到了相邻位置）"
        ),
    )
}
