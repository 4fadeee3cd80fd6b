//! Every wrong einsum attention that we know, as one function with switches.

use crate::ops::{einsum, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, Axis, IxDyn};
use std::collections::BTreeMap;

type Array = ArrayD<f64>;

/// The reference with the bugs of `variant` planted; with none it equals the reference. Where a
/// wrong name does not fit the sizes, einsum refuses it; here that is NaN.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let shape = inputs.float("x").raw_dim();
    vec![attend(inputs, variant).unwrap_or_else(|| Array::from_elem(shape, f64::NAN))]
}

fn attend(inputs: &Inputs, variant: &Variant) -> Option<Array> {
    let has = |id: &str| variant.has(id);
    // The spec of the first bug that is on, or the right one.
    let spec = |right: &'static str, wrong: &[(&str, &'static str)]| {
        let wrong = wrong.iter().find(|(id, _)| has(id));
        wrong.map_or(right, |(_, spec)| *spec)
    };
    let [x, mut memory, w_q, mut w_k, mut w_v, w_o] =
        ["x", "memory", "w_q", "w_k", "w_v", "w_o"].map(|name| inputs.f64(name));
    if has("memory-not-used") {
        memory = x.clone();
    }
    if has("kv-weights-swapped") {
        std::mem::swap(&mut w_k, &mut w_v);
    }
    let q = spec(
        "b n d, d h k -> b n h k",
        &[("wq-head-dim-swapped", "b n d, d k h -> b n h k")],
    );
    let q = fitted(q, &x, &w_q)?;
    let k = fitted("b m c, c h k -> b m h k", &memory, &w_k)?;
    let v = fitted("b m c, c h e -> b m h e", &memory, &w_v)?;

    let scores = spec(
        "b n h k, b m h k -> b h n m",
        &[
            ("heads-for-tokens", "b h n k, b h m k -> b h n m"),
            ("head-axis-dropped", "b n h k, b m h k -> b n m"),
            ("scores-two-names", "b n h k, b m h j -> b h n m"),
            ("batch-two-names", "b n h k, a m h k -> b h n m"),
            ("scores-transposed", "b n h k, b m h k -> b h m n"),
        ],
    );
    let mut scores = fitted(scores, &q, &k)?;
    if scores.ndim() == 3 {
        let (b, n, m) = (scores.shape()[0], scores.shape()[1], scores.shape()[2]);
        let all = scores.insert_axis(Axis(1));
        scores = all.broadcast(IxDyn(&[b, q.shape()[2], n, m]))?.to_owned();
    }
    let divisor = [
        ("no-scale", 1.0),
        ("scale-axis-2", (q.shape()[2] as f64).sqrt()),
        ("scale-model", (x.shape()[2] as f64).sqrt()),
        ("no-sqrt", q.shape()[3] as f64),
    ];
    let divisor = divisor.iter().find(|(id, _)| has(id));
    scores /= divisor.map_or((q.shape()[3] as f64).sqrt(), |(_, divisor)| *divisor);

    let mask = match inputs.optional("mask").filter(|_| !has("mask-ignored")) {
        Some(mask) => Some(mask.mapv(f64::from).broadcast(scores.raw_dim())?.to_owned()),
        None => None,
    };
    if let Some(mask) = mask.as_ref().filter(|_| !has("mask-after-softmax")) {
        scores += mask;
    }
    let axis = match () {
        () if has("softmax-queries") => 2,
        () if has("softmax-heads") => 1,
        () => 3,
    };
    let mut weights = softmax(&scores, axis);
    if let Some(mask) = mask.filter(|_| has("mask-after-softmax")) {
        weights *= &mask.mapv(f64::exp);
    }

    let heads = spec(
        "b h n m, b m h e -> b n h e",
        &[
            ("heads-for-tokens", "b h n m, b h m e -> b h n e"),
            ("scores-transposed", "b h m n, b m h e -> b n h e"),
            ("weights-transposed", "b h m n, b m h e -> b n h e"),
            ("index-reuse", "b h n m, b n h e -> b n h e"),
            ("values-two-names", "b h n m, b j h e -> b n h e"),
        ],
    );
    let heads = fitted(heads, &weights, &v)?;
    let out = spec(
        "b n h e, h e d -> b n d",
        &[
            ("wo-head-dim-swapped", "b n h e, e h d -> b n d"),
            ("wo-two-names", "b n h e, g e d -> b n d"),
        ],
    );
    let out = fitted(out, &heads, &w_o)?;
    (out.shape() == x.shape()).then_some(out)
}

/// einsum of two operands, where each name stands for one size.
fn fitted(spec: &str, a: &Array, b: &Array) -> Option<Array> {
    let (terms, _) = spec.split_once("->")?;
    let mut sizes = BTreeMap::new();
    for (term, operand) in terms.split(',').zip([a, b]) {
        for (name, &size) in term.split_whitespace().zip(operand.shape()) {
            if *sizes.entry(name).or_insert(size) != size {
                return None;
            }
        }
    }
    Some(einsum(spec, &[a, b]))
}
