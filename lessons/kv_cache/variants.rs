//! Every wrong KV cache that we know, as one function with switches.

use super::reference::{Rows, append, repeat, rotate, scores};
use crate::ops::{einsum, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, Axis, IxDyn};

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let [q, k, mut v, past_k, past_v] = ["q", "k", "v", "past_k", "past_v"].map(|x| inputs.f64(x));
    let Ok(rows) = Rows::of(inputs) else {
        let nothing = |x: &ArrayD<f64>| ArrayD::from_elem(x.raw_dim(), f64::NAN);
        return vec![nothing(&q), nothing(&past_k), nothing(&past_v)];
    };
    let (theta, half, n, b) = (
        inputs.number("rope_theta"),
        has("half-split"),
        rows.n,
        q.shape()[0],
    );
    let own: Vec<usize> = (0..b).collect();
    let follow = |ignored: bool| match ignored || has("no-reorder-in-beam") {
        true => own.clone(),
        false => rows.parents.clone(),
    };
    let longest = rows.lengths.iter().copied().max().unwrap_or(0);
    let starts: Vec<usize> = follow(has("lengths-not-reordered"))
        .iter()
        .map(|&row| match has("padded-length") {
            true => longest,
            false => rows.lengths[row],
        })
        .collect();

    let positions = |restarts: bool| {
        ArrayD::from_shape_fn(IxDyn(&[b, n]), |at| {
            let start = match restarts || has("position-0-each-step") {
                true => 0,
                false => starts[at[0]],
            };
            (start + at[1] + usize::from(has("position-off-by-one"))) as f64
        })
    };
    let q = rotate(&q, &positions(has("query-position-restarts")), theta, half);
    let key_positions = positions(has("key-position-restarts"));
    let (raw, late) = (has("cache-pre-rope-mix"), has("rotated-twice"));
    let mut k = match raw || late {
        true => k,
        false => rotate(&k, &key_positions, theta, half),
    };
    if has("caches-q") {
        let first: Vec<usize> = (0..rows.g).map(|i| i * rows.h / rows.g).collect();
        k = q.select(Axis(1), &first);
    }
    if has("v-rotated") {
        v = rotate(&v, &key_positions, theta, half);
    }

    let slots: Vec<usize> = starts
        .iter()
        .map(|start| start.saturating_sub(usize::from(has("overwrites-last"))))
        .collect();
    let parents = follow(false);
    let mut present_k = append(&past_k, &parents, &k, &slots);
    if late {
        let all = ArrayD::from_shape_fn(IxDyn(&[b, rows.m]), |at| at[1] as f64);
        present_k = rotate(&present_k, &all, theta, half);
    }
    let old_v = past_v.select(Axis(0), &follow(has("values-not-reordered")));
    let present_v = match has("v-not-written") {
        true => old_v,
        false => append(&old_v, &own, &v, &slots),
    };

    let share = |cache: &ArrayD<f64>| match has("gqa-tile-not-repeat") {
        true => {
            let order: Vec<usize> = (0..rows.h).map(|i| i % rows.g).collect();
            cache.select(Axis(1), &order)
        }
        false => repeat(cache, rows.h),
    };
    let divisor = match has("no-scale") {
        true => 1.0,
        false => (rows.d as f64).sqrt(),
    };
    let seen = |i: usize, r: usize, j: usize| {
        let slot = slots[i];
        match () {
            () if has("no-mask") => true,
            () if has("causal-top-left") => j <= r,
            () if has("no-causal-in-chunk") => j < slot + n,
            () if has("self-not-seen") => j < slot + r,
            () if has("cache-not-read") => (slot..=slot + r).contains(&j),
            () => j <= slot + r,
        }
    };
    let weights = softmax(&scores(&q, &share(&present_k), divisor, seen), 3);
    let out = einsum(
        "b h n m, b h m d -> b h n d",
        &[&weights, &share(&present_v)],
    );
    match () {
        () if has("stale-present") => {
            let kept = past_k.select(Axis(0), &parents);
            vec![out, kept, past_v.select(Axis(0), &parents)]
        }
        () if has("present-swapped") => vec![out, present_v, present_k],
        () => vec![out, present_k, present_v],
    }
}
