//! A learner's function as something that the judge can run.

use crate::memory::{self, Peak};
use crate::tensor::{Inputs, Value};
use crate::trace::{Trace, watch};
use ndarray::{ArrayBase, ArrayD, Data, Dimension, arr0};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Anything that answers a problem: a Rust function, or one in a library of its own.
pub trait Candidate {
    /// May panic, and may do to the inputs what it should not.
    fn run(&self, inputs: &Inputs, trace: &mut Trace) -> Vec<Answer>;

    /// Whether it needs a GPU, whose driver takes more address space than a judged function gets.
    fn on_gpu(&self) -> bool {
        false
    }

    /// Runs once on copies of the inputs, and says what came of it.
    ///
    /// # Errors
    /// [`Trouble`]: a panic, or inputs that were changed.
    fn attempt(&self, inputs: &Inputs, watch: Watch) -> Result<Run, Trouble> {
        attempt(&mut |inputs, trace| self.run(inputs, trace), inputs, watch)
    }
}

/// [`Candidate::attempt`], compiled once.
fn attempt(
    run: &mut dyn FnMut(&Inputs, &mut Trace) -> Vec<Answer>,
    inputs: &Inputs,
    what: Watch,
) -> Result<Run, Trouble> {
    let handed = inputs.clone();
    let mut own = Trace::new();
    WEIGHED.set(what == Watch::Memory);
    MEASURED.set((f64::NAN, None));
    let start = Instant::now();
    let mut work = || catch(|| run(&handed, &mut own));
    let (answered, ambient) = match what {
        Watch::Steps => watch(&mut work),
        Watch::Memory | Watch::Nothing => (work(), Trace::new()),
    };
    let whole = start.elapsed().as_secs_f64();
    let answers = answered.map_err(Trouble::Panic)?;
    let changed = inputs
        .iter()
        .zip(handed.iter())
        .find(|((_, before), (_, after))| !identical(before, after));
    if let Some(((name, _), _)) = changed {
        return Err(Trouble::Mutated(name.to_string()));
    }
    let (seconds, peak) = MEASURED.get();
    Ok(Run {
        answers,
        trace: if own.steps().is_empty() { ambient } else { own },
        seconds: if seconds.is_nan() { whole } else { seconds },
        peak,
    })
}

/// What is watched during a run.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The time only.
    Nothing,
    /// The steps: the function's own, or those of the prelude's operations where it names none.
    Steps,
    /// The memory held at the peak.
    Memory,
}

/// One run that ended with answers.
pub struct Run {
    pub answers: Vec<Answer>,
    /// Its steps, where these were asked for.
    pub trace: Trace,
    /// What the function itself took.
    pub seconds: f64,
    /// What it held beyond its inputs, outputs included, where that was asked for and can be
    /// measured.
    pub peak: Option<Peak>,
}

/// Why a run gave no answer to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// With its words.
    Panic(String),
    /// The input that was changed.
    Mutated(String),
    /// A GPU's words.
    Crashed(String),
    /// Why a kernel on the GPU could not be launched.
    Unlaunched(String),
    /// Which output a kernel on the GPU wrote beside, and where.
    Strayed(String),
    /// How much of an output a kernel on the GPU left as it was.
    Unwritten(String),
}

impl Trouble {
    /// Its words, whatever it is.
    pub fn words(&self) -> &str {
        match self {
            Trouble::Panic(words)
            | Trouble::Mutated(words)
            | Trouble::Crashed(words)
            | Trouble::Unlaunched(words)
            | Trouble::Strayed(words)
            | Trouble::Unwritten(words) => words,
        }
    }
}

thread_local! {
    /// Whether the next [`measured`] call is weighed.
    static WEIGHED: Cell<bool> = const { Cell::new(false) };
    /// What the last one took, and held.
    static MEASURED: Cell<(f64, Option<Peak>)> = const { Cell::new((f64::NAN, None)) };
}

