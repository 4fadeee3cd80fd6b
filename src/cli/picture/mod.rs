//! Pictures: SVG for documents and notebooks, PNG where that is wanted, and in a terminal itself.
//!
//! plotters draws an SVG, whose letters become outlines ([`letters`]): so it looks the same on a machine
//! without fonts, in both languages. A PNG is that SVG as pixels.

mod graphics;
mod heat;
mod letters;
mod own;
mod plot;
#[cfg(test)]
mod tests;
mod verb;

pub use graphics::show;
pub use own::serve;
pub use verb::VERB;

use crate::show::{Figure, Parts};
use crate::text::Lang;
use plotters::coord::Shift;
use plotters::prelude::*;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;
use std::error::Error;
use std::path::Path;

/// Colours that people tell apart whatever their eyes (Okabe and Ito 2008).
pub const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];

/// How many pixels of a PNG are one of the SVG's.
const DENSITY: f32 = 2.0;
const MARGIN: i32 = 16;
const TITLE: i32 = 23;
const CAPTION: i32 = 17;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Drawn = Result<(), Box<dyn Error>>;

/// Whether a file is to be a picture, by its ending.
pub fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("svg" | "png"))
}

/// Writes the figure to `path`, as its ending says.
///
/// # Errors
/// A sentence when the ending is neither .svg nor .png, or the file cannot be written.
pub fn save(figure: &Figure, path: &Path, lang: Lang) -> Result<(), String> {
    write(&svg(figure, lang)?, path, lang)
}

/// Writes an SVG to `path`: as it is, or as pixels.
///
/// # Errors
/// As [`save`].
pub fn write(svg: &str, path: &Path, lang: Lang) -> Result<(), String> {
    let shown = path.display();
    let bytes = match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => svg.as_bytes().to_vec(),
        Some("png") => png(svg, DENSITY).map_err(|error| undrawn(&*error, lang))?,
        _ => {
            return Err(lang.pick(
                format!("{shown} should end in .svg or .png"),
                format!("{shown} 应以 .svg 或 .png 结尾"),
            ));
        }
    };
    std::fs::write(path, bytes).map_err(|error| {
        lang.pick(
            format!("{shown} cannot be written: {error}"),
            format!("无法写入 {shown}：{error}"),
        )
    })
}

/// The figure as SVG.
///
/// # Errors
/// A sentence when there is nothing to draw.
pub fn svg(figure: &Figure, lang: Lang) -> Result<String, String> {
    let (width, height) = match &figure.parts {
        Parts::Heat(maps) => heat::size(maps),
        Parts::Plots(plots) => plot::size(plots),
    };
    let width = width.max(if figure.title.is_empty() { 0 } else { 640 });
    let heading = heading(figure, width as i32 - 2 * MARGIN);
    let above: i32 = heading.iter().map(|(size, _)| size + size / 2).sum();
    let above = above + if heading.is_empty() { 0 } else { MARGIN };
    drawn((width, height + above as u32), &figure.title, |area| {
        let mut y = MARGIN;
        for (size, line) in &heading {
            let ink = if *size == TITLE {
                BLACK.mix(1.0)
            } else {
                BLACK.mix(0.65)
            };
            let style = ("sans-serif", *size).into_text_style(area).color(&ink);
            area.draw_text(line, &style, (MARGIN, y))?;
            y += size + size / 2;
        }
        let (_, below) = area.split_vertically(above);
        match &figure.parts {
            Parts::Heat(maps) => heat::draw(maps, &below),
            Parts::Plots(plots) => plot::draw(plots, &below),
        }
    })
    .map_err(|error| undrawn(&*error, lang))
}

/// The lines above the parts with the size of their letters: the title and what to see.
fn heading(figure: &Figure, width: i32) -> Vec<(i32, String)> {
    let lines = |text: &str, size: i32| {
        let lines = letters::wrapped(text, f64::from(size), f64::from(width));
        lines.into_iter().map(move |line| (size, line))
    };
    let title = lines(&figure.title, TITLE);
    title.chain(lines(&figure.caption, CAPTION)).collect()
}

/// An SVG of `size` pixels that `draw` draws on, named `name` for those who do not see it.
///
/// # Errors
/// What plotters says.
pub fn drawn(
    size: (u32, u32),
    name: &str,
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<String, Box<dyn Error>> {
    letters::register()?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    letters::outlined(&svg, name)
}

/// An SVG as a PNG, with `density` pixels for one of the SVG's.
fn png(svg: &str, density: f32) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(pixels(svg, density)?.encode_png()?)
}

fn pixels(svg: &str, density: f32) -> Result<Pixmap, Box<dyn Error>> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default())?;
    let side = |side: f32| (side * density).round() as u32;
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    let mut pixels = Pixmap::new(width, height).ok_or("a picture has at least one pixel")?;
    let scale = Transform::from_scale(density, density);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    Ok(pixels)
}

fn undrawn(error: &dyn Error, lang: Lang) -> String {
    lang.pick(
        format!("the picture cannot be drawn: {error}"),
        format!("无法绘制图片：{error}"),
    )
}
