//! A tensor as panels of coloured cells.

use super::{Area, Drawn};
use crate::show::{HeatMap, Panel, Scale, Shade, Side, number};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Panels beside each other, at most.
const ACROSS: usize = 4;
/// The room around the cells of a panel: the rows' name and numbers, the panel's name, the columns' numbers
/// and name.
const LEFT: i32 = 64;
const ABOVE: i32 = 30;
const BELOW: i32 = 56;
const GAP: i32 = 22;
const TITLE: i32 = 48;
/// The scale to the right.
const SCALE: i32 = 116;
/// A cell at least so wide has its value in it.
const WIDE: i32 = 40;

/// The size of maps below each other.
pub fn size(maps: &[HeatMap]) -> (u32, u32) {
    let sizes = maps.iter().map(|map| Layout::of(map).size(map));
    sizes.fold((0, 0), |all, size| (all.0.max(size.0), all.1 + size.1))
}

pub fn draw(maps: &[HeatMap], area: &Area<'_>) -> Drawn {
    let mut rest = area.clone();
    for map in maps {
        let layout = Layout::of(map);
        let (own, below) = rest.split_vertically(layout.size(map).1);
        one(map, &layout, &own)?;
        rest = below;
    }
    Ok(())
}

/// Four are two by two, more are in rows of four.
fn across(panels: usize) -> usize {
    match panels {
        4 => 2,
        panels => panels.clamp(1, ACROSS),
    }
}

/// Where things stand, in pixels.
struct Layout {
    /// The sides of a cell.
    cell: (i32, i32),
    across: i32,
    /// The size of a panel with its room.
    panel: (i32, i32),
    /// The room above the panels.
    title: i32,
}

impl Layout {
    fn of(map: &HeatMap) -> Layout {
        let (rows, columns) = map.panels[0].cells.dim();
        let (rows, columns) = (rows as i32, columns as i32);
        let across = across(map.panels.len()) as i32;
        let room = if across == 1 { 820 } else { 960 / across };
        let wide = (room / columns.max(1)).clamp(4, 46);
        // Long and flat panels have cells that are higher than wide.
        let high = match rows * 4 < columns {
            true => (220 / rows.max(1)).clamp(wide, 46),
            false => (room.min(640) / rows.max(1)).clamp(4, 46).min(wide),
        };
        let wide = if high < wide && rows > columns {
            high
        } else {
            wide
        };
        Layout {
            cell: (wide, high),
            across,
            panel: (LEFT + GAP + wide * columns, ABOVE + BELOW + high * rows),
            title: if map.title.is_empty() { 12 } else { TITLE },
        }
    }

    fn size(&self, map: &HeatMap) -> (u32, u32) {
        let down = map.panels.len().div_ceil(self.across as usize) as i32;
        // A short map still has room for the scale and the title.
        let width = (self.across * self.panel.0).max(300) + SCALE;
        let height = self.title + (down * self.panel.1).max(190);
        (width as u32, height as u32)
    }
}

fn one(map: &HeatMap, layout: &Layout, area: &Area<'_>) -> Drawn {
    let style = ("sans-serif", 20).into_text_style(area);
    area.draw_text(&map.title, &style, (16, 14))?;
    for (i, panel) in (0..).zip(&map.panels) {
        let at = (
            i % layout.across * layout.panel.0,
            layout.title + i / layout.across * layout.panel.1,
        );
        draw_panel(map, panel, layout.cell, at, area)?;
    }
    let (width, _) = layout.size(map);
    draw_scale(map, (width as i32 - SCALE + 14, layout.title + ABOVE), area)
}

