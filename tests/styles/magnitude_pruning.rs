//! Answers to `magnitude-pruning` as people write them: right ones in many styles, and one wrong one for
//! every planted bug.

use llmlab::lessons::magnitude_pruning::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/magnitude_pruning/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/magnitude_pruning/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Three = (Tensor, Tensor, Tensor);

/// The arguments of one call.
struct Call {
    w: Tensor,
    velocity: Tensor,
    grad: Tensor,
    sparsity: f64,
    lr: f32,
    momentum: f32,
}

impl Call {
    /// Weights of one layer.
    fn size(&self) -> usize {
        self.w.len() / self.w.shape()[0]
    }

    fn count(&self) -> usize {
        (self.sparsity * self.size() as f64).round_ties_even() as usize
    }

    /// The rest of a right answer, once there is a mask.
    fn with_mask(&self, mask: Tensor) -> Three {
        let pruned = &self.w * &mask;
        let next = (&pruned - self.moved() * self.lr) * &mask;
        (mask, pruned, next)
    }

    fn moved(&self) -> Tensor {
        &self.velocity * self.momentum + &self.grad
    }

    /// A mask in which `keep(scores of a group)` says of each weight whether it stays.
    fn mask(&self, group: usize, keep: impl Fn(&[f32]) -> Vec<bool>) -> Tensor {
        let flat: Vec<f32> = self.w.iter().copied().collect();
        let kept = flat.chunks(group).flat_map(keep);
        let ones: Vec<f32> = kept.map(|keep| if keep { 1.0 } else { 0.0 }).collect();
        Tensor::from_shape_vec(self.w.raw_dim(), ones).unwrap()
    }

    fn right_mask(&self) -> Tensor {
        self.mask(self.size(), |w| all_but_least(w, self.count()))
    }
}

/// Of `w`, all but the `count` of least |w|; of equal ones the first go.
fn all_but_least(w: &[f32], count: usize) -> Vec<bool> {
    let mut order: Vec<(u32, usize)> = w.iter().map(|w| w.abs().to_bits()).zip(0..).collect();
    order.sort_unstable();
    let mut keep = vec![true; w.len()];
    order[..count].iter().for_each(|&(_, i)| keep[i] = false);
    keep
}

fn ascending(w: &[f32]) -> Vec<f32> {
    let mut sizes: Vec<f32> = w.iter().map(|w| w.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    sizes
}

fn with(run: impl Fn(Call) -> Three + 'static) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |w: &Tensor,
              velocity: &Tensor,
              grad: &Tensor,
              sparsity: f64,
              lr: f64,
              momentum: f64|
              -> Three {
            run(Call {
                w: w.clone(),
                velocity: velocity.clone(),
                grad: grad.clone(),
                sparsity,
                lr: lr as f32,
                momentum: momentum as f32,
            })
        },
    ))
}

// ---- Right answers. --------------------------------------------------------------------------

/// A threshold, and then as many of the ties as still have to go.
fn threshold_and_ties(call: Call) -> Three {
    let count = call.count();
    let mask = call.mask(call.size(), |w| {
        let Some(last) = count.checked_sub(1) else {
            return vec![true; w.len()];
        };
        let threshold = ascending(w)[last];
        let mut ties = count - w.iter().filter(|w| w.abs() < threshold).count();
        let mut keep = Vec::new();
        for w in w {
            let tie = w.abs() == threshold && ties > 0;
            ties -= usize::from(tie);
            keep.push(w.abs() >= threshold && !tie);
        }
        keep
    });
    call.with_mask(mask)
}

/// Everything in f64, the step as one loop.
fn in_f64(call: Call) -> Three {
    let mask = call.right_mask();
    let wide = |x: &Tensor| x.mapv(f64::from);
    let v = f64::from(call.momentum) * wide(&call.velocity) + wide(&call.grad);
    let next = (wide(&call.w) - f64::from(call.lr) * v) * wide(&mask);
    let next = next.mapv(|x| x as f32);
    (mask.clone(), &call.w * &mask, next)
}

/// In place, with the mask as booleans.
fn in_place(call: Call) -> Three {
    let mask = call.right_mask();
    let gone: Vec<bool> = mask.iter().map(|m| *m == 0.0).collect();
    let mut pruned = call.w.clone();
    pruned.iter_mut().zip(&gone).for_each(|(w, gone)| {
        if *gone {
            *w = 0.0;
        }
    });
    let mut next = pruned.clone();
    next.scaled_add(-call.lr * call.momentum, &call.velocity);
    next.scaled_add(-call.lr, &call.grad);
    next.iter_mut().zip(&gone).for_each(|(w, gone)| {
        if *gone {
            *w = 0.0;
        }
    });
    (mask, pruned, next)
}

/// The optimizer sees masked velocity and masked gradient, so nothing pruned moves.
fn masked_before(call: Call) -> Three {
    let mask = call.right_mask();
    let pruned = &call.w * &mask;
    let v = (&call.velocity * &mask) * call.momentum + &call.grad * &mask;
    let next = &pruned - v * call.lr;
    (mask, pruned, next)
}

/// int(W.numel() · sparsity), as the code of SparseGPT and Wanda has it.
fn truncated(call: Call) -> Three {
    let count = (call.sparsity * call.size() as f64) as usize;
    let mask = call.mask(call.size(), |w| all_but_least(w, count));
    call.with_mask(mask)
}

