//! Every wrong structured pruning that we know, as one function with switches.

use super::reference::{Net, given, ranked};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::Axis;

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let (x, keep) = given(inputs);
    let net = Net::of(inputs);
    let (lines, axis) = match has("outgoing-norm") {
        true => (&net.w2, Axis(0)),
        false => (&net.w1, Axis(1)),
    };
    let mut scores = lines.map_axis(axis, |line| match () {
        () if has("per-weight-score") => line.fold(0.0, |max: f64, w| max.max(w.abs())),
        () if has("signed-sum") => line.sum().abs(),
        () if has("l1") => line.mapv(f64::abs).sum(),
        () => line.dot(&line).sqrt(),
    });
    if has("keeps-weakest") {
        scores.mapv_inplace(|score| -score);
    }
    let by_rank = ranked(&scores, keep);
    let mut in_order = by_rank.clone();
    in_order.sort_unstable();
    let kept = match has("by-rank") {
        true => by_rank.clone(),
        false => in_order.clone(),
    };
    let first: Vec<usize> = (0..keep).collect();
    let rows = match has("order-mixed") {
        true => &by_rank,
        false => &kept,
    };
    let columns = match () {
        () if has("next-layer-not-sliced") => &first,
        () if has("order-mixed") => &in_order,
        () => &kept,
    };
    let biases = match has("bias-not-sliced") {
        true => &first,
        false => rows,
    };
    let mut small = Net {
        w1: net.w1.select(Axis(0), rows),
        b1: net.b1.select(Axis(0), biases),
        w2: net.w2.select(Axis(1), columns),
        b2: net.b2.clone(),
    };
    if has("rescaled-like-dropout") {
        small.w2 *= net.w1.nrows() as f64 / keep.max(1) as f64;
    }
    if has("output-bias-lost") {
        small.b2.fill(0.0);
    }
    let y = match () {
        () if has("dense-output") => net.run(&x),
        () if has("bias-leaks") => {
            // Rows are set to 0 and not removed; their biases still feed the next layer.
            let mut masked = net.clone();
            for i in (0..net.w1.nrows()).filter(|i| !kept.contains(i)) {
                masked.w1.row_mut(i).fill(0.0);
            }
            masked.run(&x)
        }
        () => small.run(&x),
    };
    vec![
        small.w1.into_dyn(),
        small.b1.into_dyn(),
        small.w2.into_dyn(),
        y.into_dyn(),
    ]
}
