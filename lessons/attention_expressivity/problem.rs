//! What the exercise asks, on which patterns of attention, and how exact an answer must be.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::reference;
use super::variants::{DISTURBANCE, disturbed, variant};
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::multi_head::{Shape, Weights, multi_head_attention};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::Text;
use crate::trace::Trace;
use ndarray::IxDyn;
use rand::RngExt;

crate::exercise!(x: tensor, w: tensor, sees: labels, skip: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn attention_expressivity(x: &Tensor, w: &Tensor, sees: &Labels, skip: f64) -> (Tensor, Tensor)",
    args: &[
        Arg {
            name: "x",
            kind: ArgKind::Float("n d"),
        },
        Arg {
            name: "w",
            kind: ArgKind::Float("l p d d"),
        },
        Arg {
            name: "sees",
            kind: ArgKind::Int("n n"),
        },
        Arg {
            name: "skip",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[("layers", "n n"), ("collapse", "l")],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: &[],
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: || {
            let tier = Tier::f32().name();
            format!("multi_head, bit sets, {tier}, {} threads", threads())
        },
        prepare,
        scale: &[("n", 128), ("d", 64), ("l", 4), ("pattern", 2)],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("n", 7, Text::new("tokens", "token 数")),
    Setting::axis("d", 5, Text::new("features", "特征维数")),
    Setting::axis("l", 4, Text::new("layers", "层数")),
    Setting {
        min: 3,
        max: 3,
        ..Setting::axis("p", 3, Text::new("w_q, w_k, w_v", "w_q、w_k、w_v"))
    },
    Setting::option(
        "pattern",
        0,
        0,
        3,
        Text::new(
            "who reads whom: 0 everyone, 1 causal, 2 neighbours (window 1), 3 a sparse random graph",
            "谁读谁：0 全部，1 因果，2 相邻（窗口 1），3 稀疏随机图",
        ),
    ),
    Setting::option(
        "skip",
        0,
        0,
        1,
        Text::new("whether there is a residual connection", "是否有残差连接"),
    ),
    Setting::option("magnitude", 1, 1, 1000, Text::new("size of x", "x 的大小")),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new("everyone reads everyone, no residual", "全连接，无残差"),
    ),
    Kind::new(
        "residual",
        &[("skip", 1), ("n", 6)],
        Text::new("with the residual connection", "带残差连接"),
    ),
    Kind::new(
        "causal",
        &[("pattern", 1), ("n", 6)],
        Text::new("only earlier tokens are read", "只读前面的 token"),
    ),
    Kind::new(
        "window",
        &[("pattern", 2), ("skip", 1), ("n", 8)],
        Text::new("only neighbours are read", "只读相邻的 token"),
    ),
    Kind::new(
        "sparse",
        &[("pattern", 3), ("n", 8), ("l", 3)],
        Text::new(
            "few are read, and not by each other",
            "读得很少，且读与被读不对称",
        ),
    ),
    Kind::new(
        "tiny",
        &[("n", 1), ("d", 1), ("l", 1)],
        Text::new("one token is its own mean", "只有一个 token，它就是均值"),
    ),
    Kind::new(
        "ragged",
        &[("pattern", 3)],
        Text::new("sizes from 1 to 8, sparse", "各轴大小在 1 到 8 之间，稀疏"),
    )
    .ragged(),
    Kind::new(
        "large-magnitude",
        &[("magnitude", 20), ("l", 2)],
        Text::new(
            "large scores: each token copies one other",
            "分数很大：每个 token 几乎只抄一个",
        ),
    ),
];

/// w_q and w_k have the variance 1/d, so that scores are of size 1 for tokens of size 1.
fn inputs(case: &Case) -> Inputs {
    let scale = 1.0 / (case.size("d") as f32).sqrt();
    let magnitude = case.size("magnitude") as f32;
    Inputs::new()
        .with("x", Value::Float(case.normal("x", "n d", magnitude)))
        .with("w", Value::Float(case.normal("w", "l p d d", scale)))
        .with("sees", Value::Int(pattern(case)))
        .with("skip", Value::Number(case.size("skip") as f64))
}

fn pattern(case: &Case) -> Labels {
    let n = case.size("n");
    let mut rng = case.rng("sees");
    Labels::from_shape_fn(IxDyn(&[n, n]), |at| {
        let (i, j) = (at[0], at[1]);
        let sparse = rng.random_range(0..100) < 22;
        i64::from(match case.size("pattern") {
            0 => true,
            1 => j <= i,
            2 => i.abs_diff(j) <= 1,
            _ => i == j || sparse,
        })
    })
}

/// Layers of softmax have no bound in closed form that is not far too wide, so it is measured: in
/// f64, every value on the way is disturbed by up to 2⁻²⁰ of the largest of its tensor, and κ is how
/// far the outputs move, per disturbance (the most of four trials). In f32 a sum of k terms is off by
/// about √k·ε₃₂/2 of the largest; 8 times that for what four trials did not meet. The ratio itself
/// adds a few ε₃₂ of at most 1, and the norm's sums √(n·d) of them.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let truth = reference(inputs, &mut Trace::new());
    let mut moved: f64 = 0.0;
    for seed in 0..4 {
        let other = disturbed(inputs, seed);
        let pairs = other[1].iter().zip(truth[1].iter());
        moved = pairs.fold(moved, |most, (a, b)| most.max((a - b).abs()));
    }
    let (n, d) = (inputs.float("x").shape()[0], inputs.float("x").shape()[1]);
    let (longest, all) = (n.max(d) as f64, (n * d) as f64);
    let (eps, kappa) = (f64::from(f32::EPSILON), moved / DISTURBANCE);
    Tolerance {
        value: eps * (8.0 * longest.sqrt() * kappa + 4.0 * all.sqrt()),
        formula: format!(
            "ε₃₂·(8·√K·κ + 4·√(n·d)) = {eps:.2e}·(8·√{longest}·{kappa:.3} + 4·√{all}), K = the longest sum, κ = how far collapse moves per relative disturbance of the values on the way"
        ),
    }
}

