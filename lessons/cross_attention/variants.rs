//! Every wrong cross-attention that we know, as one function with switches.

use super::reference::heads;
use crate::lessons::multi_head_attention::{merge, split};
use crate::ops::{einsum, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, Axis, IxDyn};

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let (x, mut memory) = (inputs.f64("x"), inputs.f64("memory"));
    let Ok(h) = heads(inputs) else {
        return vec![ArrayD::from_elem(x.raw_dim(), f64::NAN)];
    };
    let (b, n, d, c) = (x.shape()[0], x.shape()[1], x.shape()[2], memory.shape()[2]);
    let dk = d / h;
    let mask = inputs.int("memory_mask");
    let mask = mask.mapv(|keep| f64::from(u8::from(keep != 0)));
    // 1 or 0 for every sequence, head and source token: [b h 1 m].
    let shape = IxDyn(&[b, h, 1, memory.shape()[1]]);
    let mut keep = ArrayD::from_shape_fn(shape, |at| {
        let sequence = if has("mask-first-batch") {
            0
        } else if has("mask-repeat-order") {
            (at[0] * h + at[1]) % b
        } else {
            at[0]
        };
        mask[[sequence, at[3]]]
    });
    if has("mask-inverted") {
        keep.mapv_inplace(|keep| 1.0 - keep);
    }
    if has("memory-first-batch") {
        memory = memory.select(Axis(0), &vec![0; b]);
    }
    if has("memory-zeroed") {
        memory = memory * mask.insert_axis(Axis(2));
    }
    // Where d ≠ c the decoder does not fit w_k, so nobody can make this mistake.
    if has("self-attention") && d == c {
        memory = x.clone();
        keep = ArrayD::ones(IxDyn(&[b, h, 1, n]));
    }
    if has("mask-ignored") || has("memory-zeroed") {
        keep.fill(1.0);
    }
    let weight = |name: &str, bug: &str| {
        let w = inputs.f64(name);
        match has(bug) {
            true => w.t().as_standard_layout().into_owned(),
            false => w,
        }
    };
    let project = |x: &ArrayD<f64>, w: &ArrayD<f64>| {
        let flat = einsum("b n d, d e -> b n e", &[x, w]);
        match has("reshape-no-transpose") {
            true => read_as(&flat, &[b, h, flat.shape()[1], dk]),
            false => split(&flat, h),
        }
    };
    let q = project(&x, &weight("w_q", "wq-transposed"));
    let (mut w_k, mut w_v) = (inputs.f64("w_k"), inputs.f64("w_v"));
    if has("kv-swapped") {
        std::mem::swap(&mut w_k, &mut w_v);
    }
    let (k, v) = (project(&memory, &w_k), project(&memory, &w_v));

    let mut scores = einsum("b h n k, b h m k -> b h n m", &[&q, &k]);
    if !has("no-scale") {
        scores /= (if has("scale-sqrt-d-model") { d } else { dk } as f64).sqrt();
    }
    let minus_infinity = |keep: &f64| if *keep == 0.0 { f64::NEG_INFINITY } else { 0.0 };
    if has("masked-score-zero") {
        scores *= &keep;
    } else if has("keep-mask-added") {
        scores += &keep;
    } else if !has("mask-after-softmax") {
        scores = scores + keep.map(minus_infinity);
    }
    if has("causal-on-cross") {
        for (at, score) in scores.indexed_iter_mut() {
            if at[3] > at[2] {
                *score = f64::NEG_INFINITY;
            }
        }
    }
    let mut weights = match has("softmax-queries") {
        // A padded column is −∞ throughout: 0/0.
        true => softmax(&scores, 2).mapv(|w| if w.is_nan() { 0.0 } else { w }),
        false => softmax(&scores, 3),
    };
    if has("mask-after-softmax") {
        weights *= &keep;
    }
    let heads = einsum("b h n m, b h m k -> b h n k", &[&weights, &v]);
    let concat = match has("concat-wrong-order") {
        true => read_as(&heads, &[b, n, d]),
        false => merge(&heads),
    };
    let mut out = match has("no-wo") {
        true => concat,
        false => einsum(
            "b n e, e d -> b n d",
            &[&concat, &weight("w_o", "wo-transposed")],
        ),
    };
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
