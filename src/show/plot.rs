//! Curves, bars and arrows over two axes, as data: drawn with characters here, as a picture elsewhere.

/// A plot of curves over two axes, each linear or logarithmic.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub curves: Vec<Curve>,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// With its unit: `time (ms)`.
    pub name: String,
    /// Whether equal factors take equal room; every coordinate must then be above 0.
    pub log: bool,
    /// From where to where; none takes what the curves need.
    pub range: Option<(f64, f64)>,
    /// What stands at 0, 1, 2 … instead of numbers; empty for numbers.
    pub labels: Vec<String>,
}

impl Axis {
    pub fn linear(name: impl Into<String>) -> Axis {
        Axis {
            name: name.into(),
            log: false,
            range: None,
            labels: Vec::new(),
        }
    }

    pub fn log(name: impl Into<String>) -> Axis {
        Axis {
            log: true,
            ..Axis::linear(name)
        }
    }

    /// The same axis from `low` to `high`.
    pub fn within(self, low: f64, high: f64) -> Axis {
        Axis {
            range: Some((low, high)),
            ..self
        }
    }

    /// Words at 0, 1, 2 … instead of numbers.
    pub fn labelled(self, labels: impl IntoIterator<Item = impl Into<String>>) -> Axis {
        Axis {
            labels: labels.into_iter().map(Into::into).collect(),
            ..self
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    pub name: String,
    /// What a point is drawn with in a terminal.
    pub mark: char,
    pub points: Vec<(f64, f64)>,
    pub style: Style,
}

impl Curve {
    pub fn new(
        name: impl Into<String>,
        mark: char,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Curve {
        Curve {
            name: name.into(),
            mark,
            points: points.into_iter().collect(),
            style,
        }
    }
}

impl Curve {
    /// How many of the values are in each of `bins` bins of one width from `low` to `high`, as bars over the
    /// bins' middles. Values outside are left out.
    pub fn histogram(
        name: impl Into<String>,
        values: impl IntoIterator<Item = f64>,
        (low, high): (f64, f64),
        bins: usize,
    ) -> Curve {
        let mut counts = vec![0usize; bins];
        let width = (high - low) / bins as f64;
        for value in values {
            let at = (value - low) / width;
            if (0.0..bins as f64).contains(&at) {
                counts[at as usize] += 1;
            }
        }
        let middle = |i: usize| low + (i as f64 + 0.5) * width;
        let points = counts.into_iter().enumerate();
        let points = points.map(|(i, count)| (middle(i), count as f64));
        Curve::new(name, '█', Style::Bars, points)
    }
}

/// How the points of a curve are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Each by itself.
    Points,
    /// Joined by lines.
    Joined,
    /// The lines alone: a function or a bound, which nobody measured point by point.
    Line,
    /// A bar from 0 to each point, as wide as they are apart.
    Bars,
    /// A thin upright line from 0 to each point.
    Stems,
    /// A line from the origin to each point, whose number stands at its end.
    Spokes,
}

impl Style {
    fn is_joined(self) -> bool {
        matches!(self, Style::Joined | Style::Line)
    }

    fn stands_on_zero(self) -> bool {
        matches!(self, Style::Bars | Style::Stems | Style::Spokes)
    }
}

/// An axis with its ends: turns values into parts of it, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub low: f64,
    pub high: f64,
    pub log: bool,
}

impl Range {
    /// Where a value lies: 0 at the low end, 1 at the high one.
    pub fn part(self, value: f64) -> f64 {
        match self.log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// The value at a part.
    pub fn at(self, part: f64) -> f64 {
        match self.log {
            true => self.low * (self.high / self.low).powf(part),
            false => self.low + (self.high - self.low) * part,
        }
    }

    /// Round numbers in the range, with what is written there.
    pub fn ticks(self, axis: &Axis) -> Vec<(f64, String)> {
        if !axis.labels.is_empty() {
            let labels = axis.labels.iter().enumerate();
            let labels = labels.map(|(i, label)| (i as f64, label.clone()));
            return labels.filter(|(x, _)| self.holds(*x)).collect();
        }
        let ticks = match self.log {
            true => powers(self.low, self.high),
            false => steps(self.low, self.high),
        };
        let ticks = ticks.into_iter().filter(|tick| self.holds(*tick));
        ticks.map(|tick| (tick, label(tick))).collect()
    }

    fn holds(self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.part(value))
    }
}

impl Plot {
    /// The ends of both axes, with some room; `None` where there is no point to draw.
    pub fn ranges(&self) -> Option<[Range; 2]> {
        Some([self.range(&self.x, true)?, self.range(&self.y, false)?])
    }

