//! A run of a reference as data: what the tracer's text, JSON and tables show.

mod html;
mod json;
mod plot;
mod summary;
mod traced;

pub use html::html;
pub use json::json;
pub use plot::{Curve, Plot, Style, label, ticks};
pub use summary::{Summary, number, si};
pub use traced::{Source, Traced, guarded, traced};
