//! Spaced repetition: what a person answered → what is due, and how well it is known.
//!
//! The log of answers and verdicts is the only thing kept; cards are made from it each time. So an import
//! needs no merging of schedules, and a better algorithm applies to everything answered before.
//!
//! Days are numbers (days since 1970 where the person lives); nothing here reads a clock.

mod activity;
mod card;
mod deck;
mod forecast;

pub use activity::Activity;
pub use card::{Card, Rating};
pub use deck::{Deck, Entry, Item};
pub use forecast::{Pace, Scope, readiness};