    fn range(&self, axis: &Axis, is_x: bool) -> Option<Range> {
        let log = axis.log;
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        let mut room = if log { 1.3_f64.ln() } else { 0.04 };
        let mut zero = false;
        for curve in &self.curves {
            for (x, y) in &curve.points {
                let (value, other) = if is_x { (*x, *y) } else { (*y, *x) };
                if value.is_finite() && other.is_finite() && !(log && value <= 0.0) {
                    (low, high) = (low.min(value), high.max(value));
                }
            }
            zero |= curve.style.stands_on_zero() && !is_x && !log;
            if curve.style == Style::Bars && is_x {
                let half = 0.55 * curve.spacing();
                (low, high) = (low - half, high + half);
                room = 0.0;
            }
        }
        if let Some((low, high)) = axis.range {
            return Some(Range { low, high, log });
        }
        if !(low <= high) {
            return None;
        }
        if log {
            let factor = room.exp();
            (low, high) = (low / factor, high * factor);
        } else {
            if zero {
                (low, high) = (low.min(0.0), high.max(0.0));
            }
            let pad = match high - low {
                width if width > 0.0 => room * width,
                _ => low.abs().max(1.0) / 2.0,
            };
            // Bars stand on the axis.
            let (below, above) = (zero && low == 0.0, zero && high == 0.0);
            low -= if below { 0.0 } else { pad };
            high += if above { 0.0 } else { pad };
        }
        Some(Range { low, high, log })
    }

    /// Every point, and some between those that are joined, as parts of the axes from 0 to 1.
    pub fn places(&self) -> Vec<(f64, f64)> {
        let Some([xs, ys]) = self.ranges() else {
            return Vec::new();
        };
        let mut places = Vec::new();
        for curve in &self.curves {
            let place = |(x, y): &(f64, f64)| (xs.part(*x), ys.part(*y));
            let own: Vec<_> = curve.points.iter().map(place).collect();
            let between = |a: (f64, f64), b: (f64, f64)| {
                (1..16).map(move |t| {
                    let t = f64::from(t) / 16.0;
                    (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t)
                })
            };
            if curve.style.is_joined() {
                places.extend(own.windows(2).flat_map(|ends| between(ends[0], ends[1])));
            }
            if curve.style.stands_on_zero() && !ys.log {
                let foot = |x: f64| match curve.style {
                    Style::Spokes => (xs.part(0.0), ys.part(0.0)),
                    _ => (x, ys.part(0.0)),
                };
                places.extend(own.iter().flat_map(|&end| between(foot(end.0), end)));
            }
            places.extend(own);
        }
        places
    }

    /// The points in words, a line for each curve.
    pub fn words(&self) -> String {
        let mut out = match self.title.is_empty() {
            true => format!("{}, {}\n", self.x.name, self.y.name),
            false => format!("{} ({}, {})\n", self.title, self.x.name, self.y.name),
        };
        for curve in &self.curves {
            let said = |(x, y): &(f64, f64)| {
                let at = self.x.labels.get(*x as usize).filter(|_| x.fract() == 0.0);
                let at = at.cloned().unwrap_or_else(|| super::number(*x));
                format!("{at} {}", super::number(*y))
            };
            let points: Vec<String> = curve.points.iter().map(said).collect();
            let name = if curve.name.is_empty() {
                &self.y.name
            } else {
                &curve.name
            };
            out += &format!("{name}: {}\n", points.join("; "));
        }
        out
    }

