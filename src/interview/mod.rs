//! The mock interview: scripts read, openings chosen, answers taken and timed, a report made.
//!
//! [`Interview`] is a state machine: what happened and when goes in, what to show comes out. It
//! prints nothing, reads no clock and keeps nothing, so the events that were kept, given to it
//! again, bring back an interview that was broken off.

mod clock;
mod engine;
mod event;
mod html;
mod report;
mod script;

pub use clock::minutes as clock_text;
pub use engine::{Ask, Interview};
pub use event::{Bugged, Event, Judged, Out, Say, Style};
pub use html::html;
pub use report::{Concept, Entry, Report};
pub use script::{Back, Bank, Follow, Prompt, Script, When, back};
