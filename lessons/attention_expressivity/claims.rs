//! What the notes say about receptive field, parallelism and expressivity, and what computing shows.

use super::problem::PROBLEM;
use crate::lesson::{Claim, Verdict};
use crate::ops::{einsum, matmul, softmax};
use crate::problem::{Case, Deviation};
use crate::tensor::{Inputs, Outputs};
use crate::text::{Lang, Text};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C026",
        verdict: Verdict::Right,
        quote: "任意两 token 距离=1",
        right: Text::new(
            "Right for full attention: the path between any two tokens is one layer (Vaswani et al. 2017, table 1). With a causal mask it holds for earlier tokens only, and with a window of w tokens the farthest of n needs ⌈(n − 1)/w⌉ layers.",
            "对全注意力成立：任意两个 token 之间的路径长一层（Vaswani 等 2017，表 1）。因果掩码下只对前面的 token 成立；窗口为 w 时，n 个 token 中最远的要 ⌈(n − 1)/w⌉ 层。",
        ),
        demo: Some(paths),
    },
    Claim {
        id: "C027",
        verdict: Verdict::Imprecise,
        quote: "可并行:无时间步依赖",
        right: Text::new(
            "Right in training and prefill, where all tokens are known: one pass. Generation is sequential: token t + 1 needs token t, n tokens need n passes, whatever the layers do.",
            "训练和 prefill 时成立：token 都已知，一次前向即可。生成是串行的：第 t + 1 个 token 需要第 t 个，n 个 token 就要 n 次前向，与层内能否并行无关。",
        ),
        demo: Some(steps),
    },
    Claim {
        id: "C028",
        verdict: Verdict::Wrong,
        quote: "表达下界",
        right: Text::new(
            "The theorem of Yun et al. is about what can be approximated (the class is dense in a space of functions): an existence result, no lower bound. And it needs FFN, residuals and depth: attention alone collapses to equal tokens, doubly exponentially in depth (Dong et al. 2021, arXiv 2103.03404).",
            "Yun 等的定理说的是能逼近什么（这一类函数在某个空间中稠密），是存在性结果，不是下界。而且它离不开 FFN、残差和深度：只有注意力时，所有 token 会随深度双指数地塌缩成同一个（Dong 等 2021，arXiv 2103.03404）。",
        ),
        demo: Some(collapse),
    },
    Claim {
        id: "C029",
        verdict: Verdict::Right,
        quote: "(Yun et al. 2020)",
        right: Text::new(
            "The paper exists: Yun, Bhojanapalli, Rawat, Reddi, Kumar, «Are Transformers universal approximators of sequence-to-sequence functions?», ICLR 2020, arXiv 1912.10077.",
            "文献确有其文：Yun, Bhojanapalli, Rawat, Reddi, Kumar，“Are Transformers universal approximators of sequence-to-sequence functions?”，ICLR 2020，arXiv 1912.10077。",
        ),
        demo: None,
    },
    Claim {
        id: "C030",
        verdict: Verdict::Wrong,
        quote: "单头已稠密",
        right: Text::new(
            "The theorem is for two heads of size 1 with an FFN of width 4, and for continuous permutation-equivariant functions on a compact set; only with positions it covers all. (One head in one layer, with FFNs, is a later result: Kajitsuka and Sato 2023, arXiv 2307.14023.) Without positions no number of heads can reverse a sequence.",
            "定理针对的是：两个大小为 1 的头、宽度为 4 的 FFN、紧集上连续的置换等变函数；有了位置信息才能覆盖一般函数。（单头单层加 FFN 是后来的结果：Kajitsuka 与 Sato 2023，arXiv 2307.14023。）没有位置信息，再多头也无法把序列倒过来。",
        ),
        demo: Some(order),
    },
];

