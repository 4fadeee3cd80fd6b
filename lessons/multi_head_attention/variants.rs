//! Every wrong multi-head attention that we know, as one function with switches.

use super::reference::{Sizes, merge, repeat, split};
use crate::ops::{causal_mask, einsum, permute, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, Axis, IxDyn};

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let x = inputs.f64("x");
    let Ok(sizes) = Sizes::of(inputs) else {
        return vec![ArrayD::from_elem(x.raw_dim(), f64::NAN)];
    };
    let Sizes {
        n, d, h, h_kv, dk, ..
    } = sizes;
    let weight = |name: &str, bug: &str| {
        let w = inputs.f64(name);
        match has(bug) || has("weights-transposed") {
            true => transposed(&w),
            false => w,
        }
    };
    let project = |w: &ArrayD<f64>| einsum("b n d, d e -> b n e", &[&x, w]);
    let (mut w_k, mut w_v) = (weight("w_k", ""), weight("w_v", ""));
    if has("kv-swapped") {
        std::mem::swap(&mut w_k, &mut w_v);
    }
    let cut = |flat: &ArrayD<f64>, heads| cut(variant, flat, heads);
    let mut q = cut(&project(&weight("w_q", "wq-transposed")), h);
    let share = |flat: &ArrayD<f64>| {
        let heads = cut(flat, h_kv);
        if has("gqa-tile-not-repeat") {
            let order: Vec<usize> = (0..h).map(|i| i % h_kv).collect();
            heads.select(Axis(1), &order)
        } else {
            repeat(&heads, h)
        }
    };
    let (mut k, mut v) = (share(&project(&w_k)), share(&project(&w_v)));
    if has("v-not-projected") {
        v = cut(&x, h);
    }
    let first = |heads: &ArrayD<f64>| heads.select(Axis(1), &vec![0; h]);
    if has("one-head-repeated") {
        q = first(&q);
    }
    if has("one-head-repeated") || has("kv-first-head") {
        (k, v) = (first(&k), first(&v));
    }

    if has("qk-swapped") {
        std::mem::swap(&mut q, &mut k);
    }
    let mut scores = einsum("b h n k, b h m k -> b h n m", &[&q, &k]);
    if has("sum-logits-then-softmax") {
        let sum = scores.sum_axis(Axis(1)).insert_axis(Axis(1));
        scores = first(&sum);
    }
    scores /= [
        ("no-scale", 1.0),
        ("scale-sqrt-d-model", (d as f64).sqrt()),
        ("scale-dk", dk as f64),
        ("scale-tokens", (n as f64).sqrt()),
    ]
    .iter()
    .find(|(id, _)| has(id))
    .map_or((dk as f64).sqrt(), |(_, divisor)| *divisor);
    let mask = inputs.optional("mask").map(|mask| mask.mapv(f64::from));
    let mask = mask.filter(|_| !has("mask-ignored"));
    if let Some(mask) = mask.as_ref().filter(|_| !has("mask-after-softmax")) {
        scores += mask;
    }
    if has("always-causal") {
        scores = scores + causal_mask::<f64>(n, n);
    }
    let axis = match (has("softmax-heads"), has("softmax-queries")) {
        (true, _) => 1,
        (_, true) => 2,
        _ => 3,
    };
    let mut weights = softmax(&scores, axis);
    if let Some(mask) = mask.filter(|_| has("mask-after-softmax")) {
        weights = weights * mask.mapv(f64::exp);
    }
    // Over the heads or the queries, a key that all of them drop gives 0/0.
    if axis != 3 {
        weights.mapv_inplace(|w| if w.is_nan() { 0.0 } else { w });
    }
    if has("weights-averaged") {
        let mean = weights.sum_axis(Axis(1)).insert_axis(Axis(1)) / h as f64;
        weights = first(&mean);
    }

    let heads = einsum("b h n m, b h m k -> b h n k", &[&weights, &v]);
    let concat = if has("concat-wrong-order") {
        read_as(&heads, &[sizes.b, n, d])
    } else if has("interleaved-concat") {
        read_as(&permute("b h n k -> b n k h", &heads), &[sizes.b, n, d])
    } else {
        merge(&heads)
    };
    let mut out = match has("no-wo") {
        true => concat,
        false => einsum(
            "b n e, e d -> b n d",
            &[&concat, &weight("w_o", "wo-transposed")],
        ),
    };
    if has("heads-mean") {
        out /= h as f64;
    }
    if has("residual-added") {
        out += &x;
    }
    vec![out]
}

/// The elements in the order in which they lie, under another shape.
fn read_as(x: &ArrayD<f64>, shape: &[usize]) -> ArrayD<f64> {
    let flat = x.to_shape(IxDyn(shape));
    flat.expect("the same elements").into_owned()
}

/// `wᵀ`; where w is not square, its elements are read back under w's shape.
fn transposed(w: &ArrayD<f64>) -> ArrayD<f64> {
    read_as(&w.t().as_standard_layout().into_owned(), w.shape())
}

/// `[b n heads·dk] → [b heads n dk]`, rightly or not.
fn cut(variant: &Variant, flat: &ArrayD<f64>, heads: usize) -> ArrayD<f64> {
    let (b, n, dk) = (flat.shape()[0], flat.shape()[1], flat.shape()[2] / heads);
    if variant.has("reshape-no-transpose") {
        read_as(flat, &[b, heads, n, dk])
    } else if variant.has("interleaved-heads") {
        permute("b n k h -> b h n k", &read_as(flat, &[b, n, dk, heads]))
    } else {
        split(flat, heads)
    }
}
