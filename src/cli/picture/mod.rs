//! Pictures: SVG for documents, PNG where that is wanted.

mod heat;
mod plot;

pub use heat::save as save_heat_maps;
pub use plot::save;

use crate::text::Lang;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::error::Error;
use std::path::Path;

/// Colours that people tell apart whatever their eyes (Okabe and Ito 2008).
pub const COLORS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];

/// A machine without fonts still draws letters: this font is in the program.
///
/// # Errors
/// Where it cannot be read, which a test rules out.
pub fn sans_serif() -> Result<(), Box<dyn Error>> {
    let font = epaint_default_fonts::UBUNTU_LIGHT;
    let known = register_font("sans-serif", FontStyle::Normal, font);
    known.map_err(|_| "the built-in font cannot be read".into())
}

/// Whether a file is to be a picture, by its ending.
pub fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("svg" | "png"))
}

type Drawn = Result<(), Box<dyn Error>>;

/// Draws on a picture of `size` pixels that is written to `path`, by the one of the two that its ending asks
/// for.
///
/// # Errors
/// A sentence when the ending is neither .svg nor .png, or the file cannot be written.
fn onto<'a>(
    path: &'a Path,
    size: (u32, u32),
    lang: Lang,
    svg: impl FnOnce(DrawingArea<SVGBackend<'a>, Shift>) -> Drawn,
    png: impl FnOnce(DrawingArea<BitMapBackend<'a>, Shift>) -> Drawn,
) -> Result<(), String> {
    let shown = path.display();
    let drawn = match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => svg(SVGBackend::new(path, size).into_drawing_area()),
        Some("png") => png(BitMapBackend::new(path, size).into_drawing_area()),
        _ => {
            return Err(lang.pick(
                format!("{shown} should end in .svg or .png"),
                format!("{shown} 应以 .svg 或 .png 结尾"),
            ));
        }
    };
    drawn.map_err(|error| {
        lang.pick(
            format!("{shown} cannot be written: {error}"),
            format!("无法写入 {shown}：{error}"),
        )
    })
}
