//! The judge: one path for every kind of candidate, from shape to scale.
//!
//! It stops at the first stage that fails, names the cause where it has measured one, and accepts
//! every convention that the lesson knows.

mod cases;
mod compare;
mod diagnose;
mod divergence;
mod ended;
mod entry;
mod explain;
mod facts;
#[cfg_attr(not(unix), path = "inline.rs")]
mod isolate;
mod judge;
mod memory;
mod render;
mod report;
mod scale;
mod shape;
mod shrink;
mod words;

pub use cases::{CaseError, all, case, choose, large};
pub use compare::{matches, worst};
pub use diagnose::{Diagnosis, diagnose};
pub use entry::{REPORT, aloud};
pub use judge::{Options, check, judge, judge_arrays, on_gpu};
pub use memory::held;
pub use render::{render, replay};
pub use report::{
    CaseId, Divergence, Fact, Failure, Held, LawFact, Pair, Place, Report, Seen, ShapeCause,
    ShapeFact, Stage, Timing, Verdict,
};
pub use words::{duration, stage_zh, verdict as verdict_words};
