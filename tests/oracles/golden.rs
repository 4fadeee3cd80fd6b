//! The lessons' references against values that PyTorch computed: `golden.json`, which `golden.py`
//! wrote. Inputs are exact in f32, and both sides compute in f64.

use crate::{say, step};
use llmlab::lessons;
use llmlab::problem::{ArgKind, Problem, Variant};
use llmlab::tensor::{Inputs, Value, max_abs};
use llmlab::trace::Trace;
use ndarray::ArrayD;
use serde_json::Value as Json;

/// Relative to the largest value of an output, or to 1.
const TOLERANCE: f64 = 1e-9;

/// How many lessons the file has values for.
const LESSONS: usize = 26;

#[test]
fn references_agree_with_pytorch() {
    let file = file();
    say(&format!("golden values of {}", text(&file["made_with"])));
    let mut compared = Vec::new();
    for case in cases(&file) {
        let (lesson, what) = (text(&case["lesson"]), text(&case["what"]));
        let found = lessons::find(lesson).unwrap_or_else(|| panic!("no lesson `{lesson}`"));
        let worst = compare(found.problem, case, None)
            .unwrap_or_else(|sentence| panic!("{lesson}, {what}: {sentence}"));
        let oracle = text(&case["oracle"]);
        say(&format!(
            "{lesson}: {what}: {oracle} agrees within {worst:.1e}"
        ));
        compared.push(lesson);
    }
    compared.dedup();
    assert!(compared.len() >= LESSONS, "only {compared:?} were compared");
}

/// The values tell right from wrong: they disagree with nearly every planted bug of a lesson. (Those
/// of stable-softmax on rows of −∞ or with +∞ are beyond PyTorch, which gives NaN there.)
#[test]
fn planted_bugs_disagree_with_pytorch() {
    let file = file();
    let cases = cases(&file);
    for lesson in lessons::LESSONS {
        let own = || cases.iter().filter(|case| case["lesson"] == lesson.id);
        if own().next().is_none() {
            continue;
        }
        let problem = lesson.problem;
        let bugs = problem.bugs.iter().map(|bug| bug.id);
        let (unseen, seen): (Vec<&str>, Vec<&str>) =
            bugs.partition(|bug| own().all(|case| compare(problem, case, Some(bug)).is_ok()));
        say(&format!(
            "{}: {} of {} planted bugs disagree with PyTorch, not: [{}]",
            lesson.id,
            seen.len(),
            problem.bugs.len(),
            unseen.join(", ")
        ));
        assert!(4 * unseen.len() <= problem.bugs.len(), "{}", lesson.id);
    }
}

/// The largest relative deviation of a case's outputs, with a bug planted or without one; a sentence
/// where that is too much.
fn compare(problem: &Problem, case: &Json, bug: Option<&'static str>) -> Result<f64, String> {
    let inputs = inputs(problem, &case["inputs"])?;
    let mut trace = Trace::new();
    let mut variant: Vec<&'static str> = bug.into_iter().collect();
    if let Some(id) = case["convention"].as_str() {
        let known = problem.conventions.iter().find(|known| known.id == id);
        variant.push(
            known
                .ok_or(format!("the lesson has no convention `{id}`"))?
                .id,
        );
    }
    let outputs = match variant.is_empty() {
        true => (problem.reference)(&inputs, &mut trace),
        false => (problem.variant)(&inputs, &Variant(variant)),
    };
    let mut worst = 0.0;
    let theirs = case["outputs"].as_object().ok_or("no outputs")?;
    for (name, theirs) in theirs {
        // An output, or else a step of the trace; a variant has no trace.
        let ours = match problem.outputs.iter().position(|(known, _)| known == name) {
            Some(place) => outputs[place].clone(),
            None if trace.steps().is_empty() => continue,
            None => step(&trace, name),
        };
        let gap = deviation(&ours, &array(theirs)?).map_err(|why| format!("{name}: {why}"))?;
        worst = f64::max(worst, gap);
    }
    Ok(worst)
}

/// The values that the file has for the problem's arguments, all of them and no others.
fn inputs(problem: &Problem, given: &Json) -> Result<Inputs, String> {
    let given = given.as_object().ok_or("no inputs")?;
    if given.len() != problem.args.len() {
        return Err(format!(
            "{} inputs, not {}",
            given.len(),
            problem.args.len()
        ));
    }
    let mut inputs = Inputs::new();
    for arg in problem.args {
        let given = given
            .get(arg.name)
            .ok_or(format!("no input `{}`", arg.name))?;
        let value = match arg.kind {
            _ if given.is_null() => Value::Absent,
            ArgKind::Number => Value::Number(number(given)?),
            ArgKind::Int(_) => Value::Int(array(given)?.mapv(|x| x as i64)),
            ArgKind::Float(_) | ArgKind::OptionalBroadcast(_) => {
                let exact = array(given)?;
                let single = exact.mapv(|x| x as f32);
                if single.mapv(f64::from) != exact {
                    return Err(format!("`{}` is not exact in f32", arg.name));
                }
                Value::Float(single)
            }
        };
        inputs.set(arg.name, value);
    }
    Ok(inputs)
}

fn file() -> Json {
    serde_json::from_str(include_str!("golden.json")).expect("golden.json is valid JSON")
}

fn cases(file: &Json) -> &[Json] {
    file["cases"].as_array().expect("a list of cases")
}

fn array(json: &Json) -> Result<ArrayD<f64>, String> {
    let list = |name: &str| json[name].as_array().ok_or(format!("{json} has no {name}"));
    let values: Result<Vec<f64>, String> = list("values")?.iter().map(number).collect();
    let shape: Result<Vec<f64>, String> = list("shape")?.iter().map(number).collect();
    let shape: Vec<usize> = shape?.into_iter().map(|size| size as usize).collect();
    ArrayD::from_shape_vec(shape, values?).map_err(|error| error.to_string())
}

/// A number; JSON has no infinities, so they are strings.
fn number(json: &Json) -> Result<f64, String> {
    let number = match json {
        Json::String(text) => text.parse().ok(),
        _ => json.as_f64(),
    };
    number.ok_or(format!("{json} is not a number"))
}

fn text(json: &Json) -> &str {
    json.as_str().expect("a text")
}

/// max |ours − theirs| relative to the scale of `theirs`; infinities must be the same.
fn deviation(ours: &ArrayD<f64>, theirs: &ArrayD<f64>) -> Result<f64, String> {
    if ours.shape() != theirs.shape() {
        return Err(format!(
            "shape {:?}, not {:?}",
            ours.shape(),
            theirs.shape()
        ));
    }
    let scale = max_abs(theirs).max(1.0);
    let mut worst: f64 = 0.0;
    for (a, b) in ours.iter().zip(theirs) {
        let gap = if a == b { 0.0 } else { (a - b).abs() / scale };
        if !(gap <= TOLERANCE) {
            return Err(format!("off by {gap:.1e}: {a}, not {b}"));
        }
        worst = worst.max(gap);
    }
    Ok(worst)
}
