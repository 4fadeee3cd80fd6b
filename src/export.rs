//! A learner's function as the one entry of a shared library, which the judge, another program,
//! loads. Both sides see C structs only, so neither need know how the other was compiled.

use crate::memory::Peak;
use crate::solution::{Answer, Candidate, Run, Trouble, Watch};
use crate::tensor::{Inputs, Value};
use crate::trace::{Element, Trace};
use ndarray::{ArrayBase, ArrayD, Data, IxDyn};
use std::borrow::Cow;
use std::ffi::c_void;

/// The name of the entry.
pub const SYMBOL: &str = "llmlab_solution";

/// The entry: answers by calling `reply`, once.
pub type Entry = extern "C" fn(&Call);

/// UTF-8 text of the one who calls.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Words {
    at: *const u8,
    len: usize,
}

impl From<&str> for Words {
    fn from(text: &str) -> Words {
        Words {
            at: text.as_ptr(),
            len: text.len(),
        }
    }
}

impl Words {
    fn text(&self) -> String {
        // SAFETY: made from a `&str` that lives as long as the call.
        let bytes = unsafe { std::slice::from_raw_parts(self.at, self.len) };
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// What an item holds.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    F32,
    F64,
    I64,
}

/// A named array: an input, an answer or a step.
#[repr(C)]
pub struct Item {
    name: Words,
    /// A step's formula, an answer's element type.
    about: Words,
    holds: Holds,
    data: *const c_void,
    shape: *const usize,
    rank: usize,
}

impl Item {
    fn new<T>(name: &str, about: &str, holds: Holds, data: &[T], shape: &[usize]) -> Item {
        Item {
            name: name.into(),
            about: about.into(),
            holds,
            data: data.as_ptr().cast(),
            shape: shape.as_ptr(),
            rank: shape.len(),
        }
    }

    fn shape(&self) -> &[usize] {
        // SAFETY: made from a slice that lives as long as the call.
        unsafe { std::slice::from_raw_parts(self.shape, self.rank) }
    }

    /// The values; `T` is what `holds` says.
    fn array<T: Element>(&self) -> ArrayD<T> {
        let shape = self.shape();
        // SAFETY: made from a slice of so many elements that lives as long as the call.
        let data =
            unsafe { std::slice::from_raw_parts(self.data.cast::<T>(), shape.iter().product()) };
        ArrayD::from_shape_vec(IxDyn(shape), data.to_vec())
            .expect("as many values as the shape says")
    }
}

/// What the judge asks.
#[repr(C)]
pub struct Call {
    inputs: *const Item,
    count: usize,
    watch: Watch,
    reply: extern "C" fn(*mut c_void, &Reply),
    /// Handed to `reply` as it is.
    host: *mut c_void,
}

/// What the library answers; valid while `reply` runs.
#[repr(C)]
pub struct Reply {
    ended: Ended,
    /// A panic's words, or the input that was changed.
    words: Words,
    answers: *const Item,
    answers_count: usize,
    steps: *const Item,
    steps_count: usize,
    seconds: f64,
    /// Bytes held at the peak.
    peak: u64,
    known: Known,
}

/// Whether the peak is known.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Not,
    Exactly,
    About,
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Answered,
    Panicked,
    Mutated,
}