    /// The plot in lines of at most `width` columns, with `height` lines for the curves.
    pub fn text(&self, width: usize, height: usize) -> String {
        let Some([xs, ys]) = self.ranges() else {
            return String::new();
        };
        let ticks = ys.ticks(&self.y);
        let margin = ticks.iter().map(|(_, label)| wide(label)).max();
        let margin = margin.unwrap_or(0) + 1;
        let columns = width.saturating_sub(margin + 1).clamp(16, 72);
        let mut grid = Grid::new(columns, height, xs, ys);
        // Bars are behind, points in front.
        let drawn = |style: Style| self.curves.iter().filter(move |curve| curve.style == style);
        for curve in drawn(Style::Bars) {
            grid.bars(curve);
        }
        for curve in drawn(Style::Stems) {
            for &(x, y) in &curve.points {
                grid.line((x, 0.0), (x, y), curve.mark);
            }
        }
        for style in [Style::Joined, Style::Line] {
            for curve in drawn(style) {
                let mark = if style == Style::Line {
                    curve.mark
                } else {
                    '·'
                };
                for ends in curve.points.windows(2) {
                    grid.line(ends[0], ends[1], mark);
                }
            }
        }
        for style in [Style::Joined, Style::Points] {
            for curve in drawn(style) {
                for &point in &curve.points {
                    grid.point(point, curve.mark);
                }
            }
        }
        for curve in drawn(Style::Spokes) {
            for &end in &curve.points {
                grid.line((0.0, 0.0), end, '·');
            }
            for (number, &end) in (0..).zip(&curve.points) {
                grid.point(end, char::from_digit(number % 10, 10).unwrap_or('o'));
            }
        }
        let mut rows = vec![String::new(); height];
        for (y, label) in ticks {
            rows[grid.row(y)] = label;
        }
        let mut out = String::new();
        if !self.title.is_empty() {
            out += &format!("{}\n", self.title);
        }
        out += &format!("{} ↑   {} →\n", self.y.name, self.x.name);
        for (tick, cells) in rows.iter().zip(&grid.cells) {
            let cells: String = cells.iter().collect();
            let blank = " ".repeat(margin.saturating_sub(wide(tick)));
            out += format!("{blank}{tick}┤{cells}").trim_end();
            out.push('\n');
        }
        let mut axis = vec!['─'; columns];
        // A label with wide characters takes more columns than characters: columns are counted.
        let mut labels = String::new();
        for (x, label) in xs.ticks(&self.x) {
            let column = grid.column(x);
            axis[column] = '┴';
            // A label that would touch the one before, or leave the plot, is left out.
            let from = column.saturating_sub(if self.x.labels.is_empty() {
                0
            } else {
                wide(&label) / 2
            });
            let used = wide(&labels);
            if (used == 0 || from > used) && from + wide(&label) <= columns + 1 {
                labels += &" ".repeat(from - used);
                labels += &label;
            }
        }
        let axis: String = axis.into_iter().collect();
        out += &format!("{:>margin$}└{axis}\n", "");
        out += format!("{:>margin$} {labels}", "").trim_end();
        out.push('\n');
        for curve in self.curves.iter().filter(|curve| !curve.name.is_empty()) {
            let mark = if curve.style == Style::Spokes {
                '0'
            } else {
                curve.mark
            };
            out += &format!("  {mark} {}\n", curve.name);
        }
        out
    }
}

impl Curve {
    /// The least distance of two neighbours: the width of a bar.
    pub fn spacing(&self) -> f64 {
        let apart = self
            .points
            .windows(2)
            .map(|ends| (ends[1].0 - ends[0].0).abs());
        let least = apart.fold(f64::INFINITY, f64::min);
        if least.is_finite() { least } else { 1.0 }
    }
}

/// Characters to be drawn on.
struct Grid {
    cells: Vec<Vec<char>>,
    columns: usize,
    xs: Range,
    ys: Range,
}

impl Grid {
    fn new(columns: usize, height: usize, xs: Range, ys: Range) -> Grid {
        Grid {
            cells: vec![vec![' '; columns]; height],
            columns,
            xs,
            ys,
        }
    }

