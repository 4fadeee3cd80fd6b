//! The shape tracer: each step of a reference records its name, formula and named axes.

use ndarray::ArrayD;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One recorded step of a reference implementation.
pub struct Step {
    pub name: &'static str,
    pub formula: &'static str,
    pub axes: &'static str,
    pub value: ArrayD<f64>,
}

/// The steps of one run. Axis names keep the size they were first seen with.
#[derive(Default)]
pub struct Trace {
    sizes: BTreeMap<&'static str, usize>,
    steps: Vec<Step>,
}

impl Trace {
    /// Records `value` under space-separated axis names, such as `"b h n m"`.
    ///
    /// # Errors
    /// A sentence, when the axes do not fit the array's real shape or an earlier step.
    pub fn step(
        &mut self,
        name: &'static str,
        formula: &'static str,
        axes: &'static str,
        value: &ArrayD<f64>,
    ) -> Result<(), String> {
        let names: Vec<_> = axes.split_whitespace().collect();
        if names.len() != value.ndim() {
            return Err(format!(
                "step `{name}` names {} axes ({axes}) but its value has shape {:?}; name every axis once",
                names.len(),
                value.shape()
            ));
        }
        for (axis, &size) in names.into_iter().zip(value.shape()) {
            let known = *self.sizes.entry(axis).or_insert(size);
            if known != size {
                return Err(format!(
                    "step `{name}`: axis {axis} was {known} in an earlier step and is {size} here"
                ));
            }
        }
        self.steps.push(Step {
            name,
            formula,
            axes,
            value: value.clone(),
        });
        Ok(())
    }

    /// The recorded steps, in the order in which they ran.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The trace as plain text, two lines a step, so that it fits 60 columns.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (i, s) in self.steps.iter().enumerate() {
            let finite = || s.value.iter().copied().filter(|x| x.is_finite());
            let min = finite().fold(f64::INFINITY, f64::min);
            let max = finite().fold(f64::NEG_INFINITY, f64::max);
            let masked = s.value.len() - finite().count();
            let _ = writeln!(text, "{:>2} {:<8} {}", i + 1, s.name, s.formula);
            let _ = write!(text, "   [{}] = {:?}", s.axes, s.value.shape());
            if min <= max {
                let _ = write!(text, "  {min:.3} … {max:.3}");
            }
            if masked > 0 {
                let _ = write!(text, "  {masked} of {} are −inf", s.value.len());
            }
            text.push('\n');
        }
        text
    }
}
