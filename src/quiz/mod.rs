//! Questions: read from a lesson's `quiz.toml`, drawn with a seed, graded.
//!
//! Nothing here prints, reads a clock or keeps anything.

pub mod draw;
pub mod grade;
pub mod parse;
mod repair;

pub use draw::{Body, Drawn, draw};
pub use grade::{Grade, grade};
pub use parse::{one, parse};
pub use repair::repair;

use crate::lesson::Lesson;
use crate::text::Lang;
use serde::{Deserialize, Serialize};

/// The questions of a lesson.
///
/// # Errors
/// See [`parse`].
pub fn bank(lesson: &Lesson) -> Result<Vec<Question>, String> {
    let file = format!("{}/quiz.toml", lesson.id);
    parse(&file, lesson.quiz, lesson.problem.bugs)
}

/// A text of a quiz file in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Both {
    pub en: String,
    pub zh: String,
}

impl Both {
    pub fn get(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

/// One question as its file has it: values not drawn, options not shuffled.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub id: String,
    pub ask: Both,
    /// What the answer teaches.
    pub why: Both,
    /// Names with the values of which one is drawn.
    pub values: Vec<(String, Vec<f64>)>,
    pub kind: Kind,
}

/// What is asked for, with the right answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Exactly one option is right.
    Choice(Vec<Choice>),
    /// One or more options are right, and all of them must be ticked.
    Several(Vec<Choice>),
    Numeric {
        /// An expression over the values.
        answer: String,
        unit: Option<String>,
        /// Relative; 0 for whole numbers that must be met exactly.
        tolerance: f64,
    },
    /// An expression for each axis; none for a scalar.
    Shape(Vec<String>),
    /// Steps in the right order.
    Order(Vec<Both>),
    /// A snippet with a planted bug; the options are the sentences of bugs.
    Bug { code: String, options: Vec<Choice> },
    /// Points that a good answer has; the learner ticks those of their own.
    Short(Vec<Both>),
}

impl Kind {
    /// As quiz files spell it.
    pub fn id(&self) -> &'static str {
        match self {
            Kind::Choice(_) => "choice",
            Kind::Several(_) => "several",
            Kind::Numeric { .. } => "numeric",
            Kind::Shape(_) => "shape",
            Kind::Order(_) => "order",
            Kind::Bug { .. } => "bug",
            Kind::Short(_) => "short",
        }
    }
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub text: Both,
    pub right: bool,
}

/// The letter before the option at `index`; a question has nine at most.
pub fn letter(index: usize) -> char {
    char::from(b'a' + u8::try_from(index).unwrap_or(25).min(25))
}

/// A number as people write it: whole ones in full, others with six digits that count.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    match usize::try_from(5 - exponent) {
        Ok(decimals) if exponent > -5 => trim(&format!("{value:.decimals$}")),
        _ => format!("{}e{exponent}", trim(digits)),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_read_well() {
        let shown = [1024.0, -3.0, 0.1, 3.2, 1.0 / 3.0, 1234.5678, 1e-7, 2.5e20].map(number);
        let want = [
            "1024", "-3", "0.1", "3.2", "0.333333", "1234.57", "1e-7", "2.5e20",
        ];
        assert_eq!(shown, want);
    }
}
