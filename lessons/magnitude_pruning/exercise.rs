use llmlab::prelude::*;

/// Prunes each layer of `w [l n k]`: the round(sparsity·n·k) weights of least |w| become 0 (of equal
/// ones the first in row-major order). Then one step of SGD with momentum, v = momentum·velocity + grad
/// and w − lr·v, in which pruned weights stay 0. Gives `(mask, pruned, next)`, all `[l n k]`: 1 where a
/// weight stays and 0 where it goes, the weights before the step, and those after it.
pub fn magnitude_pruning(
    w: &Tensor,
    velocity: &Tensor,
    grad: &Tensor,
    sparsity: f64,
    lr: f64,
    momentum: f64,
) -> (Tensor, Tensor, Tensor) {
    todo!()
}
