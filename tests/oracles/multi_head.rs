//! ONNX `Attention` in terms of the multi-head lesson, in which q, k and v come from one x.
//!
//! x holds q, k and v of each token side by side, and the weights pick them out. Heads become four
//! times as wide, filled up with zeros, so that x has the width that the lesson asks for.

use crate::operands::{Operands, float, merge_heads, product};
use crate::{Case, Pairs, step};
use llmlab::tensor::{Inputs, Value};
use llmlab::trace::Trace;
use ndarray::{Array2, ArrayD, Axis, IxDyn, s};

/// How much wider the heads become. The lesson then divides by 2·√d; w_q makes up for the 2.
const WIDER: usize = 4;

pub fn run(case: &mut Case) -> Result<Pairs, &'static str> {
    let given = Operands::read(case)?;
    let product = product(case)?;
    let [k, v] = given.keys_and_values();
    let (b, n, m) = (
        given.q.len_of(Axis(0)),
        given.q.len_of(Axis(2)),
        k.len_of(Axis(2)),
    );
    let (h, g) = (given.q.len_of(Axis(1)), k.len_of(Axis(1)));
    let (d, dv) = (given.q.len_of(Axis(3)), v.len_of(Axis(3)));
    let mask = given.mask();
    if mask.as_ref().is_some_and(|mask| !same_for_all(mask)) {
        return Err("the lesson's mask [n n] is one for all sequences and heads");
    }
    if mask.is_some() && product.as_ref().is_some_and(|(name, _)| *name == "scores") {
        return Err("the lesson traces no scores without the mask");
    }
    let (wide, width) = (WIDER * d, h * WIDER * d);
    if dv > wide || h * d + g * (d + dv) > width {
        return Err("its values are too wide for the lesson's x");
    }

    // x [b n' h·4d]: q, k, v; zeros where one has fewer tokens than the other.
    let tokens = n.max(m);
    let mut x = ArrayD::zeros(IxDyn(&[b, tokens, width]));
    let starts = [0, h * d, h * d + g * d];
    for (part, start) in [&given.q, &k, &v].into_iter().zip(starts) {
        let part = merge_heads(part);
        let (n, width) = (part.len_of(Axis(1)), part.len_of(Axis(2)));
        x.slice_mut(s![.., ..n, start..start + width]).assign(&part);
    }
    let pick = |start: usize, heads: usize, size: usize, factor: f64| {
        let mut weight = Array2::zeros((width, heads * wide));
        for (head, t) in ndarray::indices((heads, size)) {
            weight[[start + head * size + t, head * wide + t]] = factor;
        }
        weight.into_dyn()
    };
    // w_o takes the zeros out again.
    let w_o = pick(0, h, dv, 1.0).reversed_axes();

    // Keys that are not there are dropped.
    let mask = (mask.is_some() || n != m).then(|| {
        let mut all = Array2::from_elem((tokens, tokens), f64::NEG_INFINITY);
        all.slice_mut(s![.., ..m]).fill(0.0);
        if let Some(mask) = &mask {
            let rows = mask.len() / mask.len_of(Axis(mask.ndim() - 1));
            let mask = mask.to_shape((rows, m)).expect("as many values");
            all.slice_mut(s![..n, ..m]).assign(&mask);
        }
        all.into_dyn()
    });

    let inputs = Inputs::new()
        .with("x", float(&x))
        .with("w_q", float(&pick(starts[0], h, d, (WIDER as f64).sqrt())))
        .with("w_k", float(&pick(starts[1], g, d, 1.0)))
        .with("w_v", float(&pick(starts[2], g, dv, 1.0)))
        .with("w_o", float(&w_o))
        .with("h", Value::Number(h as f64))
        .with("mask", mask.as_ref().map_or(Value::Absent, float));
    let mut trace = Trace::new();
    let reference = llmlab::lessons::multi_head_attention::LESSON
        .problem
        .reference;
    let out = reference(&inputs, &mut trace).remove(0);

    // Y [b n h·dv], or its heads apart.
    let theirs = case.tensor("Y");
    let out = out.slice(s![.., ..n, ..h * dv]).into_dyn().to_owned();
    let out = match theirs.values.ndim() {
        3 => out,
        _ => {
            let heads = out.to_shape((b, n, h, dv)).expect("as many values");
            heads.permuted_axes([0, 2, 1, 3]).into_dyn().to_owned()
        }
    };
    let mut pairs = vec![("Y", out, theirs)];
    // The lesson has no cache: `attention` and `kv-cache` compare these.
    for name in ["present_key", "present_value"] {
        case.optional(name);
    }
    pairs.extend(product.map(|(name, theirs)| {
        let name = if name == "masked" { "scores" } else { name };
        let ours = step(&trace, name);
        let ours = ours.slice(s![.., .., ..n, ..m]).into_dyn().to_owned();
        (name, ours, theirs)
    }));
    Ok(pairs)
}

/// Whether all axes before the last two have size 1.
fn same_for_all(mask: &ArrayD<f64>) -> bool {
    mask.shape().iter().rev().skip(2).all(|size| *size == 1)
}
