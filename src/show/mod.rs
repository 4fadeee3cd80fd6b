//! A run as data: what the tracer's text, JSON, tables and pictures show.

pub mod html;

mod heat_map;
#[cfg(feature = "lessons")]
mod json;
#[cfg(feature = "lessons")]
mod picture;
#[cfg(feature = "lessons")]
mod plot;
mod summary;
#[cfg(feature = "lessons")]
mod traced;

pub use heat_map::{HeatMap, Panel, Scale, Shade, Side};
#[cfg(feature = "lessons")]
pub use json::json;
#[cfg(feature = "lessons")]
pub use picture::{Example, Figure, Parts, Picture};
#[cfg(feature = "lessons")]
pub use plot::{Axis, Curve, Plot, Range, Style, label};
pub use summary::{Summary, number, si};
#[cfg(feature = "lessons")]
pub use traced::{Source, Traced, guarded, traced};
