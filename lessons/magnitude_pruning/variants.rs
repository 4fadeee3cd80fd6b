//! Every wrong pruning that we know, as one function with switches.

use super::reference::{Given, least, shaped};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::Axis;

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let Given {
        w,
        velocity,
        grad,
        sparsity,
        lr,
        momentum,
    } = Given::of(inputs);
    let scores = match has("prune-signed") {
        true => w.clone(),
        false => w.mapv(f64::abs),
    };
    let scores: Vec<f64> = scores.iter().copied().collect();
    let (layer, row) = (w.len_of(Axis(1)) * w.len_of(Axis(2)), w.len_of(Axis(2)));
    let group = match () {
        () if has("global-not-layer") => w.len(),
        () if has("per-row") => row,
        () => layer,
    };

    let mut mask = Vec::with_capacity(w.len());
    for scores in scores.chunks(group) {
        let target = sparsity * scores.len() as f64;
        let zeros = scores.iter().filter(|score| **score == 0.0).count();
        let round = |x: f64| match has("truncate") {
            true => x.floor() as usize,
            false => x.round_ties_even() as usize,
        };
        let count = match () {
            () if has("density-for-sparsity") => scores.len() - round(target),
            () if has("of-the-remaining") => {
                zeros + round(sparsity * (scores.len() - zeros) as f64)
            }
            () => round(target),
        };
        let count = count.min(scores.len());
        let mut order = least(scores, scores.len());
        if has("keeps-smallest") {
            order.reverse();
        }
        let threshold = count.checked_sub(1).map(|last| scores[order[last]]);
        let largest = scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let goes = |i: usize| match threshold {
            _ if has("ratio-of-threshold") => scores[i] <= sparsity * largest,
            Some(threshold) if has("ties-over-pruned") => scores[i] <= threshold,
            Some(threshold) if has("threshold-survives") => scores[i] < threshold,
            _ => order[..count].contains(&i),
        };
        mask.extend((0..scores.len()).map(|i| f64::from(u8::from(!goes(i)))));
    }
    let mask = shaped(mask, &w);

    let pruned = match has("sign-lost") {
        true => w.mapv(f64::abs) * &mask,
        false => &w * &mask,
    };
    let grad = match has("only-gradient-masked") {
        true => &grad * &mask,
        false => grad,
    };
    let moved = match has("no-momentum") {
        true => grad,
        false => momentum * &velocity + &grad,
    };
    let lr = if has("no-learning-rate") { 1.0 } else { lr };
    let free = match has("step-from-dense") {
        true => &w - lr * &moved,
        false => &pruned - lr * &moved,
    };
    let unmasked = [
        "mask-not-reapplied",
        "only-gradient-masked",
        "step-from-dense",
    ];
    let next = match unmasked.into_iter().any(has) {
        true => free,
        false => free * &mask,
    };
    let mask = match has("mask-inverted") {
        true => 1.0 - mask,
        false => mask,
    };
    vec![mask, pruned, next]
}