    fn column(&self, x: f64) -> usize {
        cell(self.xs.part(x), self.columns)
    }

    fn row(&self, y: f64) -> usize {
        let height = self.cells.len();
        height - 1 - cell(self.ys.part(y), height)
    }

    fn holds(&self, (x, y): (f64, f64)) -> bool {
        self.xs.holds(x) && self.ys.holds(y)
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), mark: char) {
        let steps = 2 * self.columns;
        let (xs, ys) = (self.xs, self.ys);
        let between = |range: Range, a: f64, b: f64, t: f64| {
            let (a, b) = (range.part(a), range.part(b));
            range.at(a + (b - a) * t)
        };
        for step in 0..=steps {
            let t = step as f64 / steps as f64;
            let at = (between(xs, from.0, to.0, t), between(ys, from.1, to.1, t));
            if self.holds(at) {
                let (row, column) = (self.row(at.1), self.column(at.0));
                self.cells[row][column] = mark;
            }
        }
    }

    fn point(&mut self, at: (f64, f64), mark: char) {
        if !self.holds(at) {
            return;
        }
        let (row, column) = (self.row(at.1), self.column(at.0));
        let cell = &mut self.cells[row][column];
        let is_behind = |c: char| matches!(c, ' ' | '·' | '▁'..='█' | '░' | '▒') || c == mark;
        // Two curves at one place: both are seen as a star.
        *cell = if is_behind(*cell) { mark } else { '*' };
    }

    /// Fills what is under each bar; the last cell is a part of a block.
    fn bars(&mut self, curve: &Curve) {
        const PARTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let half = curve.spacing() / 2.0;
        let height = self.cells.len();
        let foot = self.ys.part(0.0).max(0.0);
        for &(x, y) in &curve.points {
            let top = self.ys.part(y);
            if !(top > foot) {
                continue;
            }
            let eighths = (((top - foot) * height as f64) * 8.0).round().max(1.0) as usize;
            let base = (foot * height as f64).round() as usize;
            // A gap between bars where there is room for one.
            let (from, to) = (self.column(x - half), self.column(x + half));
            let to = if to > from + 2 {
                to - 1
            } else {
                to.max(from + 1)
            };
            for column in from..to.min(self.columns) {
                for (level, row) in (0..height).rev().skip(base).enumerate() {
                    let filled = eighths.saturating_sub(8 * level).min(8);
                    let Some(part) = filled.checked_sub(1) else {
                        break;
                    };
                    let full = filled == 8;
                    self.cells[row][column] = if full { curve.mark } else { PARTS[part] };
                }
            }
        }
    }
}

fn cell(part: f64, cells: usize) -> usize {
    ((part * (cells - 1) as f64).round().max(0.0) as usize).min(cells - 1)
}

/// How many columns of a terminal a text takes: Chinese characters and their punctuation take two.
fn wide(text: &str) -> usize {
    let columns = |c: char| match u32::from(c) {
        0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xff60 => {
            2
        }
        _ => 1,
    };
    text.chars().map(columns).sum()
}

/// 1, 2 and 5 times powers of ten; powers alone where the range spans more than three.
fn powers(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let steps: &[f64] = match decades {
        decades if decades > 3.0 => &[1.0],
        decades if decades > 1.5 => &[1.0, 3.0],
        decades if decades > 0.8 => &[1.0, 2.0, 5.0],
        _ => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
    };
    let each = (decades / 9.0).ceil().max(1.0) as i32;
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let powers = powers.filter(|power| power.rem_euclid(each) == 0);
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    all.collect()
}

