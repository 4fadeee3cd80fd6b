//! What a lesson asks: inputs, the reference, every wrong version it knows, and its laws.

use crate::tensor::{Inputs, Labels, Outputs, Tensor};
use crate::text::Text;
use crate::trace::Trace;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

/// One problem: everything that the judge, the tracer and the benches need to know.
pub struct Problem {
    /// The learner's function: `fn attention(q: &Tensor, …) -> Tensor`.
    pub signature: &'static str,
    /// The arguments, in order.
    pub args: &'static [Arg],
    /// The outputs, in order: name and axes.
    pub outputs: &'static [(&'static str, &'static str)],
    /// Sizes and options that a person may set: `--set n=8`.
    pub settings: &'static [Setting],
    /// Cases on which values are compared. The first has sizes which are all different.
    pub kinds: &'static [Kind],
    /// Seeded inputs of a case.
    pub inputs: fn(&Case) -> Inputs,
    /// The truth, step by step in f64. Shapes have been checked against `args`.
    pub reference: fn(&Inputs, &mut Trace) -> Outputs,
    /// The same computation with planted bugs and conventions switched on by id. With none it
    /// equals the reference.
    pub variant: fn(&Inputs, &Variant) -> Outputs,
    pub bugs: &'static [Bug],
    pub conventions: &'static [Convention],
    /// How far a right f32 answer may be from the truth.
    pub tolerance: fn(&Inputs) -> Tolerance,
    pub laws: &'static [Law],
    /// Where memory is part of the exercise: what a right answer may hold.
    pub memory: Option<Memory>,
    pub production: Production,
}

/// One argument of the exercise.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    pub kind: ArgKind,
}

impl Arg {
    pub const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg { name, kind }
    }

    /// A float tensor: `Arg::float("q", "b h n d")`.
    pub const fn float(name: &'static str, axes: &'static str) -> Arg {
        Arg::new(name, ArgKind::Float(axes))
    }

    /// Integers.
    pub const fn int(name: &'static str, axes: &'static str) -> Arg {
        Arg::new(name, ArgKind::Int(axes))
    }

    pub const fn number(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Number)
    }
}

/// What an argument is. Axes are space separated names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ArgKind {
    /// A float tensor with these axes.
    Float(&'static str),
    /// Integers with these axes.
    Int(&'static str),
    /// A number.
    Number,
    /// A float tensor that broadcasts to these axes, or nothing.
    OptionalBroadcast(&'static str),
}

impl ArgKind {
    /// The names of its axes; none for a number.
    pub const fn axes(self) -> &'static str {
        match self {
            ArgKind::Float(axes) | ArgKind::Int(axes) | ArgKind::OptionalBroadcast(axes) => axes,
            ArgKind::Number => "",
        }
    }
}

/// A size or an option of a problem.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub about: Text,
    pub default: usize,
    pub min: usize,
    pub max: usize,
    /// Valid values are multiples of this (2 for RoPE's head_dim).
    pub multiple_of: usize,
    /// Whether this is the size of an axis (an option such as `causal` is not).
    pub axis: bool,
}

impl Setting {
    /// The size of an axis, from 1 up.
    pub const fn axis(name: &'static str, default: usize, about: Text) -> Setting {
        Setting {
            name,
            about,
            default,
            min: 1,
            max: 4096,
            multiple_of: 1,
            axis: true,
        }
    }

    /// An option with values from `min` to `max`.
    pub const fn option(
        name: &'static str,
        default: usize,
        min: usize,
        max: usize,
        about: Text,
    ) -> Setting {
        Setting {
            name,
            about,
            default,
            min,
            max,
            multiple_of: 1,
            axis: false,
        }
    }

    /// The same setting, for multiples of `step` only.
    pub const fn multiple_of(self, step: usize) -> Setting {
        Setting {
            min: step,
            multiple_of: step,
            ..self
        }
    }
}

/// A kind of case: `ordinary`, `tiny`, `ragged`, `large-magnitude`, `masked-row` …
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub id: &'static str,
    pub about: Text,
    /// Settings that differ from their defaults.
    pub settings: &'static [(&'static str, usize)],
    /// Whether axis sizes are drawn by the seed (between `min` and `min + 8` steps).
    pub ragged: bool,
}

impl Kind {
    /// A kind of case with fixed sizes.
    pub const fn new(
        id: &'static str,
        settings: &'static [(&'static str, usize)],
        about: Text,
    ) -> Kind {
        Kind {
            id,
            about,
            settings,
            ragged: false,
        }
    }

    /// The same with axis sizes drawn by the seed.
    pub const fn ragged(self) -> Kind {
        Kind {
            ragged: true,
            ..self
        }
    }
}

/// One case: a kind, a seed and sizes. Everything random is drawn from the seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub kind: &'static str,
    pub seed: u64,
    pub settings: BTreeMap<&'static str, usize>,
}

impl Case {
    /// The value of a setting.
    pub fn size(&self, name: &str) -> usize {
        *self
            .settings
            .get(name)
            .unwrap_or_else(|| panic!("the problem has no setting `{name}`"))
    }

    /// A generator of its own for each input, so that shrinking one leaves the others alone.
    pub fn rng(&self, name: &str) -> StdRng {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.seed;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        StdRng::seed_from_u64(hash)
    }

    /// Standard normal values with these axes (`"b h n d"`), times `scale`.
    pub fn normal(&self, name: &str, axes: &str, scale: f32) -> Tensor {
        let shape: Vec<usize> = axes
            .split_whitespace()
            .map(|axis| self.size(axis))
            .collect();
        let mut rng = self.rng(name);
        Tensor::from_shape_simple_fn(shape, || scale * normal(&mut rng))
    }

