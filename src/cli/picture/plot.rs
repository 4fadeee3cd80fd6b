//! Plots: curves, bars and arrows over two axes.

use super::{Area, COLORS, Drawn};
use crate::show::{Curve, Plot, Range, Style};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// One plot by itself, and one of several.
const ALONE: (u32, u32) = (960, 560);
const BESIDE: (u32, u32) = (560, 440);
/// Plots beside each other, at most.
const ACROSS: usize = 3;

fn each(plots: &[Plot]) -> (u32, u32) {
    match plots.len() {
        1 => ALONE,
        _ if plots.iter().all(is_square) => (400, 430),
        _ => BESIDE,
    }
}

/// Arrows keep their angles.
fn is_square(plot: &Plot) -> bool {
    plot.curves.iter().any(|curve| curve.style == Style::Spokes)
}

fn across(plots: &[Plot]) -> usize {
    // Four are two by two.
    match plots.len() {
        4 => 2,
        count => count.clamp(1, ACROSS),
    }
}

pub fn size(plots: &[Plot]) -> (u32, u32) {
    let (width, height) = each(plots);
    let across = across(plots);
    (
        width * across as u32,
        height * plots.len().div_ceil(across) as u32,
    )
}

pub fn draw(plots: &[Plot], area: &Area<'_>) -> Drawn {
    let (width, height) = each(plots);
    let mut rest = area.clone();
    for row in plots.chunks(across(plots)) {
        let (mut line, below) = rest.split_vertically(height as i32);
        for plot in row {
            let (own, beside) = line.split_horizontally(width as i32);
            one(plot, &own)?;
            line = beside;
        }
        rest = below;
    }
    Ok(())
}

type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn one(plot: &Plot, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
    let [xs, ys] = plot.ranges().ok_or("there is nothing to draw")?;
    // Drawn on parts of the axes, 0 to 1, whatever their scales are.
    let ticks = [xs.ticks(&plot.x), ys.ticks(&plot.y)];
    let mut chart = ChartBuilder::on(area);
    chart.margin(16).x_label_area_size(56).y_label_area_size(82);
    if !plot.title.is_empty() {
        chart.caption(&plot.title, ("sans-serif", 21));
    }
    let mut chart = chart.build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    mesh(plot, [xs, ys], &ticks, &mut chart)?;
    let curves = || plot.curves.iter().zip(COLORS.iter().cycle());
    // Bars are behind.
    for (curve, color) in curves().filter(|(curve, _)| curve.style == Style::Bars) {
        bars(curve, *color, [xs, ys], &mut chart)?;
    }
    for (curve, color) in curves().filter(|(curve, _)| curve.style != Style::Bars) {
        lines(curve, *color, [xs, ys], &mut chart)?;
    }
    if plot.curves.iter().any(|curve| !curve.name.is_empty()) {
        chart
            .configure_series_labels()
            .label_font(("sans-serif", 17))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .margin(8)
            .position(emptiest(plot))
            .draw()?;
    }
    Ok(())
}

/// The axes with their ticks, names and grid.
fn mesh(
    plot: &Plot,
    [xs, ys]: [Range; 2],
    ticks: &[Vec<(f64, String)>; 2],
    chart: &mut Chart<'_, '_>,
) -> Drawn {
    let area = chart.plotting_area().clone();
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (width as i32, height as i32);
    let root = area.strip_coord_spec();
    let grid = BLACK.mix(0.12).stroke_width(1);
    let ink = BLACK.mix(0.75);
    let style = ("sans-serif", 16).into_text_style(&root).color(&ink);
    let name = ("sans-serif", 18).into_text_style(&root);
    let across = |x: f64| (xs.part(x) * f64::from(width)).round() as i32;
    let up = |y: f64| ((1.0 - ys.part(y)) * f64::from(height)).round() as i32;
    let below = style.pos(Pos::new(HPos::Center, VPos::Top));
    let mut free = i32::MIN;
    for (x, label) in &ticks[0] {
        let x = across(*x);
        if plot.x.labels.is_empty() {
            root.draw(&PathElement::new([(x, 0), (x, height)], grid))?;
        }
        let half = root.estimate_text_size(label, &style)?.0 as i32 / 2;
        // Labels that would touch are left out.
        if x - half > free {
            root.draw_text(label, &below, (x, height + 7))?;
            free = x + half + 6;
        }
    }
    let beside = style.pos(Pos::new(HPos::Right, VPos::Center));
    let mut widest = 0;
    for (y, label) in &ticks[1] {
        let y = up(*y);
        widest = widest.max(root.estimate_text_size(label, &style)?.0 as i32);
        if plot.y.labels.is_empty() {
            root.draw(&PathElement::new([(0, y), (width, y)], grid))?;
        }
        root.draw_text(label, &beside, (-8, y))?;
    }
    let frame = BLACK.mix(0.6).stroke_width(1);
    root.draw(&PathElement::new(
        [(0, 0), (0, height), (width, height)],
        frame,
    ))?;
    let middle = name.pos(Pos::new(HPos::Center, VPos::Top));
    root.draw_text(&plot.x.name, &middle, (width / 2, height + 30))?;
    let upright = name
        .transform(FontTransform::Rotate270)
        .pos(Pos::new(HPos::Center, VPos::Top));
    root.draw_text(&plot.y.name, &upright, (-(widest + 40).min(80), height / 2))?;
    Ok(())
}

