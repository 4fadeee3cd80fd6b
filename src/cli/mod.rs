//! The program: one verb table, one session, and the only place that talks to a terminal.

mod bench;
mod check;
mod claims;
mod clock;
mod completions;
mod difference;
mod doctor;
mod heat;
mod help;
mod interview;
#[cfg(feature = "repl")]
pub mod jupyter;
mod lab;
mod lesson;
mod list;
pub mod markdown;
mod model;
mod new_lesson;
mod picture;
mod plain;
mod quiz;
#[cfg(feature = "repl")]
pub mod repl;
mod session;
mod start;
mod stats;
mod ticker;
mod trace;
mod trace_text;
mod transfer;
pub mod verbs;
mod verdict_page;
mod watch;
#[cfg(feature = "repl")]
mod workbench;
mod wrap;

pub use help::JSON;
pub use new_lesson::{MARK, scaffold};
pub use session::{Asked, Session, Stream, Tell};
pub use verbs::{Arg, Shape, VERBS, Values, Verb};
pub use wrap::{columns, wrap};

use crate::kernels::cuda;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program on the process' arguments.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(done) = lab::judge::serve(&words).or_else(|| picture::serve(&words)) {
        return done;
    }
    if let Ok(cache) = lab::cache_dir() {
        cuda::keep_in(cache.join("cuda"));
    }
    let mut session = Session::new();
    session.lang = verbs::asked_lang(&words);
    match verbs::parse_in(session.lang, words) {
        Ok((verb, matches)) => {
            let values = Values(&matches);
            session.follow(&values);
            session.finish(|session| (verb.run)(session, &values))
        }
        Err(error) => session.refuse(&error),
    }
}
