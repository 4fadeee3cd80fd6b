//! What the judge found, as data: ids and figures. `render` turns it into words.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The outcome of one check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub lesson: String,
    pub verdict: Verdict,
    pub seed: u64,
    /// Stages that ran, in order, with the number of cases each.
    pub stages: Vec<Stage>,
    /// The accepted convention that the answer follows, where it is not the default.
    pub convention: Option<String>,
    pub failure: Option<Failure>,
    /// Memory in the large case, where it is part of the exercise.
    #[serde(default)]
    pub memory: Option<Held>,
    pub timing: Option<Timing>,
    /// What the learner's function printed, cut at 4 kB.
    #[serde(default)]
    pub printed: String,
    /// The wall-clock time of all stages but scale.
    pub seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Passed,
    WrongShape,
    WrongValues,
    BrokenLaw,
    TooMuchMemory,
    MutatedInputs,
    Panicked,
    TimedOut,
    StackOverflow,
    OutOfMemory,
    Crashed,
    /// A kernel on the GPU could not be launched.
    Unlaunched,
    /// A kernel on the GPU wrote beside its output.
    Strayed,
    /// A kernel on the GPU left a part of its output as it was.
    Unwritten,
    Exited,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// `shape`, `values`, `laws`, `memory` or `scale`.
    pub id: String,
    pub passed: usize,
    pub total: usize,
}

/// Enough to run one case again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaseId {
    pub kind: String,
    pub seed: u64,
    pub settings: BTreeMap<String, usize>,
    /// Settings that differ from those which the kind and the seed alone would give.
    pub changed: BTreeMap<String, usize>,
}

/// Why a check failed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Failure {
    /// The smallest case found that still fails.
    pub case: Option<CaseId>,
    pub shape: Option<ShapeFact>,
    pub place: Option<Place>,
    /// How the tolerance came about, with its numbers.
    pub tolerance: Option<String>,
    /// Expected and got in full, where the case is small: per output.
    pub values: Vec<Pair>,
    /// The output that is farthest off, on the first case that fails: for a picture of both.
    #[serde(default)]
    pub seen: Option<Seen>,
    /// Ids of the planted bugs, one or two, whose outputs equal the learner's.
    pub bugs: Vec<String>,
    /// On how many cases they do: all of them, or where more is wrong, more than half.
    #[serde(default)]
    pub covered: usize,
    /// How many cases there were, and how many of them fail.
    pub explained: Option<(usize, usize)>,
    /// What was measured where no planted bug fits.
    pub facts: Vec<Fact>,
    pub divergence: Option<Divergence>,
    /// The law that does not hold; beside wrong values, where no planted bug fits.
    pub law: Option<LawFact>,
    /// A panic's words, a signal's name, an exit code, the input that was changed.
    pub message: Option<String>,
}

/// An output in full.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pair {
    #[serde(with = "floats")]
    pub want: Vec<f64>,
    #[serde(with = "floats")]
    pub got: Vec<f64>,
}

/// An output beside the right one, in full.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// Which of the problem's outputs.
    pub output: usize,
    pub shape: Vec<usize>,
    /// Row-major.
    #[serde(with = "floats")]
    pub want: Vec<f64>,
    #[serde(with = "floats")]
    pub got: Vec<f64>,
}

/// A law that does not hold: how far it is off, and how far it may be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LawFact {
    pub id: String,
    #[serde(with = "float")]
    pub err: f64,
    #[serde(with = "float")]
    pub tol: f64,
}

/// One wrong element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub output: usize,
    pub index: Vec<usize>,
    #[serde(with = "float")]
    pub got: f64,
    #[serde(with = "float")]
    pub want: f64,
    #[serde(with = "float")]
    pub err: f64,
    pub tol: f64,
    /// How many elements are wrong, of how many.
    pub wrong: usize,
    pub total: usize,
}

/// What is wrong with a shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShapeFact {
    /// The output's name.
    pub output: String,
    pub axes: Vec<String>,
    pub want: Vec<usize>,
    pub got: Vec<usize>,
    pub cause: ShapeCause,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeCause {
    /// So many outputs came, so many are asked.
    Count {
        got: usize,
        want: usize,
    },
    Swapped(String, String),
    /// The axes came in this order.
    Order(Vec<String>),
    /// An axis of the answer that should not be there: its name (or `1`) and place.
    Extra(String, usize),
    Missing(String),
    /// An axis has another axis' size.
    Size {
        axis: String,
        got: usize,
        looks_like: Option<String>,
    },
    Other,
}