fn traced(
    w: &Tensor,
    velocity: &Tensor,
    grad: &Tensor,
    sparsity: f64,
    lr: f64,
    momentum: f64,
    trace: &mut Trace,
) -> Three {
    let (mask, pruned, next) =
        solution::magnitude_pruning(w, velocity, grad, sparsity, lr, momentum);
    trace.step("mask", "smallest out", "l n k", &mask);
    trace.step("pruned", "w·mask", "l n k", &pruned);
    trace.step("next", "step·mask", "l n k", &next);
    (mask, pruned, next)
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::magnitude_pruning)),
        ),
        (
            "bits of |w|",
            with(|call| call.with_mask(call.right_mask())),
        ),
        ("threshold and ties", with(threshold_and_ties)),
        ("f64", with(in_f64)),
        ("in-place", with(in_place)),
        ("masked before the step", with(masked_before)),
        ("truncate", with(truncated)),
        ("traced", Box::new(candidate(traced))),
    ]
}

// ---- Wrong answers. --------------------------------------------------------------------------

/// The same share of a group of any size.
fn same_share(call: &Call, w: &[f32]) -> Vec<bool> {
    let count = (call.sparsity * w.len() as f64).round_ties_even() as usize;
    all_but_least(w, count)
}

/// A wrong mask, and all else right.
fn masked(group: fn(&Call) -> usize, keep: fn(&Call, &[f32]) -> Vec<bool>) -> Box<dyn Candidate> {
    with(move |call| {
        let mask = call.mask(group(&call), |w| keep(&call, w));
        call.with_mask(mask)
    })
}

fn signed(call: &Call, w: &[f32]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..w.len()).collect();
    order.sort_by(|&a, &b| w[a].total_cmp(&w[b]));
    let mut keep = vec![true; w.len()];
    order[..call.count()].iter().for_each(|&i| keep[i] = false);
    keep
}

fn share_of_max(call: &Call, w: &[f32]) -> Vec<bool> {
    let max = w.iter().fold(0f32, |max, w| max.max(w.abs()));
    w.iter()
        .map(|w| f64::from(w.abs()) > call.sparsity * f64::from(max))
        .collect()
}

fn largest_out(call: &Call, w: &[f32]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..w.len()).collect();
    order.sort_by(|&a, &b| w[a].abs().total_cmp(&w[b].abs()));
    let mut keep = vec![true; w.len()];
    let rest = w.len() - call.count();
    order[rest..].iter().for_each(|&i| keep[i] = false);
    keep
}

fn of_nonzeros(call: &Call, w: &[f32]) -> Vec<bool> {
    let zeros = w.iter().filter(|w| **w == 0.0).count();
    let more = (call.sparsity * (w.len() - zeros) as f64).round_ties_even() as usize;
    all_but_least(w, zeros + more)
}

/// `mask = w.abs() > kthvalue(w.abs(), count)`
fn above(call: &Call, w: &[f32]) -> Vec<bool> {
    match call.count().checked_sub(1) {
        None => vec![true; w.len()],
        Some(last) => {
            let threshold = ascending(w)[last];
            w.iter().map(|w| w.abs() > threshold).collect()
        }
    }
}

/// `mask = w.abs() >= kthvalue(w.abs(), count)`
fn at_least(call: &Call, w: &[f32]) -> Vec<bool> {
    match call.count().checked_sub(1) {
        None => vec![true; w.len()],
        Some(last) => {
            let threshold = ascending(w)[last];
            w.iter().map(|w| w.abs() >= threshold).collect()
        }
    }
}

pub fn wrong() -> Named<&'static str> {
    vec![
        ("prune-signed", masked(Call::size, signed)),
        ("ratio-of-threshold", masked(Call::size, share_of_max)),
        (
            "density-for-sparsity",
            masked(Call::size, |call, w| {
                all_but_least(w, w.len() - call.count())
            }),
        ),
        ("keeps-smallest", masked(Call::size, largest_out)),
        ("global-not-layer", masked(|call| call.w.len(), same_share)),
        ("per-row", masked(|call| call.w.shape()[2], same_share)),
        ("of-the-remaining", masked(Call::size, of_nonzeros)),
        ("ties-over-pruned", masked(Call::size, above)),
        ("threshold-survives", masked(Call::size, at_least)),
        (
            "sign-lost",
            with(|call| {
                let mask = call.right_mask();
                let pruned = call.w.mapv(f32::abs) * &mask;
                let next = (&pruned - call.moved() * call.lr) * &mask;
                (mask, pruned, next)
            }),
        ),
        (
            "mask-not-reapplied",
            with(|call| {
                let (mask, pruned, _) = call.with_mask(call.right_mask());
                let next = &pruned - call.moved() * call.lr;
                (mask, pruned, next)
            }),
        ),
        (
            "only-gradient-masked",
            with(|call| {
                let mask = call.right_mask();
                let pruned = &call.w * &mask;
                let v = &call.velocity * call.momentum + &call.grad * &mask;
                let next = &pruned - v * call.lr;
                (mask, pruned, next)
            }),
        ),
        (
            "step-from-dense",
            with(|call| {
                let (mask, pruned, _) = call.with_mask(call.right_mask());
                let next = &call.w - call.moved() * call.lr;
                (mask, pruned, next)
            }),
        ),
        (
            "no-momentum",
            with(|call| {
                let mask = call.right_mask();
                let pruned = &call.w * &mask;
                let next = (&pruned - &call.grad * call.lr) * &mask;
                (mask, pruned, next)
            }),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["prune-signed", "mask-not-reapplied"],
            with(|call| {
                let mask = call.mask(call.size(), |w| signed(&call, w));
                let pruned = &call.w * &mask;
                let next = &pruned - call.moved() * call.lr;
                (mask, pruned, next)
            }),
        ),
        (
            ["global-not-layer", "no-momentum"],
            with(|call| {
                let mask = call.mask(call.w.len(), |w| same_share(&call, w));
                let pruned = &call.w * &mask;
                let next = (&pruned - &call.grad * call.lr) * &mask;
                (mask, pruned, next)
            }),
        ),
    ]
}
