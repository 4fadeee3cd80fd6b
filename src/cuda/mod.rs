//! Learners' CUDA: a `.cu` file with one kernel, judged like any other answer.
//!
//! The kernel's name is the lesson's, its parameters are the outputs, the inputs and the sizes of the axes
//! ([`signature`]), and comments of the file say how it is launched ([`Launch`]). Everything on the GPU happens
//! in a child of this process, since a context does not survive a fork: see `check::isolate`.

mod candidate;
mod clock;
mod ladder;
mod launch;
mod production;
mod starter;

pub use candidate::Kernel;
pub use ladder::{Climbed, Step, climb};
pub use launch::Launch;
pub use production::{Measured, Timed, measure};
pub use starter::{signature, starter};

use crate::lesson::Lesson;
use crate::problem::{Arg, Problem};

/// What the kernel is called: `attention`.
pub fn name(lesson: &Lesson) -> String {
    lesson.id.replace('-', "_")
}

/// Every axis that the problem names, once, in the order in which they come up.
fn all_axes(problem: &Problem) -> Vec<&'static str> {
    let args = problem.args.iter().map(|arg: &Arg| arg.kind.axes());
    let outputs = problem.outputs.iter().map(|(_, axes)| *axes);
    let mut all: Vec<&str> = Vec::new();
    for axis in args.chain(outputs).flat_map(str::split_whitespace) {
        let is_name = axis.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_name && !all.contains(&axis) {
            all.push(axis);
        }
    }
    all
}
