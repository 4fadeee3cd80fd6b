//! The stage for exercises that are about memory: the peak of the learner's function in the large
//! case.

use super::ended::Ended;
use super::judge::{Options, case_id, catch, json};
use super::report::{Held, Verdict};
use super::{cases, isolate};
use crate::memory::peak;
use crate::problem::Problem;
use crate::solution::{Answer, Candidate};
use crate::trace::Trace;

/// What the candidate holds at its peak, beyond inputs and outputs. Measured in a child of its own,
/// where nothing else allocates. `None` where the exercise is not about memory.
pub fn held(problem: &Problem, candidate: &dyn Candidate, options: &Options) -> Option<Held> {
    let memory = problem.memory?;
    let case = cases::large(problem, options.seed);
    let mut held = Held {
        settings: case_id(problem, &case).settings,
        extra: None,
        exact: true,
        allowed: (memory.allowed)(&case),
        usual: (memory.usual_bytes)(&case),
        trouble: None,
    };
    let ended = isolate::run(options.limit(), |tell| {
        let inputs = (problem.inputs)(&case);
        tell(&json(&held));
        let mut trace = Trace::new();
        match catch(|| peak(|| candidate.run(&inputs, &mut trace))) {
            Ok((answers, Some(peak))) => {
                held.extra = Some(peak.bytes.saturating_sub(size(&answers)));
                held.exact = peak.exact;
            }
            Ok((_, None)) => {}
            Err(words) => held.trouble = Some((Verdict::Panicked, words)),
        }
        held.clone()
    });
    Some(match ended {
        Ended::Done(held, _) => held,
        Ended::Died(death) => Held {
            trouble: Some((death.verdict, death.message)),
            ..serde_json::from_slice(&death.last).unwrap_or(held)
        },
    })
}

/// The bytes of the outputs as they were returned.
fn size(answers: &[Answer]) -> u64 {
    let bytes = |answer: &Answer| {
        let each = if answer.dtype == "f64" { 8 } else { 4 };
        each * answer.value.len() as u64
    };
    answers.iter().map(bytes).sum()
}
