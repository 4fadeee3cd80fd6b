//! What the notes say about multi-head attention, and what computing it shows.

use super::PROBLEM;
use super::reference::split;
use crate::lesson::{Claim, Verdict};
use crate::ops::{einsum, softmax};
use crate::problem::{Case, Variant};
use crate::tensor::{Inputs, Outputs, Tensor, Value, max_abs};
use crate::text::{Lang, Text};
use crate::trace::Trace;
use ndarray::{Array2, ArrayD, Axis, IxDyn, s};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C031",
        verdict: Verdict::Wrong,
        quote: "多头 ≠ 精度↑",
        right: Text::new(
            "More heads do help, up to a point: at equal compute one head lost 0.9 BLEU against the best setting, and too many heads lost as well (Vaswani et al. 2017, Table 3 A). One head gives one distribution per token, so it cannot read two places apart. What is true: of a trained model many heads can be removed (Michel et al. 2019, Voita et al. 2019).",
            "在一定范围内，多头确实提升效果：同等计算量下单头比最佳配置低 0.9 BLEU，头太多也会变差（Vaswani 等 2017，表 3 A）。一个头对每个 token 只有一个分布，无法把两个位置分开读。成立的是：训练好的模型里可以删掉很多头（Michel 等 2019；Voita 等 2019）。",
        ),
        demo: Some(two_lookups),
    },
    Claim {
        id: "C032",
        verdict: Verdict::Imprecise,
        quote: "而是 低秩分解",
        right: Text::new(
            "Cutting d into heads bounds the rank of each head's scores by dk = d/h. That is a limitation (the low-rank bottleneck of Bhojanapalli et al. 2020), not a decomposition that approximates a matrix. The softmax brings the weights back to full rank.",
            "把 d 切成多个头，使每个头的分数矩阵秩不超过 dk = d/h。这是一种限制（Bhojanapalli 等 2020 的低秩瓶颈），而不是对某个矩阵的近似分解。经过 softmax，权重矩阵又是满秩的。",
        ),
        demo: Some(ranks),
    },
    Claim {
        id: "C033",
        verdict: Verdict::Imprecise,
        quote: "噪声鲁棒",
        right: Text::new(
            "There is no source for it, and no systematic gain to measure: the output of random multi-head attention moves about as much under noise for every number of heads.",
            "没有出处，也测不出系统性的收益：随机权重下，无论多少个头，输出受输入噪声扰动的幅度都差不多。",
        ),
        demo: Some(noise),
    },
    Claim {
        id: "C034",
        verdict: Verdict::Wrong,
        quote: "等效 d_model×h 矩阵",
        right: Text::new(
            "w_q, w_k, w_v and w_o are d × d each: h blocks of d × (d/h). There is no d × h matrix, and the number of parameters, 4d², does not depend on h.",
            "w_q、w_k、w_v、w_o 都是 d × d，即 h 个 d × (d/h) 的块。不存在 d × h 的矩阵；参数量 4d² 与 h 无关。",
        ),
        demo: Some(parameters),
    },
    Claim {
        id: "C035",
        verdict: Verdict::Wrong,
        quote: "被 h 个 d_model/h 矩阵和近似(证明)",
        right: Text::new(
            "Nothing is approximated. concat·w_o = Σ headᵢ·w_o[block i] is an identity, and so is Σᵢ qᵢ·kᵢᵀ = q·kᵀ. But the softmax is taken in each head before anything is summed, so h heads are another function than one head of full width, not its approximation.",
            "没有任何近似：concat·w_o = Σ headᵢ·w_o[第 i 块] 是恒等式，Σᵢ qᵢ·kᵢᵀ = q·kᵀ 也是。但 softmax 在求和之前就在每个头里做了，所以 h 个头与一个全宽的头是不同的函数，并不是它的近似。",
        ),
        demo: Some(identities),
    },
    Claim {
        id: "C036",
        verdict: Verdict::Wrong,
        quote: "→ 参数共享",
        right: Text::new(
            "The heads of multi-head attention share no parameters: each has columns of its own in w_q, w_k, w_v and rows of its own in w_o. Sharing keys and values is what MQA and GQA do (Shazeer 2019; Ainslie et al. 2023).",
            "多头注意力的各个头不共享任何参数：每个头在 w_q、w_k、w_v 中有自己的列，在 w_o 中有自己的行。共享 k、v 的是 MQA 和 GQA（Shazeer 2019；Ainslie 等 2023）。",
        ),
        demo: Some(nothing_shared),
    },
    Claim {
        id: "C037",
        verdict: Verdict::Imprecise,
        quote: "+ 正则化",
        right: Text::new(
            "Neither derivation nor source: the «proof» contains no inequality and no penalty. Cutting d into heads adds no term to the loss and no noise in training; what regularises attention in practice is dropout on the weights and weight decay.",
            "没有推导也没有出处：所谓“证明”里既无不等式也无惩罚项。拆头既没有给损失加项，也没有在训练中加噪声；实践中正则化注意力的是权重上的 dropout 和 weight decay。",
        ),
        demo: None,
    },
];

