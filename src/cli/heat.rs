//! A tensor in the terminal: a cell is two columns of colour, or of signs where there is no colour.

use super::markdown::pad;
use super::{Session, columns, wrap};
use crate::show::{HeatMap, Panel, Scale, Shade, number};
use crate::text::Lang;
use colored::Colorize;

/// From low to high, where all values have one sign …
const ONE_SIGN: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
/// … and where they have both.
const BOTH: [&str; 5] = ["==", "--", "  ", "++", "##"];
/// Columns between panels.
const GAP: usize = 2;
const HIDDEN: &str = " .";
const NOT_FINITE: &str = " !";

/// How many rows, columns and panels there is room for.
pub fn room(session: &Session) -> ([usize; 2], usize) {
    ([32, (session.width - 8) / 2], 8)
}

pub fn text(map: &HeatMap, session: &Session) -> String {
    let lang = session.lang;
    let colored = colored::control::SHOULD_COLORIZE.should_colorize();
    let mut out = String::new();
    let (rows, cols) = (&map.rows, &map.columns);
    let sides = match rows.name.is_empty() {
        true => lang.pick(
            format!("{} → {} columns", cols.name, cols.size),
            format!("{} → 共 {} 列", cols.name, cols.size),
        ),
        false => lang.pick(
            format!(
                "{} ↓ {} rows, {} → {} columns",
                rows.name, rows.size, cols.name, cols.size
            ),
            format!(
                "{} ↓ 共 {} 行，{} → 共 {} 列",
                rows.name, rows.size, cols.name, cols.size
            ),
        ),
    };
    out += &format!("{}  {sides}\n", map.title.bold());
    if map.is_pooled() {
        let pool = format!("{}×{}", rows.pool, cols.pool);
        out += &lang.pick(
            format!("a cell is the mean of {pool} values\n"),
            format!("每格是 {pool} 个值的平均\n"),
        );
    }
    let blocks: Vec<Vec<String>> = map
        .panels
        .iter()
        .map(|panel| block(map, panel, colored))
        .collect();
    let wide = blocks.iter().flatten().map(|line| columns(line)).max();
    let wide = wide.unwrap_or(0) + GAP;
    let across = ((session.width + GAP) / wide).max(1);
    for blocks in blocks.chunks(across) {
        if map.all > 1 {
            out.push('\n');
        }
        for i in 0..blocks[0].len() {
            let lines = blocks.iter().map(|block| pad(&block[i], wide));
            let line: String = lines.collect();
            out += line.trim_end_matches(' ');
            out.push('\n');
        }
    }
    if map.all > map.panels.len() {
        let (shown, all) = (map.panels.len(), map.all);
        out += &lang.pick(
            format!("\n{shown} of {all} panels are shown\n"),
            format!("\n只显示 {all} 幅中的 {shown} 幅\n"),
        );
    }
    out + "\n" + &wrap(&legend(map, session, colored), session.width, 0)
}

/// The values in words, a line for each row.
pub fn words(map: &HeatMap, lang: Lang) -> String {
    let (rows, cols) = (&map.rows, &map.columns);
    let mut out = format!("{} ({}, {})\n", map.title, rows.name, cols.name);
    for panel in &map.panels {
        if map.all > 1 {
            out += &format!("{}\n", panel.name);
        }
        for (i, row) in panel.cells.rows().into_iter().enumerate() {
            let value = |x: &f64| match *x == f64::NEG_INFINITY {
                true => lang.pick("hidden", "被遮住").to_string(),
                false => number(*x),
            };
            let values: Vec<String> = row.iter().map(value).collect();
            out += &format!("{} {}: {}\n", rows.name, i * rows.pool, values.join("; "));
        }
    }
    out
}

/// A panel's lines: its name where there are several, and its rows.
fn block(map: &HeatMap, panel: &Panel, colored: bool) -> Vec<String> {
    let name = (map.all > 1).then(|| format!("      {}", panel.name));
    let rows = panel.cells.rows().into_iter().enumerate();
    let rows = rows.map(|(i, row)| {
        let index = match map.rows.name.is_empty() {
            true => String::new(),
            false => format!("{:>5} ", i * map.rows.pool),
        };
        let cells = row
            .iter()
            .map(|x| cell(map.scale, map.scale.shade(*x), colored));
        index + &cells.collect::<String>()
    });
    name.into_iter().chain(rows).collect()
}

fn cell(scale: Scale, shade: Shade, colored: bool) -> String {
    if colored {
        let sign = match shade {
            Shade::Value(_) => "  ",
            Shade::Hidden => HIDDEN,
            Shade::NotFinite => NOT_FINITE,
        };
        return on(scale.color(shade), sign);
    }
    let signs = if scale.is_signed() { BOTH } else { ONE_SIGN };
    match shade {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Shade::Value(at) => signs[((at * 5.0) as usize).min(4)].to_string(),
        Shade::Hidden => HIDDEN.to_string(),
        Shade::NotFinite => NOT_FINITE.to_string(),
    }
}

/// `text` on a ground of this colour: 24 bits where the terminal says that it has them, else the nearest of
/// the cube of 6×6×6 that every terminal with 256 colours has.
fn on([r, g, b]: [u8; 3], text: &str) -> String {
    let said = std::env::var("COLORTERM").unwrap_or_default();
    if ["truecolor", "24bit"].contains(&said.as_str()) {
        return format!("\x1b[48;2;{r};{g};{b}m{text}\x1b[0m");
    }
    let [r, g, b] = [r, g, b].map(|part| (u32::from(part) * 5 + 127) / 255);
    let index = 16 + 36 * r + 6 * g + b;
    format!("\x1b[48;5;{index}m{text}\x1b[0m")
}

fn legend(map: &HeatMap, session: &Session, colored: bool) -> String {
    let Scale { low, high } = map.scale;
    let shades: Vec<String> = (0..5)
        .map(|i| cell(map.scale, Shade::Value(f64::from(i) / 4.0), colored))
        .collect();
    let mut legend = format!("{} {} {}", number(low), shades.join(" "), number(high));
    let has = |shade: Shade| {
        let mut values = map.panels.iter().flat_map(|panel| panel.cells.iter());
        values.any(|value| map.scale.shade(*value) == shade)
    };
    if has(Shade::Hidden) {
        let hidden = session.lang.pick("hidden (−∞)", "被遮住（−∞）");
        legend += &format!("   {} {hidden}", cell(map.scale, Shade::Hidden, colored));
    }
    if has(Shade::NotFinite) {
        let other = session.lang.pick("NaN or ∞", "NaN 或 ∞");
        legend += &format!("   {} {other}", cell(map.scale, Shade::NotFinite, colored));
    }
    legend
}