fn bars(curve: &Curve, color: RGBColor, [xs, ys]: [Range; 2], chart: &mut Chart<'_, '_>) -> Drawn {
    let half = 0.46 * curve.spacing();
    let foot = ys.part(0.0_f64.max(ys.low));
    let bars = curve.points.iter().map(|(x, y)| {
        let (left, right) = (xs.part(x - half), xs.part(x + half));
        Rectangle::new(
            [(left, foot), (right, ys.part(*y))],
            color.mix(0.55).filled(),
        )
    });
    let series = chart.draw_series(bars)?;
    if !curve.name.is_empty() {
        series.label(&curve.name).legend(move |(x, y)| {
            Rectangle::new([(x + 2, y - 6), (x + 16, y + 6)], color.mix(0.55).filled())
        });
    }
    Ok(())
}

fn lines(curve: &Curve, color: RGBColor, [xs, ys]: [Range; 2], chart: &mut Chart<'_, '_>) -> Drawn {
    let place = |(x, y): &(f64, f64)| (xs.part(*x), ys.part(*y));
    let points = || curve.points.iter().map(place);
    let inside = |(x, y): &(f64, f64)| (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y);
    let line = |style: ShapeStyle| move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style);
    let named = !curve.name.is_empty();
    match curve.style {
        Style::Line | Style::Joined => {
            let stroke = color.stroke_width(2);
            let mut parts = Vec::new();
            for ends in points().collect::<Vec<_>>().windows(2) {
                parts.extend(clipped(ends[0], ends[1]));
            }
            let drawn = joined(&parts)
                .into_iter()
                .map(|path| PathElement::new(path, stroke));
            let series = chart.draw_series(drawn)?;
            if curve.style == Style::Line {
                if named {
                    series.label(&curve.name).legend(line(stroke));
                }
                return Ok(());
            }
        }
        Style::Stems => {
            let stroke = color.stroke_width(2);
            let foot = ys.part(0.0_f64.max(ys.low));
            let stems = points().map(|(x, y)| PathElement::new([(x, foot), (x, y)], stroke));
            let series = chart.draw_series(stems)?;
            if named {
                series.label(&curve.name).legend(move |(x, y)| {
                    PathElement::new([(x + 10, y - 7), (x + 10, y + 7)], stroke)
                });
            }
            return Ok(());
        }
        Style::Spokes => return spokes(curve, color, [xs, ys], chart),
        Style::Points | Style::Bars => {}
    }
    let radius = if curve.points.len() > 24 { 3 } else { 5 };
    let dots = points().filter(inside);
    let dots = dots.map(|point| Circle::new(point, radius, color.filled()));
    let series = chart.draw_series(dots)?;
    if named {
        series
            .label(&curve.name)
            .legend(move |(x, y)| Circle::new((x + 10, y), 5, color.filled()));
    }
    Ok(())
}

/// Lines from the origin, lighter the earlier they are, with their numbers at the ends.
fn spokes(
    curve: &Curve,
    color: RGBColor,
    [xs, ys]: [Range; 2],
    chart: &mut Chart<'_, '_>,
) -> Drawn {
    let origin = (xs.part(0.0), ys.part(0.0));
    let count = curve.points.len();
    let mut numbers: Vec<(f64, f64)> = Vec::new();
    let style = ("sans-serif", 16).into_text_style(chart.plotting_area());
    let middle = style.pos(Pos::new(HPos::Center, VPos::Center));
    for (i, (x, y)) in curve.points.iter().enumerate() {
        let ink = color.mix(0.3 + 0.7 * (i + 1) as f64 / count as f64);
        let end = (xs.part(*x), ys.part(*y));
        let spoke = PathElement::new([origin, end], ink.stroke_width(2));
        chart.draw_series([spoke])?;
        chart.draw_series([Circle::new(end, 4, ink.filled())])?;
        let beyond = (xs.part(1.13 * x), ys.part(1.13 * y));
        let apart = |other: &(f64, f64)| (beyond.0 - other.0).hypot(beyond.1 - other.1);
        // Numbers that would touch are left out.
        if numbers.iter().all(|other| apart(other) > 0.06) {
            numbers.push(beyond);
            let number = Text::new(i.to_string(), beyond, middle.clone());
            chart.draw_series([number])?;
        }
    }
    Ok(())
}

