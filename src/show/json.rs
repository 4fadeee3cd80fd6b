//! A run as JSON; `json.md` documents the fields.

use super::{Source, Summary, Traced};
use crate::tensor::Value as Input;
use ndarray::ArrayD;
use serde_json::{Value, json};

/// The run with sizes and summaries, and with all values when `values` is set.
pub fn json(run: &Traced, values: bool) -> Value {
    let steps = run.trace.steps().iter().map(|step| {
        let mut row = serde_json::to_value(step).unwrap_or_default();
        row["shape"] = json!(step.value.shape());
        row["summary"] = json!(Summary::of(&step.value));
        if values {
            row["values"] = flat(&step.value);
        }
        row
    });
    let steps: Vec<Value> = steps.collect();
    let inputs = run.given().map(|(name, axes, value)| {
        let (dtype, array) = match value {
            Input::Float(x) => ("f32", x.mapv(f64::from)),
            Input::Int(x) => ("i64", x.mapv(|x| x as f64)),
            Input::Number(x) => ("f64", ndarray::arr0(*x).into_dyn()),
            Input::Absent => ("f32", ArrayD::zeros(vec![0])),
        };
        tensor(name, axes, dtype, &array, values)
    });
    let inputs: Vec<Value> = inputs.collect();
    let named = run.lesson.problem.outputs.iter().zip(&run.outputs);
    let outputs = named.map(|((name, axes), x)| tensor(name, axes, "f64", x, values));
    let outputs: Vec<Value> = outputs.collect();
    let (kind, seed) = match &run.source {
        Source::Case(case) => (Some(case.kind), Some(case.seed)),
        Source::Arrays(_) => (None, None),
    };
    let settings: serde_json::Map<String, Value> = match &run.source {
        Source::Case(case) => case
            .settings
            .iter()
            .map(|(k, v)| (k.to_string(), json!(v)))
            .collect(),
        Source::Arrays(sizes) => sizes.iter().map(|(k, v)| (k.clone(), json!(v))).collect(),
    };
    json!({
        "lesson": run.lesson.id,
        "case": kind,
        "seed": seed,
        "settings": settings,
        "inputs": inputs,
        "steps": steps,
        "outputs": outputs,
        "flops": run.flops(),
    })
}

fn tensor(name: &str, axes: &str, dtype: &str, array: &ArrayD<f64>, values: bool) -> Value {
    let axes: Vec<&str> = axes.split_whitespace().collect();
    let mut row = json!({
        "name": name,
        "axes": axes,
        "shape": array.shape(),
        "dtype": dtype,
        "summary": Summary::of(array),
    });
    if values {
        row["values"] = flat(array);
    }
    row
}

/// Row-major; JSON has no word for what is not finite, so that becomes a string.
fn flat(array: &ArrayD<f64>) -> Value {
    let value = |x: &f64| match x.is_finite() {
        true => Value::from(*x),
        false => Value::from(x.to_string()),
    };
    array.iter().map(value).collect()
}
