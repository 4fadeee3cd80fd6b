//! The same computation, compactly, with every planted bug behind its id.

use crate::lessons::affine_quantization::grid::or_one;
use crate::ops::einsum;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs, max_abs};
use ndarray::{ArrayD, ArrayViewD, Axis};

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let (mut x, w) = (inputs.f64("x"), inputs.f64("w"));
    if v.has("activations-per-token") {
        for mut row in x.outer_iter_mut() {
            rounded(&mut row);
        }
    }
    if v.has("activations-per-tensor") {
        rounded(&mut x.view_mut());
    }
    let nonzero = |scale: f64| match v.has("zero-row-nan") {
        true => scale,
        false => or_one(scale),
    };
    let range = |row: ArrayViewD<f64>| {
        let high = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let low = row.fold(f64::INFINITY, |a, &b| a.min(b));
        if v.has("signed-max") {
            high / 127.0
        } else if v.has("range-without-zero-point") {
            (high - low) / 255.0
        } else if v.has("steps-128") || v.has("wraps-around") {
            high.max(-low) / 128.0
        } else {
            high.max(-low) / 127.0
        }
    };
    let mut scale = w.map_axis(Axis(1), |row| nonzero(range(row.into_dyn())));
    if v.has("per-tensor") {
        let largest = max_abs(&w) / 127.0;
        scale.fill(nonzero(largest));
    }
    let mut steps = scale.clone().insert_axis(Axis(1));
    if v.has("scale-on-input-axis") {
        let columns = w.map_axis(Axis(0), |column| or_one(max_abs(column.into_dyn()) / 127.0));
        steps = columns.insert_axis(Axis(0));
    }
    let truncated = |w: f64, scale: f64| f64::from((w as f32 / scale as f32).trunc());
    let q = ndarray::Zip::from(&w)
        .and_broadcast(&steps)
        .map_collect(|&w, &scale| {
            // In f32, in which the largest weight of a row may be a little less than 127 steps.
            let code = match v.has("truncates") {
                true => truncated(w, scale),
                false => (w / scale).round_ties_even(),
            };
            match v.has("wraps-around") {
                true => (code + 128.0).rem_euclid(256.0) - 128.0,
                false => code.clamp(-127.0, 127.0),
            }
        });
    let acc = match v.has("product-of-floats") {
        true => einsum(
            "m k, n k -> m n",
            &[&x, &(&w / &scale.clone().insert_axis(Axis(1)))],
        ),
        false => einsum("m k, n k -> m n", &[&x, &q]),
    };
    let y = if v.has("scale-missing") {
        acc
    } else if v.has("scale-twice") {
        acc * &scale * &scale
    } else if v.has("scale-divided") {
        acc / &scale
    } else {
        acc * &scale
    };
    vec![y, q, scale]
}

/// Numbers as 8 bits with one scale give them back.
fn rounded(x: &mut ndarray::ArrayViewMutD<f64>) {
    let scale = or_one(max_abs(x.view()) / 127.0);
    x.mapv_inplace(|x| scale * (x / scale).round_ties_even());
}

/// ŵ = s ⊙ q of an answer.
pub fn weights(outputs: &Outputs) -> ArrayD<f64> {
    &outputs[1] * &outputs[2].clone().insert_axis(Axis(1))
}
