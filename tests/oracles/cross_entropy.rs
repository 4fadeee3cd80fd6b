//! ONNX `SoftmaxCrossEntropyLoss` (opset 13) in terms of the lesson's logits, targets and class
//! counts.

use crate::onnx::Attribute;
use crate::{Case, Pairs, step};
use llmlab::tensor::{Inputs, Value};
use llmlab::trace::Trace;
use ndarray::{Array1, Axis, arr0};

pub fn run(case: &mut Case) -> Result<Pairs, &'static str> {
    // [N C d1 …] to [N·d1·… C]
    let x = case.tensor("x").values;
    let classes = x.len_of(Axis(1));
    let mut first: Vec<usize> = (0..x.ndim()).collect();
    first[1..].rotate_left(1);
    let x = x.permuted_axes(first);
    let long = x.shape().to_vec();
    let logits = x
        .to_shape((x.len() / classes, classes))
        .expect("as many values");

    let ignored = case.int("ignore_index");
    let y = case.tensor("y").values;
    // The lesson ignores −100.
    let targets = y
        .iter()
        .map(|y| *y as i64)
        .map(|y| if Some(y) == ignored { -100 } else { y });

    // Weights w_k come from counts that go as 1/w_k², up to a factor: the least weight.
    let weights = case.optional("w");
    let (counts, factor) = match &weights {
        None => (vec![1; classes], 1.0),
        Some(w) => {
            let least = w.values.fold(f64::INFINITY, |least, w| least.min(*w));
            let counts = w
                .values
                .iter()
                .map(|w| (2f64.powi(52) * (least / w).powi(2)).round() as i64);
            (counts.collect(), least)
        }
    };

    let inputs = Inputs::new()
        .with("logits", Value::Float(logits.mapv(|z| z as f32).into_dyn()))
        .with("targets", Value::Int(Array1::from_iter(targets).into_dyn()))
        .with(
            "class_counts",
            Value::Int(Array1::from_vec(counts).into_dyn()),
        );
    let mut trace = Trace::new();
    let reference = llmlab::lessons::class_weighted_ce::LESSON.problem.reference;
    let loss = reference(&inputs, &mut trace).remove(0);
    let step = |name| step(&trace, name);

    let weighted = step("weighted") * factor;
    let z = match case.attribute("reduction") {
        Some(Attribute::Text(none)) if none == "none" => {
            weighted.into_shape_with_order(y.shape()).expect("as many")
        }
        Some(Attribute::Text(sum)) if sum == "sum" => arr0(weighted.sum()).into_dyn(),
        _ => loss,
    };
    let mut pairs = vec![("z", z, case.tensor("z"))];
    pairs.extend(weights.map(|w| ("w", step("weights") * factor, w)));
    pairs.extend(case.optional("log_prob").map(|theirs| {
        let ours = step("log_probs")
            .into_shape_with_order(long)
            .expect("as many values");
        let mut back: Vec<usize> = (0..ours.ndim()).collect();
        back[1..].rotate_right(1);
        ("log_prob", ours.permuted_axes(back), theirs)
    }));
    Ok(pairs)
}