/// The layers out of the kernel for heads, with the identity for w_o; paths with a bit for a token.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let flat = |name: &str| inputs.float(name).iter().copied().collect::<Vec<f32>>();
    let (start, w, sees) = (flat("x"), flat("w"), inputs.int("sees"));
    let (n, d) = (inputs.float("x").shape()[0], inputs.float("x").shape()[1]);
    let depth = inputs.float("w").shape()[0];
    let skip = inputs.number("skip") != 0.0;
    let mask: Vec<f32> = sees
        .iter()
        .map(|sees| if *sees == 0 { f32::NEG_INFINITY } else { 0.0 })
        .collect();
    let identity: Vec<f32> = (0..d * d)
        .map(|at| f32::from(u8::from(at / d == at % d)))
        .collect();
    let reads: Vec<Vec<usize>> = (0..n)
        .map(|i| (0..n).filter(|j| sees[[i, *j]] != 0).collect())
        .collect();
    let shape = Shape {
        b: 1,
        n,
        d,
        h: 1,
        h_kv: 1,
    };
    let outputs = vec![Tensor::zeros(vec![n, n]), Tensor::zeros(vec![depth])];
    Prepared::new(outputs, move |outputs| {
        paths(&reads, outputs[0].as_slice_mut().expect("standard layout"));
        let mut x = start.clone();
        let mut read = vec![0.0; n * d];
        for (layer, w) in w.chunks_exact(3 * d * d).enumerate() {
            let at = |i: usize| &w[i * d * d..][..d * d];
            let (q, k, v, o) = (at(0), at(1), at(2), &identity[..]);
            let weights = Weights { q, k, v, o };
            multi_head_attention(&mut read, &x, weights, Some(&mask), shape)
                .unwrap_or_else(|misfit| panic!("{misfit}"));
            if skip {
                read.iter_mut().zip(&x).for_each(|(read, x)| *read += x);
            }
            std::mem::swap(&mut x, &mut read);
            outputs[1][[layer]] = spread(&x, d);
        }
    })
}

/// Token j has reached i after as many rounds as it takes for its bit to come along what i reads.
fn paths(reads: &[Vec<usize>], out: &mut [f32]) {
    let n = reads.len();
    let words = n.div_ceil(64);
    let mut known = vec![0u64; n * words];
    (0..n).for_each(|i| known[i * words + i / 64] |= 1 << (i % 64));
    out.fill(-1.0);
    (0..n).for_each(|i| out[i * n + i] = 0.0);
    for step in 1..n {
        let mut next = known.clone();
        for (i, reads) in reads.iter().enumerate() {
            for k in reads {
                for word in 0..words {
                    next[i * words + word] |= known[k * words + word];
                }
            }
            for j in 0..n {
                let bit = 1 << (j % 64);
                if next[i * words + j / 64] & !known[i * words + j / 64] & bit != 0 {
                    out[i * n + j] = step as f32;
                }
            }
        }
        if next == known {
            break;
        }
        known = next;
    }
}

/// ‖X − 1·x̄ᵀ‖/‖X‖ of rows of d.
fn spread(x: &[f32], d: usize) -> f32 {
    let rows = x.len() / d;
    let (mut off, mut all) = (0.0, 0.0);
    for column in 0..d {
        let values = || x[column..].iter().step_by(d).map(|x| f64::from(*x));
        let mean = values().sum::<f64>() / rows as f64;
        off += values().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        all += values().map(|x| x * x).sum::<f64>();
    }
    (off / all).sqrt() as f32
}

/// Three projections and two products of every layer; paths cost no FLOP.
fn work(case: &Case) -> Work {
    let [n, d, l] = ["n", "d", "l"].map(|axis| case.size(axis) as f64);
    Work {
        flops: l * (6.0 * n * d * d + 4.0 * n * n * d),
        bytes: 4.0 * (n * d + 3.0 * l * d * d + n * n + l) + 8.0 * n * n,
    }
}
