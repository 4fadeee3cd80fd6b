//! The only shape tracer: a run as a list of named steps over named axes.

use ndarray::{ArrayBase, ArrayD, Data, Dimension};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// One step of a run.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "lessons", derive(serde::Serialize))]
pub struct Step {
    /// A short name, unique in the trace: `scores`.
    pub name: String,
    /// What is computed, as one writes it on a whiteboard: `q·kᵀ/√d`.
    pub formula: String,
    /// The axes of the operands and of the result: `b h n d, b h m d -> b h n m`.
    pub spec: String,
    /// The axes of the result.
    pub axes: Vec<String>,
    /// The element type that was computed in.
    pub dtype: &'static str,
    /// 2 per multiply-add of a contraction; 0 where the step contracts nothing.
    pub flops: u64,
    /// Bytes that the operands and the result occupy in f32.
    pub bytes: u64,
    /// What is worth seeing in the values: `rows sum to 1`.
    pub note: Option<String>,
    /// The result.
    #[cfg_attr(feature = "lessons", serde(skip))]
    pub value: ArrayD<f64>,
}

impl Step {
    /// Says what is worth seeing in this step's values.
    pub fn note(&mut self, note: impl Into<String>) -> &mut Self {
        self.note = Some(note.into());
        self
    }
}

/// An element type that can be traced.
pub trait Element: Copy {
    const DTYPE: &'static str;
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($($t:ident)*) => {$(
        impl Element for $t {
            const DTYPE: &'static str = stringify!($t);
            fn to_f64(self) -> f64 { self as f64 }
        }
    )*};
}
element!(f32 f64 i64 i32 usize u32 u8);

/// The steps of one run. An axis keeps the size with which it was first seen.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    sizes: BTreeMap<String, usize>,
    steps: Vec<Step>,
}

impl Trace {
    pub fn new() -> Trace {
        Trace::default()
    }

    /// Names the axes of an input, so that steps may use them: `given("b h n d", q.shape())`.
    /// An axis that no input or result names counts as 1 in FLOPs and bytes.
    pub fn given(&mut self, axes: &str, shape: &[usize]) {
        for (axis, &size) in axes.split_whitespace().zip(shape) {
            self.sizes.entry(axis.to_string()).or_insert(size);
        }
    }

    /// Records `value` as the result of a step.
    ///
    /// `spec` names the axes: `b h n m` for a result alone, or
    /// `b h n d, b h m d -> b h n m` with the operands, from which FLOPs are counted. A scalar
    /// has no axes: `n -> `. `1` stands for an axis of size 1.
    ///
    /// # Panics
    /// With a sentence, when the axes do not fit the value's real shape or an earlier step: a
    /// trace cannot lie. The judge turns this into a verdict.
    pub fn step<T, S, D>(
        &mut self,
        name: &str,
        formula: &str,
        spec: &str,
        value: &ArrayBase<S, D>,
    ) -> &mut Step
    where
        T: Element,
        S: Data<Elem = T>,
        D: Dimension,
    {
        // A learner's trace is no part of what the function holds.
        let value = crate::memory::uncounted(|| value.mapv(T::to_f64).into_dyn());
        self.push(name, formula, spec, T::DTYPE, value)
    }

    /// [`Trace::step`], compiled once for all types.
    fn push(
        &mut self,
        name: &str,
        formula: &str,
        spec: &str,
        dtype: &'static str,
        value: ArrayD<f64>,
    ) -> &mut Step {
        let (operands, result) = match spec.split_once("->") {
            Some((operands, result)) => (operands, result),
            None => ("", spec),
        };
        let axes: Vec<String> = result.split_whitespace().map(String::from).collect();
        assert!(
            axes.len() == value.ndim(),
            "step `{name}` names {} axes ({}), its value has {} with sizes {:?}; name every axis of the result once",
            axes.len(),
            result.trim(),
            value.ndim(),
            value.shape(),
        );
        for (axis, &size) in axes.iter().zip(value.shape()) {
            let known = match axis.parse() {
                Ok(fixed) => fixed,
                Err(_) => *self.sizes.entry(axis.clone()).or_insert(size),
            };
            assert!(
                known == size,
                "step `{name}`: axis {axis} has size {size} here and {known} before; one name stands for one size",
            );
        }
        let (flops, bytes) = self.cost(operands, &axes);
        crate::memory::uncounted(|| {
            self.steps.push(Step {
                name: name.to_string(),
                formula: formula.to_string(),
                spec: spec.trim().to_string(),
                axes,
                dtype,
                flops,
                bytes,
                note: None,
                value,
            })
        });
        self.steps.last_mut().expect("a step was just pushed")
    }

    /// FLOPs and bytes of a step. Only a step with two operands that sums over an axis counts
    /// FLOPs: two per multiply-add.
    fn cost(&self, operands: &str, axes: &[String]) -> (u64, u64) {
        let size = |axis: &str| {
            let fixed = || axis.parse().unwrap_or(1);
            self.sizes.get(axis).copied().unwrap_or_else(fixed) as u64
        };
        let operands: Vec<Vec<&str>> = operands
            .split(',')
            .map(|operand| operand.split_whitespace().collect())
            .filter(|operand: &Vec<&str>| !operand.is_empty())
            .collect();
        let elements = |axes: &[&str]| axes.iter().map(|axis| size(axis)).product::<u64>();
        let result: Vec<&str> = axes.iter().map(String::as_str).collect();
        let mut summed: Vec<&str> = operands.iter().flatten().copied().collect();
        summed.retain(|axis| !result.contains(axis));
        summed.sort_unstable();
        summed.dedup();
        let flops = if operands.len() > 1 && !summed.is_empty() {
            2 * elements(&result) * elements(&summed)
        } else {
            0
        };
        let touched = operands.iter().map(|axes| elements(axes)).sum::<u64>() + elements(&result);
        (flops, 4 * touched)
    }

    /// The recorded steps, in the order in which they ran.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The sizes of the named axes.
    pub fn sizes(&self) -> &BTreeMap<String, usize> {
        &self.sizes
    }
}

thread_local! {
    static AMBIENT: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// Runs `work` while the prelude's operations trace themselves, and returns what they traced.
pub fn watch<R>(work: impl FnOnce() -> R) -> (R, Trace) {
    let outer = AMBIENT.replace(Some(Trace::new()));
    let result = work();
    let trace = AMBIENT.replace(outer).unwrap_or_default();
    (result, trace)
}

/// Records a step of a prelude operation, when someone watches. `axes` are `None` for
/// operations that know no names.
pub(crate) fn observe<T: Element>(
    name: &str,
    formula: &str,
    spec: Option<&str>,
    value: &ArrayD<T>,
) {
    AMBIENT.with_borrow_mut(|ambient| {
        let Some(trace) = ambient else { return };
        let number = trace.steps.len() + 1;
        // Names differ from call to call here (a learner may use `b h i j` and `b h n m` for
        // the same axes), so sizes are not carried from one operation to the next.
        trace.sizes.clear();
        let anonymous = || vec!["_"; value.ndim()];
        let spec = match spec {
            Some(spec) => spec.to_string(),
            None => {
                let names: Vec<String> = anonymous()
                    .iter()
                    .enumerate()
                    .map(|(i, _)| format!("a{i}"))
                    .collect();
                names.join(" ")
            }
        };
        trace.step(&format!("{name} {number}"), formula, &spec, value);
    });
}
