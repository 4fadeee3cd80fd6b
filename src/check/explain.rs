//! Why values are wrong: the smallest case, the cause, the step.

use super::diagnose::{Judged, diagnose};
use super::judge::{case_id, values};
use super::report::{Divergence, Failure, LawFact, Pair, Seen};
use super::{cases, divergence, facts, shape, shrink};
use crate::problem::{Case, Problem, Variant};
use crate::solution::{Candidate, Watch, catch};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;

/// Everything that can be said about wrong values.
pub(super) fn explain(
    problem: &Problem,
    candidate: &dyn Candidate,
    convention: Option<&'static str>,
    tried: &[Judged],
) -> Failure {
    let mut wrong = tried.iter().filter(|judged| !judged.passes());
    let first = wrong.next().expect("called when a case fails");
    let retry = |case: &Case| {
        let inputs = (problem.inputs)(case);
        let got = values(candidate.attempt(&inputs, Watch::Nothing).ok()?.answers);
        let want = match convention {
            Some(id) => (problem.variant)(&inputs, &Variant(vec![id])),
            None => (problem.reference)(&inputs, &mut Trace::new()),
        };
        let tolerance = (problem.tolerance)(&inputs);
        let same_shape = shape::wrong_shape(problem, case, &got, &want).is_none();
        let judged = Judged {
            case: case.clone(),
            inputs,
            got,
            want,
            tolerance,
        };
        (same_shape && !judged.passes()).then_some(judged)
    };
    let small = shrink::shrink(problem, &first.case, |case| retry(case).is_some());
    // A function that does not answer the same twice may pass now; then the first case is shown.
    let again = retry(&small);
    let shown = again.as_ref().unwrap_or(first);
    let mut failure = Failure {
        case: Some(case_id(problem, &shown.case)),
        ..describe(problem, shown, tried)
    };
    if convention.is_none() {
        failure.divergence = diverges(problem, candidate, &first.inputs);
    }
    if failure.bugs.is_empty() {
        failure.law = broken(problem, candidate, convention, first.case.seed);
    }
    failure
}

/// The first law that an answer breaks which no planted bug explains: what it lacks.
fn broken(
    problem: &Problem,
    candidate: &dyn Candidate,
    convention: Option<&str>,
    seed: u64,
) -> Option<LawFact> {
    let holds_here = |except: &[&str]| convention.is_none_or(|id| !except.contains(&id));
    let laws = problem.laws.iter().filter(|law| holds_here(law.except));
    let mut tries = laws.flat_map(|law| law.kinds.iter().map(move |kind| (law, kind)));
    tries.find_map(|(law, kind)| {
        let inputs = (problem.inputs)(&cases::case(problem, kind, seed, &[]).ok()?);
        let mut run = |inputs: &Inputs| values(candidate.run(inputs, &mut Trace::new()));
        let deviation = catch(|| (law.check)(&inputs, &mut run)).ok()?;
        (!deviation.holds()).then(|| LawFact {
            id: law.id.to_string(),
            err: deviation.err,
            tol: deviation.tol,
        })
    })
}

/// What the values alone say: the worst place, a planted bug that explains every case, or else
/// what was measured on the first case that fails.
pub(super) fn describe(problem: &Problem, shown: &Judged, tried: &[Judged]) -> Failure {
    let wrong = || tried.iter().filter(|judged| !judged.passes());
    let (bugs, covered) =
        diagnose(problem, tried).map_or((Vec::new(), 0), |found| (found.bugs, found.covered));
    let first = wrong().next().filter(|_| bugs.is_empty());
    Failure {
        place: shown.wrong(),
        tolerance: Some(shown.tolerance.formula.clone()),
        explained: Some((tried.len(), wrong().count())),
        values: listed(&shown.got, &shown.want),
        seen: wrong().next().and_then(seen),
        covered,
        bugs: bugs.iter().map(|id| id.to_string()).collect(),
        facts: first.map_or(Vec::new(), |first| {
            facts::measure(problem, &first.got, &first.want, first.tolerance.value)
        }),
        ..Failure::default()
    }
}

/// The output with the worst element beside the right one, where it is not too large to be looked at.
fn seen(judged: &Judged) -> Option<Seen> {
    const MOST: usize = 2048;
    let output = judged.wrong()?.output;
    let (got, want) = (&judged.got[output], &judged.want[output]);
    let flat = |array: &ndarray::ArrayD<f64>| array.iter().copied().collect();
    (want.len() <= MOST).then(|| Seen {
        output,
        shape: want.shape().to_vec(),
        want: flat(want),
        got: flat(got),
    })
}

fn diverges(problem: &Problem, candidate: &dyn Candidate, inputs: &Inputs) -> Option<Divergence> {
    let mut reference = Trace::new();
    (problem.reference)(inputs, &mut reference);
    let run = candidate.attempt(inputs, Watch::Steps).ok()?;
    divergence::first(&reference, &run.trace)
}

/// Expected and got in full, where that is short enough to read.
fn listed(got: &Outputs, want: &Outputs) -> Vec<Pair> {
    if want.iter().map(|array| array.len()).sum::<usize>() > 16 {
        return Vec::new();
    }
    let flat = |array: &ndarray::ArrayD<f64>| array.iter().copied().collect();
    let pairs = got.iter().zip(want);
    pairs
        .map(|(got, want)| Pair {
            want: flat(want),
            got: flat(got),
        })
        .collect()
}
