//! What the notes say about the KV cache, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C133",
    verdict: Verdict::Right,
    quote: "延迟 → KV-Cache",
    right: Text::new(
        "Right: without it, step t computes the keys, the values and the attention of all t tokens again, O(t²·d); with it only the new row, O(t·d). To be complete: it shortens every step but the first (TTFT is the prefill), and it buys time with memory, 2·L·h_kv·d_head·bytes per token, which decode must read at every step.",
        "正确：没有缓存时，第 t 步要把 t 个 token 的 k、v 和注意力全部重算，O(t²·d)；有缓存时只算新的一行，O(t·d)。补全：它缩短的是第一步之后的每一步（首 token 延迟是 prefill），而且是拿显存换时间，每个 token 2·L·h_kv·d_head·字节数，解码每一步都要把它读一遍。",
    ),
    demo: Some(steps),
}];

/// Head size of the demonstration.
const D: usize = 16;

/// One attention head that counts its multiply-adds.
struct Head {
    weights: [Vec<f64>; 3],
    count: u64,
}

impl Head {
    /// x·w for one of w_q, w_k, w_v.
    fn project(&mut self, x: &[f64], which: usize) -> Vec<f64> {
        self.count += (D * D) as u64;
        let w = &self.weights[which];
        let column = |j: usize| (0..D).map(|i| x[i] * w[i * D + j]).sum();
        (0..D).map(column).collect()
    }

    /// softmax(q·kᵀ/√d)·v.
    fn attend(&mut self, q: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        self.count += (2 * D * keys.len()) as u64;
        let dot = |k: &Vec<f64>| k.iter().zip(q).map(|(a, b)| a * b).sum::<f64>();
        let scores: Vec<f64> = keys.iter().map(|k| dot(k) / (D as f64).sqrt()).collect();
        let max = scores.iter().fold(f64::MIN, |a, &b| a.max(b));
        let exp: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
        let sum: f64 = exp.iter().sum();
        let mut out = vec![0.0; D];
        for (weight, value) in exp.iter().zip(values) {
            for (o, v) in out.iter_mut().zip(value) {
                *o += weight / sum * v;
            }
        }
        out
    }
}

/// Decodes tokens with and without a cache: multiply-adds of both, and the largest difference.
fn decode(tokens: usize) -> (u64, u64, f64) {
    let mut rng = StdRng::seed_from_u64(7);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let weights = [(); 3].map(|()| draw(D * D));
    let x: Vec<Vec<f64>> = (0..tokens).map(|_| draw(D)).collect();
    let mut plain = Head { weights, count: 0 };
    let weights = plain.weights.clone();
    let mut cached = Head { weights, count: 0 };
    let (mut keys, mut values, mut gap) = (Vec::new(), Vec::new(), 0.0_f64);
    for t in 0..tokens {
        // Without: a whole pass over the t + 1 tokens, of which the last row is used.
        let all = |head: &mut Head, which| -> Vec<Vec<f64>> {
            x[..=t].iter().map(|x| head.project(x, which)).collect()
        };
        let (q, k, v) = (all(&mut plain, 0), all(&mut plain, 1), all(&mut plain, 2));
        let mut last = Vec::new();
        for (i, q) in q.iter().enumerate() {
            last = plain.attend(q, &k[..=i], &v[..=i]);
        }
        // With: one row.
        let q = cached.project(&x[t], 0);
        keys.push(cached.project(&x[t], 1));
        values.push(cached.project(&x[t], 2));
        let row = cached.attend(&q, &keys, &values);
        let gaps = row.iter().zip(&last).map(|(a, b)| (a - b).abs());
        gap = gaps.fold(gap, f64::max);
    }
    (plain.count, cached.count, gap)
}

fn steps(lang: Lang) -> String {
    let head = lang.pick(
        "One head of size 16, all tokens decoded one by one; multiply-adds counted while they run.\n  tokens   recomputed     cached   ratio   largest difference",
        "一个 16 维的头，逐 token 解码，运行时统计乘加次数。\n  token 数  全部重算      有缓存     倍数    最大差异",
    );
    let mut lines = vec![head.to_string()];
    for tokens in [8, 32, 128, 256] {
        let (plain, cached, gap) = decode(tokens);
        let ratio = plain as f64 / cached as f64;
        lines.push(format!(
            "  {tokens:>6} {plain:>12} {cached:>10} {ratio:>7.1}   {gap:.0e}"
        ));
    }
    lines.push(
        lang.pick(
            "The outputs are the same; the ratio grows with the number of tokens.",
            "输出完全相同；token 越多，倍数越大。",
        )
        .to_string(),
    );
    lines.join("\n")
}
