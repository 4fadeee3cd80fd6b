//! Where a traced run leaves the reference.

use super::report::Divergence;
use crate::trace::{Step, Trace};

/// The first step of the reference that the learner's run contradicts or lacks.
///
/// A step contradicts when it bears the reference's name and no step of the run has its values.
/// Values count in any order of names, because learners cut and call their steps differently; a
/// step that is nowhere says something only behind the last one that is there. `None` where the run
/// recorded nothing, or nothing that can be compared.
pub fn first(reference: &Trace, learner: &Trace) -> Option<Divergence> {
    let mut last_equal = None;
    let mut missing: Option<&Step> = None;
    for step in reference.steps() {
        if learner.steps().iter().any(|own| same(step, own)) {
            last_equal = Some(step.name.clone());
            missing = None;
        } else if learner.steps().iter().any(|own| own.name == step.name) {
            return Some(divergence(last_equal, step, true));
        } else if last_equal.is_some() {
            missing = missing.or(Some(step));
        }
    }
    missing.map(|step| divergence(last_equal, step, false))
}

fn divergence(last_equal: Option<String>, step: &Step, same_name: bool) -> Divergence {
    Divergence {
        last_equal,
        step: step.name.clone(),
        formula: step.formula.clone(),
        same_name,
    }
}

/// The same values in the same order, whatever the shape.
fn same(reference: &Step, own: &Step) -> bool {
    let scale = crate::tensor::max_abs(&reference.value);
    let near = |(x, y): (&f64, &f64)| x == y || (x - y).abs() <= 1e-4 * scale;
    reference.value.len() == own.value.len() && reference.value.iter().zip(&own.value).all(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(steps: &[(&str, f64)]) -> Trace {
        let mut trace = Trace::new();
        for (name, value) in steps {
            trace.step(name, name, "n", &ndarray::arr1(&[*value, 2.0 * value]));
        }
        trace
    }

    #[test]
    fn the_first_contradiction_is_named() {
        let reference = trace(&[
            ("scores", 1.0),
            ("masked", 2.0),
            ("weights", 3.0),
            ("out", 4.0),
        ]);
        let found = |steps: &[(&str, f64)]| {
            first(&reference, &trace(steps)).map(|d| (d.last_equal, d.step, d.same_name))
        };
        let some = |last: Option<&str>, step: &str, same_name| {
            Some((last.map(String::from), step.to_string(), same_name))
        };
        assert_eq!(
            found(&[("scores", 9.0), ("out", 9.0)]),
            some(None, "scores", true)
        );
        // A step left out says nothing where a later one is there or contradicts.
        assert_eq!(
            found(&[("scores", 1.0), ("out", 9.0)]),
            some(Some("scores"), "out", true)
        );
        assert_eq!(
            found(&[("a", 1.0), ("b", 3.0), ("c", 9.0)]),
            some(Some("weights"), "out", false)
        );
        assert_eq!(found(&[("a", 9.0)]), None);
        assert_eq!(found(&[]), None);
    }
}
