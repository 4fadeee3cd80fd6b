//! What the notes say about ALiBi, and what is true.

use super::reference::slopes;
use crate::lesson::{Claim, Verdict};
use crate::ops::softmax;
use crate::text::{Lang, Text};
use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C056",
        verdict: Verdict::Right,
        quote: "不给向量,给偏置",
        right: Text::new(
            "Right: nothing is added to embeddings, q, k or v; every score gets a number that depends on the head and on the distance.",
            "正确：embedding、q、k、v 都不加东西，只给每个分数加一个由头和距离决定的数。",
        ),
        demo: Some(order),
    },
    Claim {
        id: "C057",
        verdict: Verdict::Wrong,
        quote: "attention_score += (i−j)·m_h",
        right: Text::new(
            "The sign is wrong: the bias is −m_h·(i − j) for j ≤ i, with m_h > 0, so that far keys lose. Adding +m_h·j, as BLOOM does, is the same after softmax, since the two differ by m_h·i, which is constant in a row. The notes' form prefers the first token of the text.",
            "符号反了：j ≤ i 时偏置是 −m_h·(i − j)，m_h > 0，越远越吃亏。BLOOM 加 +m_h·j，softmax 之后与之相同，因为两者只差行内常数 m_h·i。笔记的写法会偏好全文的第一个 token。",
        ),
        demo: Some(sign),
    },
    Claim {
        id: "C058",
        verdict: Verdict::Right,
        quote: "m_h 头相关斜率",
        right: Text::new(
            "Right; to be complete: slopes are fixed and not learned, 2^(−8k/h) for k = 1 … h where h is a power of two, with a rule of interleaving for other numbers of heads. The bias comes after the scale 1/√d and is not scaled.",
            "正确。补全：斜率固定、不学习；h 是 2 的幂时为 2^(−8k/h)，k = 1 … h，其他头数按隔一取一的规则补足。偏置在 1/√d 缩放之后加，自身不缩放。",
        ),
        demo: Some(all_slopes),
    },
    Claim {
        id: "C059",
        verdict: Verdict::Imprecise,
        quote: "推理时线性外推",
        right: Text::new(
            "The bias is linear and defined for any distance. What extrapolates is perplexity: it stays flat past the training length, mostly because far tokens hardly count, and is best near twice that length. Flat is not better: the added context is barely used.",
            "线性且对任意距离有定义的是偏置。所谓外推指困惑度：超过训练长度后基本持平，主要因为远处 token 几乎不计，约在 2 倍长度处最好。持平不等于用上了更长的上下文。",
        ),
        demo: Some(reach),
    },
    Claim {
        id: "C060",
        verdict: Verdict::Wrong,
        quote: "2048→8192 不掉点",
        right: Text::new(
            "The paper's headline is 1024 → 2048 (a 1.3B model trained on 1024 matches a sinusoidal one trained on 2048). Cerebras, for BTLM-3B-8K with ALiBi, reports that training at 2048 alone does not extrapolate well in practice; they trained part of the time at 8192. Perplexity may stay flat while retrieval at a distance fails (see also arXiv 2305.19466).",
            "论文的结论是 1024 → 2048（13 亿参数模型在 1024 上训练，追平在 2048 上训练的正弦编码模型）。Cerebras 的 BTLM-3B-8K 用的就是 ALiBi，报告说只在 2048 上训练实际外推并不好，他们有一部分训练直接用 8192。困惑度可以持平，远距离检索却会失败（另见 arXiv 2305.19466）。",
        ),
        demo: Some(needle),
    },
    Claim {
        id: "C061",
        verdict: Verdict::Right,
        quote: "0 额外参数",
        right: Text::new(
            "Right: slopes are constants. The paper tried learned slopes, which did not extrapolate well.",
            "正确：斜率是常数。论文试过可学习的斜率，外推效果不好。",
        ),
        demo: Some(parameters),
    },
];

/// Softmax of one row.
fn soft(scores: Vec<f64>) -> Vec<f64> {
    let row = ArrayD::from_shape_vec(IxDyn(&[scores.len()]), scores).expect("one axis");
    softmax(&row, 0).into_iter().collect()
}