fn inputs(kind: &str, sizes: &[(&'static str, usize)]) -> Inputs {
    let case = crate::check::case(&PROBLEM, kind, 28, &[]);
    let mut case: Case = case.expect("a kind of this problem");
    case.settings.extend(sizes.iter().copied());
    (PROBLEM.inputs)(&case)
}

fn run(inputs: &Inputs) -> Outputs {
    (PROBLEM.reference)(inputs, &mut Trace::new())
}

fn paths(lang: Lang) -> String {
    let n = 16;
    let mut lines = vec![lang.pick(
        format!("{n} tokens: layers until one token reaches another"),
        format!("{n} 个 token：一个 token 到达另一个要几层"),
    )];
    for (pattern, en, zh) in [
        (0, "full attention", "全注意力"),
        (1, "causal", "因果"),
        (2, "window 1", "窗口 1"),
    ] {
        let layers = &run(&inputs(
            "ordinary",
            &[("n", n), ("pattern", pattern), ("l", 1)],
        ))[0];
        let farthest = layers.iter().fold(0.0, |top: f64, layer| top.max(*layer));
        let never = layers.iter().filter(|layer| **layer < 0.0).count();
        lines.push(lang.pick(
            format!(
                "  {en}: at most {farthest}; {never} of {} pairs never",
                n * n
            ),
            format!(
                "  {zh}：最多 {farthest}；{} 对中有 {never} 对永远到不了",
                n * n
            ),
        ));
    }
    lines.join("\n")
}

/// Runs a causal layer over growing prefixes, as generation does, and at once, and counts.
fn steps(lang: Lang) -> String {
    let n = 8;
    let whole = inputs("causal", &[("n", n)]);
    let (x, w, sees) = (whole.f64("x"), whole.f64("w"), whole.int("sees"));
    let mask = sees.mapv(|sees| if sees == 0 { f64::NEG_INFINITY } else { 0.0 });
    let layer = |x: &ArrayD<f64>, n: usize| {
        let part = |i| {
            matmul(
                x,
                &w.index_axis(Axis(0), 0).index_axis(Axis(0), i).to_owned(),
            )
        };
        let (q, k, v) = (part(0), part(1), part(2));
        let mask = mask.slice(ndarray::s![..n, ..n]).to_owned().into_dyn();
        matmul(
            &softmax(&(einsum("n d, m d -> n m", &[&q, &k]) + mask), 1),
            &v,
        )
    };
    let parallel = layer(&x, n);
    let (mut passes, mut err) = (0, 0.0);
    for t in 1..=n {
        let prefix = x.slice(ndarray::s![..t, ..]).to_owned().into_dyn();
        let last = |y: &ArrayD<f64>| vec![y.index_axis(Axis(0), t - 1).to_owned()];
        err = Deviation::between(&last(&layer(&prefix, t)), &last(&parallel), 0.0)
            .err
            .max(err);
        passes += 1;
    }
    lang.pick(
        format!(
            "{n} known tokens (training, prefill): 1 pass\n\
             the same {n} tokens generated: {passes} passes, one after the other\n\
             same outputs: largest difference {err:.1e}"
        ),
        format!(
            "{n} 个已知 token（训练、prefill）：1 次前向\n\
             逐个生成这 {n} 个 token：{passes} 次前向，一次接一次\n\
             结果相同：最大差 {err:.1e}"
        ),
    )
}

fn collapse(lang: Lang) -> String {
    let sizes = [("n", 24), ("d", 32), ("l", 6)];
    let bare = &run(&inputs("ordinary", &sizes))[1];
    let skip = &run(&inputs("residual", &sizes))[1];
    let mut lines = vec![lang.pick(
        "24 tokens through layers of random attention, ‖X − mean‖/‖X‖:\nlayers   attention   x + attention".to_string(),
        "24 个 token 过若干层随机注意力，‖X − 均值‖/‖X‖：\n层数     attention   x + attention".to_string(),
    )];
    for (layer, (bare, skip)) in (1..).zip(bare.iter().zip(skip)) {
        lines.push(format!("{layer:6}   {bare:9.6}   {skip:13.6}"));
    }
    lines.push(
        lang.pick(
            "attention alone makes all tokens equal: what it can express shrinks with depth",
            "只有注意力时所有 token 变得相同：越深，能表达的反而越少",
        )
        .to_string(),
    );
    lines.join("\n")
}

/// One layer on tokens, and on the same tokens in reverse.
fn order(lang: Lang) -> String {
    let given = inputs("ordinary", &[("n", 12), ("d", 16), ("l", 1)]);
    let (x, w) = (given.f64("x"), given.f64("w"));
    let layer = |x: &ArrayD<f64>| {
        let part = |i| {
            matmul(
                x,
                &w.index_axis(Axis(0), 0).index_axis(Axis(0), i).to_owned(),
            )
        };
        let (q, k, v) = (part(0), part(1), part(2));
        matmul(
            &softmax(&(einsum("n d, m d -> n m", &[&q, &k]) / 4.0), 1),
            &v,
        )
    };
    let turned: Vec<usize> = (0..12).rev().collect();
    let reverse = |x: &ArrayD<f64>| x.select(Axis(0), &turned);
    let gap = |a: ArrayD<f64>, b: ArrayD<f64>| Deviation::between(&vec![a], &vec![b], 0.0).err;
    let without = gap(layer(&reverse(&x)), reverse(&layer(&x)));
    let positions = ArrayD::from_shape_fn(x.raw_dim(), |at| {
        (at[0] as f64 / (1.0 + at[1] as f64)).sin()
    });
    let with = gap(
        layer(&(reverse(&x) + &positions)),
        reverse(&layer(&(&x + &positions))),
    );
    lang.pick(
        format!(
            "f(reversed tokens) against reversed f(tokens), 12 tokens:\n\
             without positions: largest difference {without:.1e}, so f cannot tell the order\n\
             with positions added: largest difference {with:.2}"
        ),
        format!(
            "f(倒序的 token) 与 倒序的 f(token) 之差，12 个 token：\n\
             没有位置：最大差 {without:.1e}，f 分不出先后\n\
             加上位置：最大差 {with:.2}"
        ),
    )
}
