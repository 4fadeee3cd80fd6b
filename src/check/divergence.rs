//! Where a traced run leaves the reference.

use super::report::Divergence;
use crate::trace::{Step, Trace};

/// The first step of the reference whose values are nowhere in the learner's run.
///
/// Steps are compared by value, in any shape order of the same sizes, because learners name and
/// cut their steps differently. `None` where the run recorded nothing or every step is there.
pub fn first(reference: &Trace, learner: &Trace) -> Option<Divergence> {
    if learner.steps().is_empty() {
        return None;
    }
    let mut last_equal = None;
    for step in reference.steps() {
        if learner.steps().iter().any(|own| same(step, own)) {
            last_equal = Some(step.name.clone());
            continue;
        }
        let same_name = learner.steps().iter().any(|own| own.name == step.name);
        // A step that the learner did not take on its own proves nothing, unless it bears the
        // reference's name or comes after one that was there.
        if same_name || last_equal.is_some() {
            return Some(Divergence {
                last_equal,
                step: step.name.clone(),
                formula: step.formula.clone(),
                same_name,
            });
        }
    }
    None
}

fn same(reference: &Step, own: &Step) -> bool {
    let scale = crate::tensor::max_abs(&reference.value);
    let near = |(x, y): (&f64, &f64)| x == y || (x - y).abs() <= 1e-4 * scale;
    reference.value.len() == own.value.len() && reference.value.iter().zip(&own.value).all(near)
}
