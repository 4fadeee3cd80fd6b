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
    let mut mask = Tensor::ones(w.raw_dim());
    for (layer, mut mask) in w.outer_iter().zip(mask.outer_iter_mut()) {
        let scores: Vec<f32> = layer.iter().map(|w| w.abs()).collect();
        let count = (sparsity * scores.len() as f64).round_ties_even() as usize;
        let mut order: Vec<usize> = (0..scores.len()).collect();
        // A stable sort: of equal weights the first goes first.
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let mut flat: Vec<&mut f32> = mask.iter_mut().collect();
        for &i in &order[..count] {
            *flat[i] = 0.0;
        }
    }
    let pruned = w * &mask;
    let v = velocity * momentum as f32 + grad;
    let next = (&pruned - v * lr as f32) * &mask;
    (mask, pruned, next)
}
