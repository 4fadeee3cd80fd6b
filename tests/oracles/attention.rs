//! ONNX `Attention` (opset 23, 24) in terms of the lesson's q, k, v and additive mask.

use crate::operands::{Operands, float, product};
use crate::{Case, Pairs, step};
use llmlab::tensor::{Inputs, Value};
use llmlab::trace::Trace;
use ndarray::{ArrayD, Axis};

pub fn run(case: &mut Case) -> Result<Pairs, &'static str> {
    let given = Operands::read(case)?;
    let product = product(case)?;
    let [k, v] = given.keys_and_values();

    // Grouped queries: heads that follow one another share a head of k and v.
    let heads = given.q.len_of(Axis(1));
    let share = |x: &ArrayD<f64>| {
        let shared: Vec<usize> = (0..heads)
            .map(|head| head * x.len_of(Axis(1)) / heads)
            .collect();
        x.select(Axis(1), &shared)
    };
    let inputs = Inputs::new()
        .with("q", float(&given.q))
        .with("k", float(&share(&k)))
        .with("v", float(&share(&v)))
        .with("mask", given.mask().as_ref().map_or(Value::Absent, float));
    let mut trace = Trace::new();
    let reference = llmlab::lessons::attention::LESSON.problem.reference;
    let out = reference(&inputs, &mut trace).remove(0);

    let mut pairs = vec![("Y", given.as_given(out), case.tensor("Y"))];
    for (name, present) in [("present_key", k), ("present_value", v)] {
        pairs.extend(case.optional(name).map(|theirs| (name, present, theirs)));
    }
    pairs.extend(product.map(|(name, theirs)| (name, step(&trace, name), theirs)));
    Ok(pairs)
}
