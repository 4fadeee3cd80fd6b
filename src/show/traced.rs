//! Running a reference on inputs of a person's choosing.

use crate::lesson::Lesson;
use crate::problem::{ArgKind, Case, Problem};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Lang;
use crate::trace::Trace;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// A trace holds every step in f64; beyond this it is refused.
const MOST_BYTES: f64 = 2e9;

/// Where inputs come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A case: everything is drawn from its seed.
    Case(Case),
    /// Arrays of a person's own, with the sizes that the axes have in them.
    Arrays(BTreeMap<String, usize>),
}

/// One run of a reference.
pub struct Traced {
    pub lesson: &'static Lesson,
    pub source: Source,
    pub inputs: Inputs,
    pub trace: Trace,
    pub outputs: Outputs,
}

impl Traced {
    /// What stands at the top: sizes of the axes, and options that are not at their default.
    pub fn sizes(&self) -> Vec<(String, usize)> {
        match &self.source {
            Source::Arrays(sizes) => {
                let mut sizes: Vec<_> = sizes.iter().map(|(k, v)| (k.clone(), *v)).collect();
                let settings = self.lesson.problem.settings;
                sizes.sort_by_key(|(name, _)| settings.iter().position(|s| s.name == name));
                sizes
            }
            Source::Case(case) => {
                let settings = self.lesson.problem.settings.iter();
                let sized = settings.map(|setting| (setting, case.size(setting.name)));
                let shown =
                    sized.filter(|(setting, size)| setting.axis || *size != setting.default);
                shown
                    .map(|(setting, size)| (setting.name.to_string(), size))
                    .collect()
            }
        }
    }

    pub fn flops(&self) -> u64 {
        self.trace.steps().iter().map(|step| step.flops).sum()
    }

    /// The inputs that are there: name, axes, value.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, &Value)> {
        let args = self.lesson.problem.args.iter();
        args.filter_map(|arg| match self.inputs.get(arg.name) {
            Value::Absent => None,
            value => Some((arg.name, arg.kind.axes(), value)),
        })
    }
}

/// Runs the lesson's reference.
///
/// # Errors
/// A sentence when the case is too large, or when the reference cannot take these values.
pub fn traced(
    lesson: &'static Lesson,
    source: Source,
    inputs: impl FnOnce() -> Inputs,
    lang: Lang,
) -> Result<Traced, String> {
    let problem = lesson.problem;
    let need = needed(problem, &source);
    if !(need <= MOST_BYTES) {
        let (need, most) = (gigabytes(need), gigabytes(MOST_BYTES));
        return Err(lang.pick(
            format!("a trace keeps every step, which takes {need} GB at these sizes; up to {most} GB are allowed: choose smaller ones"),
            format!("trace 会保存每一步的结果，这样的尺寸需要 {need} GB，上限为 {most} GB；请改用更小的尺寸"),
        ));
    }
    let inputs = inputs();
    let mut trace = Trace::new();
    for arg in problem.args {
        if let ArgKind::Float(axes) | ArgKind::Int(axes) = arg.kind {
            trace.given(axes, inputs.get(arg.name).shape());
        }
    }
    let outputs = guarded(|| (problem.reference)(&inputs, &mut trace)).map_err(|words| {
        lang.pick(
            format!("the reference cannot take these values: {words}"),
            format!("参考实现无法处理这些输入值：{words}"),
        )
    })?;
    Ok(Traced {
        lesson,
        source,
        inputs,
        trace,
        outputs,
    })
}

fn gigabytes(bytes: f64) -> String {
    format!("{:.1}", bytes / 1e9)
}

/// Bytes that the inputs and the steps take, measured on the default case and scaled by the sizes
/// of the axes. An axis that is no setting of its own grows with the setting that grows most.
fn needed(problem: &Problem, source: &Source) -> f64 {
    let small = crate::check::case(problem, problem.kinds[0].id, 0, &[]);
    let small = small.expect("the first kind's defaults are valid");
    let size = |axis: &str| match source {
        Source::Case(case) => case.settings.get(axis).copied(),
        Source::Arrays(sizes) => sizes.get(axis).copied(),
    };
    let growth = |axis: &str, from: usize| size(axis).map(|to| to as f64 / from.max(1) as f64);
    let sized = problem.settings.iter().filter(|setting| setting.axis);
    let most = sized
        .filter_map(|setting| growth(setting.name, small.size(setting.name)))
        .fold(1.0, f64::max);
    if most <= 1.0 {
        return 0.0;
    }
    let inputs = (problem.inputs)(&small);
    let mut trace = Trace::new();
    (problem.reference)(&inputs, &mut trace);
    let scaled = |axes: &[&str], shape: &[usize]| {
        let sizes = axes.iter().zip(shape);
        let fixed = |axis: &str| if axis == "1" { 1.0 } else { most };
        let sizes =
            sizes.map(|(axis, &from)| from as f64 * growth(axis, from).unwrap_or(fixed(axis)));
        8.0 * sizes.product::<f64>()
    };
    let steps = trace.steps().iter().map(|step| {
        let axes: Vec<&str> = step.axes.iter().map(String::as_str).collect();
        scaled(&axes, step.value.shape())
    });
    let args = problem.args.iter().map(|arg| {
        let axes: Vec<&str> = arg.kind.axes().split_whitespace().collect();
        scaled(&axes, inputs.get(arg.name).shape())
    });
    // The reference holds about as much again while it works.
    2.0 * steps.chain(args).sum::<f64>()
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it becomes its words, and prints nothing.
pub fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                hook(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.map_err(|payload| {
        let owned = payload.downcast_ref::<String>().map(String::as_str);
        let words = owned.or_else(|| payload.downcast_ref::<&str>().copied());
        words.unwrap_or("it panicked without words").to_string()
    })
}
