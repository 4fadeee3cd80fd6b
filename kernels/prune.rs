//! Magnitude pruning: the weights of least |w| become 0, and stay 0.
//!
//! The threshold comes from counting, not from sorting: the bits of |w| are in the order of |w|, so a
//! histogram of their upper half finds the bucket of the threshold, and only that bucket is searched.

use super::cpu::{split, split_pair, threads};
use super::operand::{Length, product};

/// Writes to `mask` 1 where a weight stays and 0 where it goes, and to `pruned` the weights times it;
/// of each `layer` weights in a row, the `count` of least |w| go. Of equal ones the first go.
///
/// # Errors
/// [`Length`], when an output does not have the elements of `w`, or `layer` does not divide them.
pub fn magnitude(
    mask: &mut [f32],
    pruned: &mut [f32],
    w: &[f32],
    layer: usize,
    count: usize,
) -> Result<(), Length> {
    let whole = w.len() - w.len().checked_rem(layer).unwrap_or(0);
    Length::check("w", whole, w.len())?;
    Length::check("mask", w.len(), mask.len())?;
    Length::check("pruned", w.len(), pruned.len())?;
    if layer == 0 {
        return Ok(());
    }
    split_pair((mask, layer), (pruned, layer), |layers, mask, pruned| {
        let parts = mask
            .chunks_exact_mut(layer)
            .zip(pruned.chunks_exact_mut(layer));
        for (i, (mask, pruned)) in layers.zip(parts) {
            let w = &w[i * layer..(i + 1) * layer];
            let (threshold, mut ties) = threshold(w, count.min(layer));
            for ((mask, pruned), &w) in mask.iter_mut().zip(pruned).zip(w) {
                let bits = magnitude_bits(w);
                let tie = bits == threshold && ties > 0;
                ties -= usize::from(tie);
                let stays = bits >= threshold && !tie;
                *mask = f32::from(u8::from(stays));
                *pruned = if stays { w } else { 0.0 };
            }
        }
    });
    Ok(())
}

/// The order of these is the order of |w|.
fn magnitude_bits(w: f32) -> u32 {
    w.to_bits() & 0x7fff_ffff
}

/// The bits of the `count`-th smallest |w|, counted from 0, and how many of the `count` smallest are
/// equal to it. Where all go, the bits are above all of them.
fn threshold(w: &[f32], count: usize) -> (u32, usize) {
    if count == w.len() {
        return (u32::MAX, 0);
    }
    let bucket = |w: f32| (magnitude_bits(w) >> 15) as usize;
    let mut histogram = vec![0usize; 1 << 16];
    for &w in w {
        histogram[bucket(w)] += 1;
    }
    let (mut at, mut below) = (0, 0);
    while below + histogram[at] <= count {
        below += histogram[at];
        at += 1;
    }
    let mut inside: Vec<u32> = w
        .iter()
        .filter(|w| bucket(**w) == at)
        .map(|w| magnitude_bits(*w))
        .collect();
    let (smaller, threshold, _) = inside.select_nth_unstable(count - below);
    let ties = smaller.iter().filter(|bits| *bits == threshold).count();
    (*threshold, ties)
}

/// A step of SGD with momentum that leaves pruned weights at 0: `out` = mask·(w − lr·(momentum·velocity
/// + grad)), element by element.
///
/// # Errors
/// [`Length`], when an operand does not have the elements of `out`.
pub fn masked_step(
    out: &mut [f32],
    [w, mask, velocity, grad]: [&[f32]; 4],
    lr: f32,
    momentum: f32,
) -> Result<(), Length> {
    let want = out.len();
    for (operand, got) in [
        ("w", w),
        ("mask", mask),
        ("velocity", velocity),
        ("grad", grad),
    ] {
        Length::check(operand, want, got.len())?;
    }
    split(out, 1, |run, out| {
        let [w, mask, velocity, grad] = [w, mask, velocity, grad].map(|x| &x[run.clone()]);
        for (i, out) in out.iter_mut().enumerate() {
            *out = mask[i] * (w[i] - lr * (momentum * velocity[i] + grad[i]));
        }
    });
    Ok(())
}

/// The `keep` rows of `w [n k]` of the largest Euclidean norm, ascending; of equal ones the first.
///
/// # Errors
/// [`Length`], when `w` does not have n·k elements.
pub fn rows_by_norm(w: &[f32], [n, k]: [usize; 2], keep: usize) -> Result<Vec<usize>, Length> {
    Length::check("w", product([n, k]).unwrap_or(usize::MAX), w.len())?;
    let mut squares = vec![0f32; n];
    split(&mut squares, 1, |rows, squares| {
        for (i, square) in rows.zip(squares) {
            *square = w[i * k..(i + 1) * k].iter().map(|w| w * w).sum();
        }
    });
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| squares[b].total_cmp(&squares[a]));
    order.truncate(keep);
    order.sort_unstable();
    Ok(order)
}

/// The kernel, and on how many threads.
pub fn name() -> String {
    format!("magnitude pruning, histogram, {} threads", threads())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn it_prunes_what_sorting_prunes() {
        let mut rng = StdRng::seed_from_u64(1);
        for (layers, layer) in [(1, 1), (1, 7), (3, 40), (2, 1000)] {
            for coarse in [false, true] {
                let mut draw = || -> f32 {
                    let w: f32 = rng.random_range(-1.0..1.0);
                    if coarse { (w * 4.0).round() / 4.0 } else { w }
                };
                let w: Vec<f32> = (0..layers * layer).map(|_| draw()).collect();
                for count in [0, 1, layer / 2, layer] {
                    let (mut mask, mut pruned) = (vec![9.0; w.len()], vec![9.0; w.len()]);
                    magnitude(&mut mask, &mut pruned, &w, layer, count).unwrap();
                    for (i, w) in w.chunks(layer).enumerate() {
                        let mut order: Vec<usize> = (0..layer).collect();
                        order.sort_by(|&a, &b| w[a].abs().total_cmp(&w[b].abs()));
                        for (rank, j) in order.into_iter().enumerate() {
                            let stays = f32::from(u8::from(rank >= count));
                            assert_eq!(mask[i * layer + j], stays);
                            assert_eq!(pruned[i * layer + j], stays * w[j]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_rows_stay_in_their_order() {
        let w = [3.0, 0.0, 0.5, 0.5, 0.0, -4.0, 3.0, 0.0];
        assert_eq!(rows_by_norm(&w, [4, 2], 2).unwrap(), [0, 2]);
        assert_eq!(rows_by_norm(&w, [4, 2], 9).unwrap(), [0, 1, 2, 3]);
        assert!(rows_by_norm(&w, [3, 2], 1).is_err());
    }

    #[test]
    fn operands_that_do_not_fit_are_refused() {
        let w = [1.0; 6];
        let [mut a, mut b] = [[0.0; 6]; 2];
        assert!(magnitude(&mut a[..5], &mut b, &w, 3, 1).is_err());
        assert!(magnitude(&mut a, &mut b, &w, 4, 1).is_err());
        assert!(magnitude(&mut [], &mut [], &[], 0, 1).is_ok());
        assert!(masked_step(&mut a, [&w, &w, &w[..3], &w], 0.1, 0.9).is_err());
    }
}