/// The part of a line that lies between 0 and 1 on both axes (Liang and Barsky 1984).
fn clipped(a: (f64, f64), b: (f64, f64)) -> Option<[(f64, f64); 2]> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to) = (0.0_f64, 1.0_f64);
    for (step, room) in [(-dx, a.0), (dx, 1.0 - a.0), (-dy, a.1), (dy, 1.0 - a.1)] {
        if step == 0.0 && !(room >= 0.0) {
            return None;
        }
        let t = room / step;
        if step < 0.0 {
            from = from.max(t);
        } else if step > 0.0 {
            to = to.min(t);
        }
    }
    let at = |t: f64| (a.0 + dx * t, a.1 + dy * t);
    (from <= to).then(|| [at(from), at(to)])
}

/// Lines that begin where the one before ended, as one.
fn joined(parts: &[[(f64, f64); 2]]) -> Vec<Vec<(f64, f64)>> {
    let mut paths: Vec<Vec<(f64, f64)>> = Vec::new();
    for [from, to] in parts {
        match paths.last_mut() {
            Some(path) if path.last() == Some(from) => path.push(*to),
            _ => paths.push(vec![*from, *to]),
        }
    }
    paths
}

/// The place that is farthest from every curve: there the legend hides nothing.
fn emptiest(plot: &Plot) -> SeriesLabelPosition {
    let corners = [
        ((0.08, 0.92), SeriesLabelPosition::UpperLeft),
        ((0.92, 0.92), SeriesLabelPosition::UpperRight),
        ((0.08, 0.08), SeriesLabelPosition::LowerLeft),
        ((0.92, 0.08), SeriesLabelPosition::LowerRight),
        ((0.08, 0.5), SeriesLabelPosition::MiddleLeft),
        ((0.92, 0.5), SeriesLabelPosition::MiddleRight),
        ((0.5, 0.92), SeriesLabelPosition::UpperMiddle),
    ];
    // How wide and high the legend is, as parts of the plot.
    let longest = plot
        .curves
        .iter()
        .map(|curve| curve.name.chars().count())
        .max();
    let wide = 0.02 * longest.unwrap_or(0) as f64;
    let named = plot.curves.iter().filter(|curve| !curve.name.is_empty());
    let high = 0.06 * named.count() as f64;
    let places = plot.places();
    let hidden = |(x, y): (f64, f64)| {
        // The box reaches from its corner inwards.
        let from = |at: f64, size: f64| match at {
            at if at < 0.3 => (0.0, size),
            at if at > 0.7 => (1.0 - size, 1.0),
            _ => (0.5 - size / 2.0, 0.5 + size / 2.0),
        };
        let (x0, x1) = from(x, wide.clamp(0.2, 0.7));
        let (y0, y1) = from(y, high.clamp(0.1, 0.7));
        let inside =
            |place: &&(f64, f64)| (x0..=x1).contains(&place.0) && (y0..=y1).contains(&place.1);
        places.iter().filter(inside).count()
    };
    let mut best = corners.into_iter().map(|(at, corner)| (hidden(at), corner));
    let first = best.next();
    let best = best.fold(first, |least, next| match least {
        Some(least) if least.0 <= next.0 => Some(least),
        _ => Some(next),
    });
    best.map_or(SeriesLabelPosition::UpperLeft, |(_, corner)| corner)
}

#[cfg(test)]
mod tests {
    use crate::cli::picture::save;
    use crate::show::{Axis, Curve, Plot, Style};
    use crate::text::Lang;

    #[test]
    fn pictures_are_written_and_other_endings_refused() {
        let plot = Plot {
            title: "cost".to_string(),
            x: Axis::log("n"),
            y: Axis::log("ms"),
            curves: vec![Curve::new(
                "kernel",
                'k',
                Style::Joined,
                [(256.0, 1.0), (512.0, 4.0)],
            )],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let figure = plot.into();
        for name in ["a.svg", "a.png"] {
            save(&figure, &path(name), Lang::En).unwrap();
        }
        let svg = std::fs::read_to_string(path("a.svg")).unwrap();
        assert!(
            svg.contains("\"kernel\"") && svg.contains("<circle"),
            "{svg}"
        );
        let png = std::fs::read(path("a.png")).unwrap();
        assert!(
            png.starts_with(b"\x89PNG") && png.len() > 4000,
            "{} bytes",
            png.len()
        );
        let refused = save(&figure, &path("a.jpg"), Lang::En).unwrap_err();
        assert!(refused.contains("should end in .svg or .png"), "{refused}");
        assert!(save(&figure, &path("no/a.svg"), Lang::En).is_err());
    }

    #[test]
    fn lines_end_at_the_edge() {
        let inside = super::clipped((-1.0, 0.5), (0.5, 0.5)).unwrap();
        assert_eq!(inside, [(0.0, 0.5), (0.5, 0.5)]);
        assert_eq!(super::clipped((-1.0, 2.0), (2.0, 2.0)), None);
    }
}
