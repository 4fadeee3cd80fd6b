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

/// Planted bugs that explain the learner's answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    pub bugs: Vec<&'static str>,
    /// The convention under which the bugs were planted.
    pub convention: Option<&'static str>,
    /// On how many cases the bugs give the learner's very answers.
    pub covered: usize,
}

/// How many times the tolerance a wrong answer may be from a planted bug: wrong answers lose
/// digits where right ones do not (scores without their scale are larger, for instance).
const SLACK: f64 = 32.0;

/// The bug, or the pair of bugs, whose outputs equal the learner's on every case; or else the one
/// that does so on most cases, when these are more than half (somebody with three bugs).
///
/// Single bugs first; then pairs. Of several that fit, the closest.
pub fn diagnose(problem: &Problem, judged: &[Judged]) -> Option<Diagnosis> {
    // The failing cases first: most suspects are cleared by one of them.
    let mut cases: Vec<(&Judged, bool)> = judged.iter().map(|j| (j, !j.passes())).collect();
    cases.sort_by_key(|(_, fails)| !fails);
    let singles: Vec<_> = problem.bugs.iter().map(|bug| vec![bug.id]).collect();
    let mut pairs = Vec::new();
    for (i, first) in problem.bugs.iter().enumerate() {
        for second in &problem.bugs[i + 1..] {
            pairs.push(vec![first.id, second.id]);
        }
    }
    let most_missed = cases.len().saturating_sub(1) / 2;
    [
        (&singles, 0),
        (&pairs, 0),
        (&singles, most_missed),
        (&pairs, most_missed),
    ]
    .into_iter()
    .find_map(|(suspects, missed)| closest(problem, &cases, suspects, missed))
}

fn closest(
    problem: &Problem,
    cases: &[(&Judged, bool)],
    suspects: &[Vec<&'static str>],
    missed: usize,
) -> Option<Diagnosis> {
    let mut best: Option<(Match, Diagnosis)> = None;
    for bugs in suspects {
        let conventions = problem.conventions.iter().map(|known| Some(known.id));
        for convention in std::iter::once(None).chain(conventions) {
            let variant = Variant(bugs.iter().copied().chain(convention).collect());
            let Some(found) = explains(problem, cases, &variant, missed) else {
                continue;
            };
            let better = best.as_ref().is_none_or(|(known, _)| {
                (known.missed, known.distance) > (found.missed, found.distance)
            });
            if better {
                let diagnosis = Diagnosis {
                    bugs: bugs.clone(),
                    convention,
                    covered: cases.len() - found.missed,
                };
                best = Some((found, diagnosis));
            }
        }
    }
    best.map(|(_, diagnosis)| diagnosis)
}

/// How well a variant explains the answers.
struct Match {
    /// Cases on which it does not.
    missed: usize,
    /// How far the answers are from the variant's on the others, in units of what is allowed.
    distance: f64,
}

/// `None` where more than `most_missed` cases do not match, or where the variant is wrong with the
/// learner on less than half of the cases that fail.
fn explains(
    problem: &Problem,
    cases: &[(&Judged, bool)],
    variant: &Variant,
    most_missed: usize,
) -> Option<Match> {
    let (mut missed, mut distance, mut told_apart) = (0, 0.0, 0);
    let failing = cases.iter().filter(|(_, fails)| *fails).count();
    for (case, fails) in cases {
        let planted = (problem.variant)(&case.inputs, variant);
        let scale = planted.iter().map(max_abs).fold(0.0, f64::max);
        let tol = (SLACK * case.tolerance.value).max(1e-5 * scale);
        if !matches(&case.got, &planted, tol) {
            missed += 1;
            if missed > most_missed {
                return None;
            }
            continue;
        }
        let wrong = || worst(&planted, &case.want, case.tolerance.value).is_some();
        told_apart += usize::from(*fails && wrong());
        let gaps = case.got.iter().flatten().zip(planted.iter().flatten());
        let gap = gaps
            .map(|(x, y)| (x - y).abs())
            .filter(|gap| gap.is_finite())
            .fold(0.0, f64::max);
        distance += gap / tol;
    }
    (2 * told_apart >= failing).then_some(Match { missed, distance })
}
