//! The stages: shape, values, laws, memory, scale.

use super::diagnose::Judged;
use super::ended::{Death, Ended};
use super::explain::{describe, explain};
use super::isolate::Room;
use super::report::{CaseId, Failure, LawFact, Report, Stage, Verdict};
use super::scale::scale;
use super::{cases, isolate, memory, shape, words};
use crate::lesson::Lesson;
use crate::problem::{Arg, ArgKind, Case, Problem, Variant};
use crate::solution::{Answer, Candidate, Trouble, Watch, catch};
use crate::tensor::{Inputs, Outputs};
use crate::text::Lang;
use crate::trace::Trace;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::{Duration, Instant};

/// How to check.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Everything random is drawn from it.
    pub seed: u64,
    /// Seconds until a stage that has not ended is a verdict.
    pub timeout: f64,
    /// Whether a right answer is timed on the large case too.
    pub scale: bool,
    /// Whether the memory of a right answer is measured where the exercise is not about it, too.
    pub weigh: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 0,
            timeout: 8.0,
            scale: true,
            weigh: false,
        }
    }
}

impl Options {
    pub fn limit(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout).unwrap_or(Duration::MAX)
    }
}

/// Does what needs a GPU, in a child: this process must not touch it, since other children could not use it
/// then.
///
/// # Errors
/// How the child ended, as a sentence.
pub fn on_gpu<R: Serialize + DeserializeOwned>(
    limit: Duration,
    lang: Lang,
    work: impl FnOnce() -> R,
) -> Result<R, String> {
    match isolate::run(limit, Room::Free, |_| work()) {
        Ended::Done(result, _) => Ok(result),
        Ended::Died(death) => Err(words::death(death.verdict, &death.message, lang)),
    }
}

/// Judges a candidate, all stages, where nothing that it does can end this process.
pub fn check(
    lesson: &Lesson,
    candidate: &dyn Candidate,
    options: &Options,
    tell: &mut dyn FnMut(&str),
) -> Report {
    let start = Instant::now();
    let ended = isolate::run(options.limit(), Room::of(candidate), |tell| {
        judge(lesson, candidate, options, &mut |case| tell(&json(case)))
    });
    let mut report = match ended {
        Ended::Done(report, printed) => Report { printed, ..report },
        Ended::Died(death) => died(lesson, options, death),
    };
    if report.verdict == Verdict::Passed {
        weigh(lesson.problem, candidate, options, &mut report);
    }
    report.seconds = start.elapsed().as_secs_f64();
    if report.verdict == Verdict::Passed && options.scale {
        tell("scale");
        report.timing = Some(scale(lesson, candidate, options, &report.convention));
        let timing = report.timing.as_ref();
        let wrong = timing.is_some_and(|timing| timing.wrong.is_some());
        let trouble = timing.is_some_and(|timing| timing.trouble.is_some());
        report
            .stages
            .push(stage("scale", usize::from(!wrong && !trouble), 1));
        if wrong {
            report.verdict = Verdict::WrongValues;
        }
    }
    report
}

