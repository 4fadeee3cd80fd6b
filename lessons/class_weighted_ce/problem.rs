//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{IGNORED, arguments, class_weights, reference};
use super::variants::variant;
use crate::kernels::{cpu, cross_entropy, cross_entropy::Shape};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Labels, Value, max_abs};
use crate::text::Text;
use ndarray::arr0;
use rand::RngExt;

crate::exercise!(logits: tensor, targets: labels, class_counts: labels);

pub static PROBLEM: Problem = Problem {
    signature: "fn class_weighted_ce(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32",
    args: &[
        Arg {
            name: "logits",
            kind: ArgKind::Float("n c"),
        },
        Arg {
            name: "targets",
            kind: ArgKind::Int("n"),
        },
        Arg {
            name: "class_counts",
            kind: ArgKind::Int("c"),
        },
    ],
    outputs: &[("loss", "")],
    settings: &[
        Setting::axis("n", 7, Text::new("samples in the batch", "批次里的样本数")),
        Setting {
            min: 2,
            max: 65536,
            ..Setting::axis("c", 5, Text::new("classes", "类别数"))
        },
        Setting::option(
            "logits",
            0,
            0,
            3,
            Text::new(
                "0 ordinary logits, 1 all of them near 1000, 2 within ±40, 3 within ±1500",
                "0 普通 logits，1 全部在 1000 附近，2 在 ±40 内，3 在 ±1500 内",
            ),
        ),
        Setting::option(
            "ignored",
            0,
            0,
            2,
            Text::new(
                "targets of −100: 0 none, 1 some, 2 all",
                "标签 −100：0 没有，1 一部分，2 全部",
            ),
        ),
        Setting::option(
            "unseen",
            0,
            0,
            1,
            Text::new(
                "1: one class has count 0 (and is never a target)",
                "1：有一个类计数为 0（也不会作标签）",
            ),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new(
                "7 samples, 5 classes, counts from 10 to 10000",
                "7 个样本、5 个类，各类计数 10 到 10000",
            ),
        ),
        Kind::new(
            "tiny",
            &[("n", 1), ("c", 2)],
            Text::new("one sample: its weight cancels", "只有一个样本：权重会约掉"),
        ),
        Kind::new(
            "ragged",
            &[],
            Text::new("sizes drawn by the seed", "大小由种子抽取"),
        )
        .ragged(),
        Kind::new(
            "wider",
            &[("n", 4), ("c", 9)],
            Text::new("fewer samples than classes", "样本比类别少"),
        ),
        Kind::new(
            "offset",
            &[("logits", 1)],
            Text::new(
                "logits near 1000: exp overflows without the row maximum",
                "logits 在 1000 附近：不减行最大值 exp 就上溢",
            ),
        ),
        Kind::new(
            "sharp",
            &[("logits", 2)],
            Text::new(
                "logits within ±40: the target's probability is small but no underflow",
                "logits 在 ±40 内：目标类概率很小，但还没下溢",
            ),
        ),
        Kind::new(
            "spread",
            &[("logits", 3)],
            Text::new(
                "logits within ±1500: the target's probability underflows",
                "logits 在 ±1500 内：目标类概率会下溢",
            ),
        ),
        Kind::new(
            "ignored",
            &[("n", 11), ("c", 4), ("ignored", 1)],
            Text::new("some targets are −100", "部分标签为 −100"),
        ),
        Kind::new(
            "all-ignored",
            &[("n", 3), ("c", 4), ("ignored", 2)],
            Text::new(
                "every target is −100: the loss is 0 by definition",
                "所有标签都是 −100：按约定损失为 0",
            ),
        ),
        Kind::new(
            "unseen-class",
            &[("n", 6), ("unseen", 1)],
            Text::new(
                "one class has count 0 and is never a target",
                "有一个类计数为 0，且不会作标签",
            ),
        ),
    ],
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: CONVENTIONS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: || {
            let tier = cpu::Tier::f32().name();
            format!("cross_entropy, {tier}, {} threads", cpu::threads())
        },
        prepare,
        scale: &[("n", 2048), ("c", 8192)],
        // Each logit is read once; a subtraction, an exp (counted as 1) and an addition on it.
        work: |case: &Case| {
            let (n, c) = (case.size("n") as f64, case.size("c") as f64);
            Work {
                flops: 3.0 * n * c,
                bytes: 4.0 * n * c + 8.0 * (n + c),
            }
        },
    },
};

