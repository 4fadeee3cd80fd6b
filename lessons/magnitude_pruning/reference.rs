//! The truth, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, ArrayD, Axis, IxDyn};

/// The inputs with their sizes: layers of `n`·`k` weights each.
pub struct Given {
    pub w: ArrayD<f64>,
    pub velocity: ArrayD<f64>,
    pub grad: ArrayD<f64>,
    pub sparsity: f64,
    pub lr: f64,
    pub momentum: f64,
}

impl Given {
    pub fn of(inputs: &Inputs) -> Given {
        let [w, velocity, grad] = ["w", "velocity", "grad"].map(|name| inputs.f64(name));
        let [sparsity, lr, momentum] =
            ["sparsity", "lr", "momentum"].map(|name| inputs.number(name));
        Given {
            w,
            velocity,
            grad,
            sparsity,
            lr,
            momentum,
        }
    }
}

/// The elements that go: the `count` of least score, of equal ones the first.
pub fn least(scores: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    order.truncate(count);
    order
}

/// Magnitude pruning of each layer of `w` `[l n k]`, and one step of SGD with momentum that keeps what
/// is pruned at 0. Gives the mask, the pruned weights, and those after the step.
///
/// Han et al. 2015, arXiv 1506.02626.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let given = Given::of(inputs);
    let Given {
        w, velocity, grad, ..
    } = &given;
    let (layers, size) = (w.len_of(Axis(0)), w.len_of(Axis(1)) * w.len_of(Axis(2)));
    let by_layer = |x: &ArrayD<f64>| -> Vec<Vec<f64>> {
        let layers = x.axis_iter(Axis(0));
        layers
            .map(|layer| layer.iter().copied().collect())
            .collect()
    };
    trace.given("l n k", w.shape());

    // 1. Scores: |w|                                                           [l n k]
    let scores = w.mapv(f64::abs);
    trace
        .step("scores", "|w|", "l n k -> l n k", &scores)
        .note(format!("before: {}", histogram(w)));

    // 2. How many go in each layer: round(sparsity·n·k), half to even           []
    let count = ((given.sparsity * size as f64).round_ties_even() as usize).min(size);
    trace
        .step(
            "count",
            "round(sparsity·n·k)",
            "",
            &ndarray::arr0(count as f64),
        )
        .note(format!("of {size} in each layer"));

    // 3. Threshold of each layer: the largest |w| that goes; 0 where none does  [l]
    let gone: Vec<Vec<usize>> = by_layer(&scores)
        .iter()
        .map(|scores| least(scores, count))
        .collect();
    let largest =
        |(scores, gone): (&Vec<f64>, &Vec<usize>)| gone.last().map_or(0.0, |&i| scores[i]);
    let thresholds: Array1<f64> = by_layer(&scores).iter().zip(&gone).map(largest).collect();
    trace
        .step(
            "thresholds",
            "the count-th smallest |w|",
            "l n k -> l",
            &thresholds,
        )
        .note("each layer has its own");

    // 4. Mask: 0 for the count smallest of a layer, 1 for the rest              [l n k]
    let mut mask = ArrayD::ones(w.raw_dim());
    for (mut layer, gone) in mask.axis_iter_mut(Axis(0)).zip(&gone) {
        let mut flat: Vec<&mut f64> = layer.iter_mut().collect();
        gone.iter().for_each(|&i| *flat[i] = 0.0);
    }
    let kept = mask.sum();
    trace
        .step(
            "mask",
            "|w| is not among the count smallest",
            "l n k -> l n k",
            &mask,
        )
        .note(format!(
            "sparsity {:.4}; {}",
            1.0 - kept / w.len() as f64,
            bytes(kept, w.len() as f64)
        ));

    // 5. Pruned weights: w ⊙ mask                                               [l n k]
    let pruned = w * &mask;
    let energy = |x: &ArrayD<f64>| x.mapv(|x| x * x).sum();
    trace
        .step("pruned", "w ⊙ mask", "l n k, l n k -> l n k", &pruned)
        .note(format!(
            "after: {}; {:.1} % of Σw² is left",
            histogram(&pruned),
            100.0 * energy(&pruned) / energy(w).max(f64::MIN_POSITIVE)
        ));

    // 6. Momentum: v ← momentum·v + g                                           [l n k]
    let moved = given.momentum * velocity + grad;
    trace.step("moved", "momentum·v + g", "l n k, l n k -> l n k", &moved);

    // 7. The step, masked again: (pruned − lr·v) ⊙ mask                         [l n k]
    let free = &pruned - given.lr * &moved;
    let next = &free * &mask;
    let grown = free
        .iter()
        .zip(&mask)
        .filter(|(x, m)| **m == 0.0 && **x != 0.0);
    trace
        .step(
            "next",
            "(pruned − lr·v) ⊙ mask",
            "l n k, l n k, l n k -> l n k",
            &next,
        )
        .note(format!(
            "without the mask {} of {} pruned weights would be back",
            grown.count(),
            layers * count
        ));
    vec![mask, pruned, next]
}

/// Counts of w in seven bins from −max to max, as bars.
fn histogram(w: &ArrayD<f64>) -> String {
    const BINS: usize = 7;
    let max = w.iter().fold(0.0, |max: f64, w| max.max(w.abs()));
    let mut counts = [0usize; BINS];
    for &w in w {
        let place = if max > 0.0 {
            (w / max + 1.0) / 2.0
        } else {
            0.5
        };
        counts[((place * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    counts.map(|count| count.to_string()).join("·")
}

/// What the weights take in f16: dense, with a bitmask, and as CSR with two bytes for a column.
fn bytes(kept: f64, all: f64) -> String {
    format!(
        "f16 bytes: dense {}, bitmask {}, CSR {}",
        2.0 * all,
        2.0 * kept + (all / 8.0).ceil(),
        4.0 * kept
    )
}

/// An array like `like`, of these values in order.
pub fn shaped(values: Vec<f64>, like: &ArrayD<f64>) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(like.shape()), values).expect("as many values as `like` has")
}