    /// Integers in `range` with these axes.
    pub fn integers(&self, name: &str, axes: &str, range: std::ops::Range<i64>) -> Labels {
        let shape: Vec<usize> = axes
            .split_whitespace()
            .map(|axis| self.size(axis))
            .collect();
        let mut rng = self.rng(name);
        Labels::from_shape_simple_fn(shape, || rng.random_range(range.clone()))
    }
}

/// One standard normal draw (Box and Muller).
fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}

/// The ids of the bugs and conventions that are switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant(pub Vec<&'static str>);

impl Variant {
    pub fn has(&self, id: &str) -> bool {
        self.0.contains(&id)
    }
}

/// A mistake that people really make.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    pub id: &'static str,
    /// Completes «your output equals attention …»: `without the 1/√d scale`.
    pub sentence: Text,
    /// How to mend it: one sentence.
    pub repair: Text,
}

/// A choice on which libraries differ and both are right: accepted, and named.
#[derive(Clone, Copy, Debug)]
pub struct Convention {
    pub id: &'static str,
    /// One sentence: what this convention does.
    pub sentence: Text,
    /// Who uses it, and who the default: `half-split: Hugging Face, GPT-NeoX; interleaved: paper, GPT-J`.
    pub who: Text,
}

/// How far a right answer may be from the truth: absolute, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerance {
    pub value: f64,
    /// With its numbers: `4·ε·(2·d·max|q|·max|k|/√d + m)·max|v|`.
    pub formula: String,
}

/// How much memory an answer may hold at its peak, beyond its inputs and its output. Measured in the
/// large case ([`Production::scale`]).
#[derive(Clone, Copy)]
pub struct Memory {
    /// In bytes.
    pub allowed: fn(&Case) -> u64,
    /// What an answer that holds more has most likely made: `an n×m matrix of f32 scores`.
    pub usual: Text,
    /// Its bytes.
    pub usual_bytes: fn(&Case) -> u64,
    /// How to do without it: one sentence.
    pub repair: Text,
}

/// Runs the learner's function on inputs of a law's choosing.
pub type Run<'a> = &'a mut dyn FnMut(&Inputs) -> Outputs;

/// An invariant of the concept.
#[derive(Clone, Copy)]
pub struct Law {
    pub id: &'static str,
    /// `permuting keys and values together changes nothing`.
    pub sentence: Text,
    /// Conventions under which it does not hold.
    pub except: &'static [&'static str],
    /// Kinds of case on which it is tried.
    pub kinds: &'static [&'static str],
    /// How far the law is from holding, and how far it may be.
    pub check: fn(&Inputs, Run<'_>) -> Deviation,
}

/// A measured distance and its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    pub err: f64,
    pub tol: f64,
}

impl Deviation {
    /// Written so that NaN fails.
    pub fn holds(self) -> bool {
        self.err <= self.tol
    }

    /// The largest |a − b|; infinite where shapes differ, NaN where one side is NaN.
    pub fn between(a: &Outputs, b: &Outputs, tol: f64) -> Deviation {
        let same = a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.shape() == y.shape());
        let pairs = a.iter().flatten().zip(b.iter().flatten());
        match same {
            true => Deviation::worst(pairs.map(|(x, y)| (x - y).abs()), tol),
            false => Deviation {
                err: f64::INFINITY,
                tol,
            },
        }
    }

    /// The largest of these distances, 0 without any; NaN where one is NaN.
    pub fn worst(distances: impl Iterator<Item = f64>, tol: f64) -> Deviation {
        let larger = |a: f64, b: f64| match a.is_nan() || b.is_nan() {
            true => f64::NAN,
            false => a.max(b),
        };
        let err = distances.fold(0.0, larger);
        Deviation { err, tol }
    }
}

/// The production kernel, behind one entry.
#[derive(Clone, Copy)]
pub struct Production {
    /// The kernel's name and the path that it takes on this machine: `attention, AVX2, 2 threads`.
    pub name: fn() -> String,
    /// Everything that comes before the kernel: layouts, tables, room for the outputs.
    pub prepare: fn(&Inputs) -> Prepared<'_>,
    /// Settings of the large case.
    pub scale: &'static [(&'static str, usize)],
    /// FLOPs and bytes that the large case cannot do without.
    pub work: fn(&Case) -> Work,
}

impl Production {
    /// The kernel's outputs, where its time does not matter.
    pub fn answer(&self, inputs: &Inputs) -> Outputs {
        let mut prepared = (self.prepare)(inputs);
        prepared.run();
        prepared.values()
    }
}

/// A kernel with all that it needs, so that [`Prepared::run`] is the kernel's work and nothing
/// else: what is timed.
pub struct Prepared<'a> {
    outputs: Vec<Tensor>,
    kernel: Kernel<'a>,
}

type Kernel<'a> = Box<dyn FnMut(&mut [Tensor]) + 'a>;

impl<'a> Prepared<'a> {
    /// `kernel` overwrites `outputs`, which are in the order of the problem's and in standard
    /// layout, each time that it is called.
    pub fn new(outputs: Vec<Tensor>, kernel: impl FnMut(&mut [Tensor]) + 'a) -> Prepared<'a> {
        let kernel = Box::new(kernel);
        Prepared { outputs, kernel }
    }

    pub fn run(&mut self) {
        (self.kernel)(&mut self.outputs);
    }

    /// What the last run wrote.
    pub fn values(&self) -> Outputs {
        let f64s = |output: &Tensor| output.mapv(f64::from);
        self.outputs.iter().map(f64s).collect()
    }
}

/// What a computation must do at the least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    pub flops: f64,
    pub bytes: f64,
}