fn inputs(case: &Case) -> Inputs {
    let (n, c) = (case.size("n"), case.size("c"));
    // Counts over three decades, so that weights differ much. The last class may be unseen.
    let mut rng = case.rng("class_counts");
    let mut counts =
        Labels::from_shape_simple_fn(vec![c], || 10f64.powf(rng.random_range(1.0..4.0)) as i64);
    let seen = c - case.size("unseen");
    counts.iter_mut().skip(seen).for_each(|n| *n = 0);

    let mut targets = case.integers("targets", "n", 0..seen as i64);
    let mut logits = case.normal("logits", "n c", 2.0);
    match case.size("logits") {
        0 => {}
        1 => logits += 1000.0,
        wide => {
            let (scale, edge) = if wide == 2 {
                (5.0, 40.0)
            } else {
                (150.0, 1500.0)
            };
            logits *= scale;
            // One sample which is surely wrong and one which is surely right.
            for (i, z) in [-edge, edge].into_iter().enumerate().take(n) {
                logits[[i, targets[i] as usize]] = z;
            }
        }
    }
    let mut rng = case.rng("ignored");
    for (i, y) in targets.iter_mut().enumerate() {
        // Of some, the second is surely ignored and the first surely not.
        let some = (i == 1 || rng.random_bool(0.3)) && i != 0;
        if case.size("ignored") == 2 || case.size("ignored") == 1 && some {
            *y = IGNORED;
        }
    }
    Inputs::new()
        .with("logits", Value::Float(logits))
        .with("targets", Value::Int(targets))
        .with("class_counts", Value::Int(counts))
}

/// Rounding of f32 in any order of summation. A row's loss `max + ln Σ exp(z − max) − z_y` passes
/// through numbers of the size of max|z| (four roundings) and a sum of c terms, whose relative
/// error is the logarithm's absolute one. Losses and weights are not negative, so their mean L
/// adds n relative roundings for the sums and a few for w, w·ℓ and the quotient. Under the
/// convention ÷N all this is w̄ = Σw/N times as large.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let (logits, targets, counts) = arguments(inputs);
    let (n, c) = logits.dim();
    let weights = class_weights(&counts);
    let used = targets.iter().filter(|y| **y != IGNORED);
    let (count, total) = used.fold((0, 0.0), |(count, total), &y| {
        (count + 1, total + weights[y as usize])
    });
    let mean_weight = (total / f64::from(count.max(1))).max(1.0);
    let largest = max_abs(inputs.float("logits"));
    let loss = variant(inputs, &Variant::default())[0].sum();
    let value =
        f64::from(f32::EPSILON) * (4.0 * largest + c as f64 + (n + 8) as f64 * loss) * mean_weight;
    Tolerance {
        value,
        formula: format!(
            "ε·(4·max|z| + c + (n + 8)·L)·max(1, Σw/N) = 1.19e-7·(4·{largest:.3} + {c} + {}·{loss:.3})·{mean_weight:.3}",
            n + 8
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let logits = inputs.float("logits").as_standard_layout();
    let targets = inputs.int("targets").as_standard_layout();
    let counts = inputs.int("class_counts").iter().map(|&n| n as f64);
    let weights = class_weights(&counts.collect()).mapv(|w| w as f32);
    let shape = Shape {
        rows: targets.len(),
        classes: weights.len(),
        ignored: IGNORED,
    };
    let mut losses = vec![0.0; shape.rows];
    Prepared::new(vec![arr0(0.0).into_dyn()], move |outputs| {
        let logits = logits.as_slice().unwrap_or_default();
        let targets = targets.as_slice().unwrap_or_default();
        let weights = weights.as_slice().unwrap_or_default();
        let sums = cross_entropy::weighted_losses(&mut losses, logits, targets, weights, shape);
        // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
        let loss = sums.map_or(f64::NAN, |sums| sums.mean());
        outputs[0].fill(loss as f32);
    })
}
