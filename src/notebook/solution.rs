//! A function of a cell as the entry of the cell's library, its arguments known by their types.

use crate::export::{self, Call};
use crate::solution::{Answer, Candidate, Output, Plain, Traced, arities, measured};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::trace::Trace;
use std::marker::PhantomData;

/// What an exercise hands over: `&Tensor`, `&Labels`, `f64` or `Option<&Tensor>`.
#[diagnostic::on_unimplemented(
    message = "an exercise hands over no `{Self}`",
    label = "arguments are &Tensor, &Labels, f64 or Option<&Tensor>; `llmlab start <lesson>` shows the signature"
)]
pub trait Argument {
    /// How a signature writes it.
    const NAME: &'static str;
    /// The same for one call.
    type Of<'a>;
    fn of(value: &Value) -> Option<Self::Of<'_>>;
}

macro_rules! argument {
    ($($type:ty, $of:ty, $name:literal: $pattern:pat => $value:expr;)*) => {$(
        impl Argument for $type {
            const NAME: &'static str = $name;
            type Of<'a> = $of;
            fn of(value: &Value) -> Option<Self::Of<'_>> {
                match value {
                    $pattern => Some($value),
                    #[allow(unreachable_patterns)]
                    _ => None,
                }
            }
        }
    )*};
}
argument! {
    &'static Tensor, &'a Tensor, "&Tensor": Value::Float(array) => array;
    &'static Labels, &'a Labels, "&Labels": Value::Int(array) => array;
    f64, f64, "f64": Value::Number(number) => *number;
}

impl Argument for Option<&'static Tensor> {
    const NAME: &'static str = "Option<&Tensor>";
    type Of<'a> = Option<&'a Tensor>;
    fn of(value: &Value) -> Option<Self::Of<'_>> {
        match value {
            Value::Float(array) => Some(Some(array)),
            Value::Absent => Some(None),
            Value::Int(_) | Value::Number(_) => None,
        }
    }
}

/// A function of [`Argument`]s, with or without a last `&mut Trace`; `M` says which.
#[diagnostic::on_unimplemented(
    message = "this is no function that an exercise could call",
    label = "arguments are &Tensor, &Labels, f64 or Option<&Tensor>, and a last `trace: &mut Trace` is optional; `llmlab start <lesson>` shows the signature"
)]
pub trait Exported<M> {
    fn run(&self, inputs: &Inputs, trace: &mut Trace) -> Vec<Answer>;
}

macro_rules! exported {
    ($($arg:ident)+) => {
        impl<F, R, $($arg: Argument),+> Exported<(Plain, $($arg),+)> for F
        where
            R: Output,
            F: Fn($($arg),+) -> R,
            F: for<'a> Fn($($arg::Of<'a>),+) -> R,
        {
            #[allow(non_snake_case)]
            fn run(&self, inputs: &Inputs, _: &mut Trace) -> Vec<Answer> {
                let mut values = Arguments::new(inputs, &[$($arg::NAME),+]);
                $(let $arg = values.next::<$arg>();)+
                measured(|| self($($arg),+)).answers()
            }
        }

        impl<F, R, $($arg: Argument),+> Exported<(Traced, $($arg),+)> for F
        where
            R: Output,
            F: Fn($($arg),+, &mut Trace) -> R,
            F: for<'a, 'b> Fn($($arg::Of<'a>),+, &'b mut Trace) -> R,
        {
            #[allow(non_snake_case)]
            fn run(&self, inputs: &Inputs, trace: &mut Trace) -> Vec<Answer> {
                let mut values = Arguments::new(inputs, &[$($arg::NAME),+]);
                $(let $arg = values.next::<$arg>();)+
                measured(|| self($($arg),+, trace)).answers()
            }
        }
    };
}
arities!(exported);

/// The inputs of a case, one after another.
struct Arguments<'a> {
    left: Vec<(&'static str, &'a Value)>,
}

impl<'a> Arguments<'a> {
    /// # Panics
    /// With a sentence where the function takes others than the exercise hands over: the judge
    /// reports it.
    fn new(inputs: &'a Inputs, taken: &[&str]) -> Arguments<'a> {
        let mut left: Vec<_> = inputs.iter().collect();
        let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
        assert!(
            left.len() == taken.len(),
            "the exercise hands over {} arguments ({}) and the function takes {} ({}); `llmlab start` shows the signature",
            left.len(),
            names.join(", "),
            taken.len(),
            taken.join(", "),
        );
        left.reverse();
        Arguments { left }
    }

    fn next<A: Argument>(&mut self) -> A::Of<'a> {
        let (name, value) = self.left.pop().expect("as many as were counted");
        let kind = match value {
            Value::Float(_) => "&Tensor",
            Value::Int(_) => "&Labels",
            Value::Number(_) => "f64",
            Value::Absent => "Option<&Tensor>",
        };
        A::of(value).unwrap_or_else(|| {
            panic!(
                "the argument {name} is {kind} and the function takes {}; `llmlab start` shows the signature",
                A::NAME
            )
        })
    }
}

/// The library's side of [`export::ask`].
pub fn answer<M>(call: &Call, function: &impl Exported<M>) {
    struct Adapter<'f, F, M>(&'f F, PhantomData<M>);
    impl<F: Exported<M>, M> Candidate for Adapter<'_, F, M> {
        fn run(&self, inputs: &Inputs, trace: &mut Trace) -> Vec<Answer> {
            self.0.run(inputs, trace)
        }
    }
    export::answer(call, &Adapter(function, PhantomData));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solution::catch;
    use ndarray::{ArrayD, arr1};

    fn scaled(x: &Tensor, factor: f64, bias: Option<&Tensor>) -> Tensor {
        let scaled = x.mapv(|x| x * factor as f32);
        bias.map_or(scaled.clone(), |bias| &scaled + bias)
    }

    fn counted(labels: &Labels, trace: &mut Trace) -> ArrayD<f64> {
        let out = labels.mapv(|x| x as f64);
        trace.step("out", "labels", "n", &out);
        out
    }

    fn run<M>(function: impl Exported<M>, inputs: &Inputs) -> (Vec<Answer>, Trace) {
        let mut trace = Trace::new();
        (function.run(inputs, &mut trace), trace)
    }

    #[test]
    fn arguments_are_known_by_their_types() {
        let x = Value::Float(arr1(&[1.0, 2.0]).into_dyn());
        let inputs = Inputs::new()
            .with("x", x.clone())
            .with("factor", Value::Number(3.0));
        let (answers, _) = run(scaled, &inputs.clone().with("bias", Value::Absent));
        assert_eq!(answers[0].value.as_slice().unwrap(), [3.0, 6.0]);
        let (answers, _) = run(scaled, &inputs.with("bias", x));
        assert_eq!(answers[0].value.as_slice().unwrap(), [4.0, 8.0]);
        let labels = Inputs::new().with("labels", Value::Int(arr1(&[7]).into_dyn()));
        let (_, trace) = run(counted, &labels);
        assert_eq!(trace.steps()[0].name, "out");
    }

    #[test]
    fn another_signature_is_a_sentence() {
        let two = Inputs::new()
            .with("a", Value::Number(1.0))
            .with("b", Value::Number(1.0));
        let words = catch(|| run(scaled, &two).0.len()).unwrap_err();
        assert!(
            words.contains("2 arguments (a, b) and the function takes 3"),
            "{words}"
        );
        let words = catch(|| run(scaled, &two.with("c", Value::Absent)).0.len()).unwrap_err();
        assert!(words.contains("argument a is f64"), "{words}");
    }
}