/// The bias of slope m at query i and key j.
type Bias = fn(f64, f64, f64) -> f64;

/// Σ weight·distance of the last query.
fn mean_distance(weights: &[f64]) -> f64 {
    let last = weights.len() - 1;
    let each = weights
        .iter()
        .enumerate()
        .map(|(j, w)| w * (last - j) as f64);
    each.sum()
}

fn order(lang: Lang) -> String {
    let scores = [0.3, 1.2, -0.4, 0.8];
    let swapped = [1.2, 0.3, -0.4, 0.8];
    let row = |scores: [f64; 4], slope: f64| {
        let biased = scores
            .iter()
            .enumerate()
            .map(|(j, s)| s - slope * (3 - j) as f64);
        let weights = soft(biased.collect());
        let shown: Vec<String> = weights.iter().map(|w| format!("{w:.3}")).collect();
        shown.join(" ")
    };
    let (bare, bare_swapped) = (row(scores, 0.0), row(swapped, 0.0));
    let (biased, biased_swapped) = (row(scores, 0.5), row(swapped, 0.5));
    match lang {
        Lang::En => format!(
            "Four keys, then the first two exchanged (scores 0.3 1.2 −0.4 0.8 → 1.2 0.3 −0.4 0.8).\n\
             no bias: {bare} → {bare_swapped}: the weights are only exchanged; order is not seen\n\
             slope ½: {biased} → {biased_swapped}: all weights change; no vector was added anywhere"
        ),
        Lang::Zh => format!(
            "四个 key，把前两个对调（分数 0.3 1.2 −0.4 0.8 → 1.2 0.3 −0.4 0.8）。\n\
             无偏置：{bare} → {bare_swapped}：权重只是跟着对调，看不到顺序\n\
             斜率 ½：{biased} → {biased_swapped}：所有权重都变了，而没有加任何向量"
        ),
    }
}

