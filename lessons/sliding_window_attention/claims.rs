//! What the notes say about windows and global tokens, and what is true.

use super::PROBLEM;
use super::reference::Sight;
use crate::lesson::{Claim, Verdict};
use crate::problem::Variant;
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::{Lang, Text};
use ndarray::IxDyn;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C119",
        verdict: Verdict::Unsupported,
        quote: "局部 4 k + 全局 1 k",
        right: Text::new(
            "Numbers without a source. Longformer has a window of 512 (256 to each side) and a handful of global tokens; Mistral 7B a window of 4096 and no global token; Gemma 2 alternates layers of 4096 with layers of 8192. A thousand global tokens is no published setting.",
            "这组数字没有出处。Longformer 窗口 512（每侧 256），全局 token 只有几个；Mistral 7B 窗口 4096，没有全局 token；Gemma 2 是 4096 与 8192 的层交替。没有哪个公开配置用 1 千个全局 token。",
        ),
        demo: Some(shares),
    },
    Claim {
        id: "C120",
        verdict: Verdict::Imprecise,
        quote: "→ O(n d) 显存",
        right: Text::new(
            "O(n·d) holds when scores are not stored, which full FlashAttention does already. What the window really gives is compute, O(n·(w + g)·d), and a KV cache that stops growing at w + g tokens.",
            "只要不存分数就是 O(n·d)，而完整的 FlashAttention 早就做到了。窗口真正带来的是计算量 O(n·(w + g)·d)，以及停在 w + g 个 token 不再增长的 KV 缓存。",
        ),
        demo: Some(what_is_saved),
    },
    Claim {
        id: "C121",
        verdict: Verdict::Wrong,
        quote: "8 k→32 k 如何 0 微调? … Sliding Window Attention",
        right: Text::new(
            "A window does not extend the context: a layer sees at most w + g tokens, and a fact outside is never read. Global tokens must be trained, and a model that was not trained for a window may collapse when its first tokens are dropped: Llama-2-13B has a perplexity of 5158 with the last 1024 tokens, 5.40 with 4 first and 1020 last ones (StreamingLLM, which says itself that it does not extend the context).",
            "窗口不会扩展上下文：一层最多看到 w + g 个 token，窗口外的事实永远读不到。全局 token 需要训练；没按窗口训练过的模型一旦丢掉开头几个 token 还可能崩溃：Llama-2-13B 只留最近 1024 个 token 时困惑度 5158，留 4 个开头加 1020 个最近的则是 5.40（StreamingLLM，其作者明确说它不扩展上下文）。",
        ),
        demo: Some(needle),
    },
];

/// Pairs that are seen in causal attention over n tokens.
fn pairs(n: usize, window: usize, globals: usize) -> usize {
    let seen = |i: usize| {
        let start = (i + 1).saturating_sub(window);
        (i + 1 - start) + globals.min(start)
    };
    (0..n).map(seen).sum()
}

fn shares(lang: Lang) -> String {
    let n = 32_768;
    let full = pairs(n, n, 0);
    let mut lines = vec![lang.pick(
        format!("causal, n = {n}: scores to compute, of {full}"),
        format!("因果，n = {n}：要计算的分数，共 {full} 个"),
    )];
    for (who, window, globals) in [
        (Text::new("notes: 4k + 1k", "笔记：4k + 1k"), 4096, 1024),
        (
            Text::new("window 4096 (Mistral 7B)", "窗口 4096（Mistral 7B）"),
            4096,
            0,
        ),
        (
            Text::new(
                "window 256 (one side of Longformer)",
                "窗口 256（Longformer 的一侧）",
            ),
            256,
            1,
        ),
        (
            Text::new("4 + 1020 (StreamingLLM)", "4 + 1020（StreamingLLM）"),
            1020,
            4,
        ),
    ] {
        let share = 100.0 * pairs(n, window, globals) as f64 / full as f64;
        lines.push(format!("  {share:>5.1} %  {}", who.get(lang)));
    }
    lines.join("\n")
}

