//! Every wrong language-model loss that we know, as one function with switches.

use super::reference::{ignored, misfit};
use crate::ops::{log_softmax, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::arr0;
use std::f64::consts::LN_2;

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let scalar = |x: f64| arr0(single(x)).into_dyn();
    if misfit(inputs).is_some() {
        return [f64::NAN; 3].map(scalar).to_vec();
    }
    let (labels, ignore) = (inputs.int("labels"), ignored(inputs));
    let mut logits = inputs.f64("logits");
    let [b, n, _] = [0, 1, 2].map(|axis| logits.shape()[axis]);
    let axis = if has("softmax-over-positions") { 1 } else { 2 };
    if has("softmax-twice") {
        logits = softmax(&logits, axis);
    }
    let log_probs = match has("nll-of-prob") {
        true => softmax(&logits, axis),
        false => log_softmax(&logits, axis),
    };
    // The label that row t of sequence i is compared with.
    let target = |i: usize, t: usize| -> Option<i64> {
        let at = |i: usize, t: usize| (i < b && t < n).then(|| labels[[i, t]]);
        match () {
            () if has("no-shift") => at(i, t),
            () if has("shift-wrong-way") => at(i, t.checked_sub(1)?),
            () if has("shift-twice") => at(i, t + 2),
            () if has("shift-rolled") => at(i, (t + 1) % n),
            () if has("shift-flat") && t + 1 == n => at(i + 1, 0),
            () => at(i, t + 1),
        }
    };
    let mut sums = vec![0.0; b];
    let mut counts = vec![0.0; b];
    let (mut pairs, mut inverse) = (0.0, 0.0);
    for (i, t) in ndarray::indices((b, n)) {
        let Some(mut y) = target(i, t) else { continue };
        pairs += 1.0;
        if y == ignore && has("ignored-as-class-0") {
            y = y.max(0);
        } else if y == ignore {
            continue;
        }
        let nll = -log_probs[[i, t, y as usize]];
        sums[i] += nll;
        counts[i] += 1.0;
        inverse += nll.exp();
    }
    let (sum, count): (f64, f64) = (sums.iter().sum(), counts.iter().sum());
    let means = || sums.iter().zip(&counts).map(|(sum, count)| sum / count);
    let labelled = labels.iter().filter(|&&y| y != ignore).count();

    let mut loss = match () {
        () if has("mean-of-batch-means") => means().sum::<f64>() / b as f64,
        () if has("sum-not-mean") => sum,
        () if has("counts-ignored") => sum / pairs,
        () if has("count-before-shift") => sum / labelled as f64,
        () => sum / count,
    };
    if has("no-minus") {
        loss = -loss;
    }
    if has("loss-in-bits") {
        loss /= LN_2;
    }
    let perplexity = match () {
        () if has("ppl-base2") => loss.exp2(),
        () if has("ppl-mean-of-exp") => means().map(f64::exp).sum::<f64>() / b as f64,
        () if has("ppl-mean-of-tokens") => inverse / count,
        () => loss.exp(),
    };
    let bytes = inputs.number("bytes");
    let bits = match () {
        () if has("bits-per-token") => loss / LN_2,
        () if has("bits-of-mean") => loss / (bytes * LN_2),
        () if has("bits-inverted") => loss / LN_2 * bytes / count,
        () if has("bits-in-nats") => loss * count / bytes,
        () => loss * count / (bytes * LN_2),
    };
    [loss, perplexity, bits].map(scalar).to_vec()
}

/// A perplexity beyond what an f32 holds is infinite, as a learner's is.
fn single(x: f64) -> f64 {
    if x > f64::from(f32::MAX) {
        f64::INFINITY
    } else {
        x
    }
}
