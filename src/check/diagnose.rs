//! Naming the mistake: a planted bug, or two together, that gives the very same wrong answer.

use super::compare::{matches, worst};
use super::report::Place;
use crate::problem::{Case, Problem, Tolerance, Variant};
use crate::tensor::{Inputs, Outputs, max_abs};

/// One case with what the learner answered and what is true.
pub struct Judged {
    pub case: Case,
    pub inputs: Inputs,
    pub got: Outputs,
    pub want: Outputs,
    pub tolerance: Tolerance,
}

impl Judged {
    pub fn passes(&self) -> bool {
        self.wrong().is_none()
    }

    /// The element that is farthest off, if one is too far.
    pub fn wrong(&self) -> Option<Place> {
        worst(&self.got, &self.want, self.tolerance.value)
    }
}

/// Planted bugs that explain every case.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    pub bugs: Vec<&'static str>,
    /// The convention under which the bugs were planted.
    pub convention: Option<&'static str>,
}

/// How many times the tolerance a wrong answer may be from a planted bug: wrong answers lose
/// digits where right ones do not (scores without their scale are larger, for instance).
const SLACK: f64 = 32.0;

/// The bug, or the pair of bugs, whose outputs equal the learner's on every case.
///
/// Single bugs first; then pairs. Of several that fit, the closest.
pub fn diagnose(problem: &Problem, judged: &[Judged]) -> Option<Diagnosis> {
    // The failing cases first: most suspects are cleared by one of them.
    let (failing, passing): (Vec<&Judged>, Vec<&Judged>) =
        judged.iter().partition(|case| !case.passes());
    let cases = Cases { failing, passing };
    let singles = problem.bugs.iter().map(|bug| vec![bug.id]);
    if let Some(found) = closest(problem, &cases, singles.collect()) {
        return Some(found);
    }
    let mut pairs = Vec::new();
    for (i, first) in problem.bugs.iter().enumerate() {
        for second in &problem.bugs[i + 1..] {
            pairs.push(vec![first.id, second.id]);
        }
    }
    closest(problem, &cases, pairs)
}

struct Cases<'a> {
    failing: Vec<&'a Judged>,
    passing: Vec<&'a Judged>,
}

fn closest(
    problem: &Problem,
    cases: &Cases,
    suspects: Vec<Vec<&'static str>>,
) -> Option<Diagnosis> {
    let mut best: Option<(f64, Diagnosis)> = None;
    for bugs in suspects {
        let conventions = problem.conventions.iter().map(|known| Some(known.id));
        for convention in std::iter::once(None).chain(conventions) {
            let variant = Variant(bugs.iter().copied().chain(convention).collect());
            let Some(distance) = explains(problem, cases, &variant) else {
                continue;
            };
            if best.as_ref().is_none_or(|(known, _)| distance < *known) {
                let bugs = bugs.clone();
                best = Some((distance, Diagnosis { bugs, convention }));
            }
        }
    }
    best.map(|(_, diagnosis)| diagnosis)
}

/// How far the answers are from the variant's, summed over the cases in units of what is allowed;
/// `None` where one case does not match, or where the variant itself would pass.
fn explains(problem: &Problem, cases: &Cases, variant: &Variant) -> Option<f64> {
    let failing = cases.failing.iter().map(|case| (case, true));
    let passing = cases.passing.iter().map(|case| (case, false));
    let mut distance = 0.0;
    let mut told_apart = false;
    for (case, fails) in failing.chain(passing) {
        let planted = (problem.variant)(&case.inputs, variant);
        let scale = planted.iter().map(max_abs).fold(0.0, f64::max);
        let tol = (SLACK * case.tolerance.value).max(1e-5 * scale);
        if !matches(&case.got, &planted, tol) {
            return None;
        }
        told_apart =
            told_apart || fails && worst(&planted, &case.want, case.tolerance.value).is_some();
        let gaps = case.got.iter().flatten().zip(planted.iter().flatten());
        let gap = gaps
            .map(|(x, y)| (x - y).abs())
            .filter(|gap| gap.is_finite())
            .fold(0.0, f64::max);
        distance += gap / tol;
    }
    told_apart.then_some(distance)
}