fn what_is_saved(lang: Lang) -> String {
    let (window, globals) = (4096, 1024);
    let mut lines = vec![
        lang.pick(
            "32 heads of 128 in f16; window 4096 and 1024 global tokens against everything",
            "32 个头、每头 128 维、f16；窗口 4096 加 1024 个全局 token，对比完整注意力",
        )
        .to_string(),
    ];
    for n in [8192_usize, 32_768, 131_072] {
        let share = 100.0 * pairs(n, window, globals) as f64 / pairs(n, n, 0) as f64;
        // LLaMA-7B: k and v, 32 layers, 32 heads of 128, 2 bytes.
        let gib = |tokens: usize| (tokens * 2 * 32 * 32 * 128 * 2) as f64 / f64::from(1 << 30);
        let (all, kept) = (gib(n), gib(n.min(window + globals)));
        lines.push(lang.pick(
            format!("  n = {n:>6}: compute {share:>5.1} %, KV cache of LLaMA-7B {all:>4.1} → {kept:.1} GiB"),
            format!("  n = {n:>6}：计算量 {share:>5.1} %，LLaMA-7B 的 KV 缓存 {all:>4.1} → {kept:.1} GiB"),
        ));
    }
    lines.push(
        lang.pick(
            "Memory for scores: 0 in both, where a fused kernel is used; O(n·d) is no merit of the window.",
            "分数占的显存：用融合内核时两者都是 0；O(n·d) 不是窗口的功劳。",
        )
        .to_string(),
    );
    lines.join("\n")
}

/// The last of 64 tokens looks for a key that matches it far better than all others; the weight
/// that this key gets.
fn found(at: usize, window: usize, globals: usize) -> f64 {
    let (m, d) = (64, 8);
    let row = |value: f32| Tensor::from_elem(IxDyn(&[1, 1, 1, d]), value);
    let marked = |width: usize, other: f32| {
        Tensor::from_shape_fn(IxDyn(&[1, 1, m, width]), |index| {
            if index[2] == at { 1.0 } else { other }
        })
    };
    let inputs = Inputs::new()
        .with("q", Value::Float(row(4.0)))
        .with("k", Value::Float(marked(d, -0.1)))
        .with("v", Value::Float(marked(1, 0.0)))
        .with("window", Value::Number(window as f64))
        .with("globals", Value::Number(globals as f64))
        .with("causal", Value::Number(1.0));
    (PROBLEM.variant)(&inputs, &Variant::default())[0].sum()
}

fn needle(lang: Lang) -> String {
    let mut lines = vec![
        lang.pick(
            "64 tokens, the last one asks; weight on the one key that answers",
            "64 个 token，由最后一个提问；唯一能回答的那个 key 得到的权重",
        )
        .to_string(),
    ];
    for at in [1, 20, 40, 58] {
        let (full, windowed) = (found(at, 64, 0), found(at, 16, 4));
        lines.push(lang.pick(
            format!("  at position {at:>2}: full {full:.3}, window 16 + 4 global {windowed:.3}"),
            format!("  在位置 {at:>2}：完整注意力 {full:.3}，窗口 16 + 4 个全局 {windowed:.3}"),
        ));
    }
    let sight = Sight {
        window: 16,
        globals: 4,
        causal: true,
    };
    let seen = sight.keys(0, 1, 64).len();
    lines.push(lang.pick(
        format!("The last query sees {seen} keys of 64; with 4 layers what is 4·15 = 60 tokens back can arrive, but only if every layer passes it on."),
        format!("最后一个 query 只看得到 64 个 key 里的 {seen} 个；叠 4 层后，4·15 = 60 个 token 以前的内容才有可能传到，而且要靠每一层都传下去。"),
    ));
    lines.join("\n")
}
