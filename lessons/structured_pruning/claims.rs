//! What the notes say about structured pruning, and what is true.

use super::reference::{Net, silu};
use crate::kernels::gemm::{Form, Shape, gemm_f32};
use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Instant;

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C088",
    verdict: Verdict::Right,
    quote: "结构化:整行/列剪掉 → 通道级 → 通用 GEMM 即可",
    right: Text::new(
        "Right, if the neighbours go too: with output row i of one layer its bias, and input column i of the next (and γ_i, β_i of a norm between them). A row that is set to 0 and not removed saves nothing, and with its bias left it feeds the constant act(b) on. What is tied to the residual stream cannot be cut in one layer alone.",
        "正确，但相邻部分要一起删：删掉一层的第 i 个输出行，同时要删它的偏置、下一层的第 i 个输入列（以及中间 norm 的 γ_i、β_i）。只置 0 不删除，什么也不省；若偏置还留着，它还会把常数 act(b) 传下去。与残差流相连的维度不能只在某一层里剪。",
    ),
    demo: Some(leak),
}];

fn leak(lang: Lang) -> String {
    let mut rng = StdRng::seed_from_u64(2);
    let mut draw = |rows: usize, columns: usize, scale: f64| {
        Array2::from_shape_simple_fn((rows, columns), || rng.random_range(-scale..scale))
    };
    let (d, h, o) = (16, 32, 8);
    let x = draw(64, d, 1.7);
    // Half of the units are dead weight but for their biases.
    let mut net = Net {
        w1: draw(h, d, 0.5),
        b1: draw(h, 1, 1.0).column(0).to_owned(),
        w2: draw(o, h, 0.5),
        b2: Array1::zeros(o),
    };
    for unit in h / 2..h {
        net.w1.row_mut(unit).fill(0.0);
    }
    let dense = net.run(&x);
    let kept: Vec<usize> = (0..h / 2).collect();
    let mut small = Net {
        w1: net.w1.select(ndarray::Axis(0), &kept),
        b1: net.b1.select(ndarray::Axis(0), &kept),
        w2: net.w2.select(ndarray::Axis(1), &kept),
        b2: net.b2.clone(),
    };
    let gap = |y: &Array2<f64>| {
        let size = |x: &Array2<f64>| x.mapv(|x| x * x).sum().sqrt();
        size(&(y - &dense)) / size(&dense)
    };
    let removed = gap(&small.run(&x));
    // What the dead units contribute is a constant, and belongs into b2.
    let rest: Vec<usize> = (h / 2..h).collect();
    let constants = silu(
        net.b1
            .select(ndarray::Axis(0), &rest)
            .insert_axis(ndarray::Axis(0)),
    );
    let leaked = constants.dot(&net.w2.select(ndarray::Axis(1), &rest).t());
    small.b2 += &leaked.row(0);
    let folded = gap(&small.run(&x));
    let mut lines = vec![lang.pick(
        format!(
            "{h} hidden units, of which {} have rows of 0 but biases; change of the outputs, relative:\n  units and biases removed           {removed:.4}\n  and w2·silu(b) added to b2         {folded:.1e}",
            h / 2
        ),
        format!(
            "{h} 个隐藏单元，其中 {} 个的行为 0 但有偏置；输出的相对变化：\n  单元与偏置一起删                   {removed:.4}\n  并把 w2·silu(b) 加进 b2            {folded:.1e}",
            h / 2
        ),
    )];
    lines.push(
        lang.pick(
            "Dense products of [256 × 1024] and narrower ones, by the same kernel:\n  units   zeros in them        time",
            "用同一个 kernel 做 [256 × 1024] 及更窄的稠密乘法：\n  单元数  其中为零             用时",
        )
        .to_string(),
    );
    for (units, zero) in [(1024, 0), (1024, 512), (512, 0)] {
        lines.push(format!(
            "  {units:>5} {zero:>15}   {:>9.3} ms",
            1e3 * time(units, zero)
        ));
    }
    lines.join("\n")
}

/// Seconds of x·wᵀ for w [units 1024], of which some rows are 0: the fastest of some runs.
fn time(units: usize, zero: usize) -> f64 {
    const K: usize = 1024;
    const ROWS: usize = 256;
    let mut rng = StdRng::seed_from_u64(4);
    let mut draw =
        |count: usize| -> Vec<f32> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let (x, mut w, mut out) = (draw(ROWS * K), draw(units * K), vec![0.0; ROWS * units]);
    w[..zero * K].fill(0.0);
    let shape = Shape {
        m: ROWS,
        n: units,
        k: K,
    };
    let run = |_| {
        let start = Instant::now();
        gemm_f32(&mut out, &x, &w, Form::Transposed, shape).expect("sizes fit");
        start.elapsed().as_secs_f64()
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}
