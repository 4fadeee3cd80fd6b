//! The same computation, compactly, with every planted bug behind its id.

use super::grid::{Grid, or_one};
use super::reference::Arguments;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array1, Array2};

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let mut given = Arguments::of(inputs);
    if v.has("bits-ignored") {
        given.bits = 8.0;
    }
    if v.has("per-tensor") {
        let least = given.low.fold(f64::INFINITY, |a, &b| a.min(b));
        let most = given.high.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        given.low.fill(least);
        given.high.fill(most);
    }
    let ranges = given.low.iter().zip(&given.high);
    let grids: Vec<Grid> = ranges
        .map(|(&low, &high)| match given.symmetric {
            true => symmetric(low, high, given.bits, v),
            false => asymmetric(low, high, given.bits, v),
        })
        .collect();
    let q = Array2::from_shape_fn(given.x.dim(), |at| code(given.x[at], grids[at.0], v));
    let x_hat = Array2::from_shape_fn(q.dim(), |at| match v.has("zero-point-forgotten") {
        true => grids[at.0].scale * q[at],
        false => grids[at.0].value(q[at]),
    });
    let each = |of: fn(&Grid) -> f64| Array1::from_iter(grids.iter().map(of)).into_dyn();
    vec![
        each(|grid| grid.scale),
        each(|grid| grid.zero_point),
        q.into_dyn(),
        x_hat.into_dyn(),
    ]
}

fn asymmetric(low: f64, high: f64, bits: f64, v: &Variant) -> Grid {
    let (alpha, beta) = match v.has("range-without-zero") {
        true => (low, high),
        false => (low.min(0.0), high.max(0.0)),
    };
    let most = 2f64.powf(bits) - 1.0;
    let scale = if v.has("scale-before-shift") {
        alpha.abs().max(beta.abs()) / (2f64.powf(bits - 1.0) - 1.0)
    } else if v.has("power-of-two-levels") {
        (beta - alpha) / (most + 1.0)
    } else {
        (beta - alpha) / most
    };
    let scale = nonzero(scale, v);
    let zero_point = -alpha / scale;
    Grid {
        scale,
        zero_point: match v.has("zero-point-not-integer") {
            true => zero_point,
            false => zero_point.round_ties_even(),
        },
        least: 0.0,
        most,
    }
}

fn symmetric(low: f64, high: f64, bits: f64, v: &Variant) -> Grid {
    let max = if v.has("symmetric-half-range") {
        (high - low) / 2.0
    } else if v.has("symmetric-from-high") {
        high
    } else {
        low.abs().max(high.abs())
    };
    let most = 2f64.powf(bits - 1.0) - 1.0;
    let steps = most + f64::from(u8::from(v.has("power-of-two-levels")));
    let extra = f64::from(u8::from(v.has("sym-clamp-asym")));
    Grid {
        scale: nonzero(max / steps, v),
        zero_point: 0.0,
        least: -most - extra,
        most,
    }
}

fn nonzero(scale: f64, v: &Variant) -> f64 {
    match v.has("empty-range-nan") {
        true => scale,
        false => or_one(scale),
    }
}

fn code(x: f64, grid: Grid, v: &Variant) -> f64 {
    let Grid {
        scale,
        zero_point: z,
        least,
        most,
    } = grid;
    let steps = match v.has("round-then-scale") {
        true => x.round_ties_even() / scale,
        false => x / scale,
    };
    let free = if v.has("truncates") {
        steps.trunc() + z
    } else if v.has("zero-point-subtracted") {
        steps.round_ties_even() - z
    } else if v.has("half-away") {
        steps.round() + z
    } else if v.has("half-up") {
        (steps + z + 0.5).floor()
    } else if v.has("zero-point-not-integer") {
        (steps + z).round_ties_even()
    } else {
        steps.round_ties_even() + z
    };
    if v.has("clamp-missing") {
        free
    } else if v.has("clamp-before-zero-point") {
        (free - z).clamp(least, most) + z
    } else if v.has("wraps-around") {
        // Codes of b bits wrap: unsigned from 0, signed in two's complement.
        let count = 2f64.powf((most - least + 1.0).log2().ceil());
        let first = if least < 0.0 { -count / 2.0 } else { 0.0 };
        (free - first).rem_euclid(count) + first
    } else {
        free.clamp(least, most)
    }
}