fn inputs(seed: u64, sizes: &[(&'static str, usize)]) -> Inputs {
    let mut case = Case {
        kind: "demo",
        seed,
        settings: PROBLEM
            .settings
            .iter()
            .map(|s| (s.name, s.default))
            .collect(),
    };
    case.settings.extend(sizes.iter().copied());
    (PROBLEM.inputs)(&case)
}

fn run(inputs: &Inputs) -> Outputs {
    (PROBLEM.reference)(inputs, &mut Trace::new())
}

/// The value of one step of the reference.
fn step(inputs: &Inputs, name: &str) -> ArrayD<f64> {
    let mut trace = Trace::new();
    (PROBLEM.reference)(inputs, &mut trace);
    let step = trace.steps().iter().find(|step| step.name == name);
    step.expect("a step of the reference").value.clone()
}

fn norm(x: &ArrayD<f64>) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The number of pivots above 1e-9 of the largest, by elimination with full pivoting.
fn rank(mut a: Array2<f64>) -> usize {
    let (rows, columns) = a.dim();
    let mut largest = 0.0;
    for done in 0..rows.min(columns) {
        let rest = a.slice(s![done.., done..]);
        let ((i, j), pivot) = rest
            .indexed_iter()
            .max_by(|(_, x), (_, y)| x.abs().total_cmp(&y.abs()))
            .map(|(at, pivot)| (at, *pivot))
            .expect("not empty");
        if done == 0 {
            largest = pivot.abs();
        }
        if pivot.abs() <= 1e-9 * largest {
            return done;
        }
        for column in 0..columns {
            a.swap([done, column], [done + i, column]);
        }
        for row in 0..rows {
            a.swap([row, done], [row, done + j]);
        }
        for row in done + 1..rows {
            let factor = a[[row, done]] / a[[done, done]];
            for column in done..columns {
                a[[row, column]] -= factor * a[[done, column]];
            }
        }
    }
    rows.min(columns)
}

/// Copying the tokens 1 and 3 places back, with heads that look there as sharply as one likes.
fn two_lookups(lang: Lang) -> String {
    let n = 256;
    let values = inputs(0, &[("b", 1), ("n", n), ("h", 1), ("dk", 1)]).f64("x");
    let values: Vec<f64> = values.iter().copied().collect();
    let read = |offsets: &[usize]| -> Vec<f64> {
        let looks = |i: usize, j: usize| offsets.iter().any(|offset| j + offset == i);
        let scores =
            ArrayD::from_shape_fn(
                IxDyn(&[n, n]),
                |at| {
                    if looks(at[0], at[1]) { 40.0 } else { 0.0 }
                },
            );
        let weights = softmax(&scores, 1);
        let row = |i: usize| (0..n).map(|j| weights[[i, j]] * values[j]).sum();
        (0..n).map(row).collect()
    };
    // What is left of both targets after the best factor (the best w_o) on what was read.
    let left = |reads: [&[f64]; 2]| {
        let (mut error, mut total) = (0.0, 0.0);
        for (read, offset) in reads.iter().zip([1, 3]) {
            let pairs = || (3..n).map(|i| (read[i], values[i - offset]));
            let dot: f64 = pairs().map(|(r, t)| r * t).sum();
            let square: f64 = pairs().map(|(r, _)| r * r).sum();
            error += pairs()
                .map(|(r, t)| (t - dot / square * r).powi(2))
                .sum::<f64>();
            total += pairs().map(|(_, t)| t * t).sum::<f64>();
        }
        100.0 * error / total
    };
    let (one, three, both) = (read(&[1]), read(&[3]), read(&[1, 3]));
    format!(
        "{}\n  {}: {:.1} %\n  {}: {:.1} %\n  {}: {:.1} %",
        lang.pick(
            "copy the values 1 and 3 tokens back: squared error that is left with the best w_o",
            "复制前 1 个与前 3 个 token 的值：取最优 w_o 后剩余的平方误差",
        ),
        lang.pick("2 heads, one look each", "2 个头，各看一处"),
        left([&one, &three]),
        lang.pick("1 head, looks at both", "1 个头，同时看两处"),
        left([&both, &both]),
        lang.pick("1 head, looks at one", "1 个头，只看一处"),
        left([&one, &one]),
    )
}

fn ranks(lang: Lang) -> String {
    let (n, d) = (24, 64);
    let mut lines = vec![
        lang.pick(
            "n = 24, d = 64; head 0: rank of scores and of softmax(scores)",
            "n = 24，d = 64；第 0 个头：分数与 softmax(分数) 的秩",
        )
        .to_string(),
        format!(
            "{:>4} {:>4}  {}",
            "h",
            "dk",
            lang.pick("scores  softmax", "分数    softmax")
        ),
    ];
    for h in [1, 4, 8, 16, 32] {
        let inputs = inputs(0, &[("b", 1), ("n", n), ("h", h), ("dk", d / h)]);
        let of = |name: &str| {
            let value = step(&inputs, name);
            let head = value.slice(s![0, 0, .., ..]);
            rank(head.to_shape((n, n)).expect("one head").into_owned())
        };
        lines.push(format!(
            "{h:>4} {:>4}  {:>6}  {:>7}",
            d / h,
            of("scores"),
            of("weights")
        ));
    }
    lines.join("\n")
}

fn noise(lang: Lang) -> String {
    let d = 64;
    let mut lines = vec![
        lang.pick(
            "noise of 10 % on x: relative change of the output, mean and spread of 8 seeds",
            "给 x 加 10 % 噪声：输出的相对变化，8 个种子的均值与标准差",
        )
        .to_string(),
    ];
    for h in [1, 2, 4, 8, 16] {
        let change = |seed: u64| {
            let clean = inputs(seed, &[("b", 1), ("n", 16), ("h", h), ("dk", d / h)]);
            let other = inputs(seed + 100, &[("b", 1), ("n", 16), ("h", h), ("dk", d / h)]);
            let noisy = clean.float("x") + &(other.float("x") * 0.1);
            let noisy = clean.clone().with("x", Value::Float(noisy));
            let truth = &run(&clean)[0];
            norm(&(&run(&noisy)[0] - truth)) / norm(truth)
        };
        let changes: Vec<f64> = (0..8).map(change).collect();
        let mean = changes.iter().sum::<f64>() / 8.0;
        let spread = changes.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 8.0;
        lines.push(format!("  h = {h:>2}: {mean:.3} ± {:.3}", spread.sqrt()));
    }
    lines.join("\n")
}

fn parameters(lang: Lang) -> String {
    let d = 64;
    let mut lines = vec![
        lang.pick(
            "d = 64: shapes of w_q and of one head's block, parameters of all four",
            "d = 64：w_q 与单个头的块的形状，四个矩阵的参数总量",
        )
        .to_string(),
    ];
    for h in [1, 4, 8, 16, 64] {
        let inputs = inputs(0, &[("h", h), ("dk", d / h)]);
        let count: usize = ["w_q", "w_k", "w_v", "w_o"]
            .iter()
            .map(|name| inputs.float(name).len())
            .sum();
        let w_q = inputs.float("w_q").shape();
        lines.push(format!(
            "  h = {h:>2}: w_q {w_q:?}, {} [{d}, {}]; 4d² = {count}",
            lang.pick("block", "块"),
            d / h
        ));
    }
    lines.join("\n")
}

fn identities(lang: Lang) -> String {
    let (n, d, h) = (24, 64, 8);
    let dk = d / h;
    let inputs = inputs(0, &[("b", 1), ("n", n), ("h", h), ("dk", dk)]);
    // concat·w_o in f32 against the sum over heads in f32.
    let concat = step(&inputs, "concat").mapv(|x| x as f32);
    let w_o = inputs.float("w_o");
    let whole = einsum("b n e, e d -> b n d", &[&concat, w_o]);
    let mut sum = Tensor::zeros(whole.raw_dim());
    for head in 0..h {
        let part = s![.., .., head * dk..(head + 1) * dk];
        let rows = s![head * dk..(head + 1) * dk, ..];
        let (part, rows) = (concat.slice(part).to_owned(), w_o.slice(rows).to_owned());
        sum += &einsum("b n e, e d -> b n d", &[&part.into_dyn(), &rows.into_dyn()]);
    }
    // The scores of all heads, without their scale, against those of one wide head.
    let per_head = step(&inputs, "scores") * (dk as f64).sqrt();
    let wide = einsum(
        "b n e, b m e -> b n m",
        &[&step(&inputs, "q"), &step(&inputs, "k")],
    );
    let logits = max_abs(&(per_head.sum_axis(Axis(1)) - &wide));
    // One wide head as a function: the planted bugs are just that.
    let single = Variant(vec!["sum-logits-then-softmax", "scale-sqrt-d-model"]);
    let (many, one) = (&run(&inputs)[0], &(PROBLEM.variant)(&inputs, &single)[0]);
    let mean = step(&inputs, "weights").sum_axis(Axis(1)) / h as f64;
    let wide_weights = softmax(&(wide / (d as f64).sqrt()), 2);
    let l1 = (mean - wide_weights).mapv(f64::abs).sum() / n as f64;
    format!(
        "n = {n}, d = {d}, h = {h}\n  max |concat·w_o − Σ headᵢ·w_oᵢ| = {:.1e} (f32)\n  max |Σ qᵢ·kᵢᵀ − q·kᵀ| = {logits:.1e} (f64)\n  {} {:.2}\n  {} {l1:.3}",
        max_abs(&(&whole - &sum)),
        lang.pick(
            "h heads against one head of full width: ‖Δout‖/‖out‖ =",
            "h 个头与一个全宽头：‖Δout‖/‖out‖ =",
        ),
        norm(&(many - one)) / norm(many),
        lang.pick(
            "mean of the heads' weights against the wide head's: L1 per row =",
            "各头平均权重与全宽头权重：每行 L1 距离 =",
        ),
    )
}

fn nothing_shared(lang: Lang) -> String {
    let (h, dk) = (4, 8);
    let mut lines = vec![
        lang.pick(
            "change of each head's output when one block is perturbed",
            "只扰动一个块时，各头输出的变化",
        )
        .to_string(),
    ];
    for (h_kv, name, label) in [
        (
            h,
            "w_q",
            lang.pick("MHA, w_q of head 0", "MHA，第 0 头的 w_q"),
        ),
        (
            h,
            "w_k",
            lang.pick("MHA, w_k of head 0", "MHA，第 0 头的 w_k"),
        ),
        (
            2,
            "w_k",
            lang.pick(
                "GQA (h_kv = 2), w_k of kv head 0",
                "GQA（h_kv = 2），第 0 个 kv 头的 w_k",
            ),
        ),
        (
            1,
            "w_k",
            lang.pick("MQA (h_kv = 1), its one w_k", "MQA（h_kv = 1），唯一的 w_k"),
        ),
    ] {
        let before = inputs(
            0,
            &[("b", 1), ("n", 6), ("h", h), ("h_kv", h_kv), ("dk", dk)],
        );
        let mut w = before.float(name).clone();
        w.slice_mut(s![.., 0..dk]).mapv_inplace(|x| x + 0.5);
        let after = before.clone().with(name, Value::Float(w));
        let change = split(&(step(&after, "concat") - step(&before, "concat")), h);
        let changes: Vec<String> = (0..h)
            .map(|head| {
                format!(
                    "{:.2}",
                    max_abs(&change.index_axis(Axis(1), head).to_owned())
                )
            })
            .collect();
        lines.push(format!("  {label}: {}", changes.join("  ")));
    }
    lines.join("\n")
}
