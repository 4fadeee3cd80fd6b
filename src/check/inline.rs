//! Running a candidate where there is no `fork`: in this process, with panics caught. An endless
//! loop ends with Ctrl-C there.

use super::ended::{Death, Ended};
use super::report::Verdict;
use crate::solution::Candidate;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// For the signature only: nothing is bounded here.
pub enum Room {
    Free,
}

impl Room {
    pub fn of(_: &dyn Candidate) -> Room {
        Room::Free
    }
}

/// Runs `work` and catches its panic.
pub fn run<R>(_: Duration, _: Room, work: impl FnOnce(&mut dyn FnMut(&[u8])) -> R) -> Ended<R> {
    let mut last = Vec::new();
    let mut tell = |words: &[u8]| last = words.to_vec();
    match catch_unwind(AssertUnwindSafe(|| work(&mut tell))) {
        Ok(result) => Ended::Done(result, String::new()),
        Err(_) => Ended::Died(Death {
            verdict: Verdict::Panicked,
            message: String::new(),
            last,
            printed: String::new(),
        }),
    }
}
