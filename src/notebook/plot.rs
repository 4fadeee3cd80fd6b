//! Curves of a person's own numbers.

use super::program::{draw, lang};
use super::{Rich, Shown, Trouble};
use std::collections::HashMap;
use tinyjson::JsonValue;

/// Curves over two axes; the program draws them where a cell shows them.
#[derive(Clone, Debug)]
pub struct Plot {
    title: String,
    axes: [Axis; 2],
    curves: Vec<JsonValue>,
}

#[derive(Clone, Debug, Default)]
struct Axis {
    name: String,
    log: bool,
}

/// A plot to be filled:
/// `plot("cost").x("n (token)").y("time (ms)").log_x().curve("mine", &[(64.0, 1.5)])`.
pub fn plot(title: &str) -> Plot {
    Plot {
        title: title.to_string(),
        axes: Default::default(),
        curves: Vec::new(),
    }
}

impl Plot {
    /// What the horizontal axis shows, with its unit.
    pub fn x(mut self, name: &str) -> Plot {
        self.axes[0].name = name.to_string();
        self
    }

    /// What the vertical axis shows, with its unit.
    pub fn y(mut self, name: &str) -> Plot {
        self.axes[1].name = name.to_string();
        self
    }

    /// Equal factors take equal room from left to right; every x must then be above 0.
    pub fn log_x(mut self) -> Plot {
        self.axes[0].log = true;
        self
    }

    /// The same from bottom to top.
    pub fn log_y(mut self) -> Plot {
        self.axes[1].log = true;
        self
    }

    /// Points joined by lines.
    pub fn curve(self, name: &str, points: &[(f64, f64)]) -> Plot {
        self.with("line", name, points)
    }

    /// Points alone.
    pub fn points(self, name: &str, points: &[(f64, f64)]) -> Plot {
        self.with("points", name, points)
    }

    /// A bar from 0 to each point.
    pub fn bars(self, name: &str, points: &[(f64, f64)]) -> Plot {
        self.with("bars", name, points)
    }

    fn with(mut self, style: &str, name: &str, points: &[(f64, f64)]) -> Plot {
        let finite = points
            .iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite());
        let points = finite.map(|(x, y)| vec![(*x).into(), (*y).into()].into());
        self.curves.push(object([
            ("style", style.to_string().into()),
            ("name", name.to_string().into()),
            ("points", points.collect::<Vec<JsonValue>>().into()),
        ]));
        self
    }

    /// # Errors
    /// The program's sentence, or that there is none.
    fn drawn(&self) -> Result<Shown, Trouble> {
        let axis =
            |axis: &Axis| object([("name", axis.name.clone().into()), ("log", axis.log.into())]);
        let json = object([
            ("title", self.title.clone().into()),
            ("x", axis(&self.axes[0])),
            ("y", axis(&self.axes[1])),
            ("curves", self.curves.clone().into()),
        ]);
        let text = json.stringify().map_err(|_| {
            Trouble::new(lang().pick("a number cannot be drawn", "有一个数无法画出"))
        })?;
        Ok(Shown::svg(&draw(&text)?, &self.title))
    }
}

impl Rich for Plot {
    fn contents(&self) -> Vec<(&'static str, String)> {
        self.drawn().contents()
    }
}

fn object<const N: usize>(fields: [(&str, JsonValue); N]) -> JsonValue {
    let fields = fields.into_iter();
    let fields: HashMap<String, JsonValue> = fields.map(|(k, v)| (k.to_string(), v)).collect();
    fields.into()
}
