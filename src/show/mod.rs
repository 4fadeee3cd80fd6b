//! A run of a reference as data: what the tracer's text, JSON and tables show.

mod heat_map;
mod html;
mod json;
mod picture;
mod plot;
mod summary;
mod traced;

pub use heat_map::{HeatMap, Panel, Scale, Shade, Side};
pub use html::html;
pub use json::json;
pub use picture::{Example, Figure, Parts, Picture};
pub use plot::{Axis, Curve, Plot, Range, Style, label};
pub use summary::{Summary, number, si};
pub use traced::{Source, Traced, guarded, traced};