fn draw_panel(
    map: &HeatMap,
    panel: &Panel,
    cell: (i32, i32),
    at: (i32, i32),
    area: &Area<'_>,
) -> Drawn {
    let (x, y) = (at.0 + LEFT, at.1 + ABOVE);
    let (rows, columns) = panel.cells.dim();
    let (right, bottom) = (x + cell.0 * columns as i32, y + cell.1 * rows as i32);
    let style = |size: i32| ("sans-serif", size).into_text_style(area);
    let placed = |size, h, v| style(size).pos(Pos::new(h, v));
    let ink = BLACK.mix(0.75);
    let grey = |h, v| placed(14, h, v).color(&ink);
    area.draw_text(&panel.name, &style(17), (x, at.1 + 4))?;
    let below = placed(16, HPos::Center, VPos::Top);
    area.draw_text(&map.columns.name, &below, ((x + right) / 2, bottom + 26))?;
    let beside = placed(16, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
    area.draw_text(&map.rows.name, &beside, (at.0 + 10, (y + bottom) / 2))?;
    for index in numbered(&map.columns, cell.0, 30, columns) {
        let at = (x + cell.0 * index as i32 + cell.0 / 2, bottom + 6);
        let text = (index * map.columns.pool).to_string();
        area.draw_text(&text, &grey(HPos::Center, VPos::Top), at)?;
    }
    for index in numbered(&map.rows, cell.1, 18, rows) {
        let at = (x - 6, y + cell.1 * index as i32 + cell.1 / 2);
        let text = (index * map.rows.pool).to_string();
        area.draw_text(&text, &grey(HPos::Right, VPos::Center), at)?;
    }
    // Small cells touch: a gap would be most of them, and neighbours of one colour are one rectangle.
    let gap = i32::from(cell.0.min(cell.1) > 12);
    for (i, row) in (0..).zip(panel.cells.rows()) {
        let colors: Vec<[u8; 3]> = row
            .iter()
            .map(|x| map.scale.color(map.scale.shade(*x)))
            .collect();
        let mut j = 0;
        for run in colors.chunk_by(|a, b| gap == 0 && a == b) {
            let corner = (x + cell.0 * j, y + cell.1 * i);
            j += run.len() as i32;
            let end = (x + cell.0 * j - gap, corner.1 + cell.1 - gap);
            let [r, g, b] = run[0];
            area.draw(&Rectangle::new([corner, end], RGBColor(r, g, b).filled()))?;
        }
        if cell.0 >= WIDE && cell.1 >= 20 {
            for (j, (value, [r, g, b])) in (0..).zip(row.iter().zip(&colors)) {
                // Dark cells have light letters.
                let light = 3 * u32::from(*r) + 6 * u32::from(*g) + u32::from(*b) > 1300;
                let ink = if light { &BLACK } else { &WHITE };
                let at = (x + cell.0 * j + cell.0 / 2, y + cell.1 * i + cell.1 / 2);
                let middle = placed(13, HPos::Center, VPos::Center);
                area.draw_text(&number(*value), &middle.color(ink), at)?;
            }
        }
    }
    Ok(())
}

/// The cells of a side that have numbers: as many as have room, at round distances.
fn numbered(side: &Side, cell: i32, room: i32, cells: usize) -> impl Iterator<Item = usize> {
    let least = (room / cell.max(1)).max(1) as usize;
    let round = [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128];
    let apart = round.into_iter().find(|apart| *apart >= least);
    let cells = if side.name.is_empty() { 0 } else { cells };
    (0..cells).step_by(apart.unwrap_or(least))
}

/// A bar of all shades with the values at its ends, and what is hidden.
fn draw_scale(map: &HeatMap, at: (i32, i32), area: &Area<'_>) -> Drawn {
    const HEIGHT: i32 = 120;
    let scale: Scale = map.scale;
    let style = ("sans-serif", 14).into_text_style(area);
    let middle = style.pos(Pos::new(HPos::Left, VPos::Center));
    for step in 0..HEIGHT {
        let value = scale.high - (scale.high - scale.low) * f64::from(step) / f64::from(HEIGHT - 1);
        let [r, g, b] = scale.color(scale.shade(value));
        let line = [(at.0, at.1 + step), (at.0 + 18, at.1 + step + 1)];
        area.draw(&Rectangle::new(line, RGBColor(r, g, b).filled()))?;
    }
    let mut ends = vec![(scale.high, 4), (scale.low, HEIGHT - 4)];
    if scale.is_signed() {
        ends.insert(1, (0.0, HEIGHT / 2));
    }
    for (value, y) in ends {
        area.draw_text(&number(value), &middle, (at.0 + 26, at.1 + y))?;
    }
    let mut cells = map.panels.iter().flat_map(|panel| panel.cells.iter());
    if cells.any(|value| scale.shade(*value) == Shade::Hidden) {
        let [r, g, b] = scale.color(Shade::Hidden);
        let (x, y) = (at.0, at.1 + HEIGHT + 16);
        let square = [(x, y), (x + 18, y + 18)];
        area.draw(&Rectangle::new(square, RGBColor(r, g, b).filled()))?;
        area.draw_text("−∞", &middle, (x + 26, y + 9))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::cli::picture::save;
    use crate::show::HeatMap;
    use crate::text::Lang;
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
        let figure = vec![map].into();
        for name in ["a.svg", "a.png"] {
            save(&figure, &path(name), Lang::En).unwrap();
        }
        let svg = std::fs::read_to_string(path("a.svg")).unwrap();
        for text in ["scores", "h=0", "h=2", "m", "n", "-inf", "−∞"] {
            assert!(
                svg.contains(&format!("aria-label=\"{text}\"")),
                "{text} is missing"
            );
        }
        // Cells, the white ground, the lines of the scale, and what is hidden.
        assert_eq!(svg.matches("<rect").count(), 3 * 20 + 1 + 120 + 1);
        let png = std::fs::read(path("a.png")).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        assert!(save(&figure, &path("a.jpg"), Lang::En).is_err());
    }
}
