//! What the notes say about unstructured pruning, and what is true.

use super::reference::least;
use crate::kernels::gemm::{Form, Shape, gemm_f32};
use crate::kernels::sparse::Csr;
use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, Tiny};
use ndarray::{Array1, Array2, Axis};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Instant;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C086",
        verdict: Verdict::Right,
        quote: "非结构化:|w| < θ → 稀疏矩阵",
        right: Text::new(
            "Right. To be complete: θ is the rank that gives the wanted sparsity, per layer or over all; and the matrix is sparse in its values only: stored densely it takes the same bytes and the same time.",
            "正确。补全：θ 由目标稀疏度的名次决定（逐层或全局）；而且只是取值上稀疏：照旧稠密存储的话，字节和时间都一点不省。",
        ),
        demo: Some(losses),
    },
    Claim {
        id: "C087",
        verdict: Verdict::Right,
        quote: "需 Sparse kernel",
        right: Text::new(
            "Right, and at 50 % usually not worth it: a CSR element takes a value and an index, so f16 with 16-bit columns needs 2.0 bytes per weight at 50 %, as many as dense f16; a product over it gathers, and loses to a dense one until most weights are gone. What hardware supports is 2:4 (1.125 bytes per weight).",
            "正确，而且 50 % 时通常不划算：CSR 每个元素要存值和下标，f16 加 16 位列号在 50 % 稀疏时平均每个权重 2.0 字节，与稠密 f16 一样多；稀疏乘法要按下标取数，只有绝大多数权重为零才赢得过稠密。硬件真正支持的是 2:4（每个权重 1.125 字节）。",
        ),
        demo: Some(times),
    },
    Claim {
        id: "C089",
        verdict: Verdict::Unsupported,
        quote: "50 % 稀疏 + 重训 1 epoch → 掉点 1 % 以内",
        right: Text::new(
            "No source, and not a rule: it depends on how redundant the network is and on the structure of the pruning. A wide network gets over it, a network with no unit to spare does not. LLaMA-2-7B at 50 % without retraining: perplexity 5.12 → 14.89 by magnitude, 6.51 SparseGPT, 6.42 Wanda (Sun et al. 2023); and «one epoch» of an LLM's corpus is pre-training.",
            "没有出处，也不是规律：取决于网络有多冗余、剪枝有没有结构。宽网络恢复得了，没有富余单元的网络恢复不了。LLaMA-2-7B 剪 50 % 不重训：困惑度 5.12 → 14.89（幅值）、6.51（SparseGPT）、6.42（Wanda，Sun 等 2023）；而「重训 1 epoch」对大模型语料来说就是再预训练一遍。",
        ),
        demo: Some(retraining),
    },
];

/// The small model's loss after magnitude pruning of every linear layer.
fn losses(lang: Lang) -> String {
    let corpus = Corpus::held_out(16);
    let model = Tiny::trained();
    let mut lines = vec![
        lang.pick(
            "The small model (`llmlab model`), every linear layer pruned, no retraining; nats per token.\n  sparsity      loss",
            "小模型（`llmlab model`），每个线性层都剪，不重训；单位 nat/token。\n  稀疏度        损失",
        )
        .to_string(),
    ];
    for percent in [0, 25, 50, 75, 90] {
        let mut pruned = model.clone();
        for (_, w) in pruned.linears_mut() {
            let scores: Vec<f64> = w.iter().map(|w| f64::from(w.abs())).collect();
            let mut flat: Vec<&mut f32> = w.iter_mut().collect();
            for i in least(&scores, scores.len() * percent / 100) {
                *flat[i] = 0.0;
            }
        }
        lines.push(format!(
            "  {percent:>6} %  {:>8.4}",
            pruned.loss(&corpus.tokens)
        ));
    }
    lines.push(lang.pick(
        format!(
            "The source's entropy on these tokens is {:.4}.",
            corpus.entropy()
        ),
        format!("信源在这些 token 上的熵是 {:.4}。", corpus.entropy()),
    ));
    lines.join("\n")
}

/// The fastest of some runs, in seconds.
fn fastest(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..15).map(time).fold(f64::INFINITY, f64::min)
}

/// Dense and CSR products of the same pruned matrix.
fn times(lang: Lang) -> String {
    const N: usize = 1024;
    const M: usize = 64;
    let mut rng = StdRng::seed_from_u64(1);
    let mut draw =
        |count: usize| -> Vec<f32> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let (w, x) = (draw(N * N), draw(N * M));
    let shape = Shape { m: N, n: M, k: N };
    let mut out = vec![0.0; N * M];
    let mut lines = vec![lang.pick(
        format!(
            "W [{N}×{N}] times X [{N}×{M}] in f32; CSR: 4 bytes a value, 2 a column.\n  sparsity   dense kernel   CSR kernel   bytes dense   bytes CSR"
        ),
        format!(
            "W [{N}×{N}] 乘 X [{N}×{M}]，f32；CSR：值 4 字节、列号 2 字节。\n  稀疏度     稠密 kernel    CSR kernel   稠密字节      CSR 字节"
        ),
    )];
    for percent in [0, 50, 90, 99] {
        let zero = percent as f32 / 100.0;
        let pruned: Vec<f32> = w
            .iter()
            .map(|w| if w.abs() < zero { 0.0 } else { *w })
            .collect();
        let csr = Csr::new(&pruned, [N, N]).expect("N·N weights");
        let dense = fastest(|| {
            gemm_f32(&mut out, &pruned, &x, Form::Plain, shape).expect("sizes fit");
        });
        let sparse = fastest(|| csr.mul(&mut out, &x, M).expect("sizes fit"));
        lines.push(format!(
            "  {percent:>6} %   {:>9.3} ms {:>9.3} ms   {:>11}   {:>9}",
            1e3 * dense,
            1e3 * sparse,
            4 * N * N,
            6 * csr.nonzeros() + 4 * (N + 1),
        ));
    }
    lines.push(
        lang.pick(
            "The dense kernel multiplies zeros as fast as anything else: pruning alone saves no time.",
            "稠密 kernel 乘 0 和乘别的数一样快：光剪枝并不省时间。",
        )
        .to_string(),
    );
    lines.join("\n")
}

