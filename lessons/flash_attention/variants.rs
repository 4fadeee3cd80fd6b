//! The same computation, one query at a time, with every mistake behind a switch.

use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{Array3, Array4, Ix4};

const DROP: f64 = f64::NEG_INFINITY;

/// These are wrong by the range of f32 alone: what overflows or vanishes there must do so here.
const NARROW: [&str; 4] = [
    "no-max",
    "max-of-tile",
    "mask-after-max",
    "rescale-inverted",
];

/// What is kept of the tiles so far, for one query.
struct Row {
    max: f64,
    sum: f64,
    acc: Vec<f64>,
    /// The sum of each tile's own softmax·v.
    means: Vec<f64>,
}

/// FlashAttention in f64 with planted bugs; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let array = |name: &str| -> Array4<f64> {
        let array = inputs.f64(name).into_dimensionality::<Ix4>();
        array.expect("q, k and v have four axes")
    };
    let [q, k, v] = ["q", "k", "v"].map(array);
    let ((b, h, n, d), m, dv) = (q.dim(), k.dim().2, v.dim().3);
    let block = (inputs.number("block") as usize).max(1);
    let causal = inputs.number("causal") != 0.0 && !has("mask-ignored");
    let divisor = match () {
        () if has("no-scale") => 1.0,
        () if has("scale-twice") => d as f64,
        () => (d as f64).sqrt(),
    };
    let last = if has("last-tile-dropped") {
        m - m % block
    } else {
        m
    };
    let nothing = if has("lse-plus-infinity") {
        -DROP
    } else {
        DROP
    };

    let mut out = Array4::zeros((b, h, n, dv));
    let mut lse = Array3::zeros((b, h, n));
    for (b, h, i) in ndarray::indices((b, h, n)) {
        let mut row = Row {
            max: DROP,
            sum: 0.0,
            acc: vec![0.0; dv],
            means: vec![0.0; dv],
        };
        for first in (0..last).step_by(block) {
            let mut tile = Vec::new();
            for j in first..m.min(first + block) {
                let dot: f64 = (0..d).map(|t| q[[b, h, i, t]] * k[[b, h, j, t]]).sum();
                let seen = match () {
                    () if !causal => true,
                    () if has("causal-top-left") => j <= i,
                    () if has("tile-index-mask") => j - first + n <= i + m,
                    () => j + n <= i + m,
                };
                let values = (0..dv).map(|c| v[[b, h, j, c]]).collect();
                tile.push((dot / divisor, seen, values));
            }
            if has("padded-keys-counted") && !causal {
                tile.resize(block, (0.0, true, vec![0.0; dv]));
            }
            step(variant, &mut row, &tile);
        }
        let Row {
            max,
            sum,
            acc,
            means,
        } = row;
        let tiles = last.div_ceil(block).max(1) as f64;
        for c in 0..dv {
            out[[b, h, i, c]] = match () {
                () if has("divide-each-tile") => means[c] / tiles,
                () if has("no-normalise") || has("divide-every-step") => acc[c],
                () if sum == 0.0 => 0.0,
                () => acc[c] / sum,
            };
        }
        lse[[b, h, i]] = match () {
            () if sum == 0.0 => nothing,
            () if has("lse-without-max") => sum.ln(),
            () if has("lse-no-log") => max + sum,
            () if has("lse-base-2") => (max + sum.ln()) / std::f64::consts::LN_2,
            () => max + sum.ln(),
        };
    }
    vec![out.into_dyn(), lse.into_dyn()]
}

/// One tile: (score, whether it is seen, its values) for each key.
fn step(variant: &Variant, row: &mut Row, tile: &[(f64, bool, Vec<f64>)]) {
    let has = |id: &str| variant.has(id);
    let narrow = NARROW.iter().any(|id| has(id));
    let round = |x: f64| if narrow { f64::from(x as f32) } else { x };
    let masked = |(score, seen, _): &(f64, bool, Vec<f64>)| if *seen { *score } else { DROP };
    let highest = tile.iter().fold(DROP, |max: f64, key| {
        max.max(if has("mask-after-max") {
            key.0
        } else {
            masked(key)
        })
    });
    let new = match () {
        () if has("no-max") => 0.0,
        () if has("max-of-tile") => highest,
        () => highest.max(row.max),
    };
    let guarded = !has("inf-minus-inf");
    if new == DROP && guarded {
        return;
    }
    let keep = match () {
        () if row.max == DROP && guarded => 0.0,
        () if has("no-rescale") => 1.0,
        () if has("rescale-inverted") => round((new - row.max).exp()),
        () => round((row.max - new).exp()),
    };
    let weights: Vec<f64> = tile
        .iter()
        .map(|key| round((masked(key) - new).exp()))
        .collect();
    let of_tile: f64 = weights.iter().sum();
    let keep_of = |id: &str| if has(id) && row.max > DROP { 1.0 } else { keep };
    row.sum = round(round(row.sum * keep_of("no-rescale-sum")) + of_tile);
    let keep_acc = keep_of("no-rescale-out");
    for (c, acc) in row.acc.iter_mut().enumerate() {
        let added: f64 = weights.iter().zip(tile).map(|(w, key)| w * key.2[c]).sum();
        *acc = round(round(*acc * keep_acc) + added);
        if has("divide-every-step") && row.sum != 0.0 {
            *acc /= row.sum;
        }
        if of_tile > 0.0 {
            row.means[c] += added / of_tile;
        }
    }
    row.max = new;
}
