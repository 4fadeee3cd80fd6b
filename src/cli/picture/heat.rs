//! A tensor as panels of coloured cells.

use super::{Drawn, onto, sans_serif};
use crate::show::{HeatMap, Panel, Scale, Side, number};
use crate::text::Lang;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

/// Panels beside each other, at most.
const ACROSS: usize = 4;
/// The room around the cells of a panel: numbers of rows, and above them the panel's name and numbers of columns.
const LEFT: i32 = 52;
const ABOVE: i32 = 62;
const TITLE: i32 = 56;
/// The scale to the right.
const SCALE: i32 = 120;
/// A cell at least so wide has its value in it.
const WIDE: i32 = 40;

/// Writes maps to `path` below each other, as its ending says; their titles stand above them.
///
/// # Errors
/// A sentence when the ending is neither .svg nor .png, or the file cannot be written.
pub fn save(maps: &[HeatMap], path: &Path, lang: Lang) -> Result<(), String> {
    let sizes = maps.iter().map(|map| Layout::of(map).size(map));
    let size = sizes.fold((0, 0), |all, size| (all.0.max(size.0), all.1 + size.1));
    onto(
        path,
        size,
        lang,
        |area| draw_all(maps, &area),
        |area| draw_all(maps, &area),
    )
}

fn draw_all<DB: DrawingBackend>(maps: &[HeatMap], area: &Area<DB>) -> Drawn
where
    DB::ErrorType: 'static,
{
    sans_serif()?;
    area.fill(&WHITE)?;
    let mut rest = area.clone();
    for map in maps {
        let layout = Layout::of(map);
        let (own, below) = rest.split_vertically(layout.size(map).1);
        draw(map, &layout, &own)?;
        rest = below;
    }
    area.present()?;
    Ok(())
}

/// Where things stand, in pixels.
struct Layout {
    cell: i32,
    across: i32,
    /// The size of a panel with its room.
    panel: (i32, i32),
}

impl Layout {
    fn of(map: &HeatMap) -> Layout {
        let (rows, columns) = map.panels[0].cells.dim();
        let across = map.panels.len().min(ACROSS);
        let room = 1200 / across;
        let cell = (room / rows.max(columns)).clamp(5, 46) as i32;
        Layout {
            cell,
            across: across as i32,
            panel: (
                LEFT + 24 + cell * columns as i32,
                ABOVE + 26 + cell * rows as i32,
            ),
        }
    }

    fn size(&self, map: &HeatMap) -> (u32, u32) {
        let down = map.panels.len().div_ceil(self.across as usize) as i32;
        // A short map still has room for the scale and the title.
        let width = (self.across * self.panel.0).max(300) + SCALE;
        let height = TITLE + (down * self.panel.1).max(190);
        (width as u32, height as u32)
    }
}

type Area<DB> = DrawingArea<DB, Shift>;

fn draw<DB: DrawingBackend>(map: &HeatMap, layout: &Layout, area: &Area<DB>) -> Drawn
where
    DB::ErrorType: 'static,
{
    area.draw_text(
        &map.title,
        &("sans-serif", 24).into_text_style(area),
        (16, 16),
    )?;
    for (i, panel) in (0..).zip(&map.panels) {
        let at = (
            i % layout.across * layout.panel.0,
            TITLE + i / layout.across * layout.panel.1,
        );
        draw_panel(map, panel, layout.cell, at, area)?;
    }
    let (width, _) = layout.size(map);
    draw_scale(map.scale, (width as i32 - SCALE + 14, TITLE + 20), area)
}