/// A network x → w2·relu(w1·x + b), trained by Adam on all samples at once.
struct Net {
    w1: Array2<f64>,
    b: Array1<f64>,
    w2: Array2<f64>,
}

impl Net {
    fn new(inputs: usize, width: usize, seed: u64) -> Net {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut draw = |rows: usize, columns: usize| {
            let scale = (3.0 / columns as f64).sqrt();
            Array2::from_shape_simple_fn((rows, columns), || rng.random_range(-scale..scale))
        };
        Net {
            w1: draw(width, inputs),
            b: draw(width, 1).column(0).to_owned(),
            w2: draw(1, width),
        }
    }

    /// Activations and outputs of `x` `[samples inputs]`.
    fn run(&self, x: &Array2<f64>) -> [Array2<f64>; 2] {
        let hidden = (x.dot(&self.w1.t()) + &self.b).mapv(|h| h.max(0.0));
        let out = hidden.dot(&self.w2.t());
        [hidden, out]
    }

    /// Steps of Adam on the squared error; weights that are 0 in `masks` stay 0.
    fn train(
        &mut self,
        x: &Array2<f64>,
        y: &Array2<f64>,
        steps: i32,
        masks: Option<[Array2<f64>; 2]>,
    ) {
        let mut moments = [self.w1.len(), self.b.len(), self.w2.len()].map(|n| vec![[0.0; 2]; n]);
        for step in 1..=steps {
            let [hidden, out] = self.run(x);
            let d_out = (out - y) / (x.nrows() as f64);
            let active = hidden.mapv(|h| f64::from(u8::from(h > 0.0)));
            let d_hidden = d_out.dot(&self.w2) * active;
            let grads = [
                d_hidden.t().dot(x),
                d_hidden.sum_axis(Axis(0)).insert_axis(Axis(1)),
                d_out.t().dot(&hidden),
            ];
            let rate = 0.01
                * 0.5
                * (1.0 + (std::f64::consts::PI * f64::from(step) / f64::from(steps)).cos());
            let parts: [Vec<&mut f64>; 3] = [
                self.w1.iter_mut().collect(),
                self.b.iter_mut().collect(),
                self.w2.iter_mut().collect(),
            ];
            for ((part, grad), moments) in parts.into_iter().zip(&grads).zip(&mut moments) {
                for ((w, g), [m, v]) in part.into_iter().zip(grad).zip(moments) {
                    (*m, *v) = (0.9 * *m + 0.1 * g, 0.999 * *v + 0.001 * g * g);
                    let unbiased = *m / (1.0 - 0.9f64.powi(step));
                    *w -= rate * unbiased / ((*v / (1.0 - 0.999f64.powi(step))).sqrt() + 1e-8);
                }
            }
            if let Some([first, second]) = &masks {
                self.w1 *= first;
                self.w2 *= second;
            }
        }
    }

    /// The unexplained share of the variance of y.
    fn error(&self, x: &Array2<f64>, y: &Array2<f64>) -> f64 {
        let gap = &self.run(x)[1] - y;
        gap.mapv(|e| e * e).sum() / y.var(0.0) / y.len() as f64
    }
}

/// Half of the weights pruned, then retrained: a wide network, and one as wide as the task.
fn retraining(lang: Lang) -> String {
    const INPUTS: usize = 12;
    let mut rng = StdRng::seed_from_u64(5);
    let mut draw =
        |count| Array2::from_shape_simple_fn((count, INPUTS), || rng.random_range(-1.7..1.7));
    let (x, fresh) = (draw(512), draw(512));
    let task = Net::new(INPUTS, 6, 99);
    let (y, fresh_y) = (task.run(&x)[1].clone(), task.run(&fresh)[1].clone());
    let mut lines = vec![
        lang.pick(
            "A task of 6 hidden units; error on fresh samples, share of the variance; half of all weights pruned by magnitude.\n   width   trained    pruned   retrained",
            "任务本身有 6 个隐藏单元；新样本上的误差（占方差的比例）；按幅值剪掉一半权重。\n    宽度   训练后    剪枝后     重训后",
        )
        .to_string(),
    ];
    for width in [64, 6] {
        let mut net = Net::new(INPUTS, width, 3);
        net.train(&x, &y, 1500, None);
        let trained = net.error(&fresh, &fresh_y);
        let masks = [&net.w1, &net.w2].map(|w| {
            let scores: Vec<f64> = w.iter().map(|w| w.abs()).collect();
            let mut mask = Array2::ones(w.dim());
            for i in least(&scores, scores.len() / 2) {
                mask[[i / w.ncols(), i % w.ncols()]] = 0.0;
            }
            mask
        });
        net.w1 *= &masks[0];
        net.w2 *= &masks[1];
        let pruned = net.error(&fresh, &fresh_y);
        net.train(&x, &y, 500, Some(masks));
        let retrained = net.error(&fresh, &fresh_y);
        lines.push(format!(
            "  {width:>6} {trained:>9.4} {pruned:>9.4} {retrained:>11.4}"
        ));
    }
    lines.push(
        lang.pick(
            "Whether retraining repairs it is a matter of spare weights, not of one epoch.",
            "重训能否补回来，取决于有没有富余的权重，而不是「1 epoch」。",
        )
        .to_string(),
    );
    lines.join("\n")
}
