//! The program: one verb table, one session, and the only place that talks to a terminal.

mod quiz;
mod session;
mod transfer;
mod verbs;
mod wrap;

pub use session::{Asked, Session};
pub use verbs::{Arg, Shape, VERBS, Values, Verb};
pub use wrap::{columns, wrap};

use std::process::ExitCode;

/// Runs the program on the process' arguments.
pub fn main() -> ExitCode {
    let mut session = Session::new();
    match verbs::parse(std::env::args_os()) {
        Ok((verb, matches)) => session.finish(|session| (verb.run)(session, &Values(&matches))),
        Err(error) => error.exit(),
    }
}
