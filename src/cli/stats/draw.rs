//! The statistics as a picture.

use super::{DAYS, NEW, Stats, WEAKEST};
use crate::cli::clock;
use crate::cli::picture::{Area, COLORS, Drawn, drawn, write};
use crate::text::Lang;
use plotters::prelude::*;
use std::path::Path;

const WEEKS: i64 = 53;
/// The side of a day's square, with the gap.
const SQUARE: i32 = 17;

/// Writes the picture to `path`.
///
/// # Errors
/// A sentence where it does not end in .svg, or cannot be written.
pub fn save(stats: &Stats, path: &Path, lang: Lang) -> Result<(), String> {
    let shown = path.display();
    if path.extension().is_none_or(|ending| ending != "svg") {
        return Err(lang.pick(
            format!("{shown} should end in .svg"),
            format!("{shown} 应以 .svg 结尾"),
        ));
    }
    let svg = drawn((1000, 860), "llmlab", |area| draw(stats, area, lang));
    let svg = svg.map_err(|error| {
        lang.pick(
            format!("the picture cannot be drawn: {error}"),
            format!("无法绘制图片：{error}"),
        )
    })?;
    write(&svg, path, lang)
}

fn draw(stats: &Stats, area: &Area<'_>, lang: Lang) -> Drawn {
    let (top, rest) = area.split_vertically(220);
    let (middle, bottom) = rest.split_vertically(400);
    calendar(stats, &top, lang)?;
    curves(stats, &middle, lang)?;
    weakest(stats, &bottom, lang)
}

fn title(area: &Area, text: &str) -> Drawn {
    let font = ("sans-serif", 22).into_text_style(area);
    area.draw_text(text, &font, (30, 14))?;
    Ok(())
}

/// A square for each day of a year.
fn calendar(stats: &Stats, area: &Area, lang: Lang) -> Drawn {
    let (streak, longest) = (stats.activity.streak(stats.today), stats.activity.longest());
    let text = lang.pick(
        format!("Days: {streak} in a row, the longest run was {longest}"),
        format!("学习日历：已连续 {streak} 天，最长连续 {longest} 天"),
    );
    title(area, &text)?;
    let small = ("sans-serif", 14).into_text_style(area);
    let weekday = i64::from(clock::date(stats.today).weekday().to_monday_zero_offset());
    let first = stats.today - weekday - 7 * (WEEKS - 1);
    let at = |week: i64, row: i32| (60 + SQUARE * week as i32, 66 + SQUARE * row);
    for day in first..=stats.today {
        let (week, row) = ((day - first) / 7, ((day - first) % 7) as i32);
        let (x, y) = at(week, row);
        let date = clock::date(day);
        if row == 0 && date.day() <= 7 {
            let month = lang.pick(
                date.strftime("%b").to_string(),
                format!("{}月", date.month()),
            );
            area.draw_text(&month, &small, (x, 48))?;
        }
        let shade = match stats.activity.level(day) {
            0 => BLACK.mix(0.07),
            level => COLORS[2].mix(level as f64 / 4.0),
        };
        let square = [(x, y), (x + SQUARE - 3, y + SQUARE - 3)];
        area.draw(&Rectangle::new(square, shade.filled()))?;
    }
    let names = lang.pick(["Mon", "Wed", "Fri"], ["一", "三", "五"]);
    for (name, row) in names.iter().zip([0, 2, 4]) {
        area.draw_text(name, &small, (28, at(0, row).1))?;
    }
    Ok(())
}

/// Readiness from today on: lines with a daily quiz, dots at rest.
fn curves(stats: &Stats, area: &Area, lang: Lang) -> Drawn {
    let text = lang.pick(
        format!("Readiness: lines with a daily quiz of {NEW} new items, dots if you stop"),
        format!("准备程度：实线为每天一轮测验（{NEW} 个新项），点为不再复习"),
    );
    title(area, &text)?;
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .margin_top(52)
        .x_label_area_size(46)
        .y_label_area_size(66)
        .build_cartesian_2d(0..DAYS, 0.0..100.0)?;
    chart
        .configure_mesh()
        .x_desc(lang.pick("days from today", "从今天起的天数"))
        .y_desc(lang.pick("remembered, %", "记得的比例，%"))
        .axis_desc_style(("sans-serif", 17))
        .label_style(("sans-serif", 15))
        .y_label_formatter(&|share| format!("{share:.0}"))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .draw()?;
    for (track, color) in stats.tracks.iter().zip(COLORS) {
        let points = |shares: &[f64]| {
            let percent = shares.iter().map(|share| share * 100.0);
            percent.enumerate().collect::<Vec<_>>()
        };
        let line = LineSeries::new(points(&track.daily), color.stroke_width(2));
        chart
            .draw_series(line)?
            .label(track.track.id())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        let dots = points(&track.rest).into_iter().step_by(2);
        chart.draw_series(dots.map(|point| Circle::new(point, 2, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .label_font(("sans-serif", 16))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperLeft)
        .draw()?;
    Ok(())
}

/// A bar for each of the weakest lessons.
fn weakest(stats: &Stats, area: &Area, lang: Lang) -> Drawn {
    let text = match stats.weakest.is_empty() {
        true => lang.pick("No lesson was begun yet", "还没有开始任何一课"),
        false => lang.pick(
            "Weakest: what you remember of what was asked",
            "最薄弱：做过的题中记得的比例",
        ),
    };
    title(area, text)?;
    let style = ("sans-serif", 16).into_text_style(area);
    for (i, weak) in stats.weakest.iter().take(WEAKEST).enumerate() {
        let y = 54 + 34 * i as i32;
        area.draw_text(weak.lesson, &style, (30, y + 4))?;
        let full = [(270, y), (870, y + 22)];
        area.draw(&Rectangle::new(full, BLACK.mix(0.07).filled()))?;
        let end = 270 + (600.0 * weak.recall).round() as i32;
        let bar = [(270, y), (end, y + 22)];
        area.draw(&Rectangle::new(bar, COLORS[0].filled()))?;
        let figure = format!("{:.0} %", weak.recall * 100.0);
        area.draw_text(&figure, &style, (884, y + 4))?;
    }
    Ok(())
}
