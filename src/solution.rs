//! A learner's function as something that the judge can run.

use crate::tensor::Inputs;
use crate::trace::Trace;
use ndarray::{ArrayBase, ArrayD, Data, Dimension, arr0};

/// Anything that answers a problem: a Rust function, or arrays computed elsewhere.
pub trait Candidate {
    fn run(&self, inputs: &Inputs, trace: &mut Trace) -> Vec<Answer>;
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

        impl<F, R> $crate::solution::Solution<Exercise, $crate::solution::Plain> for F
        where
            F: Fn($($crate::exercise!(@type $kind)),+) -> R,
            R: $crate::solution::Output,
        {
            fn call(
                &self,
                inputs: &$crate::tensor::Inputs,
                _: &mut $crate::trace::Trace,
            ) -> Vec<$crate::solution::Answer> {
                let output = self($($crate::exercise!(@value $kind inputs $name)),+);
                $crate::memory::returned(output).answers()
            }
        }

        impl<F, R> $crate::solution::Solution<Exercise, $crate::solution::Traced> for F
        where
            F: Fn($($crate::exercise!(@type $kind)),+, &mut $crate::trace::Trace) -> R,
            R: $crate::solution::Output,
        {
            fn call(
                &self,
                inputs: &$crate::tensor::Inputs,
                trace: &mut $crate::trace::Trace,
            ) -> Vec<$crate::solution::Answer> {
                let output = self($($crate::exercise!(@value $kind inputs $name)),+, trace);
                $crate::memory::returned(output).answers()
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
    (@type tensor) => { &$crate::tensor::Tensor };
    (@type labels) => { &$crate::tensor::Labels };
    (@type number) => { f64 };
    (@type optional) => { Option<&$crate::tensor::Tensor> };
    (@value tensor $inputs:ident $name:ident) => { $inputs.float(stringify!($name)) };
    (@value labels $inputs:ident $name:ident) => { $inputs.int(stringify!($name)) };
    (@value number $inputs:ident $name:ident) => { $inputs.number(stringify!($name)) };
    (@value optional $inputs:ident $name:ident) => { $inputs.optional(stringify!($name)) };
}
