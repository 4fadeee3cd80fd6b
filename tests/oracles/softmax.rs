//! ONNX `Softmax` and `LogSoftmax` (opset 13) in terms of the lesson's rows.

use crate::operands::float;
use crate::{Case, Pairs};
use llmlab::tensor::Inputs;
use llmlab::trace::Trace;
use ndarray::{ArrayD, IxDyn};

pub fn softmax(case: &mut Case) -> Result<Pairs, &'static str> {
    run(case, 0)
}

pub fn log_softmax(case: &mut Case) -> Result<Pairs, &'static str> {
    run(case, 1)
}

/// Compares the lesson's output of that number.
fn run(case: &mut Case, output: usize) -> Result<Pairs, &'static str> {
    let x = case.tensor("x").values;
    let axes = x.ndim();
    let axis = case.int("axis").unwrap_or(-1);
    let axis = axis.rem_euclid(axes as i64) as usize;

    // The lesson's rows lie along the last axis.
    let swap = |x: ArrayD<f64>| {
        let mut order: Vec<usize> = (0..axes).collect();
        order.swap(axis, axes - 1);
        x.permuted_axes(order)
    };
    let x = swap(x);
    let m = x.shape()[axes - 1];
    let rows = x
        .to_shape(IxDyn(&[x.len() / m, m]))
        .expect("as many values");
    let inputs = Inputs::new().with("x", float(&rows.to_owned()));
    let reference = llmlab::lessons::stable_softmax::LESSON.problem.reference;
    let out = reference(&inputs, &mut Trace::new()).swap_remove(output);
    let out = out
        .into_shape_with_order(x.shape())
        .expect("as many values");
    Ok(vec![("y", swap(out), case.tensor("y"))])
}
