//! Right and wrong answers to class-weighted cross-entropy, as learners write them.

use llmlab::lessons::class_weighted_ce::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/class_weighted_ce/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/class_weighted_ce/solution.rs"]
mod solution;

type Named = (&'static str, Box<dyn Candidate>);

// ---- Pieces that learners reuse. -----------------------------------------------------------

fn ratio(counts: &Labels) -> Vec<f32> {
    let max = *counts.iter().max().unwrap() as f32;
    let of = |&n: &i64| if n == 0 { 0.0 } else { max / n as f32 };
    counts.iter().map(of).collect()
}

fn roots(counts: &Labels) -> Vec<f32> {
    ratio(counts).into_iter().map(f32::sqrt).collect()
}

fn rows(logits: &Tensor) -> Vec<Vec<f32>> {
    logits
        .outer_iter()
        .map(|row| row.iter().copied().collect())
        .collect()
}

fn log_softmax_of(row: &[f32]) -> Vec<f32> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let lse = row.iter().map(|z| (z - max).exp()).sum::<f32>().ln();
    row.iter().map(|z| z - max - lse).collect()
}

fn softmax_of(row: &[f32]) -> Vec<f32> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e: Vec<f32> = row.iter().map(|z| (z - max).exp()).collect();
    let sum: f32 = e.iter().sum();
    e.iter().map(|x| x / sum).collect()
}

/// (row, class) of the samples with a target.
fn kept(targets: &Labels) -> Vec<(usize, usize)> {
    let some = targets.iter().enumerate().filter(|(_, y)| **y != -100);
    some.map(|(i, &y)| (i, y as usize)).collect()
}

/// Plain loss of each sample with a target: (class, ℓ).
fn losses(logits: &Tensor, targets: &Labels) -> Vec<(usize, f32)> {
    let rows = rows(logits);
    let of = |(i, y): (usize, usize)| (y, -log_softmax_of(&rows[i])[y]);
    kept(targets).into_iter().map(of).collect()
}

fn divide(a: f32, b: f32) -> f32 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// Σ w·ℓ / Σ w of (w, ℓ).
fn mean(pairs: impl IntoIterator<Item = (f32, f32)>) -> f32 {
    let (mut a, mut b) = (0.0, 0.0);
    for (w, l) in pairs {
        a += w * l;
        b += w;
    }
    divide(a, b)
}

/// Right weights and average around a wrong loss of one row.
fn with_loss(loss: impl Fn(&[f32], usize) -> f32) -> impl Fn(&Tensor, &Labels, &Labels) -> f32 {
    move |logits, targets, counts| {
        let (w, rows) = (roots(counts), rows(logits));
        mean(
            kept(targets)
                .into_iter()
                .map(|(i, y)| (w[y], loss(&rows[i], y))),
        )
    }
}

/// Right losses and average around wrong weights.
fn with_weights(
    weights: impl Fn(&Labels) -> Vec<f32>,
) -> impl Fn(&Tensor, &Labels, &Labels) -> f32 {
    move |logits, targets, counts| {
        let w = weights(counts);
        mean(losses(logits, targets).into_iter().map(|(y, l)| (w[y], l)))
    }
}

/// Right weights and losses under a wrong average of (class, w, ℓ).
fn with_average(
    average: impl Fn(&[(usize, f32, f32)], &[f32]) -> f32,
) -> impl Fn(&Tensor, &Labels, &Labels) -> f32 {
    move |logits, targets, counts| {
        let w = roots(counts);
        let all = losses(logits, targets);
        let all: Vec<_> = all.into_iter().map(|(y, l)| (y, w[y], l)).collect();
        average(&all, &w)
    }
}

fn boxed<C: Candidate + 'static>(name: &'static str, solution: C) -> Named {
    (name, Box::new(solution))
}

// ---- Right answers. ------------------------------------------------------------------------

fn loops(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (n, c) = (logits.shape()[0], logits.shape()[1]);
    let mut n_max = 0;
    for k in 0..c {
        if class_counts[k] > n_max {
            n_max = class_counts[k];
        }
    }
    let (mut up, mut down) = (0f32, 0f32);
    for i in 0..n {
        if targets[i] == -100 {
            continue;
        }
        let y = targets[i] as usize;
        let mut max = logits[[i, 0]];
        for k in 1..c {
            if logits[[i, k]] > max {
                max = logits[[i, k]];
            }
        }
        let mut sum = 0f32;
        for k in 0..c {
            sum += (logits[[i, k]] - max).exp();
        }
        let w = (n_max as f32 / class_counts[y] as f32).sqrt();
        up += w * (max + sum.ln() - logits[[i, y]]);
        down += w;
    }
    if down == 0.0 { 0.0 } else { up / down }
}

