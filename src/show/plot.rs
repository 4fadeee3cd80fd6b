//! Curves on logarithmic axes, as data: drawn with characters here, as a picture elsewhere.

/// Both axes are logarithmic, so every coordinate must be above 0.
pub struct Plot {
    pub title: String,
    /// With units: `FLOP per byte`.
    pub x: String,
    pub y: String,
    pub curves: Vec<Curve>,
}

pub struct Curve {
    pub name: String,
    /// What a point is drawn with in a terminal.
    pub mark: char,
    pub points: Vec<(f64, f64)>,
    pub style: Style,
}

/// How the points of a curve are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Each by itself.
    Points,
    /// Joined by lines.
    Joined,
    /// The lines alone: a bound, which nobody measured point by point.
    Line,
}

impl Plot {
    /// The least and the largest x and y, with some room; `None` where there is no point to draw.
    pub fn ranges(&self) -> Option<[(f64, f64); 2]> {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let points: Vec<_> = points.filter(|(x, y)| *x > 0.0 && *y > 0.0).collect();
        points.first()?;
        let range = |of: fn(&(f64, f64)) -> f64| {
            let values = points.iter().map(|point| of(point));
            let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            (low / 1.3, high * 1.3)
        };
        Some([range(|point| point.0), range(|point| point.1)])
    }

    /// Every point, and some between those that are joined, as parts of the axes from 0 to 1.
    pub fn places(&self) -> Vec<(f64, f64)> {
        let Some([xs, ys]) = self.ranges() else {
            return Vec::new();
        };
        let part = |value: f64, (low, high): (f64, f64)| (value / low).ln() / (high / low).ln();
        let place = |point: &(f64, f64)| (part(point.0, xs), part(point.1, ys));
        let mut places = Vec::new();
        for curve in &self.curves {
            let own: Vec<_> = curve.points.iter().map(place).collect();
            if curve.style != Style::Points {
                for ends in own.windows(2) {
                    let along = |t: usize, a: f64, b: f64| a + (b - a) * t as f64 / 16.0;
                    places.extend((1..16).map(|t| {
                        (
                            along(t, ends[0].0, ends[1].0),
                            along(t, ends[0].1, ends[1].1),
                        )
                    }));
                }
            }
            places.extend(own);
        }
        places
    }

    /// The points in words, a line for each curve.
    pub fn words(&self) -> String {
        let mut out = format!("{} ({}, {})\n", self.title, self.x, self.y);
        for curve in &self.curves {
            let points = curve.points.iter();
            let points =
                points.map(|(x, y)| format!("{} {}", super::number(*x), super::number(*y)));
            out += &format!(
                "{}: {}\n",
                curve.name,
                points.collect::<Vec<_>>().join("; ")
            );
        }
        out
    }

