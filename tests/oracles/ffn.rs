//! ONNX `Gelu` (opset 20) and `Swish` (opset 24) in terms of the feed-forward lesson: a network with
//! one hidden unit, and a token (x, 1) for every element.

use crate::onnx::Attribute;
use crate::operands::float;
use crate::{Case, Pairs};
use llmlab::lessons::position_wise_ffn::LESSON;
use llmlab::problem::Variant;
use llmlab::tensor::Inputs;
use llmlab::trace::Trace;
use ndarray::{ArrayD, IxDyn, array};

pub fn gelu(case: &mut Case) -> Result<Pairs, &'static str> {
    let x = case.tensor("x").values;
    let inputs = network(&x, [1.0, 0.0], [0.0, 0.0]);
    let tanh = Some(Attribute::Text("tanh".into()));
    let outputs = match case.attribute("approximate") {
        given if given == tanh => (LESSON.problem.variant)(&inputs, &Variant(vec!["gelu-tanh"])),
        _ => (LESSON.problem.reference)(&inputs, &mut Trace::new()),
    };
    let ours = first_feature(&outputs[0], x.shape());
    Ok(vec![("y", ours, case.tensor("y"))])
}

/// x·σ(α·x) = SiLU(α·x)·(1/α).
pub fn swish(case: &mut Case) -> Result<Pairs, &'static str> {
    let alpha = match case.attribute("alpha") {
        Some(Attribute::Float(alpha)) => alpha,
        _ => 1.0,
    };
    let x = case.tensor("x").values;
    let inputs = network(&x, [0.0, 1.0 / alpha], [alpha, 0.0]);
    let outputs = (LESSON.problem.reference)(&inputs, &mut Trace::new());
    let ours = first_feature(&outputs[1], x.shape());
    Ok(vec![("y", ours, case.tensor("y"))])
}

fn network(x: &ArrayD<f64>, up: [f64; 2], gate: [f64; 2]) -> Inputs {
    let column = |[x, one]: [f64; 2]| float(&array![[x], [one]].into_dyn());
    let tokens = x.iter().flat_map(|x| [*x, 1.0]).collect();
    let tokens = ArrayD::from_shape_vec(IxDyn(&[1, x.len(), 2]), tokens);
    Inputs::new()
        .with("x", float(&tokens.expect("two values for each element")))
        .with("w_up", column(up))
        .with("b_up", float(&array![0.0].into_dyn()))
        .with("w_gate", column(gate))
        .with("w_down", float(&array![[1.0, 0.0]].into_dyn()))
        .with("b_down", float(&array![0.0, 0.0].into_dyn()))
}

fn first_feature(out: &ArrayD<f64>, shape: &[usize]) -> ArrayD<f64> {
    let first = out.iter().step_by(2).copied().collect();
    ArrayD::from_shape_vec(shape, first).expect("a token for each element")
}