/// Runs the learner's function and notes what it took, without the copies made around it.
pub fn measured<R>(work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let (result, peak) = match WEIGHED.get() {
        true => memory::peak(work),
        false => (work(), None),
    };
    MEASURED.set((start.elapsed().as_secs_f64(), peak));
    result
}

/// A panic's words instead of a panic.
///
/// # Errors
/// The words.
pub fn catch<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let words = text.or_else(|| payload.downcast_ref::<&str>().copied());
        words.unwrap_or("a panic without words").to_string()
    })
}

/// Equal to the bit, NaN included.
fn identical(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Float(a), Value::Float(b)) => {
            let bits = |x: &f32| x.to_bits();
            a.shape() == b.shape() && a.iter().map(bits).eq(b.iter().map(bits))
        }
        _ => before == after,
    }
}

/// One output as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub dtype: &'static str,
    pub value: ArrayD<f64>,
}

/// A function without a trace argument.
pub struct Plain;
/// A function whose last argument is `&mut Trace`.
pub struct Traced;

/// A function with the signature of exercise `E`; `M` says whether it takes a trace.
#[diagnostic::on_unimplemented(
    message = "this function does not have the exercise's signature",
    label = "`llmlab start <lesson>` shows the signature; a last argument `trace: &mut Trace` is optional"
)]
pub trait Solution<E, M> {
    fn call(&self, inputs: &Inputs, trace: &mut Trace) -> Vec<Answer>;
}

/// A function that takes these arguments; `M` says whether it takes a trace after them.
#[diagnostic::on_unimplemented(
    message = "this function does not have the exercise's signature",
    label = "`llmlab start <lesson>` shows the signature; a last argument `trace: &mut Trace` is optional"
)]
pub trait Callable<Args, M> {
    fn call(&self, args: Args, trace: &mut Trace) -> Vec<Answer>;
}

/// Calls a macro for each number of arguments that an exercise may have.
macro_rules! arities {
    ($each:ident) => {
        $each!(A);
        $each!(A B);
        $each!(A B C);
        $each!(A B C D);
        $each!(A B C D E);
        $each!(A B C D E G);
        $each!(A B C D E G H);
        $each!(A B C D E G H I);
        $each!(A B C D E G H I J);
        $each!(A B C D E G H I J K);
        $each!(A B C D E G H I J K L);
        $each!(A B C D E G H I J K L N);
    };
}
pub(crate) use arities;

macro_rules! callable {
    ($($arg:ident)+) => {
        impl<F, R, $($arg),+> Callable<($($arg),+,), Plain> for F
        where
            F: Fn($($arg),+) -> R,
            R: Output,
        {
            #[allow(non_snake_case)]
            fn call(&self, ($($arg),+,): ($($arg),+,), _: &mut Trace) -> Vec<Answer> {
                measured(|| self($($arg),+)).answers()
            }
        }

        impl<F, R, $($arg),+> Callable<($($arg),+,), Traced> for F
        where
            F: Fn($($arg),+, &mut Trace) -> R,
            R: Output,
        {
            #[allow(non_snake_case)]
            fn call(&self, ($($arg),+,): ($($arg),+,), trace: &mut Trace) -> Vec<Answer> {
                measured(|| self($($arg),+, trace)).answers()
            }
        }
    };
}
arities!(callable);

/// Calls a function that has the signature, with or without a trace.
pub fn apply<F, Args, M>(function: &F, args: Args, trace: &mut Trace) -> Vec<Answer>
where
    F: Callable<Args, M>,
{
    function.call(args, trace)
}

/// What a learner's function may return: a tensor (f32 or f64, of any static or dynamic rank), a
/// number, or a tuple of these.
#[diagnostic::on_unimplemented(
    message = "an exercise cannot return `{Self}`",
    label = "return a Tensor (or an ndarray of f32 or f64), a number, or a tuple of these"
)]
pub trait Output {
    fn answers(self) -> Vec<Answer>;
}

