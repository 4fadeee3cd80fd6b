//! Attention by tiles with an online softmax, step by step in f64.

use crate::ops::{causal_mask, einsum};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array3, ArrayD, Axis, Slice};

/// softmax(q·kᵀ/√d)·v over tiles of `block` keys (the last may be shorter), and the logarithm of
/// each row's sum of exponentials: `q [b h n d]`, `k [b h m d]`, `v [b h m dv]` →
/// `out [b h n dv]`, `lse [b h n]`. A query without a key gives 0 and −∞.
///
/// Milakov and Gimelshein 2018, arXiv 1805.02867; Dao et al. 2022, arXiv 2205.14135; Dao 2023,
/// arXiv 2307.08691, whose form it is.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (q, k, v) = (inputs.f64("q"), inputs.f64("k"), inputs.f64("v"));
    let (n, d, m) = (q.shape()[2], q.shape()[3], k.shape()[2]);
    let block = (inputs.number("block") as usize).max(1);
    let mask: Option<ArrayD<f64>> = (inputs.number("causal") != 0.0).then(|| causal_mask(n, m));
    for (axes, x) in [("b h n d", &q), ("b h m d", &k), ("b h m dv", &v)] {
        trace.given(axes, x.shape());
    }

    // Nothing seen yet: max = −∞ and sum = 0 [b h n], acc = 0 [b h n dv].
    let rows = (q.shape()[0], q.shape()[1], n);
    let mut max = Array3::from_elem(rows, f64::NEG_INFINITY).into_dyn();
    let mut sum = Array3::<f64>::zeros(rows).into_dyn();
    let wide = [q.shape()[0], q.shape()[1], n, v.shape()[3]];
    let mut acc = ArrayD::<f64>::zeros(wide.to_vec());

    for (t, first) in (0..m).step_by(block).enumerate() {
        let tile = Slice::from(first..m.min(first + block));
        let (k, v) = (k.slice_axis(Axis(2), tile), v.slice_axis(Axis(2), tile));
        let len = k.shape()[2];
        let name = |what: &str| format!("{what} {}", t + 1);
        // The last tile has a name of its own where it is shorter.
        let axis = if len == block.min(m) { "t" } else { "rest" };

        // scores = q·kᵀ/√d for the keys of this tile   [b h n t]
        let mut scores =
            einsum("b h n d, b h t d -> b h n t", &[&q, &k.to_owned()]) / (d as f64).sqrt();
        if let Some(mask) = &mask {
            scores += &mask.slice_axis(Axis(1), tile);
        }
        let spec = format!("b h n d, b h {axis} d -> b h n {axis}");
        trace
            .step(&name("scores"), "q·kᵀ/√d of the tile", &spec, &scores)
            .note(format!("keys {first} to {}", first + len - 1));

        // m' = max(m, max of the tile)   [b h n]
        let of_tile = scores.map_axis(Axis(3), |row| row.fold(f64::NEG_INFINITY, |a, &s| a.max(s)));
        let mut new = max.clone();
        new.zip_mut_with(&of_tile, |a, &s| *a = a.max(s));
        let grown = new.iter().zip(&max).filter(|(new, old)| new > old).count();
        trace
            .step(&name("max"), "m' = max(m, max of the tile)", "b h n", &new)
            .note(format!("grows for {grown} of {} queries", new.len()));

        // keep = e^(m − m'): what is summed so far has the old base   [b h n]
        let mut keep = max.clone();
        keep.zip_mut_with(&new, |old, &new| {
            *old = if *old == new { 1.0 } else { (*old - new).exp() }
        });
        trace.step(&name("keep"), "e^(m − m')", "b h n", &keep);

        // weights = e^(scores − m'); 0 where nothing is seen yet, not e^(−∞ + ∞)   [b h n t]
        let base = new.mapv(|m| if m == f64::NEG_INFINITY { 0.0 } else { m });
        let weights = (&scores - &base.insert_axis(Axis(3))).mapv(f64::exp);
        let spec = format!("b h n {axis} -> b h n {axis}");
        trace.step(&name("weights"), "e^(scores − m')", &spec, &weights);

        // sum = sum·keep + Σ weights   [b h n]
        sum = &sum * &keep + weights.sum_axis(Axis(3));
        trace.step(&name("sum"), "ℓ·keep + Σ weights", "b h n", &sum);

        // acc = acc·keep + weights·v   [b h n dv]
        let added = einsum("b h n t, b h t v -> b h n v", &[&weights, &v.to_owned()]);
        acc = &acc * &keep.insert_axis(Axis(3)) + added;
        let spec = format!("b h n {axis}, b h {axis} dv -> b h n dv");
        trace.step(&name("acc"), "acc·keep + weights·v", &spec, &acc);
        max = new;
    }

    // out = acc/sum, divided once   [b h n dv]
    let divisor = sum.mapv(|sum| if sum == 0.0 { 1.0 } else { sum });
    let out = acc / divisor.insert_axis(Axis(3));
    trace
        .step("out", "acc/ℓ", "b h n dv", &out)
        .note("equals softmax(q·kᵀ/√d)·v exactly, for any tile size");

    // lse = m + ln ℓ   [b h n]
    let lse = &max + &sum.mapv(f64::ln);
    trace
        .step("lse", "m + ln ℓ", "b h n", &lse)
        .note("backward makes the weights from it: e^(s − lse)");
    vec![out, lse]
}
