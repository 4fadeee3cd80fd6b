//! Pictures that lessons have: computed from their own code, drawn elsewhere.

use super::{HeatMap, Plot};
use crate::check::{CaseError, case, choose};
use crate::problem::{Case, Problem, Setting};
use crate::tensor::{Inputs, Outputs};
use crate::text::{Lang, Text};
use crate::trace::Trace;
use ndarray::{Array2, ArrayD, Axis, Ix2};

/// One picture of a lesson.
pub struct Picture {
    /// `rope-decay`
    pub id: &'static str,
    pub title: Text,
    /// One sentence: what to see.
    pub caption: Text,
    /// What a person may set: `d=128`.
    pub settings: &'static [Setting],
    /// Computes it. Everything random is drawn from the case's seed.
    pub draw: fn(&Case, Lang) -> Parts,
}

/// What a picture is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Parts {
    /// Below each other.
    Heat(Vec<HeatMap>),
    /// Beside each other.
    Plots(Vec<Plot>),
}

/// A picture that is ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Empty where the parts' own titles do.
    pub title: String,
    pub caption: String,
    pub parts: Parts,
}

impl Picture {
    /// The picture with settings of a person's choosing.
    ///
    /// # Errors
    /// When there is no such setting, or it cannot have this value.
    pub fn figure(
        &self,
        wanted: &[(String, usize)],
        seed: u64,
        lang: Lang,
    ) -> Result<Figure, CaseError> {
        let case = choose(self.settings, "picture", seed, wanted)?;
        let settings = self.settings.iter().map(|setting| {
            let value = case.size(setting.name);
            format!("{}={value}", setting.name)
        });
        let settings: Vec<String> = settings.collect();
        let title = match settings.is_empty() {
            true => self.title.get(lang).to_string(),
            false => format!("{}   {}", self.title.get(lang), settings.join(" ")),
        };
        Ok(Figure {
            title,
            caption: self.caption.get(lang).to_string(),
            parts: (self.draw)(&case, lang),
        })
    }
}

impl From<Plot> for Figure {
    fn from(plot: Plot) -> Figure {
        Parts::Plots(vec![plot]).into()
    }
}

impl From<Vec<HeatMap>> for Figure {
    fn from(maps: Vec<HeatMap>) -> Figure {
        Parts::Heat(maps).into()
    }
}

impl From<Parts> for Figure {
    fn from(parts: Parts) -> Figure {
        Figure {
            title: String::new(),
            caption: String::new(),
            parts,
        }
    }
}

/// A lesson's reference on its first kind of case: what pictures are drawn of.
pub struct Example {
    pub inputs: Inputs,
    pub trace: Trace,
    pub outputs: Outputs,
}

impl Example {
    /// With settings that differ from the defaults.
    ///
    /// # Panics
    /// When the problem cannot have these settings: a mistake in the picture.
    pub fn new(problem: &Problem, seed: u64, settings: &[(&str, usize)]) -> Example {
        let wanted = settings
            .iter()
            .map(|(name, value)| (name.to_string(), *value));
        let wanted: Vec<_> = wanted.collect();
        let case = case(problem, problem.kinds[0].id, seed, &wanted);
        let case = case.unwrap_or_else(|error| panic!("{}", error.say(Lang::En)));
        Example::of(problem, (problem.inputs)(&case))
    }

    /// The reference on inputs of the picture's own.
    pub fn of(problem: &Problem, inputs: Inputs) -> Example {
        let mut trace = Trace::new();
        let outputs = (problem.reference)(&inputs, &mut trace);
        Example {
            inputs,
            trace,
            outputs,
        }
    }

    /// The value of a step.
    ///
    /// # Panics
    /// When the reference has no such step.
    pub fn step(&self, name: &str) -> &ArrayD<f64> {
        let step = self.trace.steps().iter().find(|step| step.name == name);
        let step = step.unwrap_or_else(|| panic!("the reference has no step `{name}`"));
        &step.value
    }

    /// The last two axes of a step, at the first place of those before.
    ///
    /// # Panics
    /// When the reference has no such step, or it has less than two axes.
    pub fn matrix(&self, name: &str) -> Array2<f64> {
        let mut value = self.step(name).view();
        while value.ndim() > 2 {
            value.index_axis_inplace(Axis(0), 0);
        }
        let matrix = value.into_dimensionality::<Ix2>();
        matrix.expect("two axes").to_owned()
    }
}
