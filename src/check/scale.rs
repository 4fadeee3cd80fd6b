//! The last stage: one large case beside the production kernel and the machine's limits.

use super::cases;
use super::compare::worst;
use super::ended::Ended;
use super::isolate::{self, Room};
use super::judge::{Options, case_id, json, values, verdict};
use super::report::Timing;
use crate::kernels::machine;
use crate::lesson::Lesson;
use crate::problem::Variant;
use crate::solution::{Candidate, Watch};
#[cfg(feature = "cuda")]
use crate::text::Lang;
use crate::trace::Trace;
use std::time::Instant;

/// The large case: the production kernel, the reference and the learner side by side.
pub(super) fn scale(
    lesson: &Lesson,
    candidate: &dyn Candidate,
    options: &Options,
    convention: &Option<String>,
) -> Timing {
    let problem = lesson.problem;
    let case = cases::large(problem, options.seed);
    let work = (problem.production.work)(&case);
    let mut timing = Timing {
        settings: case_id(problem, &case).settings,
        kernel: (problem.production.name)(),
        production: None,
        learner: None,
        learner_runs: Vec::new(),
        reference: None,
        limit: None,
        flops: work.flops,
        bytes: work.bytes,
        cuda: None,
        on_gpu: false,
        wrong: None,
        trouble: None,
    };
    let ended = isolate::run(options.limit(), Room::of(candidate), |tell| {
        let inputs = (problem.inputs)(&case);
        let chosen = problem
            .conventions
            .iter()
            .find(|known| Some(known.id) == convention.as_deref());
        let (want, reference) = timed(|| (problem.reference)(&inputs, &mut Trace::new()));
        let want = match chosen {
            Some(known) => (problem.variant)(&inputs, &Variant(vec![known.id])),
            None => want,
        };
        let mut kernel = (problem.production.prepare)(&inputs);
        let mut runs: Vec<f64> = (0..5).map(|_| timed(|| kernel.run()).1).collect();
        timing.reference = Some(reference);
        timing.production = Some(median(&mut runs));
        let (limit, bound) = machine::measure().limit(work.flops, work.bytes);
        timing.limit = Some((limit, bound.to_string()));
        tell(&json(&timing));
        match candidate.attempt(&inputs, Watch::Nothing) {
            Ok(first) => {
                let got = values(first.answers);
                timing.wrong = worst(&got, &want, (problem.tolerance)(&inputs).value);
                let mut runs = vec![first.seconds];
                while runs.len() < 5 && runs.iter().sum::<f64>() < 0.3 {
                    let Ok(again) = candidate.attempt(&inputs, Watch::Nothing) else {
                        break;
                    };
                    runs.push(again.seconds);
                }
                timing.learner = Some(median(&mut runs));
                timing.learner_runs = runs;
            }
            Err(trouble) => timing.trouble = Some(verdict(trouble)),
        }
        timing.clone()
    });
    let timing = match ended {
        Ended::Done(timing, _) => timing,
        Ended::Died(death) => {
            let known = serde_json::from_slice(&death.last).unwrap_or(timing);
            Timing {
                trouble: Some((death.verdict, death.message)),
                ..known
            }
        }
    };
    #[cfg(feature = "cuda")]
    let timing = beside_gpu(lesson, candidate, options, timing);
    timing
}

/// Adds the production kernel on the GPU, and, for a candidate that ran there, the GPU's limit. A GPU that cannot
/// be used is `llmlab doctor`'s to tell.
#[cfg(feature = "cuda")]
fn beside_gpu(
    lesson: &Lesson,
    candidate: &dyn Candidate,
    options: &Options,
    timing: Timing,
) -> Timing {
    let measured = crate::cuda::measure(lesson, options.seed, options.limit(), Lang::En);
    let Some(Ok(measured)) = measured else {
        return timing;
    };
    let on_gpu = candidate.on_gpu();
    Timing {
        on_gpu,
        limit: match on_gpu {
            true => Some((measured.limit_s, measured.bound)),
            false => timing.limit,
        },
        cuda: measured.kernel.map(|mut kernel| {
            let seconds = median(&mut kernel.runs);
            (format!("{}, {}", kernel.name, measured.gpu), seconds)
        }),
        ..timing
    }
}

fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