/// Something that was measured on a wrong answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    AllZero {
        output: String,
    },
    AllNan {
        output: String,
    },
    /// NaN or infinite elements: how many, of how many, the first place.
    NotFinite {
        output: String,
        count: usize,
        total: usize,
        first: Vec<usize>,
    },
    /// Everything has one value.
    Constant {
        output: String,
        value: f64,
    },
    /// answer = factor × truth.
    Factor {
        output: String,
        factor: f64,
    },
    /// answer = truth + offset.
    Offset {
        output: String,
        offset: f64,
    },
    /// The answer is the truth with two axes of the same size exchanged.
    Transposed {
        output: String,
        first: String,
        second: String,
    },
    /// The answer is the truth read backwards along an axis.
    Reversed {
        output: String,
        axis: String,
    },
    /// The answer is the truth shifted along an axis.
    Shifted {
        output: String,
        axis: String,
        by: i64,
    },
    /// Along an axis, positions before `from` are right and all others hold errors.
    RightUpTo {
        output: String,
        axis: String,
        from: usize,
    },
    /// Only these positions of an axis hold errors.
    WrongAt {
        output: String,
        axis: String,
        at: Vec<usize>,
        size: usize,
    },
    /// Every position of an axis repeats the truth of its first.
    RepeatsFirst {
        output: String,
        axis: String,
    },
    /// This output is right.
    Right {
        output: String,
    },
}

/// Where a traced run leaves the reference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Divergence {
    /// The last step of the reference that is in the learner's run.
    pub last_equal: Option<String>,
    /// The first one that is not.
    pub step: String,
    pub formula: String,
    /// Whether the run has a step of this name, with other values.
    pub same_name: bool,
}

/// What an answer held at its peak in the large case, in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    pub settings: BTreeMap<String, usize>,
    /// Beyond inputs and outputs. Absent where it could not be measured.
    pub extra: Option<u64>,
    /// Whether each request was counted; else the system's figure, in whole pages.
    pub exact: bool,
    pub allowed: u64,
    /// The bytes of what is most likely there where it is too much.
    pub usual: u64,
    /// Why there was no answer to measure.
    pub trouble: Option<(Verdict, String)>,
}

impl Held {
    /// Whether it was measured and is too much.
    pub fn too_much(&self) -> bool {
        self.extra.is_some_and(|extra| extra > self.allowed)
    }
}

/// Times of the large case, in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timing {
    pub settings: BTreeMap<String, usize>,
    pub kernel: String,
    /// Absent where the kernel did not get to run.
    pub production: Option<f64>,
    /// Absent where the learner's answer was not timed (arrays), or took too long.
    pub learner: Option<f64>,
    /// The learner's runs, from the fastest on; `learner` is their median.
    #[serde(default)]
    pub learner_runs: Vec<f64>,
    pub reference: Option<f64>,
    /// The least seconds that this machine's measured limits allow, and which of them sets it:
    /// `memory` or `arithmetic`.
    pub limit: Option<(f64, String)>,
    pub flops: f64,
    pub bytes: f64,
    /// The production kernel on the GPU, where there is one: its name and its seconds.
    #[serde(default)]
    pub cuda: Option<(String, f64)>,
    /// Whether the learner's answer ran on the GPU, whose limit `limit` is then.
    #[serde(default)]
    pub on_gpu: bool,
    /// The place where the learner's answer leaves the kernel's, if it does.
    pub wrong: Option<Place>,
    /// Why the learner's function gave no time.
    pub trouble: Option<(Verdict, String)>,
}

/// JSON has no NaN and no infinity: they travel as words.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Float {
    Number(f64),
    Word(String),
}

impl From<f64> for Float {
    fn from(value: f64) -> Float {
        match value.is_finite() {
            true => Float::Number(value),
            false => Float::Word(value.to_string()),
        }
    }
}

impl Float {
    fn value<E: serde::de::Error>(self) -> Result<f64, E> {
        match self {
            Float::Number(value) => Ok(value),
            Float::Word(word) => word.parse().map_err(E::custom),
        }
    }
}

mod float {
    use super::Float;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Float::from(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Float::deserialize(deserializer)?.value()
    }
}

mod floats {
    use super::Float;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| Float::from(*value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Float>::deserialize(deserializer)?;
        values.into_iter().map(Float::value).collect()
    }
}
