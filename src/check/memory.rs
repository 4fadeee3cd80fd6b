//! The stage for exercises that are about memory: the peak of the learner's function in the large
//! case.

use super::ended::Ended;
use super::isolate::Room;
use super::judge::{Options, case_id, json, verdict};
use super::report::Held;
use super::{cases, isolate};
use crate::problem::Problem;
use crate::solution::{Answer, Candidate, Watch};

/// What the candidate holds at its peak, beyond inputs and outputs. Measured in a child of its own,
/// where nothing else allocates. `None` where the exercise is not about memory.
pub fn held(problem: &Problem, candidate: &dyn Candidate, options: &Options) -> Option<Held> {
    let memory = problem.memory;
    if memory.is_none() && !options.weigh {
        return None;
    }
    let case = cases::large(problem, options.seed);
    let mut held = Held {
        settings: case_id(problem, &case).settings,
        extra: None,
        exact: true,
        allowed: memory.map_or(u64::MAX, |memory| (memory.allowed)(&case)),
        usual: memory.map_or(0, |memory| (memory.usual_bytes)(&case)),
        trouble: None,
    };
    let ended = isolate::run(options.limit(), Room::of(candidate), |tell| {
        let inputs = (problem.inputs)(&case);
        tell(&json(&held));
        match candidate.attempt(&inputs, Watch::Memory) {
            Ok(run) => {
                if let Some(peak) = run.peak {
                    held.extra = Some(peak.bytes.saturating_sub(size(&run.answers)));
                    held.exact = peak.exact;
                }
            }
            Err(trouble) => held.trouble = Some(verdict(trouble)),
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
