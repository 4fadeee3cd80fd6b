//! ONNX `LayerNormalization` (opset 17) and `RMSNormalization` (opset 23) in terms of the lesson's
//! residual sum and its two norms.
//!
//! The input is split into two summands, 2x and −x, whose sum is x exactly.

use crate::onnx::Attribute;
use crate::operands::float;
use crate::{Case, Pairs, step};
use llmlab::tensor::{Inputs, Value};
use llmlab::trace::Trace;
use ndarray::{ArrayD, IxDyn};

pub fn layer_norm(case: &mut Case) -> Result<Pairs, &'static str> {
    let Normed {
        trace,
        eps,
        shape,
        axis,
    } = run(case);
    let mut one_each = shape.clone();
    one_each[axis..].fill(1);
    let inverse = step(&trace, "variance").mapv(|variance| 1.0 / (variance + eps).sqrt());
    let mut pairs = vec![("Y", step(&trace, "layer_norm"), &shape)];
    pairs.push(("Mean", step(&trace, "mean"), &one_each));
    pairs.push(("InvStdDev", inverse, &one_each));
    let pairs = pairs.into_iter().filter_map(|(name, ours, shape)| {
        let theirs = case.optional(name)?;
        Some((name, reshaped(ours, shape), theirs))
    });
    Ok(pairs.collect())
}

pub fn rms_norm(case: &mut Case) -> Result<Pairs, &'static str> {
    let Normed { trace, shape, .. } = run(case);
    let ours = reshaped(step(&trace, "rms_norm"), &shape);
    Ok(vec![("Y", ours, case.tensor("Y"))])
}

struct Normed {
    trace: Trace,
    eps: f64,
    shape: Vec<usize>,
    axis: usize,
}

/// ONNX norms all axes from `axis` on: the lesson's features. The axes before it are tokens.
fn run(case: &mut Case) -> Normed {
    let x = case.tensor("X").values;
    let shape = x.shape().to_vec();
    let axis = case.int("axis").unwrap_or(-1);
    let axis = axis.rem_euclid(shape.len() as i64) as usize;
    let eps = match case.attribute("epsilon") {
        Some(Attribute::Float(eps)) => eps,
        _ => f64::from(1e-5_f32),
    };
    let d = shape[axis..].iter().product();
    let x = reshaped(x, &[1, shape[..axis].iter().product(), d]);
    let gamma = reshaped(case.tensor("W").values, &[d]);
    let beta = case.optional("B").map(|beta| beta.values);
    let beta = beta.map_or(ArrayD::zeros(IxDyn(&[d])), |beta| reshaped(beta, &[d]));
    let inputs = Inputs::new()
        .with("x", float(&(&x * 2.0)))
        .with("sublayer", float(&-x))
        .with("gamma", float(&gamma))
        .with("beta", float(&beta))
        .with("eps", Value::Number(eps));
    let mut trace = Trace::new();
    let reference = llmlab::lessons::layer_norm_residual::LESSON
        .problem
        .reference;
    reference(&inputs, &mut trace);
    Normed {
        trace,
        eps,
        shape,
        axis,
    }
}

fn reshaped(x: ArrayD<f64>, shape: &[usize]) -> ArrayD<f64> {
    x.into_shape_with_order(shape).expect("as many values")
}