/// The memory stage, where the exercise has one; a mere measurement where it was asked for.
fn weigh(problem: &Problem, candidate: &dyn Candidate, options: &Options, report: &mut Report) {
    let Some(held) = memory::held(problem, candidate, options) else {
        return;
    };
    if problem.memory.is_none() {
        report.memory = Some(held);
        return;
    }
    if let Some((verdict, message)) = &held.trouble {
        report.verdict = *verdict;
        report.failure = Some(Failure {
            case: Some(case_id(problem, &cases::large(problem, options.seed))),
            message: Some(message.clone()),
            ..Failure::default()
        });
    } else if held.too_much() {
        report.verdict = Verdict::TooMuchMemory;
    }
    let measured = held.extra.is_some();
    let passed = report.verdict == Verdict::Passed;
    if measured || !passed {
        report.stages.push(stage("memory", usize::from(passed), 1));
    }
    report.memory = Some(held);
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn died(lesson: &Lesson, options: &Options, death: Death) -> Report {
    let mut report = blank(lesson, options);
    report.verdict = death.verdict;
    report.printed = death.printed;
    report.failure = Some(Failure {
        case: serde_json::from_slice(&death.last).ok(),
        message: Some(death.message),
        ..Failure::default()
    });
    report
}

fn blank(lesson: &Lesson, options: &Options) -> Report {
    Report {
        lesson: lesson.id.to_string(),
        verdict: Verdict::Passed,
        seed: options.seed,
        stages: Vec::new(),
        convention: None,
        failure: None,
        memory: None,
        timing: None,
        printed: String::new(),
        seconds: 0.0,
    }
}

/// What a trouble is called, and the panic's words or the input's name.
pub(super) fn verdict(trouble: Trouble) -> (Verdict, String) {
    match trouble {
        Trouble::Panic(words) => (Verdict::Panicked, words),
        Trouble::Mutated(input) => (Verdict::MutatedInputs, input),
        Trouble::Crashed(words) => (Verdict::Crashed, words),
        Trouble::Unlaunched(words) => (Verdict::Unlaunched, words),
        Trouble::Strayed(words) => (Verdict::Strayed, words),
        Trouble::Unwritten(words) => (Verdict::Unwritten, words),
    }
}

/// Stages 1 to 3 in this process. `begin` is told each case before it runs.
pub fn judge(
    lesson: &Lesson,
    candidate: &dyn Candidate,
    options: &Options,
    begin: &mut dyn FnMut(&CaseId),
) -> Report {
    let problem = lesson.problem;
    let mut report = blank(lesson, options);
    let mut run = |case: &Case| {
        begin(&case_id(problem, case));
        let inputs = (problem.inputs)(case);
        let run = candidate.attempt(&inputs, Watch::Nothing);
        run.map(|run| (inputs, run.answers))
    };

    let mut tried = Vec::new();
    let mut trouble = None;
    let all = cases::all(problem, options.seed);
    let total = all.len();
    for case in all {
        let (inputs, answers) = match run(&case) {
            Ok(answered) => answered,
            Err(first) => {
                trouble.get_or_insert((case, first));
                continue;
            }
        };
        let want = (problem.reference)(&inputs, &mut Trace::new());
        let got = values(answers);
        if let Some(fact) = shape::wrong_shape(problem, &case, &got, &want) {
            // A wrong shape outside the first case is often a squeezed axis of size 1.
            report.stages.push(stage("shape", tried.len(), total));
            report.verdict = Verdict::WrongShape;
            report.failure = Some(Failure {
                case: Some(case_id(problem, &case)),
                shape: Some(fact),
                ..Failure::default()
            });
            return report;
        }
        let tolerance = (problem.tolerance)(&inputs);
        tried.push(Judged {
            case,
            inputs,
            got,
            want,
            tolerance,
        });
    }
    let convention = settle(problem, &mut tried);
    let passed = tried.iter().filter(|judged| judged.passes()).count();
    // Wrong values say more than a panic on another case.
    if passed == tried.len()
        && let Some((case, trouble)) = trouble
    {
        return troubled(report, problem, &case, trouble);
    }
    report.stages.push(stage("shape", tried.len(), total));
    report.stages.push(stage("values", passed, total));
    report.convention = convention.map(String::from);
    if passed < tried.len() {
        report.verdict = Verdict::WrongValues;
        report.failure = Some(explain(problem, candidate, convention, &tried));
        return report;
    }
    check_laws(problem, candidate, options, convention, begin, &mut report);
    report
}

/// Judges answers that were computed elsewhere, in any language, on `inputs`.
pub fn judge_arrays(lesson: &Lesson, inputs: Inputs, answers: Vec<Answer>) -> Report {
    let problem = lesson.problem;
    let mut report = blank(lesson, &Options::default());
    let want = (problem.reference)(&inputs, &mut Trace::new());
    let got = values(answers);
    let case = given(problem, &inputs);
    if let Some(fact) = shape::wrong_shape(problem, &case, &got, &want) {
        report.stages.push(stage("shape", 0, 1));
        report.verdict = Verdict::WrongShape;
        report.failure = Some(Failure {
            shape: Some(fact),
            ..Failure::default()
        });
        return report;
    }
    report.stages.push(stage("shape", 1, 1));
    let tolerance = (problem.tolerance)(&inputs);
    let mut tried = [Judged {
        case,
        inputs,
        got,
        want,
        tolerance,
    }];
    let convention = settle(problem, &mut tried);
    report.convention = convention.map(String::from);
    let [judged] = &tried;
    report
        .stages
        .push(stage("values", usize::from(judged.passes()), 1));
    if !judged.passes() {
        report.verdict = Verdict::WrongValues;
        report.failure = Some(describe(problem, judged, &tried));
    }
    report
}

/// The case that arrays from elsewhere make up: the sizes of their axes.
fn given(problem: &Problem, inputs: &Inputs) -> Case {
    let axes = |kind: ArgKind| match kind {
        ArgKind::Float(axes) | ArgKind::Int(axes) => axes,
        ArgKind::Number | ArgKind::OptionalBroadcast(_) => "",
    };
    let named = |arg: &Arg| {
        let sizes = inputs.get(arg.name).shape().to_vec();
        axes(arg.kind).split_whitespace().zip(sizes)
    };
    Case {
        kind: "given",
        seed: 0,
        settings: problem.args.iter().flat_map(named).collect(),
    }
}

fn stage(id: &str, passed: usize, total: usize) -> Stage {
    Stage {
        id: id.to_string(),
        passed,
        total,
    }
}

fn troubled(mut report: Report, problem: &Problem, case: &Case, trouble: Trouble) -> Report {
    let (verdict, message) = verdict(trouble);
    report.verdict = verdict;
    report.failure = Some(Failure {
        case: Some(case_id(problem, case)),
        message: Some(message),
        ..Failure::default()
    });
    report
}

pub(super) fn values(answers: Vec<Answer>) -> Outputs {
    answers.into_iter().map(|answer| answer.value).collect()
}

/// Chooses the convention that most cases follow, and more than half of them, and makes its answers the
/// truth. A wrong answer meets one by chance on some case; together with a bug it is for [`diagnose`].
///
/// [`diagnose`]: super::diagnose::diagnose
fn settle(problem: &Problem, tried: &mut [Judged]) -> Option<&'static str> {
    let count = |tried: &[Judged]| tried.iter().filter(|judged| judged.passes()).count();
    let mut most = count(tried);
    let mut settled = None;
    for convention in problem.conventions {
        if most == tried.len() {
            break;
        }
        let variant = Variant(vec![convention.id]);
        let before: Vec<Outputs> = tried
            .iter_mut()
            .map(|judged| {
                let want = (problem.variant)(&judged.inputs, &variant);
                std::mem::replace(&mut judged.want, want)
            })
            .collect();
        let now = count(tried);
        if now > most && 2 * now > tried.len() {
            (most, settled) = (now, Some(convention.id));
        } else {
            for (judged, want) in tried.iter_mut().zip(before) {
                judged.want = want;
            }
        }
    }
    settled
}

