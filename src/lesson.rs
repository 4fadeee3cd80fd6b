//! One concept: its texts, its problem, its questions, and what the notes said about it.

use crate::problem::Problem;
use crate::show::Picture;
use crate::text::{Lang, Text};

/// One concept = one folder under `lessons/`.
pub struct Lesson {
    /// `class-weighted-ce`
    pub id: &'static str,
    pub aliases: &'static [&'static str],
    pub title: Text,
    /// One line.
    pub summary: Text,
    pub part: Part,
    pub tracks: &'static [Track],
    /// Lessons to do first.
    pub needs: &'static [&'static str],
    /// `lesson.md` and `lesson.zh.md`.
    pub text: Text,
    pub problem: &'static Problem,
    /// `quiz.toml`
    pub quiz: &'static str,
    /// `trace.txt`: the golden trace of the defaults.
    pub trace: &'static str,
    /// `exercise.rs`: what `llmlab start` writes.
    pub starter: &'static str,
    /// `solution.rs`: a right answer as a learner would write it.
    pub solution: &'static str,
    /// From a nudge to nearly the answer.
    pub hints: &'static [Text],
    pub claims: &'static [Claim],
    /// `pictures.rs`: what is better seen than read.
    pub pictures: &'static [Picture],
}

/// Where a concept belongs, in teaching order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Transformer,
    Position,
    Compression,
    Serving,
    Data,
}

impl Part {
    pub fn title(self) -> Text {
        match self {
            Part::Transformer => Text::new("The Transformer", "Transformer"),
            Part::Position => Text::new("Position and length", "位置与长度"),
            Part::Compression => {
                Text::new("Quantization, pruning, distillation", "量化、剪枝、蒸馏")
            }
            Part::Serving => Text::new("Serving", "推理服务"),
            Part::Data => Text::new("Little data, long tail", "小样本与长尾"),
        }
    }
}

/// The notes' own table of uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Three-minute answers.
    Phone,
    /// Written by hand.
    Whiteboard,
    /// Long context, 4-bit in production.
    Leader,
    /// Few-shot, long tail.
    Algorithms,
}

impl Track {
    pub const ALL: [Track; 4] = [
        Track::Phone,
        Track::Whiteboard,
        Track::Leader,
        Track::Algorithms,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Track::Phone => "phone",
            Track::Whiteboard => "whiteboard",
            Track::Leader => "leader",
            Track::Algorithms => "algorithms",
        }
    }
}

/// A statement of the source notes, and what is true.
pub struct Claim {
    /// `C047`
    pub id: &'static str,
    pub verdict: Verdict,
    /// The notes' words.
    pub quote: &'static str,
    pub right: Text,
    /// Computes the difference and shows it.
    pub demo: Option<fn(Lang) -> String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// Its core is true and needs a qualification.
    Imprecise,
    Wrong,
    /// A number or rule without a source.
    Unsupported,
}
