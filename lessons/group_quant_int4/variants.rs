//! The same computation, compactly, with every planted bug behind its id.

use super::reference::{Arguments, pack};
use crate::lessons::affine_quantization::grid::or_one;
use crate::ops::einsum;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array2, ArrayView1, s};

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let mut given = Arguments::of(inputs);
    let (k, groups) = (given.w.ncols(), given.groups());
    let asked = given.group_size;
    if v.has("one-group-a-row") {
        given.group_size = k;
    }
    let grid = |group: ArrayView1<f64>| grid(group, v);
    let mut scale = given.each(|group| grid(group).0);
    let mut zero = given.each(|group| grid(group).1);
    if v.has("one-group-a-row") {
        let first =
            |of: &Array2<f64>| Array2::from_shape_fn((of.nrows(), groups), |(i, _)| of[[i, 0]]);
        (scale, zero) = (first(&scale), first(&zero));
        given.group_size = asked;
    }
    let (mut s, mut z) = (given.spread(&scale), given.spread(&zero));
    if v.has("group-straddles-rows") {
        // Groups of the flattened matrix; a row's group is told the grid of its first weight.
        let flat: Vec<f64> = given.w.iter().copied().collect();
        let grids: Vec<(f64, f64)> = flat.chunks(asked).map(|g| grid(g.into())).collect();
        let at = |i: usize, j: usize| grids[(i * k + j) / asked];
        s = Array2::from_shape_fn(s.dim(), |(i, j)| at(i, j).0);
        z = Array2::from_shape_fn(z.dim(), |(i, j)| at(i, j).1);
        scale = Array2::from_shape_fn(scale.dim(), |(i, g)| at(i, g * asked).0);
        zero = Array2::from_shape_fn(zero.dim(), |(i, g)| at(i, g * asked).1);
    }
    let steps = match v.has("mean-as-zero") {
        true => (&given.w - &z) / &s,
        false => &given.w / &s,
    };
    let q = Array2::from_shape_fn(steps.dim(), |at| {
        // Cut off in f32, in which 15 steps may be a little less.
        let round = |steps: f64| match v.has("truncates") {
            true => f64::from((given.w[at] as f32 / s[at] as f32).trunc()),
            false => steps.round_ties_even(),
        };
        if v.has("mean-as-zero") {
            round(steps[at]).clamp(-8.0, 7.0)
        } else if v.has("zero-not-rounded") {
            round(steps[at] + z[at]).clamp(0.0, 15.0)
        } else {
            (round(steps[at]) + z[at]).clamp(0.0, 15.0)
        }
    });
    let w_hat = if v.has("mean-as-zero") {
        &q * &s + &z
    } else if v.has("zero-forgotten") {
        &q * &s
    } else if v.has("scale-of-first-group") {
        let first = Array2::from_shape_fn(s.dim(), |(i, _)| scale[[i, 0]]);
        (&q - &z) * first
    } else {
        (&q - &z) * &s
    };
    let operands = [given.x.clone().into_dyn(), w_hat.into_dyn()];
    let y = einsum("m k, n k -> m n", &[&operands[0], &operands[1]]);
    let stored = match v.has("zero-minus-one") {
        true => zero.mapv(|z| (z - 1.0).rem_euclid(16.0)),
        false => zero,
    };
    vec![
        packed(&q, v).into_dyn(),
        scale.into_dyn(),
        stored.into_dyn(),
        y,
    ]
}

/// The scale and the zero point of a group.
fn grid(group: ArrayView1<f64>, v: &Variant) -> (f64, f64) {
    let high = group.fold(f64::NEG_INFINITY, |b, &w| b.max(w));
    let low = group.fold(f64::INFINITY, |a, &w| a.min(w));
    let max = high.abs().max(low.abs());
    let (low, high) = match v.has("range-without-zero") {
        true => (low, high),
        false => (low.min(0.0), high.max(0.0)),
    };
    let scale = if v.has("scale-ignores-zero") || v.has("symmetric") {
        max / 7.0
    } else if v.has("sixteen-steps") {
        (high - low) / 16.0
    } else {
        (high - low) / 15.0
    };
    let scale = match v.has("zero-group-nan") {
        true => scale,
        false => or_one(scale),
    };
    let zero = if v.has("mean-as-zero") {
        group.sum() / group.len() as f64
    } else if v.has("symmetric") {
        8.0
    } else if v.has("zero-not-rounded") {
        -low / scale
    } else {
        (-low / scale).round_ties_even()
    };
    (scale, zero)
}

fn packed(q: &Array2<f64>, v: &Variant) -> Array2<f64> {
    let bits = q.mapv(|q| match v.has("signed-nibbles") {
        true => (q - 8.0).rem_euclid(16.0),
        false => q.rem_euclid(16.0),
    });
    let half = q.ncols() / 2;
    if v.has("nibble-swapped") {
        return Array2::from_shape_fn((q.nrows(), half), |(i, j)| {
            bits[[i, 2 * j + 1]] + 16.0 * bits[[i, 2 * j]]
        });
    }
    if v.has("halves-packed") {
        return &bits.slice(s![.., ..half]) + &(&bits.slice(s![.., half..2 * half]) * 16.0);
    }
    pack(&bits)
}