fn check_laws(
    problem: &Problem,
    candidate: &dyn Candidate,
    options: &Options,
    convention: Option<&str>,
    begin: &mut dyn FnMut(&CaseId),
    report: &mut Report,
) {
    let holds_here = |except: &[&str]| convention.is_none_or(|id| !except.contains(&id));
    let laws = || problem.laws.iter().filter(|law| holds_here(law.except));
    let total = laws().map(|law| law.kinds.len()).sum();
    let mut passed = 0;
    for law in laws() {
        for kind in law.kinds {
            let case = cases::case(problem, kind, options.seed, &[]);
            let case = case.expect("a law names kinds of its own problem");
            begin(&case_id(problem, &case));
            let inputs = (problem.inputs)(&case);
            let mut run = |inputs: &Inputs| values(candidate.run(inputs, &mut Trace::new()));
            let deviation = match catch(|| (law.check)(&inputs, &mut run)) {
                Ok(deviation) => deviation,
                Err(words) => {
                    let panic = Trouble::Panic(words);
                    *report = troubled(report.clone(), problem, &case, panic);
                    return;
                }
            };
            if !deviation.holds() {
                report.stages.push(stage("laws", passed, total));
                report.verdict = Verdict::BrokenLaw;
                report.failure = Some(Failure {
                    case: Some(case_id(problem, &case)),
                    law: Some(LawFact {
                        id: law.id.to_string(),
                        err: deviation.err,
                        tol: deviation.tol,
                    }),
                    ..Failure::default()
                });
                return;
            }
            passed += 1;
        }
    }
    report.stages.push(stage("laws", passed, total));
}

/// What it takes to run a case again.
pub(super) fn case_id(problem: &Problem, case: &Case) -> CaseId {
    let plain = cases::case(problem, case.kind, case.seed, &[]).ok();
    let differs = |(name, value): &(&&str, &usize)| {
        plain
            .as_ref()
            .is_none_or(|plain| plain.settings.get(**name) != Some(value))
    };
    let owned = |(name, value): (&&str, &usize)| (name.to_string(), *value);
    CaseId {
        kind: case.kind.to_string(),
        seed: case.seed,
        settings: case.settings.iter().map(owned).collect(),
        changed: case.settings.iter().filter(differs).map(owned).collect(),
    }
}
