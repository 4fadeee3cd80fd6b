//! A question and a seed → one instance: values drawn, options shuffled, texts filled in.

use super::{Choice, Kind, Question, letter, number};
use crate::expr;
use crate::text::Lang;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// One instance of a question in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    pub id: String,
    pub kind: &'static str,
    pub lang: Lang,
    /// The values that were drawn, by name.
    pub values: Vec<(String, f64)>,
    pub ask: String,
    pub why: String,
    /// The snippet of a `bug` question.
    pub code: Option<String>,
    pub body: Body,
}

/// What is shown and what is right.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Options as shown; the indices of the right ones. `several` of them may be right.
    Pick {
        options: Vec<String>,
        right: Vec<usize>,
        several: bool,
    },
    Numeric {
        value: f64,
        unit: Option<String>,
        tolerance: f64,
    },
    Shape(Vec<usize>),
    /// Steps as shown; their indices in the right order.
    Order {
        steps: Vec<String>,
        right: Vec<usize>,
    },
    Short(Vec<String>),
}

impl Drawn {
    /// The right answer as a person would type it. For `short`: all points.
    pub fn answer(&self) -> String {
        match &self.body {
            Body::Pick { right, .. } | Body::Order { right, .. } => {
                let letters: Vec<String> = right.iter().map(|&i| letter(i).to_string()).collect();
                letters.join(" ")
            }
            Body::Numeric { value, unit, .. } => match unit {
                Some(unit) => format!("{} {unit}", number(*value)),
                None => number(*value),
            },
            Body::Shape(sizes) => format!("{sizes:?}"),
            Body::Short(_) => "all".to_string(),
        }
    }
}

/// Draws an instance. The same question, seed and language give the same instance, and both
/// languages the same values and order.
pub fn draw(question: &Question, seed: u64, lang: Lang) -> Drawn {
    let mut rng = rng(&question.id, seed);
    let mut values = Vec::new();
    for (name, list) in &question.values {
        values.push((name.as_str(), list[rng.random_range(0..list.len())]));
    }
    // `parse` has computed every combination, so nothing fails below.
    let body = match &question.kind {
        Kind::Choice(options) | Kind::Bug { options, .. } => {
            pick(options, false, lang, &values, &mut rng)
        }
        Kind::Several(options) => pick(options, true, lang, &values, &mut rng),
        Kind::Numeric {
            answer,
            unit,
            tolerance,
        } => Body::Numeric {
            value: eval(answer, &values).unwrap_or(f64::NAN),
            unit: unit.clone(),
            tolerance: *tolerance,
        },
        Kind::Shape(axes) => Body::Shape(sizes(axes, &values).unwrap_or_default()),
        Kind::Order(steps) => {
            let mut shown: Vec<usize> = (0..steps.len()).collect();
            shown.shuffle(&mut rng);
            // Neither solved already, nor the reverse, which the hint on how to answer shows.
            if shown.is_sorted() || shown.iter().rev().is_sorted() {
                shown.rotate_left(1);
            }
            let mut right: Vec<usize> = (0..steps.len()).collect();
            right.sort_by_key(|&place| shown[place]);
            let steps = shown.iter().map(|&i| with(steps[i].get(lang), &values));
            Body::Order {
                steps: steps.collect(),
                right,
            }
        }
        Kind::Short(points) => Body::Short(
            points
                .iter()
                .map(|point| with(point.get(lang), &values))
                .collect(),
        ),
    };
    let mut drawn = Drawn {
        id: question.id.clone(),
        kind: question.kind.id(),
        lang,
        values: values
            .iter()
            .map(|(name, value)| (name.to_string(), *value))
            .collect(),
        ask: with(question.ask.get(lang), &values),
        why: String::new(),
        code: match &question.kind {
            Kind::Bug { code, .. } => Some(code.clone()),
            _ => None,
        },
        body,
    };
    let answer = match &drawn.body {
        Body::Numeric { value, .. } => number(*value),
        _ => drawn.answer(),
    };
    drawn.why = fill(question.why.get(lang), &|name| match name {
        "answer" => Some(answer.clone()),
        name => lookup(name, &values).map(number),
    })
    .unwrap_or_default();
    drawn
}

/// A generator of its own for each question, so that adding one leaves the others alone.
fn rng(id: &str, seed: u64) -> StdRng {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    StdRng::seed_from_u64(hash)
}

fn pick(
    options: &[Choice],
    several: bool,
    lang: Lang,
    values: &[(&str, f64)],
    rng: &mut StdRng,
) -> Body {
    let mut shown: Vec<&Choice> = options.iter().collect();
    shown.shuffle(rng);
    let right = shown.iter().enumerate().filter(|(_, option)| option.right);
    Body::Pick {
        right: right.map(|(i, _)| i).collect(),
        options: shown
            .iter()
            .map(|option| with(option.text.get(lang), values))
            .collect(),
        several,
    }
}

fn with(text: &str, values: &[(&str, f64)]) -> String {
    fill(text, &|name| lookup(name, values).map(number)).unwrap_or_else(|_| text.to_string())
}

fn lookup(name: &str, values: &[(&str, f64)]) -> Option<f64> {
    let found = values.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value)
}

/// An expression over drawn values.
pub(super) fn eval(text: &str, values: &[(&str, f64)]) -> Result<f64, String> {
    expr::eval(text, &|name| lookup(name, values))
}

/// The sizes of the axes, from 1 up.
pub(super) fn sizes(axes: &[String], values: &[(&str, f64)]) -> Result<Vec<usize>, String> {
    let mut sizes = Vec::new();
    for axis in axes {
        let size = eval(axis, values).map_err(|error| format!("the axis `{axis}`: {error}"))?;
        if size.fract() != 0.0 || !(1.0..=1e9).contains(&size) {
            return Err(format!(
                "the axis `{axis}` is {size}; a size is a whole number from 1 up"
            ));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        sizes.push(size as usize);
    }
    Ok(sizes)
}

/// Every combination of one value of each list.
pub(super) fn combinations(values: &[(String, Vec<f64>)]) -> Vec<Vec<(&str, f64)>> {
    let mut all: Vec<Vec<(&str, f64)>> = vec![Vec::new()];
    for (name, list) in values {
        let mut longer = Vec::with_capacity(all.len() * list.len());
        for known in &all {
            for &value in list {
                longer.push([known, &[(name.as_str(), value)][..]].concat());
            }
        }
        all = longer;
    }
    all
}

/// Puts values in for `{name}`; `{{` and `}}` are brackets, and so is `{` before anything that is
/// not a name. `Err` is the name that `value` does not know.
pub(super) fn fill(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled += &rest[..at];
        let bracket = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(bracket) {
            filled += bracket;
            rest = after;
            continue;
        }
        let name = rest
            .split('}')
            .next()
            .filter(|_| bracket == "{" && rest.contains('}'));
        let is_name = |name: &&str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        match name.filter(is_name) {
            Some(name) => {
                filled += &value(name).ok_or_else(|| name.to_string())?;
                rest = &rest[name.len() + 1..];
            }
            None => filled += bracket,
        }
    }
    Ok(filled + rest)
}