fn draw_panel<DB: DrawingBackend>(
    map: &HeatMap,
    panel: &Panel,
    cell: i32,
    at: (i32, i32),
    area: &Area<DB>,
) -> Drawn
where
    DB::ErrorType: 'static,
{
    let (x, y) = (at.0 + LEFT, at.1 + ABOVE);
    let style = |size: i32| ("sans-serif", size).into_text_style(area);
    let middle = |size| style(size).pos(Pos::new(HPos::Center, VPos::Center));
    area.draw_text(&panel.name, &style(17), (x, at.1))?;
    area.draw_text(&map.columns.name, &style(15), (x, at.1 + 22))?;
    if !map.rows.name.is_empty() {
        area.draw_text(&map.rows.name, &style(15), (at.0 + 14, at.1 + 40))?;
    }
    for (side, along) in [(&map.columns, true), (&map.rows, false)] {
        for index in numbered(side, cell, panel, along) {
            let place = cell * index as i32 + cell / 2;
            let at = match along {
                true => (x + place, y - 10),
                false => (x - 18, y + place),
            };
            let text = (index * side.pool).to_string();
            area.draw_text(&text, &middle(13), at)?;
        }
    }
    for ((i, j), value) in panel.cells.indexed_iter() {
        let corner = (x + cell * j as i32, y + cell * i as i32);
        let shade = map.scale.shade(*value);
        let [r, g, b] = map.scale.color(shade);
        let square = [corner, (corner.0 + cell - 1, corner.1 + cell - 1)];
        area.draw(&Rectangle::new(square, RGBColor(r, g, b).filled()))?;
        if cell >= WIDE {
            // Dark cells have light letters.
            let light = 3 * u32::from(r) + 6 * u32::from(g) + u32::from(b) > 1300;
            let ink = if light { &BLACK } else { &WHITE };
            let at = (corner.0 + cell / 2, corner.1 + cell / 2);
            area.draw_text(&number(*value), &middle(12).color(ink), at)?;
        }
    }
    Ok(())
}

/// The cells of a side that have numbers: as many as have room.
fn numbered(side: &Side, cell: i32, panel: &Panel, along: bool) -> impl Iterator<Item = usize> {
    let (rows, columns) = panel.cells.dim();
    let cells = if along { columns } else { rows };
    let apart = (26 / cell.max(1)).max(1) as usize;
    let cells = if side.name.is_empty() { 0 } else { cells };
    (0..cells).step_by(apart)
}

/// A bar of all shades with the values at its ends.
fn draw_scale<DB: DrawingBackend>(scale: Scale, at: (i32, i32), area: &Area<DB>) -> Drawn
where
    DB::ErrorType: 'static,
{
    const HEIGHT: i32 = 120;
    let style = ("sans-serif", 14).into_text_style(area);
    for step in 0..HEIGHT {
        let value = scale.high - (scale.high - scale.low) * f64::from(step) / f64::from(HEIGHT - 1);
        let [r, g, b] = scale.color(scale.shade(value));
        let line = [(at.0, at.1 + step), (at.0 + 18, at.1 + step + 1)];
        area.draw(&Rectangle::new(line, RGBColor(r, g, b).filled()))?;
    }
    for (value, y) in [(scale.high, 0), (scale.low, HEIGHT - 12)] {
        area.draw_text(&number(value), &style, (at.0 + 26, at.1 + y))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;
    use ndarray::Array3;

    #[test]
    fn every_panel_and_value_is_drawn() {
        let mut trace = Trace::new();
        let value = Array3::from_shape_fn((3, 4, 5), |(h, n, m)| match m > n {
            true => f64::NEG_INFINITY,
            false => (h + n + m) as f64,
        });
        let map = HeatMap::new(trace.step("scores", "", "h n m", &value), [64, 64], 8).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.svg", "a.png"] {
            save(std::slice::from_ref(&map), &path(name), Lang::En).unwrap();
        }
        let svg = std::fs::read_to_string(path("a.svg")).unwrap();
        for text in [">\nscores\n<", "h=0", "h=2", ">\nm\n<", ">\nn\n<", "-inf"] {
            assert!(svg.contains(text), "{text} is missing");
        }
        // Cells, the white ground, and the lines of the scale.
        assert_eq!(svg.matches("<rect").count(), 3 * 20 + 1 + 120);
        let png = std::fs::read(path("a.png")).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        assert!(save(&[map], &path("a.jpg"), Lang::En).is_err());
    }
}
