//! What the notes say about attention, and what computing it shows.

use super::PROBLEM;
use crate::lesson::{Claim, Verdict};
use crate::ops::{causal_mask, einsum, softmax};
use crate::problem::{Case, Variant};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::{Lang, Text};
use ndarray::{ArrayD, Axis};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C005",
        verdict: Verdict::Right,
        quote: "2.4 手撕 Attention",
        right: Text::new(
            "The section exists and is about that topic.",
            "该小节存在，内容与标题一致。",
        ),
        demo: None,
    },
    Claim {
        id: "C038",
        verdict: Verdict::Imprecise,
        quote: "Q,K,V: [batch, head, len, d_k] … return: [batch, head, len, d_v]",
        right: Text::new(
            "Three lengths and two head sizes are free: q [b h n d], k [b h m d], v [b h m dv] give [b h n dv]. Only q and k share d, only k and v share m.",
            "长度与头维度各自独立：q [b h n d]、k [b h m d]、v [b h m dv] 得到 [b h n dv]。只有 q、k 共享 d，只有 k、v 共享 m。",
        ),
        demo: Some(free_shapes),
    },
    Claim {
        id: "C039",
        verdict: Verdict::Wrong,
        quote: "return: [batch, head, len, d_v] … return out, attn",
        right: Text::new(
            "The docstring promises one tensor, the code returns a pair (out, attn); a caller that takes it for a tensor fails.",
            "docstring 说返回一个张量，代码却返回二元组 (out, attn)；把它当张量用的调用者会报错。",
        ),
        demo: Some(returns_a_pair),
    },
    Claim {
        id: "C040",
        verdict: Verdict::Right,
        quote: "scores = Q·Kᵀ / sqrt(d_k)",
        right: Text::new(
            "Right. For entries of unit variance Var(q·k) = d; without 1/√d the softmax saturates as d grows.",
            "正确。分量方差为 1 时 Var(q·k) = d；不除以 √d，d 越大 softmax 越饱和。",
        ),
        demo: Some(saturation),
    },
    Claim {
        id: "C041",
        verdict: Verdict::Imprecise,
        quote: "np.sqrt(d_k)",
        right: Text::new(
            "It works, but brings a NumPy scalar into torch code for one number; write math.sqrt(d_k) or d_k ** -0.5. The snippet also has no imports.",
            "能跑，但只为一个数就把 NumPy 标量混进 torch 代码；应写 math.sqrt(d_k) 或 d_k ** -0.5。另外这段代码没有 import。",
        ),
        demo: None,
    },
    Claim {
        id: "C042",
        verdict: Verdict::Imprecise,
        quote: "# [b,h,n,n]",
        right: Text::new(
            "The scores are [b h n m]. n = m holds in self-attention over a whole sequence; in cross-attention and in decoding (n = 1) it does not.",
            "分数的形状是 [b h n m]。只有对整段序列做自注意力时 n = m；交叉注意力和逐词解码（n = 1）都不是。",
        ),
        demo: Some(free_shapes),
    },
    Claim {
        id: "C043",
        verdict: Verdict::Imprecise,
        quote: "scores += mask  # -inf",
        right: Text::new(
            "True of additive float masks only. A bool mask is added as 0 and 1 without a word, and mass leaks to what should be hidden; a [b m] padding mask fails, or broadcasts wrongly when b = n. Masks need a stated kind and the shape [b 1 1 m].",
            "只对加性浮点掩码成立。布尔掩码会被悄悄当作 0/1 相加，概率泄漏到本应遮住的位置；[b m] 的 padding 掩码会报错，而 b = n 时会静默地错误广播。掩码要说明种类，形状要写成 [b 1 1 m]。",
        ),
        demo: Some(leaks),
    },
    Claim {
        id: "C044",
        verdict: Verdict::Right,
        quote: "scores += mask",
        right: Text::new(
            "In-place addition is fine for autograd here: dividing by a scalar does not save its output, so nothing that backward needs is overwritten.",
            "这里的原地加法对 autograd 没有问题：除以标量不会保存其输出，backward 需要的东西没有被覆盖。",
        ),
        demo: None,
    },
    Claim {
        id: "C045",
        verdict: Verdict::Right,
        quote: "attn = F.softmax(scores, dim=-1)",
        right: Text::new(
            "Right: the softmax runs over the keys, so that each query's weights sum to 1.",
            "正确：softmax 沿键做，每个查询的权重之和为 1。",
        ),
        demo: Some(axis_of_the_softmax),
    },
    Claim {
        id: "C046",
        verdict: Verdict::Imprecise,
        quote: "def scaled_dot_product(Q, K, V, mask=None)",
        right: Text::new(
            "A row in which every key is masked comes out as NaN (0/0) and spreads from there; PyTorch's scaled_dot_product_attention and FlashAttention give a zero row. Dropout and a causal option are missing too.",
            "整行被屏蔽时这段代码得到 NaN（0/0）并向后传播；PyTorch 的 scaled_dot_product_attention 和 FlashAttention 输出全零行。此外没有 dropout，也没有 causal 选项。",
        ),
        demo: Some(masked_row),
    },
    Claim {
        id: "C047",
        verdict: Verdict::Wrong,
        quote: "白板写完后补一句：内存复杂度 O(n²d) 是瓶颈",
        right: Text::new(
            "O(n²·d) is the time. The memory is h·n² numbers for the scores plus O(n·d) for q, k, v and the output: the n² part does not depend on the head size.",
            "O(n²·d) 是时间复杂度。内存是分数的 h·n² 个数，加上 q、k、v、输出的 O(n·d)：n² 这一项与头维度无关。",
        ),
        demo: Some(memory),
    },
    Claim {
        id: "C141",
        verdict: Verdict::Imprecise,
        quote: "5 行 Einsum Attention",
        right: Text::new(
            "The snippet has 4 lines, the def included.",
            "这段代码连 def 在内一共 4 行。",
        ),
        demo: Some(count_lines),
    },
    Claim {
        id: "C142",
        verdict: Verdict::Right,
        quote: "s = torch.einsum('bhnd,bhmd->bhnm', q, k) / np.sqrt(q.size(-1)) … torch.einsum('bhnm,bhmd->bhnd', s.softmax(-1), v)",
        right: Text::new(
            "Right: it equals scaled dot-product attention, also for n ≠ m and for dv ≠ d (the second d is a name of its own).",
            "正确：它等于缩放点积注意力，n ≠ m、dv ≠ d 时也成立（第二个 einsum 里的 d 只是个名字）。",
        ),
        demo: Some(einsum_is_attention),
    },
    Claim {
        id: "C143",
        verdict: Verdict::Imprecise,
        quote: "def attn(q,k,v,mask): … s += mask",
        right: Text::new(
            "The mask cannot be left out (None raises a TypeError), and a bool mask is added as 0 and 1. Write `if mask is not None`, and masked_fill for bool masks.",
            "掩码不能省略（传 None 抛 TypeError），布尔掩码会被当作 0/1 相加。应写 `if mask is not None`，布尔掩码用 masked_fill。",
        ),
        demo: Some(leaks),
    },
];

