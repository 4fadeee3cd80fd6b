//! The same computation with every mistake behind a switch.

use super::reference::{buckets, trained_bucket};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array2, ArrayD, Ix2, IxDyn};

/// A sum of losses and what it is divided by.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    tokens: f64,
}

/// Perplexities in f64 with planted bugs; with none they equal the reference's.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let on = |id| variant.has(id);
    let losses = inputs.f64("losses").into_dimensionality::<Ix2>();
    let losses: Array2<f64> = losses.expect("axes w n");
    let counted = inputs.int("counted").view();
    let counted = counted.into_dimensionality::<Ix2>().expect("axes w n");
    let (w, n) = losses.dim();
    let (stride, k) = buckets(inputs, n);
    let exp = |loss: f64| match () {
        () if on("no-exp") => loss,
        () if on("base-2") => loss.exp2(),
        () => loss.exp(),
    };
    // The mean over the positions that `take` chooses, by window and position.
    let perplexity = |take: &dyn Fn(usize, usize) -> bool| {
        let mut means = vec![Mean::default(); w];
        for ((i, at), loss) in losses.indexed_iter() {
            if at >= k * stride || !take(i, at) {
                continue;
            }
            let real = counted[[i, at]] != 0;
            let mean = &mut means[i];
            if real || on("padding-counted") {
                mean.sum += match on("mean-of-perplexities") {
                    true => exp(*loss),
                    false => *loss,
                };
            }
            if real || on("padding-counted") || on("padding-in-the-mean") {
                mean.tokens += 1.0;
            }
        }
        let mean = match on("mean-of-windows") {
            true => {
                means.retain(|mean| mean.tokens > 0.0);
                means.iter().map(|mean| mean.sum / mean.tokens).sum::<f64>() / means.len() as f64
            }
            false => {
                let sum = means.iter().map(|mean| mean.sum).sum::<f64>();
                sum / means.iter().map(|mean| mean.tokens).sum::<f64>()
            }
        };
        match on("mean-of-perplexities") {
            true => mean,
            false => exp(mean),
        }
    };

    let same = |i: usize, c: usize| match () {
        () if on("different-targets") => true,
        () if on("blocks-misaligned") => i >= c && i - c + k <= w,
        () => i + c + 1 >= k && i + c < w,
    };
    let mut by_context: Vec<f64> = (0..k)
        .map(|context| {
            perplexity(&|i, at| match on("whole-window-mean") {
                true => at / stride <= context && same(i, context),
                false => at / stride == context && same(i, context),
            })
        })
        .collect();
    let sliding = perplexity(&|i, at| match () {
        () if on("overlap-counted") => true,
        () if on("non-overlapping") => i % k == 0,
        () if on("first-window-dropped") => at / stride == k - 1,
        () if on("first-stride") => i == 0 || at < stride,
        () => i == 0 || at / stride == k - 1,
    });
    let trained = trained_bucket(inputs, stride, k);
    let base = match () {
        () if on("ratio-to-shortest") => 0,
        () if on("trained-off-by-one") => (trained + 1).min(k - 1),
        () => trained,
    };
    let (last, base) = (by_context[k - 1], by_context[base]);
    let ratio = match () {
        () if on("ratio-inverted") => base / last,
        () if on("ratio-of-losses") => last.ln() / base.ln(),
        () if on("ratio-is-difference") => last - base,
        () => last / base,
    };
    if on("contexts-reversed") {
        by_context.reverse();
    }
    let number = |x: f64| ArrayD::from_elem(IxDyn(&[]), x);
    let table = ArrayD::from_shape_vec(IxDyn(&[k]), by_context).expect("one for each bucket");
    vec![table, number(sliding), number(ratio)]
}