/// The judge's side: asks the library for one run. The inputs are all arguments of the exercise in their
/// order, absent ones too: a notebook's function knows them by that.
///
/// # Errors
/// [`Trouble`], as it happened over there.
pub fn ask<'a>(
    entry: Entry,
    inputs: impl Iterator<Item = (&'a str, &'a Value)>,
    watch: Watch,
) -> Result<Run, Trouble> {
    let contiguous: Vec<(&str, Cow<'_, Value>)> = inputs
        .map(|(name, value)| (name, standard(value)))
        .collect();
    let items: Vec<Item> = contiguous
        .iter()
        .map(|(name, value)| match &**value {
            Value::Float(array) => Item::new(name, "", Holds::F32, slice(array), array.shape()),
            Value::Int(array) => Item::new(name, "", Holds::I64, slice(array), array.shape()),
            Value::Number(number) => {
                Item::new(name, "", Holds::F64, std::slice::from_ref(number), &[])
            }
            Value::Absent => Item::new::<f32>(name, "", Holds::Nothing, &[], &[]),
        })
        .collect();
    let mut result = None;
    entry(&Call {
        inputs: items.as_ptr(),
        count: items.len(),
        watch,
        reply: receive,
        host: (&raw mut result).cast(),
    });
    result.unwrap_or_else(|| Err(Trouble::Panic("it ended without an answer".to_string())))
}

extern "C" fn receive(host: *mut c_void, reply: &Reply) {
    // SAFETY: `host` is the `result` of `ask`, which waits for this call.
    let result = unsafe { &mut *host.cast::<Option<Result<Run, Trouble>>>() };
    *result = Some(match reply.ended {
        Ended::Panicked => Err(Trouble::Panic(reply.words.text())),
        Ended::Mutated => Err(Trouble::Mutated(reply.words.text())),
        Ended::Answered => Ok(run(reply)),
    });
}

fn run(reply: &Reply) -> Run {
    // SAFETY: both come from slices that live as long as the reply.
    let (answers, steps) = unsafe {
        (
            std::slice::from_raw_parts(reply.answers, reply.answers_count),
            std::slice::from_raw_parts(reply.steps, reply.steps_count),
        )
    };
    let mut trace = Trace::new();
    for step in steps {
        let sizes: Vec<String> = step.shape().iter().map(usize::to_string).collect();
        let (name, formula) = (step.name.text(), step.about.text());
        trace.step(&name, &formula, &sizes.join(" "), &step.array::<f64>());
    }
    let answer = |item: &Item| Answer {
        dtype: if item.about.text() == f64::DTYPE {
            f64::DTYPE
        } else {
            f32::DTYPE
        },
        value: item.array(),
    };
    Run {
        answers: answers.iter().map(answer).collect(),
        trace,
        seconds: reply.seconds,
        peak: (reply.known != Known::Not).then_some(Peak {
            bytes: reply.peak,
            exact: reply.known == Known::Exactly,
        }),
    }
}

/// The library's side: runs the function on copies of the inputs.
pub fn answer(call: &Call, candidate: &dyn Candidate) {
    // A panic is a verdict, not a message on the terminal.
    std::panic::set_hook(Box::new(|_| {}));
    // SAFETY: made from a slice that lives as long as the call.
    let items = unsafe { std::slice::from_raw_parts(call.inputs, call.count) };
    let mut inputs = Inputs::new();
    for item in items {
        // A name lives as long as the program; there are a few bytes of them for each run.
        let name = Box::leak(item.name.text().into_boxed_str());
        inputs.set(
            name,
            match item.holds {
                Holds::F32 => Value::Float(item.array()),
                Holds::I64 => Value::Int(item.array()),
                Holds::F64 => Value::Number(item.array::<f64>().sum()),
                Holds::Nothing => Value::Absent,
            },
        );
    }
    let attempt = candidate.attempt(&inputs, call.watch);
    let (ended, words) = match &attempt {
        Ok(_) => (Ended::Answered, ""),
        Err(Trouble::Mutated(input)) => (Ended::Mutated, input.as_str()),
        Err(trouble) => (Ended::Panicked, trouble.words()),
    };
    let run = attempt.as_ref().ok();
    let values: Vec<_> = run
        .into_iter()
        .flat_map(|run| &run.answers)
        .map(|answer| (answer.dtype, answer.value.as_standard_layout()))
        .collect();
    let answers: Vec<Item> = values
        .iter()
        .map(|(dtype, value)| Item::new("", dtype, Holds::F64, slice(value), value.shape()))
        .collect();
    let traced: Vec<_> = run
        .into_iter()
        .flat_map(|run| run.trace.steps())
        .map(|step| (step, step.value.as_standard_layout()))
        .collect();
    let steps: Vec<Item> = traced
        .iter()
        .map(|(step, value)| {
            Item::new(
                &step.name,
                &step.formula,
                Holds::F64,
                slice(value),
                value.shape(),
            )
        })
        .collect();
    let peak = run.and_then(|run| run.peak);
    let reply = Reply {
        ended,
        words: words.into(),
        answers: answers.as_ptr(),
        answers_count: answers.len(),
        steps: steps.as_ptr(),
        steps_count: steps.len(),
        seconds: run.map_or(f64::NAN, |run| run.seconds),
        peak: peak.map_or(0, |peak| peak.bytes),
        known: match peak {
            None => Known::Not,
            Some(peak) if peak.exact => Known::Exactly,
            Some(_) => Known::About,
        },
    };
    (call.reply)(call.host, &reply);
}

/// The value in standard layout; a copy only where it has another.
fn standard(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::Float(array) if !array.is_standard_layout() => {
            Cow::Owned(Value::Float(array.as_standard_layout().into_owned()))
        }
        Value::Int(array) if !array.is_standard_layout() => {
            Cow::Owned(Value::Int(array.as_standard_layout().into_owned()))
        }
        _ => Cow::Borrowed(value),
    }
}

fn slice<T, S: Data<Elem = T>>(array: &ArrayBase<S, IxDyn>) -> &[T] {
    array.as_slice().expect("standard layout")
}

/// Makes a function the entry of the library that is being compiled, as an expression:
/// `export!(attention: q tensor, k tensor, v tensor, mask optional)`.
///
/// The kinds are those of [`exercise!`](crate::exercise).
#[macro_export]
macro_rules! export {
    ($function:path: $($name:ident $kind:ident),+ $(,)?) => {{
        struct Exported;
        impl $crate::solution::Candidate for Exported {
            fn run(
                &self,
                inputs: &$crate::tensor::Inputs,
                trace: &mut $crate::trace::Trace,
            ) -> Vec<$crate::solution::Answer> {
                let arguments = ($($crate::exercise!(@value $kind inputs $name)),+,);
                $crate::solution::apply(&$function, arguments, trace)
            }
        }
        #[unsafe(no_mangle)]
        extern "C" fn llmlab_solution(call: &$crate::export::Call) {
            $crate::export::answer(call, &Exported)
        }
        llmlab_solution as $crate::export::Entry
    }};
}
