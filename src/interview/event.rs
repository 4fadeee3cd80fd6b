//! What happens in an interview, and what is to be done about it.

use crate::quiz::Both;
use crate::store::Answer;
use serde::{Deserialize, Serialize};

/// What happened. A list of these, with their times, is the whole interview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Begin,
    /// A line was typed.
    Line(String),
    /// The file of a whiteboard task was written here.
    File(String),
    /// The task cannot be judged on this machine: why.
    NoJudge(String),
    Judged(Judged),
    /// The judge gave no verdict on the file: it does not compile, for instance.
    Refused(String),
    /// The interview goes on after it was broken off.
    Resumed,
}

/// What the judge measured on a whiteboard answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    pub passed: bool,
    /// The verdict in words.
    pub verdict: Both,
    /// The stage that failed: `shape`, `values` …
    pub stage: Option<Both>,
    /// The planted bugs that were recognised.
    pub bugs: Vec<Bugged>,
    /// The large case: `n=1024 …`.
    pub sizes: String,
    /// Seconds of the answer and of the production kernel there.
    pub learner: Option<f64>,
    pub production: Option<f64>,
    /// Bytes held at the peak beyond inputs and outputs there.
    pub held: Option<u64>,
    /// Bytes of one f32 n×m matrix for every head there, where the task has such axes.
    pub matrix: Option<u64>,
}

impl Judged {
    /// How many times the kernel's time the answer took.
    pub fn ratio(&self) -> Option<f64> {
        let (own, kernel) = (self.learner?, self.production?);
        (kernel > 0.0).then_some(own / kernel)
    }

    /// How many n×m matrices for every head would fit in what was held.
    pub fn matrices(&self) -> Option<f64> {
        let (held, matrix) = (self.held?, self.matrix?);
        #[allow(clippy::cast_precision_loss)]
        (matrix > 0).then(|| held as f64 / matrix as f64)
    }
}

/// A mistake that the judge recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bugged {
    pub sentence: Both,
    pub repair: Both,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    Say(Say),
    /// An answer to a question of a lesson's quiz: it counts there too.
    Keep(Box<Answer>),
    /// Write the file of this lesson's exercise, and say where: [`Event::File`].
    Write(String),
    /// Judge this file as an answer to this lesson.
    Judge {
        lesson: String,
        file: String,
    },
    Done,
}

/// A paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    pub text: String,
    pub style: Style,
    /// Columns by which its further lines are indented.
    pub indent: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Strong,
    Dim,
    Good,
    Part,
    Bad,
    Code,
}

impl Say {
    pub fn new(style: Style, text: impl Into<String>) -> Say {
        let (text, indent) = (text.into(), 0);
        Say {
            text,
            style,
            indent,
        }
    }

    pub fn hanging(self, indent: usize) -> Say {
        Say { indent, ..self }
    }
}
