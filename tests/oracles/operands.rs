//! The inputs of ONNX `Attention` (opset 23, 24), read once for every lesson that expresses them.

use crate::Case;
use crate::onnx::{Attribute, Kind, Tensor};
use llmlab::ops::permute;
use llmlab::tensor::Value;
use ndarray::{ArrayD, Axis, IxDyn, concatenate};

pub struct Operands {
    /// `[b h n d]`. The lessons divide by √d; another scale is multiplied in.
    pub q: ArrayD<f64>,
    /// The new keys `[b g m d]`.
    pub k: ArrayD<f64>,
    /// The new values `[b g m dv]`.
    pub v: ArrayD<f64>,
    /// The cached keys and values.
    pub past: Option<[ArrayD<f64>; 2]>,
    /// `attn_mask`, additive.
    pub given: Option<ArrayD<f64>>,
    pub causal: bool,
    /// How many keys each sequence has: the rest is padding.
    pub lengths: Option<ArrayD<f64>>,
    /// Whether the heads lie side by side: `[b n h·d]`.
    flat: bool,
}

impl Operands {
    pub fn read(case: &mut Case) -> Result<Operands, &'static str> {
        if case.attribute("softcap").is_some() {
            return Err("softcap is not part of the lesson");
        }
        let q = case.tensor("Q").values;
        let flat = q.ndim() == 3;
        let (q_heads, kv_heads) = (case.int("q_num_heads"), case.int("kv_num_heads"));
        let q = split_heads(q, q_heads);
        let d = q.len_of(Axis(3)) as f64;
        let q = match case.attribute("scale") {
            Some(Attribute::Float(scale)) => q * (scale * d.sqrt()),
            _ => q,
        };
        let mut past = |name| case.optional(name).map(|past| past.values);
        let past = past("past_key").zip(past("past_value"));
        Ok(Operands {
            q,
            k: split_heads(case.tensor("K").values, kv_heads),
            v: split_heads(case.tensor("V").values, kv_heads),
            past: past.map(|(k, v)| [k, v]),
            given: case.optional("attn_mask").map(additive),
            causal: case.int("is_causal") == Some(1),
            lengths: case
                .optional("nonpad_kv_seqlen")
                .map(|lengths| lengths.values),
            flat,
        })
    }

    pub fn past_len(&self) -> usize {
        self.past.as_ref().map_or(0, |[k, _]| k.len_of(Axis(2)))
    }

    /// All keys and all values: the cache comes before the new ones.
    pub fn keys_and_values(&self) -> [ArrayD<f64>; 2] {
        let append = |past: &ArrayD<f64>, new: &ArrayD<f64>| {
            concatenate(Axis(2), &[past.view(), new.view()]).expect("the same heads")
        };
        match &self.past {
            Some([k, v]) => [append(k, &self.k), append(v, &self.v)],
            None => [self.k.clone(), self.v.clone()],
        }
    }

    /// Everything that drops or biases a key, as one additive mask that broadcasts to `[b h n m]`.
    pub fn mask(&self) -> Option<ArrayD<f64>> {
        let past = self.past_len();
        let (n, m) = (self.q.len_of(Axis(2)), past + self.k.len_of(Axis(2)));
        let given = self.given.as_ref().map(|given| {
            // Keys past the end of a short mask are dropped.
            let last = given.ndim() - 1;
            let mut shape = given.shape().to_vec();
            shape[last] = m - shape[last];
            let rest = ArrayD::from_elem(shape, f64::NEG_INFINITY);
            concatenate(Axis(last), &[given.view(), rest.view()]).expect("the same leading axes")
        });
        // Query i stands at past + i. (The lesson's `causal_mask` puts the last query at the last key.)
        let causal = self
            .causal
            .then(|| ArrayD::from_shape_fn(IxDyn(&[n, m]), |at| visible(at[1] <= past + at[0])));
        let padding = self.lengths.as_ref().map(|lengths| {
            ArrayD::from_shape_fn(IxDyn(&[lengths.len(), 1, 1, m]), |at| {
                visible((at[3] as f64) < lengths[[at[0]]])
            })
        });
        [given, causal, padding]
            .into_iter()
            .flatten()
            .reduce(|a, b| a + b)
    }

    /// `out [b h n dv]` with the axes that ONNX's `Y` has.
    pub fn as_given(&self, out: ArrayD<f64>) -> ArrayD<f64> {
        if self.flat { merge_heads(&out) } else { out }
    }
}

/// What `qk_matmul_output` holds, by the name of the attention lesson's step.
pub fn product(case: &mut Case) -> Result<Option<(&'static str, Tensor)>, &'static str> {
    let name = match case.int("qk_matmul_output_mode") {
        None | Some(0) => "scores",
        Some(1) => "masked",
        Some(3) => "weights",
        Some(_) => return Err("the lesson has no such step"),
    };
    let theirs = case.optional("qk_matmul_output");
    Ok(theirs.map(|theirs| (name, theirs)))
}

fn visible(yes: bool) -> f64 {
    if yes { 0.0 } else { f64::NEG_INFINITY }
}

fn additive(mask: Tensor) -> ArrayD<f64> {
    match mask.kind {
        Kind::Bool => mask.values.mapv(|x| visible(x == 1.0)),
        _ => mask.values,
    }
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

/// `[b h n d]` to `[b n h·d]`.
pub fn merge_heads(x: &ArrayD<f64>) -> ArrayD<f64> {
    let x = permute("b h n d -> b n h d", x);
    let [b, n, h, d] = [0, 1, 2, 3].map(|axis| x.len_of(Axis(axis)));
    x.to_shape(IxDyn(&[b, n, h * d]))
        .expect("as many values")
        .into_owned()
}

pub fn float(x: &ArrayD<f64>) -> Value {
    Value::Float(x.mapv(|x| x as f32))
}
