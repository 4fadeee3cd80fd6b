//! What the notes say about FlashAttention, and what is true.

use super::PROBLEM;
use crate::check::case;
use crate::lesson::{Claim, Verdict};
use crate::ops::{einsum, softmax};
use crate::tensor::{Inputs, Value, max_abs};
use crate::text::{Lang, Text};
use crate::trace::Trace;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C048",
        verdict: Verdict::Imprecise,
        quote: "下一题请让我聊聊 FlashAttention",
        right: Text::new(
            "The direction is right: FlashAttention is the answer to the memory of attention. To be exact: it removes the n² memory and most of the traffic to HBM; the FLOPs stay O(n²d) (backward does more, since it makes the scores again), and the result is exact, not an approximation.",
            "方向对：FlashAttention 正是解决注意力显存的办法。说准确些：它去掉的是 n² 显存和大部分 HBM 读写；计算量仍是 O(n²d)（反向还要重算分数，反而更多），结果是精确的，不是近似。",
        ),
        demo: Some(exact_for_every_tile),
    },
    Claim {
        id: "C069",
        verdict: Verdict::Right,
        quote: "显存爆 n² 瓶颈 FlashAttention",
        right: Text::new(
            "Right for the scores in training and in prefill, where n = m is large: h·n² numbers per layer become O(n). It does nothing for weights, optimizer state, or activations of n·d.",
            "对训练和 prefill 阶段的分数成立（n = m 很大）：每层 h·n² 个数变成 O(n)。对权重、优化器状态、n·d 的激活没有作用。",
        ),
        demo: Some(training_memory),
    },
    Claim {
        id: "C131",
        verdict: Verdict::Imprecise,
        quote: "1. 显存 → FlashAttention",
        right: Text::new(
            "In serving, weights and the KV cache fill the memory, and FlashAttention shrinks neither: when decoding, scores are one row per head. What helps there is GQA, a quantized or paged cache, and quantized weights.",
            "推理服务里占显存的是权重和 KV 缓存，FlashAttention 对两者都没用：解码时每个头的分数只有一行。有用的是 GQA、KV 量化或分页、权重量化。",
        ),
        demo: Some(serving_memory),
    },
];

fn exact_for_every_tile(lang: Lang) -> String {
    let sizes = [
        ("b", 1),
        ("h", 2),
        ("n", 16),
        ("m", 48),
        ("d", 16),
        ("dv", 16),
    ];
    let sizes = sizes.map(|(name, size)| (name.to_string(), size));
    let case = case(&PROBLEM, "ordinary", 0, &sizes).expect("a case of this problem");
    let inputs = (PROBLEM.inputs)(&case);
    let (q, k, v) = (inputs.f64("q"), inputs.f64("k"), inputs.f64("v"));
    let scores = einsum("b h n d, b h m d -> b h n m", &[&q, &k]) / 4.0;
    let whole = einsum("b h n m, b h m v -> b h n v", &[&softmax(&scores, 3), &v]);
    let head = lang.pick(
        "n = 16, m = 48, d = 16, two heads, f64: tiles against softmax(q·kᵀ/√d)·v",
        "n = 16、m = 48、d = 16、两个头、f64：分块与 softmax(q·kᵀ/√d)·v 的差",
    );
    let mut lines = vec![head.to_string()];
    for block in [1, 5, 16, 48] {
        let tiled: Inputs = inputs
            .clone()
            .with("block", Value::Number(f64::from(block)));
        let mut trace = Trace::new();
        let out = &(PROBLEM.reference)(&tiled, &mut trace)[0];
        let gap = max_abs(&(out - &whole));
        let flops: u64 = trace.steps().iter().map(|step| step.flops).sum();
        let scores = trace
            .steps()
            .iter()
            .filter(|step| step.name.starts_with("scores"));
        let most = scores.map(|step| step.value.len()).max().unwrap_or(0);
        lines.push(lang.pick(
            format!("  block {block:>2}: largest error {gap:.1e}, {flops} FLOP, {most:>4} scores at a time"),
            format!("  每块 {block:>2} 个 key：最大误差 {gap:.1e}，{flops} FLOP，同时存在 {most:>4} 个分数"),
        ));
    }
    lines.push(
        lang.pick(
            "The same numbers and the same FLOP; only what is held at once changes.",
            "结果相同，FLOP 相同；变的只是同时存在多少。",
        )
        .to_string(),
    );
    lines.join("\n")
}

fn training_memory(lang: Lang) -> String {
    let (h, d) = (32_u64, 128_u64);
    let mut lines = vec![
        lang.pick(
            "one layer, one sequence, 32 heads of 128, 2 bytes a number, in MiB",
            "一层、一条序列、32 个头（每个 128 维）、每个数 2 字节，单位 MiB",
        )
        .to_string(),
        lang.pick(
            "      n   scores  q,k,v,out   lse (4 bytes)",
            "      n     分数  q,k,v,out   lse（4 字节）",
        )
        .to_string(),
    ];
    for n in [2048_u64, 8192, 32_768] {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (scores, rows, lse) = (mib(2 * h * n * n), mib(4 * 2 * h * n * d), mib(4 * h * n));
        lines.push(format!("{n:>7} {scores:>8.0} {rows:>10.0} {lse:>11.2}"));
    }
    lines.push(
        lang.pick(
            "Without tiles, training keeps the first column for every layer; with them, the last.",
            "不分块时训练要为每一层保存第一列；分块后只需最后一列。",
        )
        .to_string(),
    );
    lines.join("\n")
}

fn serving_memory(lang: Lang) -> String {
    // LLaMA-7B: 32 layers, 32 heads of 128, 6.74e9 parameters.
    let gib = |bytes: f64| bytes / f64::from(1 << 30);
    let weights = gib(2.0 * 6.74e9);
    let per_token = (2 * 32 * 32 * 128 * 2) as f64;
    let mut lines = vec![lang.pick(
        format!("LLaMA-7B in f16, 16 sequences that decode: weights {weights:.1} GiB, KV cache {:.0} KiB a token", per_token / 1024.0),
        format!("LLaMA-7B（f16），16 条序列在解码：权重 {weights:.1} GiB，KV 缓存每 token {:.0} KiB", per_token / 1024.0),
    )];
    for n in [1024_u32, 4096] {
        let cache = gib(16.0 * f64::from(n) * per_token);
        // One row of scores per head and sequence, in one layer at a time.
        let scores = 16.0 * 32.0 * f64::from(n) * 2.0 / f64::from(1 << 20);
        lines.push(lang.pick(
            format!("  {n} tokens each: cache {cache:5.1} GiB, scores {scores:.1} MiB: all that FlashAttention could save"),
            format!("  每条 {n} 个 token：缓存 {cache:5.1} GiB，分数 {scores:.1} MiB：FlashAttention 至多省下这点"),
        ));
    }
    lines.join("\n")
}
