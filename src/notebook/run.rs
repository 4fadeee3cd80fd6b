//! A reference's run as the program gave it.

use super::program::lang;
use super::rich::both;
use super::{Rich, Trouble};
use crate::show::html;
use crate::tensor::Tensor;
use crate::trace::{Step, Trace};
use ndarray::ArrayD;
use std::collections::HashMap;
use tinyjson::JsonValue;

/// A lesson's inputs, steps and outputs.
#[derive(Clone, Debug)]
pub struct Run {
    lesson: String,
    sizes: Vec<(String, usize)>,
    inputs: Vec<(String, ArrayD<f64>)>,
    outputs: Vec<(String, ArrayD<f64>)>,
    trace: Trace,
}

impl Run {
    /// From the JSON of `llmlab trace --values --format json`.
    pub(super) fn parse(text: &str) -> Result<Run, Trouble> {
        let json: JsonValue = text.parse().map_err(|_| strange())?;
        read(&json).ok_or_else(strange)
    }

    /// The steps.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The step of this name.
    ///
    /// # Errors
    /// A sentence with the names that there are.
    pub fn step(&self, name: &str) -> Result<&Step, Trouble> {
        let steps = self.trace.steps();
        let found = steps.iter().find(|step| step.name == name);
        found.ok_or_else(|| unknown("step", "步骤", name, steps.iter().map(|s| s.name.as_str())))
    }

    /// A step's values.
    ///
    /// # Errors
    /// As [`Run::step`].
    pub fn value(&self, name: &str) -> Result<ArrayD<f64>, Trouble> {
        Ok(self.step(name)?.value.clone())
    }

    /// An input, as an exercise hands it over; whole numbers too.
    ///
    /// # Errors
    /// A sentence with the names that there are.
    pub fn input(&self, name: &str) -> Result<Tensor, Trouble> {
        Ok(find("input", "输入", name, &self.inputs)?.mapv(|x| x as f32))
    }

    /// An output's values.
    ///
    /// # Errors
    /// A sentence with the names that there are.
    pub fn output(&self, name: &str) -> Result<ArrayD<f64>, Trouble> {
        find("output", "输出", name, &self.outputs)
    }
}

impl Rich for Run {
    fn contents(&self) -> Vec<(&'static str, String)> {
        both(html::trace(&self.lesson, &self.sizes, &self.trace, lang()))
    }
}

fn find(
    what: &str,
    what_zh: &str,
    name: &str,
    arrays: &[(String, ArrayD<f64>)],
) -> Result<ArrayD<f64>, Trouble> {
    let found = arrays.iter().find(|(known, _)| known == name);
    let known = || arrays.iter().map(|(name, _)| name.as_str());
    let found = found.ok_or_else(|| unknown(what, what_zh, name, known()))?;
    Ok(found.1.clone())
}

fn unknown<'a>(
    what: &str,
    what_zh: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Trouble {
    let known = known.collect::<Vec<_>>().join(", ");
    Trouble::new(lang().pick(
        format!("there is no {what} `{name}`; there are {known}"),
        format!("没有名为 `{name}` 的{what_zh}；现有：{known}"),
    ))
}

fn strange() -> Trouble {
    Trouble::new(lang().pick(
        "the llmlab program speaks another version: install the one that belongs to this notebook library",
        "llmlab 程序的版本与此库不符：请安装与之配套的版本",
    ))
}

fn read(json: &JsonValue) -> Option<Run> {
    let top = object(json)?;
    let mut trace = Trace::new();
    for step in list(top.get("steps")?)? {
        let step = object(step)?;
        let traced = trace.step(
            text(step.get("name")?)?,
            text(step.get("formula")?)?,
            text(step.get("spec")?)?,
            &array(step)?,
        );
        traced.flops = number(step.get("flops")?)? as u64;
        traced.bytes = number(step.get("bytes")?)? as u64;
        traced.note = step.get("note").and_then(text).map(String::from);
    }
    let arrays = |field: &str| -> Option<Vec<(String, ArrayD<f64>)>> {
        let arrays = list(top.get(field)?)?.iter().map(|one| {
            let one = object(one)?;
            Some((text(one.get("name")?)?.to_string(), array(one)?))
        });
        arrays.collect()
    };
    let mut sizes: Vec<(String, usize)> = object(top.get("settings")?)?
        .iter()
        .map(|(name, size)| Some((name.clone(), number(size)? as usize)))
        .collect::<Option<_>>()?;
    sizes.sort();
    Some(Run {
        lesson: text(top.get("lesson")?)?.to_string(),
        sizes,
        inputs: arrays("inputs")?,
        outputs: arrays("outputs")?,
        trace,
    })
}

fn object(json: &JsonValue) -> Option<&HashMap<String, JsonValue>> {
    json.get()
}

fn list(json: &JsonValue) -> Option<&Vec<JsonValue>> {
    json.get()
}

fn text(json: &JsonValue) -> Option<&str> {
    json.get::<String>().map(String::as_str)
}

fn number(json: &JsonValue) -> Option<f64> {
    json.get().copied()
}

/// `shape` and `values`, in which what is not finite is a word.
fn array(tensor: &HashMap<String, JsonValue>) -> Option<ArrayD<f64>> {
    let shape = list(tensor.get("shape")?)?.iter();
    let shape: Vec<usize> = shape
        .map(|size| Some(number(size)? as usize))
        .collect::<Option<_>>()?;
    let values = list(tensor.get("values")?)?.iter();
    let values: Vec<f64> = values
        .map(|value| number(value).or_else(|| text(value)?.parse().ok()))
        .collect::<Option<_>>()?;
    ArrayD::from_shape_vec(shape, values).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"lesson":"mask","settings":{"n":2},"inputs":[],"outputs":[],"steps":[
        {"name":"bias","formula":"−∞","spec":"n","flops":3,"bytes":8,"note":null,
         "shape":[2],"values":[0.5,"-inf"]}]}"#;

    #[test]
    fn a_run_comes_back_whole() {
        let run = Run::parse(ONE).unwrap();
        let step = run.step("bias").unwrap();
        assert_eq!((step.flops, step.bytes, step.note.as_deref()), (3, 8, None));
        assert_eq!(step.value.as_slice().unwrap(), [0.5, f64::NEG_INFINITY]);
        assert_eq!(run.sizes, [("n".to_string(), 2)]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let run = Run::parse(ONE).unwrap();
        let words = run.value("weights").unwrap_err().to_string();
        assert!(
            words.contains("`weights`") && words.contains("bias"),
            "{words}"
        );
        assert!(Run::parse("{}").is_err() && Run::parse("no").is_err());
    }
}
