//! ONNX `Attention` (opset 23, 24) in terms of the lesson's q, k, v and additive mask.

use crate::onnx::{Attribute, Kind, Tensor};
use crate::{Case, Pairs, step};
use llmlab::ops::permute;
use llmlab::tensor::{Inputs, Value};
use llmlab::trace::Trace;
use ndarray::{ArrayD, Axis, IxDyn, concatenate};

pub fn run(case: &mut Case) -> Result<Pairs, &'static str> {
    if case.attribute("softcap").is_some() {
        return Err("softcap is not part of the lesson");
    }
    let q = case.tensor("Q").values;
    let flat = q.ndim() == 3;
    let (q_heads, kv_heads) = (case.int("q_num_heads"), case.int("kv_num_heads"));
    let q = split_heads(q, q_heads);
    let k = split_heads(case.tensor("K").values, kv_heads);
    let v = split_heads(case.tensor("V").values, kv_heads);

    // The cache comes before the new keys and values.
    let past = case.optional("past_key");
    let past_len = past.as_ref().map_or(0, |past| past.values.len_of(Axis(2)));
    let k = append(past, k);
    let v = append(case.optional("past_value"), v);

    let mask = mask(case, q.len_of(Axis(2)), k.len_of(Axis(2)), past_len);

    // The lesson divides by √d; another scale goes into q.
    let d = q.len_of(Axis(3)) as f64;
    let q = match case.attribute("scale") {
        Some(Attribute::Float(scale)) => q * (scale * d.sqrt()),
        _ => q,
    };

    // Grouped queries: heads that follow one another share a head of k and v.
    let heads = q.len_of(Axis(1));
    let share = |x: &ArrayD<f64>| {
        let shared: Vec<usize> = (0..heads)
            .map(|head| head * x.len_of(Axis(1)) / heads)
            .collect();
        x.select(Axis(1), &shared)
    };
    let inputs = Inputs::new()
        .with("q", float(&q))
        .with("k", float(&share(&k)))
        .with("v", float(&share(&v)))
        .with("mask", mask.as_ref().map_or(Value::Absent, float));
    let mut trace = Trace::new();
    let reference = llmlab::lessons::attention::LESSON.problem.reference;
    let out = reference(&inputs, &mut trace).remove(0);

    let out = if flat { merge_heads(&out) } else { out };
    let mut pairs = vec![("Y", out, case.tensor("Y"))];
    for (name, present) in [("present_key", k), ("present_value", v)] {
        pairs.extend(case.optional(name).map(|theirs| (name, present, theirs)));
    }
    let name = match case.int("qk_matmul_output_mode") {
        None | Some(0) => "scores",
        Some(1) => "masked",
        Some(3) => "weights",
        Some(_) => return Err("the lesson has no such step"),
    };
    if let Some(theirs) = case.optional("qk_matmul_output") {
        pairs.push((name, step(&trace, name), theirs));
    }
    Ok(pairs)
}

/// `[b n h·d]` to `[b h n d]`; four axes stay.
fn split_heads(x: ArrayD<f64>, heads: Option<i64>) -> ArrayD<f64> {
    let (3, Some(h)) = (x.ndim(), heads) else {
        return x;
    };
    let [b, n, width] = [0, 1, 2].map(|axis| x.len_of(Axis(axis)));
    let x = x.into_shape_with_order(IxDyn(&[b, n, h as usize, width / h as usize]));
    permute("b n h d -> b h n d", &x.expect("heads divide the width"))
}

fn merge_heads(x: &ArrayD<f64>) -> ArrayD<f64> {
    let x = permute("b h n d -> b n h d", x);
    let [b, n, h, d] = [0, 1, 2, 3].map(|axis| x.len_of(Axis(axis)));
    x.to_shape(IxDyn(&[b, n, h * d]))
        .expect("as many values")
        .into_owned()
}

/// `new` after `past` along the keys.
fn append(past: Option<Tensor>, new: ArrayD<f64>) -> ArrayD<f64> {
    match past {
        Some(past) => {
            concatenate(Axis(2), &[past.values.view(), new.view()]).expect("the same heads")
        }
        None => new,
    }
}

/// Everything that drops or biases a key, as one additive mask that broadcasts to `[b h n m]`.
fn mask(case: &mut Case, n: usize, m: usize, past: usize) -> Option<ArrayD<f64>> {
    let visible = |yes: bool| if yes { 0.0 } else { f64::NEG_INFINITY };
    let given = case.optional("attn_mask").map(|mask| {
        let values = match mask.kind {
            Kind::Bool => mask.values.mapv(|x| visible(x == 1.0)),
            _ => mask.values,
        };
        // Keys past the end of a short mask are dropped.
        let last = values.ndim() - 1;
        let mut shape = values.shape().to_vec();
        shape[last] = m - shape[last];
        let rest = ArrayD::from_elem(shape, f64::NEG_INFINITY);
        concatenate(Axis(last), &[values.view(), rest.view()]).expect("the same leading axes")
    });
    // Query i stands at past + i. (The lesson's `causal_mask` puts the last query at the last key.)
    let causal = (case.int("is_causal") == Some(1))
        .then(|| ArrayD::from_shape_fn(IxDyn(&[n, m]), |at| visible(at[1] <= past + at[0])));
    let padding = case.optional("nonpad_kv_seqlen").map(|lengths| {
        let lengths = lengths.values;
        ArrayD::from_shape_fn(IxDyn(&[lengths.len(), 1, 1, m]), |at| {
            visible((at[3] as f64) < lengths[[at[0]]])
        })
    });
    [given, causal, padding]
        .into_iter()
        .flatten()
        .reduce(|a, b| a + b)
}

fn float(x: &ArrayD<f64>) -> Value {
    Value::Float(x.mapv(|x| x as f32))
}