impl<T, S, D> Output for ArrayBase<S, D>
where
    T: crate::ops::Real,
    S: Data<Elem = T>,
    D: Dimension,
{
    fn answers(self) -> Vec<Answer> {
        vec![Answer {
            dtype: T::DTYPE,
            value: self.mapv(<T as crate::trace::Element>::to_f64).into_dyn(),
        }]
    }
}

macro_rules! number {
    ($($t:ident)*) => {$(
        impl Output for $t {
            fn answers(self) -> Vec<Answer> {
                vec![Answer { dtype: stringify!($t), value: arr0(f64::from(self)).into_dyn() }]
            }
        }
    )*};
}
number!(f32 f64);

impl<A: Output, B: Output> Output for (A, B) {
    fn answers(self) -> Vec<Answer> {
        [self.0.answers(), self.1.answers()].concat()
    }
}

impl<A: Output, B: Output, C: Output> Output for (A, B, C) {
    fn answers(self) -> Vec<Answer> {
        [self.0.answers(), self.1.answers(), self.2.answers()].concat()
    }
}

impl<A: Output, B: Output, C: Output, D: Output> Output for (A, B, C, D) {
    fn answers(self) -> Vec<Answer> {
        let (first, last) = ((self.0, self.1), (self.2, self.3));
        [first.answers(), last.answers()].concat()
    }
}

/// Declares an exercise's signature: `exercise!(q: tensor, k: tensor, mask: optional)`.
///
/// Gives the lesson module a marker type `Exercise` and a function `candidate`, which takes any
/// function of this signature, with or without a last `&mut Trace`. Kinds: `tensor` (`&Tensor`),
/// `labels` (`&Labels`), `number` (`f64`), `optional` (`Option<&Tensor>`).
#[macro_export]
macro_rules! exercise {
    ($($name:ident: $kind:ident),+ $(,)?) => {
        /// Marks this lesson's signature.
        pub struct Exercise;

        impl<F, M> $crate::solution::Solution<Exercise, M> for F
        where
            F: for<'a> $crate::solution::Callable<($($crate::exercise!(@type 'a $kind)),+,), M>,
        {
            fn call(
                &self,
                inputs: &$crate::tensor::Inputs,
                trace: &mut $crate::trace::Trace,
            ) -> Vec<$crate::solution::Answer> {
                let arguments = ($($crate::exercise!(@value $kind inputs $name)),+,);
                $crate::solution::apply(self, arguments, trace)
            }
        }

        /// A learner's function, ready for the judge.
        pub fn candidate<M>(
            solution: impl $crate::solution::Solution<Exercise, M>,
        ) -> impl $crate::solution::Candidate {
            struct Adapter<S, M>(S, std::marker::PhantomData<M>);
            impl<S, M> $crate::solution::Candidate for Adapter<S, M>
            where
                S: $crate::solution::Solution<Exercise, M>,
            {
                fn run(
                    &self,
                    inputs: &$crate::tensor::Inputs,
                    trace: &mut $crate::trace::Trace,
                ) -> Vec<$crate::solution::Answer> {
                    self.0.call(inputs, trace)
                }
            }
            Adapter(solution, std::marker::PhantomData)
        }
    };
    (@type $a:lifetime tensor) => { &$a $crate::tensor::Tensor };
    (@type $a:lifetime labels) => { &$a $crate::tensor::Labels };
    (@type $a:lifetime number) => { f64 };
    (@type $a:lifetime optional) => { Option<&$a $crate::tensor::Tensor> };
    (@value tensor $inputs:ident $name:ident) => { $inputs.float(stringify!($name)) };
    (@value labels $inputs:ident $name:ident) => { $inputs.int(stringify!($name)) };
    (@value number $inputs:ident $name:ident) => { $inputs.number(stringify!($name)) };
    (@value optional $inputs:ident $name:ident) => { $inputs.optional(stringify!($name)) };
}