    /// The plot in lines of at most `width` columns, with `height` lines for the curves.
    pub fn text(&self, width: usize, height: usize) -> String {
        let Some([xs, ys]) = self.ranges() else {
            return String::new();
        };
        let ticks = ticks(ys);
        let margin = ticks.iter().map(|y| label(*y).len()).max().unwrap_or(0) + 1;
        let columns = width.saturating_sub(margin + 1).clamp(16, 72);
        let at = |value: f64, (low, high): (f64, f64), cells: usize| {
            let part = (value / low).ln() / (high / low).ln();
            ((part * (cells - 1) as f64).round().max(0.0) as usize).min(cells - 1)
        };
        let mut grid = vec![vec![' '; columns]; height];
        for curve in self
            .curves
            .iter()
            .filter(|curve| curve.style != Style::Points)
        {
            for pair in curve.points.windows(2) {
                for step in 0..=2 * columns {
                    let part = step as f64 / (2 * columns) as f64;
                    let between = |a: f64, b: f64| (a.ln() * (1.0 - part) + b.ln() * part).exp();
                    let (x, y) = (between(pair[0].0, pair[1].0), between(pair[0].1, pair[1].1));
                    grid[height - 1 - at(y, ys, height)][at(x, xs, columns)] = '·';
                }
            }
        }
        for curve in self
            .curves
            .iter()
            .filter(|curve| curve.style != Style::Line)
        {
            for (x, y) in &curve.points {
                let cell = &mut grid[height - 1 - at(*y, ys, height)][at(*x, xs, columns)];
                // Two curves at one place: both are seen as a star.
                *cell = if *cell == ' ' || *cell == '·' {
                    curve.mark
                } else {
                    '*'
                };
            }
        }
        let mut rows = vec![String::new(); height];
        for y in &ticks {
            rows[height - 1 - at(*y, ys, height)] = label(*y);
        }
        let mut out = format!("{}\n{} ↑   {} →\n", self.title, self.y, self.x);
        for (tick, cells) in rows.iter().zip(grid) {
            let cells: String = cells.into_iter().collect();
            out += format!("{tick:>margin$}┤{cells}").trim_end();
            out.push('\n');
        }
        let mut axis = vec!['─'; columns];
        let mut labels = vec![' '; columns];
        for x in self::ticks(xs) {
            let column = at(x, xs, columns);
            axis[column] = '┴';
            let text = label(x);
            // A label that would touch the one before, or leave the plot, is left out.
            let room = labels.get(column.saturating_sub(1)..column + text.len());
            if room.is_some_and(|cells| cells.iter().all(|cell| *cell == ' ')) {
                labels.splice(column..column + text.len(), text.chars());
            }
        }
        let [axis, labels] = [axis, labels].map(|row| row.into_iter().collect::<String>());
        out += &format!("{:>margin$}└{axis}\n", "");
        out += format!("{:>margin$} {labels}", "").trim_end();
        out.push('\n');
        for curve in &self.curves {
            out += &format!("  {} {}\n", curve.mark, curve.name);
        }
        out
    }
}

/// 1, 2 and 5 times powers of ten within the range; powers alone where it spans more than four.
pub fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let steps: &[f64] = match (high / low).log10() {
        decades if decades > 3.0 => &[1.0],
        decades if decades > 1.5 => &[1.0, 3.0],
        decades if decades > 0.8 => &[1.0, 2.0, 5.0],
        _ => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
    };
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    all.filter(|tick| (low..=high).contains(tick)).collect()
}

/// `0.03`, `30`, `3k`, `10M`, `1G`.
pub fn label(value: f64) -> String {
    let (scale, unit) = match value {
        v if v >= 1e9 => (1e9, "G"),
        v if v >= 1e6 => (1e6, "M"),
        v if v >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    // Rounded, since 3·10⁻² has more digits in binary than a reader wants.
    let digits = (value / scale * 1e6).round() / 1e6;
    format!("{digits}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square() -> Plot {
        Plot {
            title: "cost".to_string(),
            x: "n".to_string(),
            y: "s".to_string(),
            curves: vec![Curve {
                name: "square".to_string(),
                mark: 'o',
                points: [1.0, 10.0, 100.0].map(|x| (x, x * x)).to_vec(),
                style: Style::Joined,
            }],
        }
    }

    #[test]
    fn points_stand_on_a_line_where_the_cost_is_a_power() {
        let text = square().text(60, 9);
        let marks: Vec<(usize, usize)> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains('┤'))
            .flat_map(|(i, line)| {
                let cells = line.chars().enumerate();
                cells.filter(|(_, c)| *c == 'o').map(move |(j, _)| (i, j))
            })
            .collect();
        let [first, second, third] = marks[..] else {
            panic!("three points in\n{text}");
        };
        assert_eq!(second.0 - first.0, third.0 - second.0, "{text}");
        assert!(
            first
                .1
                .abs_diff(second.1)
                .abs_diff(second.1.abs_diff(third.1))
                <= 1,
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
    }

    #[test]
    fn nothing_to_draw_is_no_plot() {
        assert_eq!(
            Plot {
                curves: vec![],
                ..square()
            }
            .text(60, 9),
            ""
        );
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(
            [0.03, 30.0, 3e3, 1e7, 2e9].map(label),
            ["0.03", "30", "3k", "10M", "2G"]
        );
    }
}