/// One-hot targets and einsum; counts clamped at 1.
fn one_hot(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> Tensor {
    let n_max = *class_counts.iter().max().unwrap() as f32;
    let weights: Tensor = class_counts.mapv(|n| (n_max / n.max(1) as f32).sqrt());
    let mut hot = Tensor::zeros(logits.raw_dim());
    for (mut row, &y) in hot.outer_iter_mut().zip(targets) {
        if y >= 0 {
            row[y as usize] = 1.0;
        }
    }
    let weighted = einsum("n c, c -> n c", &[&hot, &weights]);
    let log_probs = log_softmax(logits, 1);
    let loss = einsum("n c, n c -> ", &[&weighted, &log_probs]);
    let total = weighted.sum();
    if total > 0.0 {
        -loss / total
    } else {
        Tensor::zeros(IxDyn(&[]))
    }
}

fn in_f64(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f64 {
    let log_probs = log_softmax(&logits.mapv(f64::from), 1);
    let w = class_counts.mapv(|n| (n as f64).max(1.0).powf(-0.5));
    let picked = targets.iter().enumerate().filter(|(_, y)| **y != -100);
    let (up, down) = picked.fold((0.0, 0.0), |(up, down), (i, &y)| {
        let y = y as usize;
        (up - w[y] * log_probs[[i, y]], down + w[y])
    });
    if down > 0.0 { up / down } else { 0.0 }
}

/// Maximum and sum in one pass over the row.
fn streaming(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let w = roots(class_counts);
    let rows = rows(logits);
    mean(kept(targets).into_iter().map(|(i, y)| {
        let (mut max, mut sum) = (f32::NEG_INFINITY, 0f32);
        for &z in &rows[i] {
            let new = max.max(z);
            sum = sum * (max - new).exp() + (z - new).exp();
            max = new;
        }
        (w[y], max + sum.ln() - rows[i][y])
    }))
}

/// A running mean that never holds large sums, in buffers of its own.
fn in_place(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> Array<f32, ndarray::Ix0> {
    let mut z = logits.clone();
    for mut row in z.outer_iter_mut() {
        let max = row.fold(f32::MIN, |a, &b| a.max(b));
        row -= max;
        let lse = row.mapv(f32::exp).sum().ln();
        row.mapv_inplace(|x| lse - x);
    }
    let n_max = class_counts.fold(0, |a, &b| a.max(b)) as f64;
    let (mut loss, mut total) = (0f32, 0f32);
    for (i, &y) in targets.iter().enumerate() {
        if y == -100 {
            continue;
        }
        let w = (n_max / class_counts[y as usize] as f64).sqrt() as f32;
        total += w;
        loss += (z[[i, y as usize]] - loss) * w / total;
    }
    ndarray::arr0(loss)
}

fn traced(logits: &Tensor, targets: &Labels, class_counts: &Labels, trace: &mut Trace) -> f32 {
    let weights = Array1::from(roots(class_counts));
    trace.step("weights", "√(n_max/n_k)", "c", &weights);
    let log_probs = log_softmax(logits, 1);
    trace.step("log_probs", "log softmax", "n c", &log_probs);
    let pick = |i: usize| {
        if targets[i] < 0 {
            0.0
        } else {
            -log_probs[[i, targets[i] as usize]]
        }
    };
    let nll = Array1::from_shape_fn(targets.len(), pick);
    trace.step("nll", "−log p", "n", &nll);
    let own = targets
        .iter()
        .map(|&y| if y < 0 { 0.0 } else { weights[y as usize] });
    let own: Array1<f32> = own.collect();
    let weighted = &own * &nll;
    trace.step("weighted", "w·ℓ", "n", &weighted);
    if own.sum() > 0.0 {
        weighted.sum() / own.sum()
    } else {
        0.0
    }
}

/// Weights normalised to sum 1 first: their scale cancels.
fn normalised(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let w = roots(class_counts);
    let total: f32 = w.iter().sum();
    let w: Vec<f32> = w.iter().map(|x| x / total).collect();
    mean(losses(logits, targets).into_iter().map(|(y, l)| (w[y], l)))
}

/// Keras: the weighted losses over the number of samples.
fn keras(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (w, all) = (roots(class_counts), losses(logits, targets));
    let sum: f32 = all.iter().map(|&(y, l)| w[y] * l).sum();
    divide(sum, all.len() as f32)
}

/// The same convention by einsum, in f64.
fn keras_f64(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> ArrayD<f64> {
    let n_max = class_counts.fold(0, |a, &b| a.max(b)) as f64;
    let n = targets.iter().filter(|y| **y != -100).count().max(1) as f64;
    let sample_weight = |&y: &i64| match y {
        -100 => 0.0,
        y => (n_max / class_counts[y as usize] as f64).sqrt() / n,
    };
    let w = targets.map(sample_weight);
    let log_probs = log_softmax(&logits.mapv(f64::from), 1);
    let at = |i: usize| -log_probs[[i, targets[i].max(0) as usize]];
    let nll = Array1::from_shape_fn(targets.len(), at).into_dyn();
    einsum("n, n -> ", &[&w, &nll])
}

pub fn right() -> Vec<Named> {
    vec![
        boxed(
            "the lesson's solution",
            candidate(solution::class_weighted_ce),
        ),
        boxed("loops", candidate(loops)),
        boxed("one-hot", candidate(one_hot)),
        boxed("f64", candidate(in_f64)),
        boxed("streaming", candidate(streaming)),
        boxed("in-place", candidate(in_place)),
        boxed("traced", candidate(traced)),
        boxed("normalised", candidate(normalised)),
        boxed("divide-by-n", candidate(keras)),
        boxed("divide-by-n in f64", candidate(keras_f64)),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

fn weight_on_prediction(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (w, rows) = (roots(class_counts), rows(logits));
    mean(kept(targets).into_iter().map(|(i, y)| {
        let row = &rows[i];
        let mut best = 0;
        for k in 1..row.len() {
            if row[k] > row[best] {
                best = k;
            }
        }
        (w[best], -log_softmax_of(row)[y])
    }))
}

fn batch_counts(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let mut counts = vec![0i64; class_counts.len()];
    for &y in targets {
        if y >= 0 {
            counts[y as usize] += 1;
        }
    }
    let w = roots(&Array1::from(counts).into_dyn());
    mean(losses(logits, targets).into_iter().map(|(y, l)| (w[y], l)))
}

/// One-hot again, with ∞ for an unseen class.
fn zero_count_nan(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let n_max = *class_counts.iter().max().unwrap() as f32;
    let weights: Tensor = class_counts.mapv(|n| (n_max / n as f32).sqrt());
    let log_probs = log_softmax(logits, 1);
    let (mut up, mut down) = (0.0, 0.0);
    for (i, y) in kept(targets) {
        let hot = Array1::from_shape_fn(weights.len(), |k| f32::from(u8::from(k == y)));
        let w = (&hot * &weights).sum();
        up -= w * log_probs[[i, y]];
        down += w;
    }
    if down == 0.0 { 0.0 } else { up / down }
}

fn weight_inside_log(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (w, all) = (roots(class_counts), losses(logits, targets));
    let sum: f32 = all.iter().map(|&(y, l)| l - w[y].ln()).sum();
    divide(sum, all.len() as f32)
}

fn weight_on_logits(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let mut z = logits.clone();
    for (mut column, w) in z.axis_iter_mut(Axis(1)).zip(roots(class_counts)) {
        column *= w;
    }
    let all = losses(&z, targets);
    divide(all.iter().map(|x| x.1).sum(), all.len() as f32)
}

fn macro_average(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let all = losses(logits, targets);
    let mut means = Vec::new();
    for k in 0..class_counts.len() {
        let own: Vec<f32> = all.iter().filter(|x| x.0 == k).map(|x| x.1).collect();
        if !own.is_empty() {
            means.push(own.iter().sum::<f32>() / own.len() as f32);
        }
    }
    divide(means.iter().sum(), means.len() as f32)
}

fn two_ranks(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let n = targets.len();
    if n == 1 {
        return loops(logits, targets, class_counts);
    }
    let half = n.div_ceil(2);
    let part = |from: usize, to: usize| {
        let z = logits.slice_axis(Axis(0), (from..to).into()).to_owned();
        let y = targets.slice_axis(Axis(0), (from..to).into()).to_owned();
        loops(&z, &y, class_counts)
    };
    (part(0, half) + part(half, n)) / 2.0
}

/// The losses are masked, the weights are not: −100 was clamped to class 0.
fn ignored_in_denominator(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let w = roots(class_counts);
    let log_probs = log_softmax(logits, 1);
    let (mut up, mut down) = (0.0, 0.0);
    for (i, &target) in targets.iter().enumerate() {
        let y = target.max(0) as usize;
        let nll = if target == -100 {
            0.0
        } else {
            -log_probs[[i, y]]
        };
        up += w[y] * nll;
        down += w[y];
    }
    up / down
}

fn ignored_as_class_0(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    loops(logits, &targets.mapv(|y| y.max(0)), class_counts)
}

fn all_ignored_nan(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let w = roots(class_counts);
    let all = losses(logits, targets);
    let up: f32 = all.iter().map(|&(y, l)| w[y] * l).sum();
    up / all.iter().map(|&(y, _)| w[y]).sum::<f32>()
}

fn batch_axis(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let w = roots(class_counts);
    let log_probs = log_softmax(logits, 0);
    mean(
        kept(targets)
            .into_iter()
            .map(|(i, y)| (w[y], -log_probs[[i, y]])),
    )
}

fn target_minus_one(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let c = class_counts.len() as i64;
    let shifted = targets.mapv(|y| if y == -100 { y } else { (y - 1).rem_euclid(c) });
    let w = roots(class_counts);
    mean(losses(logits, &shifted).into_iter().map(|(y, l)| (w[y], l)))
}

fn no_max(row: &[f32], y: usize) -> f32 {
    let e: Vec<f32> = row.iter().map(|z| z.exp()).collect();
    -(e[y] / e.iter().sum::<f32>()).ln()
}

fn upside_down(counts: &Labels) -> Vec<f32> {
    let max = *counts.iter().max().unwrap() as f32;
    counts.iter().map(|&n| (n as f32 / max).sqrt()).collect()
}

fn min_weights(counts: &Labels) -> Vec<f32> {
    let min = *counts.iter().filter(|n| **n > 0).min().unwrap() as f32;
    let of = |&n: &i64| if n == 0 { 0.0 } else { (min / n as f32).sqrt() };
    counts.iter().map(of).collect()
}

fn count_of(all: &[(usize, f32, f32)]) -> f32 {
    all.len() as f32
}

fn sum_of(all: &[(usize, f32, f32)]) -> f32 {
    all.iter().map(|(_, w, l)| w * l).sum()
}

fn min_over_n(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (w, all) = (min_weights(class_counts), losses(logits, targets));
    divide(all.iter().map(|&(y, l)| w[y] * l).sum(), all.len() as f32)
}

pub fn wrong() -> Vec<Named> {
    vec![
        boxed("inverse-not-sqrt", candidate(with_weights(ratio))),
        boxed("freq-not-inverse", candidate(with_weights(upside_down))),
        boxed(
            "unweighted",
            candidate(with_weights(|counts| vec![1.0; counts.len()])),
        ),
        boxed("weight-on-prediction", candidate(weight_on_prediction)),
        boxed("batch-counts", candidate(batch_counts)),
        boxed(
            "weight-twice",
            candidate(with_average(|all, _| {
                let up: f32 = all.iter().map(|(_, w, l)| w * (w * l)).sum();
                divide(up, all.iter().map(|x| x.1).sum())
            })),
        ),
        boxed("zero-count-nan", candidate(zero_count_nan)),
        boxed("weight-inside-log", candidate(weight_inside_log)),
        boxed("weight-on-logits", candidate(weight_on_logits)),
        boxed(
            "sum-not-mean",
            candidate(with_average(|all, _| sum_of(all))),
        ),
        boxed(
            "divide-by-all-weights",
            candidate(with_average(|all, w| sum_of(all) / w.iter().sum::<f32>())),
        ),
        boxed(
            "divide-by-c",
            candidate(with_average(|all, w| sum_of(all) / w.len() as f32)),
        ),
        boxed("macro-average", candidate(macro_average)),
        boxed(
            "weights-after-mean",
            candidate(with_average(|all, _| {
                let loss = divide(all.iter().map(|x| x.2).sum(), count_of(all));
                divide(all.iter().map(|x| x.1 * loss).sum(), count_of(all))
            })),
        ),
        boxed("min-over-n", candidate(min_over_n)),
        boxed(
            "normalised-over-n",
            candidate(with_average(|all, w| {
                let scale = w.len() as f32 / w.iter().sum::<f32>();
                divide(scale * sum_of(all), count_of(all))
            })),
        ),
        boxed("ddp-mean-of-means", candidate(two_ranks)),
        boxed("ignored-in-denominator", candidate(ignored_in_denominator)),
        boxed("ignored-as-class-0", candidate(ignored_as_class_0)),
        boxed("all-ignored-nan", candidate(all_ignored_nan)),
        boxed("no-max", candidate(with_loss(no_max))),
        boxed(
            "lse-no-max",
            candidate(with_loss(|row, y| {
                row.iter().map(|z| z.exp()).sum::<f32>().ln() - row[y]
            })),
        ),
        boxed(
            "log-of-softmax",
            candidate(with_loss(|row, y| -softmax_of(row)[y].ln())),
        ),
        boxed(
            "clamp-1e-7",
            candidate(with_loss(|row, y| {
                -softmax_of(row)[y].clamp(1e-7, 1.0).ln()
            })),
        ),
        boxed(
            "clamp-1e-12",
            candidate(with_loss(|row, y| -softmax_of(row)[y].max(1e-12).ln())),
        ),
        boxed(
            "add-1e-8",
            candidate(with_loss(|row, y| -(softmax_of(row)[y] + 1e-8).ln())),
        ),
        boxed(
            "softmax-twice",
            candidate(with_loss(|row, y| -log_softmax_of(&softmax_of(row))[y])),
        ),
        boxed("batch-axis", candidate(batch_axis)),
        boxed("no-softmax", candidate(with_loss(|row, y| -row[y]))),
        boxed("no-log", candidate(with_loss(|row, y| -softmax_of(row)[y]))),
        boxed(
            "log2",
            candidate(with_loss(|row, y| -log_softmax_of(row)[y] / 2f32.ln())),
        ),
        boxed(
            "positive-sign",
            candidate(with_loss(|row, y| log_softmax_of(row)[y])),
        ),
        boxed("target-minus-one", candidate(target_minus_one)),
    ]
}

// ---- Two mistakes at once. -----------------------------------------------------------------

fn raw_sum(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (w, all) = (ratio(class_counts), losses(logits, targets));
    all.iter().map(|&(y, l)| w[y] * l).sum()
}

fn bits_upside_down(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let w = upside_down(class_counts);
    mean(
        losses(logits, targets)
            .into_iter()
            .map(|(y, l)| (w[y], l * std::f32::consts::LOG2_E)),
    )
}

fn naive_and_clamped_index(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (w, rows) = (roots(class_counts), rows(logits));
    let loss = |row: &[f32], y: usize| row.iter().map(|z| z.exp()).sum::<f32>().ln() - row[y];
    mean(targets.iter().enumerate().map(|(i, &y)| {
        let y = if y < 0 { 0 } else { y as usize };
        (w[y], loss(&rows[i], y))
    }))
}

fn log_of_weighted_softmax(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    let (w, rows) = (roots(class_counts), rows(logits));
    let all = kept(targets);
    let loss = |&(i, y): &(usize, usize)| -(w[y] * softmax_of(&rows[i])[y]).ln();
    divide(all.iter().map(loss).sum(), all.len() as f32)
}

fn plain_with_nan(logits: &Tensor, targets: &Labels, _: &Labels) -> f32 {
    let all = losses(logits, targets);
    all.iter().map(|x| x.1).sum::<f32>() / all.len() as f32
}

fn halves_of_inverse(logits: &Tensor, targets: &Labels, class_counts: &Labels) -> f32 {
    // √ of the squared counts is the inverse frequency itself.
    two_ranks(logits, targets, &class_counts.mapv(|n| n * n))
}

pub fn pairs() -> Vec<([&'static str; 2], Box<dyn Candidate>)> {
    vec![
        (
            ["weight-inside-log", "log-of-softmax"],
            Box::new(candidate(log_of_weighted_softmax)),
        ),
        (
            ["inverse-not-sqrt", "sum-not-mean"],
            Box::new(candidate(raw_sum)),
        ),
        (
            ["freq-not-inverse", "log2"],
            Box::new(candidate(bits_upside_down)),
        ),
        (
            ["ignored-as-class-0", "lse-no-max"],
            Box::new(candidate(naive_and_clamped_index)),
        ),
        (
            ["unweighted", "all-ignored-nan"],
            Box::new(candidate(plain_with_nan)),
        ),
        (
            ["inverse-not-sqrt", "ddp-mean-of-means"],
            Box::new(candidate(halves_of_inverse)),
        ),
    ]
}