fn sign(lang: Lang) -> String {
    let (last, slope) = (255_usize, 0.5);
    let mut rng = StdRng::seed_from_u64(0);
    // Twelve uniform draws have variance 1 together: near enough to normal.
    let noise: Vec<f64> = (0..=last)
        .map(|_| (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0)
        .collect();
    let equal = vec![0.0; last + 1];
    let row = |scores: &[f64], bias: Bias| {
        let each = scores.iter().enumerate();
        let weights = soft(
            each.map(|(j, s)| s + bias(slope, last as f64, j as f64))
                .collect(),
        );
        (mean_distance(&weights), 100.0 * weights[0])
    };
    let forms: [(Text, Bias); 4] = [
        (Text::new("no bias      ", "无偏置      "), |_, _, _| 0.0),
        (
            Text::new("−m·(i − j)   ", "−m·(i − j)  "),
            |m, i, j| -m * (i - j),
        ),
        (Text::new("+m·j (BLOOM) ", "+m·j (BLOOM)"), |m, _, j| {
            m * j
        }),
        (
            Text::new("+m·(i − j)   ", "+m·(i − j)  "),
            |m, i, j| m * (i - j),
        ),
    ];
    let mut text = lang
        .pick(
            "Query 255, slope m = ½: mean attended distance, and the share of token 0",
            "query 255，斜率 m = ½：平均关注距离，以及 token 0 所占权重",
        )
        .to_string();
    for (name, bias) in forms {
        let ((even, even_first), (random, random_first)) = (row(&equal, bias), row(&noise, bias));
        let name = name.get(lang);
        let line = lang.pick(
            format!(
                "\n{name} equal scores {even:6.2} ({even_first:4.1} %)  random scores {random:6.2} ({random_first:4.1} %)"
            ),
            format!(
                "\n{name} 分数相等 {even:6.2}({even_first:4.1} %)  随机分数 {random:6.2}({random_first:4.1} %)"
            ),
        );
        text.push_str(&line);
    }
    text.push_str(lang.pick(
        "\nThe last line is the notes' formula: the query looks at the beginning of the text only.",
        "\n最后一行是笔记的公式：query 几乎只看全文开头。",
    ));
    text
}

fn all_slopes(lang: Lang) -> String {
    let list = |h: usize| -> String {
        let shown: Vec<String> = slopes(h).iter().map(|m| format!("{m:.4}")).collect();
        shown.join(" ")
    };
    let (eight, twelve) = (list(8), list(12));
    let plain: Vec<String> = (1..=12)
        .map(|k| format!("{:.4}", (-8.0 * f64::from(k) / 12.0).exp2()))
        .collect();
    let plain = plain.join(" ");
    match lang {
        Lang::En => format!(
            "8 heads:  {eight}\n12 heads: {twelve}\n\
             the plain 2^(−8k/12) would give: {plain}"
        ),
        Lang::Zh => {
            format!("8 个头：{eight}\n12 个头：{twelve}\n直接套 2^(−8k/12) 则是：{plain}")
        }
    }
}

/// Within how many tokens, the own one included, lies this share of the weight when all scores are
/// equal and there are `keys` keys.
fn tokens_for(share: f64, slope: f64, keys: usize) -> usize {
    let biased = (0..keys).map(|j| -slope * (keys - 1 - j) as f64);
    let weights = soft(biased.collect());
    let mut sum = 0.0;
    let enough = weights.iter().rev().position(|w| {
        sum += w;
        sum >= share
    });
    enough.map_or(keys, |at| at + 1)
}

fn reach(lang: Lang) -> String {
    let mut text = lang
        .pick(
            "8 heads, equal scores: within how many tokens lie 99 % of the weight?",
            "8 个头，分数相等：99 % 的权重落在最近多少个 token 内？",
        )
        .to_string();
    for keys in [1024, 2048, 4096, 8192] {
        let each = slopes(8).into_iter().map(|m| tokens_for(0.99, m, keys));
        let shown: Vec<String> = each.map(|tokens| format!("{tokens:5}")).collect();
        let shown = shown.join("");
        text.push_str(&lang.pick(
            format!("\n{keys} keys:{shown}"),
            format!("\n{keys} 个 key：{shown}"),
        ));
    }
    text.push_str(lang.pick(
        "\nPast some 1200 tokens more context changes no head: perplexity stays flat, and the new tokens are hardly used.",
        "\n超过约 1200 个 token 后，再长的上下文对任何头都没有影响：困惑度持平，多出的 token 几乎没用上。",
    ));
    text
}

fn needle(lang: Lang) -> String {
    let slopes = slopes(8);
    // e^(s − m·D) = Σ over the others, all with score 0: then the needle has half of the weight.
    let lead = |slope: f64, far: usize| {
        let others = (0..far).map(|d| (-slope * d as f64).exp()).sum::<f64>();
        others.ln() + slope * far as f64
    };
    let row = |far: usize| -> String {
        let shown: Vec<String> = slopes
            .iter()
            .map(|m| format!("{:7.0}", lead(*m, far)))
            .collect();
        shown.join("")
    };
    let (near, far) = (row(1024), row(8191));
    match lang {
        Lang::En => format!(
            "By how much must a key's score lead all others (equal) to get half of the weight? Heads 0 … 7:\n\
             at distance 1024:{near}\n\
             at distance 8191:{far}\n\
             Without a bias it is ln(8191) = {:.1}. Scores that large hardly occur: what lies far away is out of reach.",
            8191_f64.ln()
        ),
        Lang::Zh => format!(
            "某个 key 的分数要比其余（全相等）高多少，才能拿到一半权重？第 0 … 7 个头：\n\
             距离 1024：{near}\n\
             距离 8191：{far}\n\
             没有偏置时只需 ln(8191) = {:.1}。这么大的分数几乎不会出现：太远的内容够不着。",
            8191_f64.ln()
        ),
    }
}

fn parameters(lang: Lang) -> String {
    let (positions, width, heads) = (2048, 4096, 32);
    let table = positions * width;
    let constants = slopes(heads).len();
    match lang {
        Lang::En => format!(
            "d_model {width}, {heads} heads: a learned table for {positions} positions has {table} parameters.\n\
             ALiBi has 0, and {constants} constants from a formula."
        ),
        Lang::Zh => format!(
            "d_model {width}、{heads} 个头：{positions} 个位置的可学习位置表有 {table} 个参数。\n\
             ALiBi 是 0 个，只有由公式给出的 {constants} 个常数。"
        ),
    }
}