const EINSUM_SNIPPET: &str = "def attn(q,k,v,mask):
    s = torch.einsum('bhnd,bhmd->bhnm', q, k) / np.sqrt(q.size(-1))
    s += mask
    return torch.einsum('bhnm,bhmd->bhnd', s.softmax(-1), v)";

/// Seeded inputs without a mask.
fn inputs(sizes: &[(&'static str, usize)]) -> Inputs {
    let mut case = Case {
        kind: "demo",
        seed: 0,
        settings: PROBLEM
            .settings
            .iter()
            .map(|s| (s.name, s.default))
            .collect(),
    };
    case.settings.extend(sizes.iter().copied());
    (PROBLEM.inputs)(&case)
}

fn einsum_scores(inputs: &Inputs) -> ArrayD<f64> {
    let (q, k) = (inputs.f64("q"), inputs.f64("k"));
    let d = q.shape()[3] as f64;
    einsum("b h n d, b h m d -> b h n m", &[&q, &k]) / d.sqrt()
}

/// The notes' function: (out, attn).
fn notes(inputs: &Inputs) -> (ArrayD<f64>, ArrayD<f64>) {
    let mut scores = einsum_scores(inputs);
    if let Some(mask) = inputs.optional("mask") {
        scores = scores + mask.mapv(f64::from);
    }
    let attn = softmax(&scores, 3);
    let out = einsum("b h n m, b h m v -> b h n v", &[&attn, &inputs.f64("v")]);
    (out, attn)
}

fn free_shapes(lang: Lang) -> String {
    let inputs = inputs(&[("n", 5), ("m", 7), ("d", 8), ("dv", 11)]);
    let (out, attn) = notes(&inputs);
    let shape = |name: &str| format!("{:?}", inputs.float(name).shape());
    let (q, k, v) = (shape("q"), shape("k"), shape("v"));
    format!(
        "q {q}  k {k}  v {v}\n{} {:?}  {} {:?}",
        lang.pick("scores", "分数"),
        attn.shape(),
        lang.pick("output", "输出"),
        out.shape()
    )
}

fn returns_a_pair(lang: Lang) -> String {
    let (out, attn) = notes(&inputs(&[]));
    format!(
        "{} ({:?}, {:?})",
        lang.pick(
            "the notes' function returns two tensors:",
            "笔记的函数返回两个张量："
        ),
        out.shape(),
        attn.shape()
    )
}

fn saturation(lang: Lang) -> String {
    let mut lines = vec![
        lang.pick(
            "largest weight of a row over 64 keys, mean of 256 rows",
            "64 个键上每行最大权重，256 行的平均",
        )
        .to_string(),
        "     d   q·k    q·k/√d".to_string(),
    ];
    for d in [16, 64, 256, 1024] {
        let inputs = inputs(&[
            ("b", 1),
            ("h", 1),
            ("n", 256),
            ("m", 64),
            ("d", d),
            ("dv", 1),
        ]);
        let scaled = einsum_scores(&inputs);
        let raw = &scaled * (d as f64).sqrt();
        let peak = |scores: &ArrayD<f64>| {
            let weights = softmax(scores, 3);
            let peaks = weights.map_axis(Axis(3), |row| row.fold(0.0, |max: f64, &w| max.max(w)));
            peaks.mean().unwrap_or(0.0)
        };
        lines.push(format!("{d:>6}  {:.3}    {:.3}", peak(&raw), peak(&scaled)));
    }
    lines.join("\n")
}

/// The mean share of a row's weights that goes where `mask` is −∞.
fn leak(weights: &ArrayD<f64>, mask: &Tensor) -> f64 {
    let wide = mask
        .broadcast(weights.raw_dim())
        .expect("the mask broadcasts");
    let hidden = weights
        .iter()
        .zip(wide)
        .filter(|(_, mask)| **mask == f32::NEG_INFINITY);
    let rows = weights.len() / weights.shape()[3];
    hidden.map(|(w, _)| w).sum::<f64>() / rows as f64
}

fn leaks(lang: Lang) -> String {
    let n = 5;
    let inputs = inputs(&[("b", n), ("h", 64), ("n", n), ("m", n)]);
    let causal: Tensor = causal_mask(n, n);
    let with = |mask: Tensor| notes(&inputs.clone().with("mask", Value::Float(mask))).1;
    let dropped = |x: f32| f32::from(u8::from(x == f32::NEG_INFINITY));
    let mut lines = vec![
        lang.pick(
            "causal mask, n = 5: share of the weights on the future",
            "因果掩码，n = 5：落在未来位置的权重占比",
        )
        .to_string(),
    ];
    for (name, mask) in [
        (lang.pick("0/−∞ added", "加 0/−∞"), causal.clone()),
        (
            lang.pick("bool, True = keep, added", "布尔（True=保留）直接相加"),
            causal.mapv(|x| 1.0 - dropped(x)),
        ),
        (
            lang.pick("bool, True = drop, added", "布尔（True=屏蔽）直接相加"),
            causal.mapv(dropped),
        ),
    ] {
        lines.push(format!(
            "  {:>5.1} %  {name}",
            100.0 * leak(&with(mask), &causal)
        ));
    }
    // Sequence i keeps i + 1 keys: [b m], which broadcasts as [n m] because b = n.
    let lengths: Tensor = causal_mask(n, n);
    let right = with(lengths.clone().insert_axis(Axis(1)).insert_axis(Axis(1)));
    let gap = max_abs(&(with(lengths) - right));
    lines.push(format!(
        "{} {gap:.2}",
        lang.pick(
            "padding mask passed as [b m] with b = n: largest error of a weight",
            "b = n 时把 padding 掩码传成 [b m]：权重的最大误差",
        )
    ));
    lines.join("\n")
}

fn axis_of_the_softmax(lang: Lang) -> String {
    let scores = einsum_scores(&inputs(&[("b", 1), ("h", 1), ("n", 3), ("m", 4)]));
    let rows = |axis: usize| {
        let sums = softmax(&scores, axis).sum_axis(Axis(3));
        sums.iter()
            .map(|sum| format!("{sum:.3}"))
            .collect::<Vec<_>>()
            .join("  ")
    };
    let head = lang.pick("what each query's weights sum to", "每个查询的权重之和");
    format!("{head}\n  dim −1: {}\n  dim −2: {}", rows(3), rows(2))
}

fn masked_row(lang: Lang) -> String {
    let mask = Tensor::from_shape_fn(
        vec![2, 3],
        |at| if at[0] == 1 { f32::NEG_INFINITY } else { 0.0 },
    );
    let inputs = inputs(&[("b", 1), ("h", 1), ("n", 2), ("m", 3), ("dv", 4)])
        .with("mask", Value::Float(mask));
    let right = &(PROBLEM.variant)(&inputs, &Variant::default())[0];
    let row = |out: &ArrayD<f64>| {
        let row = out.index_axis(Axis(2), 1);
        row.iter()
            .map(|x| format!("{x:.2}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    format!(
        "{}\n  {}: {}\n  {}: {}",
        lang.pick(
            "output of a query whose keys are all masked",
            "所有键都被屏蔽的查询的输出"
        ),
        lang.pick("the notes", "笔记"),
        row(&notes(&inputs).0),
        lang.pick(
            "llmlab, by the convention of PyTorch SDPA and FlashAttention",
            "llmlab（与 PyTorch SDPA、FlashAttention 约定相同）",
        ),
        row(right)
    )
}

fn memory(lang: Lang) -> String {
    let mut lines = vec![
        lang.pick(
            "h = 32, 2 bytes per number, in MiB",
            "h = 32，每个数 2 字节，单位 MiB",
        )
        .to_string(),
        format!(
            "     n    d  {}    q,k,v,o",
            // Nine columns each.
            lang.pick("   scores", " 分数矩阵")
        ),
    ];
    for (n, d) in [
        (2048, 64),
        (2048, 128),
        (4096, 128),
        (8192, 64),
        (8192, 128),
    ] {
        let mib = |numbers: usize| (2 * numbers) as f64 / f64::from(1 << 20);
        let (scores, operands) = (mib(32 * n * n), mib(4 * 32 * n * d));
        lines.push(format!("{n:>6} {d:>4}  {scores:>9.0}  {operands:>9.0}"));
    }
    // The same on real arrays: only their sizes are looked at.
    let elements = |d| {
        let inputs = inputs(&[("n", 64), ("m", 64), ("d", d), ("dv", d)]);
        (einsum_scores(&inputs).len(), inputs.float("q").len())
    };
    let ((scores, q), (wide_scores, wide_q)) = (elements(16), elements(32));
    lines.push(format!(
        "{}: {scores} → {wide_scores}, q: {q} → {wide_q}",
        lang.pick(
            "d = 16 → 32, elements of the scores",
            "d = 16 → 32，分数的元素个数"
        )
    ));
    lines.join("\n")
}

fn count_lines(lang: Lang) -> String {
    let lines = EINSUM_SNIPPET.lines().count();
    format!(
        "{EINSUM_SNIPPET}\n{} {lines}",
        lang.pick("lines:", "行数：")
    )
}

fn einsum_is_attention(lang: Lang) -> String {
    let mut lines = Vec::new();
    for (n, m, d, dv) in [(5, 5, 8, 8), (5, 7, 8, 8), (5, 7, 8, 11)] {
        let inputs = inputs(&[("n", n), ("m", m), ("d", d), ("dv", dv)]);
        let gap = max_abs(&(&notes(&inputs).0 - &PROBLEM.production.answer(&inputs)[0]));
        lines.push(format!("n={n} m={m} d={d} dv={dv}  max |Δ| = {gap:.1e}"));
    }
    let head = lang.pick(
        "the notes' einsum in f64 against llmlab's streaming kernel in f32",
        "笔记的 einsum（f64）与 llmlab 流式内核（f32）之差",
    );
    format!("{head}\n{}", lines.join("\n"))
}
