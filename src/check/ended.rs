//! How isolated work ended.

use super::report::Verdict;

pub enum Ended<R> {
    /// With its result and what it printed.
    Done(R, String),
    Died(Death),
}

/// What is known about work that gave no result.
pub struct Death {
    pub verdict: Verdict,
    /// A signal's name, the size of an allocation, an exit code.
    pub message: String,
    /// What the work said last.
    pub last: Vec<u8>,
    pub printed: String,
}

impl Death {
    /// The work could not even start.
    pub fn unborn(message: String) -> Death {
        Death {
            verdict: Verdict::Crashed,
            message,
            last: Vec::new(),
            printed: String::new(),
        }
    }
}