/// Multiples of 1, 2 or 5 times a power of ten: five to ten of them.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let power = 10f64.powf(((high - low) / 8.0).log10().floor());
    let fits = |step: &f64| (high - low) / (step * power) <= 8.0;
    let step = [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * power;
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    // 0, not −0.
    (first..=last).map(|i| i as f64 * step + 0.0).collect()
}

/// `0.03`, `30`, `3k`, `10M`, `1G`; `1e-5` where there is more to write than to read.
pub fn label(value: f64) -> String {
    let (scale, unit) = match value.abs() {
        v if v >= 1e15 => return format!("{value:e}"),
        v if v >= 1e12 => (1e12, "T"),
        v if v >= 1e9 => (1e9, "G"),
        v if v >= 1e6 => (1e6, "M"),
        v if v >= 1e4 => (1e3, "k"),
        v if v >= 1e3 && value % 1e3 == 0.0 => (1e3, "k"),
        v if v > 0.0 && v < 1e-4 => return format!("{value:.0e}"),
        _ => (1.0, ""),
    };
    // Rounded, since 3·10⁻² has more digits in binary than a reader wants.
    let digits = (value / scale * 1e6).round() / 1e6;
    format!("{digits}{unit}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square() -> Plot {
        Plot {
            title: "cost".to_string(),
            x: Axis::log("n"),
            y: Axis::log("s"),
            curves: vec![Curve::new(
                "square",
                'o',
                Style::Joined,
                [1.0, 10.0, 100.0].map(|x| (x, x * x)),
            )],
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
        let steps = [first.1.abs_diff(second.1), second.1.abs_diff(third.1)];
        assert!(steps[0].abs_diff(steps[1]) <= 1, "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
    }

    #[test]
    fn bars_stand_on_zero_and_keep_their_proportion() {
        let plot = Plot {
            title: String::new(),
            x: Axis::linear("class").labelled(["a", "b"]),
            y: Axis::linear("share").within(0.0, 1.0),
            curves: vec![Curve::new("", '█', Style::Bars, [(0.0, 1.0), (1.0, 0.5)])],
        };
        let text = plot.text(60, 8);
        let full = |line: &str| line.matches('█').count();
        let widths: Vec<usize> = text.lines().map(full).filter(|count| *count > 0).collect();
        assert_eq!(widths.len(), 8, "{text}");
        assert!(
            widths[7] > 3 * widths[0] / 2 && widths[3] == widths[0],
            "{text}"
        );
        assert!(text.lines().last().unwrap().contains('b'), "{text}");
    }

    #[test]
    fn a_histogram_counts_what_is_inside() {
        let values = [0.0, 0.1, 0.6, 1.0, 7.0, f64::NAN];
        let bars = Curve::histogram("", values, (0.0, 1.0), 2);
        assert_eq!(bars.points, [(0.25, 2.0), (0.75, 1.0)]);
    }

    #[test]
    fn nothing_to_draw_is_no_plot() {
        let nothing = Plot {
            curves: vec![],
            ..square()
        };
        assert_eq!(nothing.text(60, 9), "");
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(
            [0.03, 30.0, 3e3, 1e7, 2e9, -0.5, 1e-5].map(label),
            ["0.03", "30", "3k", "10M", "2G", "−0.5", "1e-5"]
        );
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        let ticks = |low, high| {
            let range = Range {
                low,
                high,
                log: false,
            };
            let ticks = range.ticks(&Axis::linear("x")).into_iter();
            ticks.map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(ticks(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(
            ticks(-0.3, 0.31),
            ["−0.3", "−0.2", "−0.1", "0", "0.1", "0.2", "0.3"]
        );
    }
}
