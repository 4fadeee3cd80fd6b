//! Curves over logarithmic axes.

use super::{COLORS, onto, sans_serif};
use crate::show::{Plot, Style, label, ticks};
use crate::text::Lang;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

const SIZE: (u32, u32) = (960, 600);

/// Writes the plot to `path`, as its ending says.
///
/// # Errors
/// A sentence when the ending is neither .svg nor .png, or the file cannot be written.
pub fn save(plot: &Plot, path: &Path, lang: Lang) -> Result<(), String> {
    onto(
        path,
        SIZE,
        lang,
        |area| draw(plot, area),
        |area| draw(plot, area),
    )
}

fn draw<DB: DrawingBackend>(
    plot: &Plot,
    area: DrawingArea<DB, plotters::coord::Shift>,
) -> Result<(), Box<dyn Error>>
where
    DB::ErrorType: 'static,
{
    sans_serif()?;
    let [xs, ys] = plot.ranges().ok_or("there is nothing to draw")?;
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&plot.title, ("sans-serif", 26))
        .margin(18)
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(
            (xs.0..xs.1).log_scale().with_key_points(ticks(xs)),
            (ys.0..ys.1).log_scale().with_key_points(ticks(ys)),
        )?;
    chart
        .configure_mesh()
        .x_desc(&plot.x)
        .y_desc(&plot.y)
        .axis_desc_style(("sans-serif", 20))
        .label_style(("sans-serif", 17))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|x| label(*x))
        .y_label_formatter(&|y| label(*y))
        .draw()?;
    for (curve, color) in plot.curves.iter().zip(COLORS.iter().cycle()) {
        let points = || curve.points.iter().copied();
        if curve.style != Style::Points {
            let line = chart.draw_series(LineSeries::new(points(), color.stroke_width(2)))?;
            if curve.style == Style::Line {
                line.label(&curve.name).legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
                });
                continue;
            }
        }
        let dots = points().map(|point| Circle::new(point, 6, color.filled()));
        chart
            .draw_series(dots)?
            .label(&curve.name)
            .legend(move |(x, y)| Circle::new((x + 10, y), 6, color.filled()));
    }
    chart
        .configure_series_labels()
        .label_font(("sans-serif", 18))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .position(emptiest(plot))
        .draw()?;
    area.present()?;
    Ok(())
}

/// The corner that is farthest from every curve: there the legend hides nothing.
fn emptiest(plot: &Plot) -> SeriesLabelPosition {
    let corners = [
        ((0.0, 1.0), SeriesLabelPosition::UpperLeft),
        ((1.0, 1.0), SeriesLabelPosition::UpperRight),
        ((0.0, 0.0), SeriesLabelPosition::LowerLeft),
        ((1.0, 0.0), SeriesLabelPosition::LowerRight),
    ];
    let places = plot.places();
    let room = |(x, y): (f64, f64)| {
        let distances = places.iter().map(|place| (place.0 - x).hypot(place.1 - y));
        distances.fold(f64::INFINITY, f64::min)
    };
    let best = corners
        .into_iter()
        .max_by(|a, b| room(a.0).total_cmp(&room(b.0)));
    best.map_or(SeriesLabelPosition::UpperLeft, |(_, corner)| corner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::Curve;

    #[test]
    fn pictures_are_written_and_other_endings_refused() {
        let plot = Plot {
            title: "cost".to_string(),
            x: "n".to_string(),
            y: "ms".to_string(),
            curves: vec![Curve {
                name: "kernel".to_string(),
                mark: 'k',
                points: vec![(256.0, 1.0), (512.0, 4.0)],
                style: Style::Joined,
            }],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.svg", "a.png"] {
            save(&plot, &path(name), Lang::En).unwrap();
        }
        let svg = std::fs::read_to_string(path("a.svg")).unwrap();
        assert!(svg.contains("kernel") && svg.contains("<circle"), "{svg}");
        let png = std::fs::read(path("a.png")).unwrap();
        assert!(
            png.starts_with(b"\x89PNG") && png.len() > 4000,
            "{} bytes",
            png.len()
        );
        let refused = save(&plot, &path("a.jpg"), Lang::En).unwrap_err();
        assert!(refused.contains("should end in .svg or .png"), "{refused}");
        assert!(save(&plot, &path("no/a.svg"), Lang::En).is_err());
    }
}
