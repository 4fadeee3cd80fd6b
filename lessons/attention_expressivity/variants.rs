//! The same computation with every mistake behind a switch, and with a disturbance that measures how
//! exact an f32 answer can be.

use super::reference::{norm, spread};
use crate::ops::{einsum, matmul, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Labels, Outputs, max_abs};
use ndarray::{ArrayD, Axis, IxDyn};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Both outputs in f64 with planted bugs; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    run(inputs, variant, None)
}

/// A disturbance, as a part of the largest value.
pub const DISTURBANCE: f64 = 1.0 / (1 << 20) as f64;

/// The right outputs, with every value on the way off by up to [`DISTURBANCE`] times the largest
/// value of its tensor.
pub fn disturbed(inputs: &Inputs, seed: u64) -> Outputs {
    run(
        inputs,
        &Variant::default(),
        Some(StdRng::seed_from_u64(seed)),
    )
}

fn run(inputs: &Inputs, variant: &Variant, mut noise: Option<StdRng>) -> Outputs {
    let on = |id| variant.has(id);
    let mut settle = |mut x: ArrayD<f64>| {
        if let Some(rng) = noise.as_mut() {
            let size = DISTURBANCE * max_abs(&x);
            x.mapv_inplace(|x| x + size * rng.random_range(-1.0..1.0));
        }
        x
    };
    let (mut x, w, sees) = (inputs.f64("x"), inputs.f64("w"), inputs.int("sees"));
    let root = (x.shape()[1] as f64).sqrt();
    let skip = match () {
        () if on("skip-ignored") => false,
        () if on("skip-always") => true,
        () => inputs.number("skip") != 0.0,
    };
    let hidden = if on("mask-ignored") {
        0.0
    } else {
        f64::NEG_INFINITY
    };
    let mask = sees.mapv(|sees| if sees == 0 { hidden } else { 0.0 });
    let start = norm(&x);
    let mut collapse = Vec::new();
    for layer in 0..w.shape()[0] {
        let layer = if on("same-weights") { 0 } else { layer };
        let w = w.index_axis(Axis(0), layer);
        let mut project = |i| settle(matmul(&x, &w.index_axis(Axis(0), i).to_owned()));
        let (q, k, v) = (project(0), project(1), project(2));
        let scores = einsum("n d, m d -> n m", &[&q, &k]);
        let scores = settle(if on("no-scale") {
            scores
        } else {
            scores / root
        });
        let axis = if on("softmax-queries") { 0 } else { 1 };
        let weights = softmax(&(scores + &mask), axis);
        let read = settle(matmul(&weights, &v));
        x = if skip { settle(x + read) } else { read };
        let features = x.sum_axis(Axis(1)).insert_axis(Axis(1)) / x.shape()[1] as f64;
        let tokens = x.sum_axis(Axis(0)) / x.shape()[0] as f64;
        collapse.push(match () {
            () if on("residual-relative-to-zero") => 1.0,
            () if on("mean-over-features") => norm(&(&x - &features)) / norm(&x),
            () if on("not-relative") => norm(&(&x - &tokens)),
            () if on("relative-to-start") => norm(&(&x - &tokens)) / start,
            () if on("relative-to-mean") => {
                let mean = norm(&tokens) * (x.shape()[0] as f64).sqrt();
                norm(&(&x - &tokens)) / mean
            }
            () if on("squared") => spread(&x).powi(2),
            () => spread(&x),
        });
    }
    let depth = collapse.len();
    let collapse = ArrayD::from_shape_vec(IxDyn(&[depth]), collapse).expect("one for each layer");
    vec![paths(sees, variant).mapv(|layer| layer as f64), collapse]
}

fn paths(sees: &Labels, variant: &Variant) -> Labels {
    let on = |id| variant.has(id);
    let n = sees.shape()[0];
    let shape = IxDyn(&[n, n]);
    if on("path-length-n") {
        return Labels::from_shape_fn(shape, |at| (at[0] as i64 - at[1] as i64).abs());
    }
    let reads = |i: usize, k: usize| match () {
        () if on("undirected") => sees[[i, k]] != 0 || sees[[k, i]] != 0,
        () if on("reversed") => sees[[k, i]] != 0,
        () => sees[[i, k]] != 0,
    };
    let mut layers = Labels::from_elem(shape, -1);
    for j in 0..n {
        layers[[j, j]] = 0;
        let mut reached = vec![j];
        for step in 1..n as i64 {
            let next = (0..n).filter(|i| layers[[*i, j]] < 0);
            let next: Vec<usize> = next
                .filter(|i| reached.iter().any(|k| reads(*i, *k)))
                .collect();
            if on("direct-only") && step > 1 {
                break;
            }
            next.iter().for_each(|i| layers[[*i, j]] = step);
            reached = next;
        }
    }
    for (at, layer) in layers.indexed_iter_mut() {
        *layer = match *layer {
            -1 if on("unreachable-zero") => 0,
            -1 if on("unreachable-n") => n as i64,
            -1 => -1,
            layer if on("counts-tokens") => layer + 1,
            0 if on("self-counts-one") && at[0] == at[1] => 1,
            layer => layer,
        };
    }
    layers
}
