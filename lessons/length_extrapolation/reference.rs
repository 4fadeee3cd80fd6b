//! Perplexity by context length, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Ix2, arr0};

/// losses, counted `[w n]`, window i starting at token i·stride → by_context `[k]` on the same target
/// tokens, the sliding-window perplexity, and the ratio of the longest to the trained context.
/// Press, Smith, Lewis 2021, arXiv 2108.12409, section 2 and appendix B.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let losses = inputs.f64("losses").into_dimensionality::<Ix2>();
    let losses: Array2<f64> = losses.expect("axes w n");
    let counted = inputs.int("counted").view();
    let counted = counted.into_dimensionality::<Ix2>().expect("axes w n");
    let (w, n) = losses.dim();
    let (stride, k) = buckets(inputs, n);
    // Sums over the counted positions of each bucket; what stands in the others does not matter.
    let sum = |value: &dyn Fn([usize; 2]) -> f64| {
        Array2::from_shape_fn((w, k), |(i, c)| {
            let places = (c * stride..(c + 1) * stride).map(|at| [i, at]);
            let real = places.filter(|at| counted[*at] != 0);
            real.map(value).sum::<f64>()
        })
    };

    // How many tokens of window i, bucket c are real.   [w k]
    let tokens = sum(&|_| 1.0);
    trace
        .step("tokens", "Σ counted over a bucket", "w n -> w k", &tokens)
        .note(format!("bucket c: {stride}·c tokens of context at least"));

    // The sum of their losses.   [w k]
    let sums = sum(&|at| losses[at]);
    trace.step("sums", "Σ counted losses", "w n -> w k", &sums);

    // Over the blocks i + c of the text that stand in every bucket of some window.   [k]
    let same = |i: usize, c: usize| i + c + 1 >= k && i + c < w;
    let pooled = |x: &Array2<f64>, c: usize| {
        let windows = (0..w).filter(|&i| same(i, c));
        windows.map(|i| x[[i, c]]).sum::<f64>()
    };
    let mean = Array1::from_shape_fn(k, |c| pooled(&sums, c) / pooled(&tokens, c));
    trace
        .step(
            "mean",
            "Σ sums / Σ tokens, k−1 ≤ i+c ≤ w−1",
            "w k -> k",
            &mean,
        )
        .note(format!(
            "the same {} blocks of the text for every context",
            (w + 1).saturating_sub(k)
        ));

    // [k]
    let by_context = mean.mapv(f64::exp);
    trace.step("by_context", "exp(mean)", "k -> k", &by_context);

    // Every token once: all of window 0, then the last bucket of each.   []
    let once = |x: &Array2<f64>| {
        let rest = (1..w).map(|i| x[[i, k - 1]]).sum::<f64>();
        x.row(0).sum() + rest
    };
    let sliding = (once(&sums) / once(&tokens)).exp();
    trace
        .step(
            "sliding",
            "exp(Σ / Σ), every token once",
            "w k -> ",
            &arr0(sliding),
        )
        .note("only the first window has tokens with little context");

    // How much is lost from the trained context to the longest.   []
    let at = trained_bucket(inputs, stride, k);
    let ratio = by_context[k - 1] / by_context[at];
    trace
        .step(
            "ratio",
            "by_context[k−1] / by_context[trained]",
            "k -> ",
            &arr0(ratio),
        )
        .note(format!("bucket {} against bucket {at}; 1 is flat", k - 1));

    vec![
        by_context.into_dyn(),
        arr0(sliding).into_dyn(),
        arr0(ratio).into_dyn(),
    ]
}

/// The positions of a bucket and the number of buckets; at least one of each.
pub(super) fn buckets(inputs: &Inputs, n: usize) -> (usize, usize) {
    let stride = (inputs.number("stride") as usize).clamp(1, n.max(1));
    (stride, (n / stride).max(1))
}

/// The bucket that ends at the trained length, or the nearest that there is.
pub(super) fn trained_bucket(inputs: &Inputs, stride: usize, k: usize) -> usize {
    (inputs.number("trained") as usize / stride).clamp(1, k) - 1
}
