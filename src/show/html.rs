//! Runs and tensors as HTML fragments, for notebooks and pages: no script, their style inside.

use super::summary::si;
use super::{HeatMap, Panel, Shade, Summary, number};
use crate::text::Lang;
use crate::trace::{Step, Trace};

/// How every fragment looks, on a light page as on a dark one.
const STYLE: &str = include_str!("style.css");

/// Cells of so many columns at most have their numbers written in them.
const MOST_WITH_NUMBERS: usize = 12;

/// A fragment of this class with its style.
pub fn fragment(class: &str, inside: &str) -> String {
    format!("<div class=\"llmlab {class}\">\n<style>{STYLE}</style>\n{inside}</div>\n")
}

/// A sentence about what went wrong.
pub fn trouble(sentence: &str) -> String {
    fragment(
        "llmlab-trouble",
        &format!("<p><b>✗</b> {}</p>\n", escape(sentence)),
    )
}

/// A run as a table: a row for each step, which unfolds to the step's values.
pub fn trace(title: &str, sizes: &[(String, usize)], trace: &Trace, lang: Lang) -> String {
    let sizes = sizes.iter().map(|(name, size)| format!("{name}={size}"));
    let sizes = sizes.collect::<Vec<_>>().join(" ");
    let heads = lang.pick(
        [
            "", "step", "formula", "axes", "sizes", "FLOP", "values", "note",
        ],
        ["", "步骤", "公式", "轴", "尺寸", "FLOP", "数值", "说明"],
    );
    let mut rows = vec![heads.map(String::from)];
    rows.extend(trace.steps().iter().enumerate().map(|(i, step)| {
        [
            (i + 1).to_string(),
            step.name.clone(),
            step.formula.clone(),
            step.spec.replace("->", "→"),
            format!("{:?}", step.value.shape()),
            match step.flops {
                0 => String::new(),
                flops => si(flops as f64, "FLOP"),
            },
            Summary::of(&step.value).words(),
            step.note.clone().unwrap_or_default(),
        ]
    }));
    // Rows that unfold are no rows of a table, so their columns get one width in characters.
    let widths: [usize; 8] = std::array::from_fn(|i| {
        let wide = rows.iter().map(|row| columns(&row[i])).max();
        // The first has a triangle before its number.
        wide.unwrap_or(0) + if i == 0 { 4 } else { 2 }
    });
    let tracks: Vec<String> = widths.iter().map(|wide| format!("{wide}ch")).collect();
    let line = |row: &[String; 8]| -> String {
        let cells = row
            .iter()
            .enumerate()
            .map(|(i, text)| format!("<span class=\"c{i}\">{}</span>", escape(text)));
        cells.collect()
    };
    let mut out = format!(
        "<p><b>{}</b> <code>{}</code></p>\n<div class=\"llmlab-rows\" style=\"--tracks:{}\">\n<div class=\"llmlab-head\">{}</div>\n",
        escape(title),
        escape(&sizes),
        tracks.join(" "),
        line(&rows[0]),
    );
    for (step, row) in trace.steps().iter().zip(&rows[1..]) {
        let values = values(step, lang);
        out += &format!(
            "<details><summary>{}</summary>\n{values}</details>\n",
            line(row)
        );
    }
    fragment("llmlab-trace", &(out + "</div>\n"))
}

/// A step alone.
pub fn step(step: &Step, lang: Lang) -> String {
    let about = format!(
        "<p><b>{}</b> {} <code>{}</code> {}</p>\n",
        escape(&step.name),
        escape(&step.formula),
        escape(&step.axes.join(" ")),
        escape(&Summary::of(&step.value).words()),
    );
    fragment("llmlab-tensor", &(about + &values(step, lang)))
}

/// What a step's row unfolds to.
fn values(step: &Step, lang: Lang) -> String {
    let map = HeatMap::new(step, [24, 48], 8);
    match map {
        Some(map) => heat(&map, lang),
        None => format!("<p>{}</p>\n", escape(&format!("{:?}", step.value))),
    }
}

/// A tensor on its own, under a title.
pub fn tensor(map: &HeatMap, summary: &Summary, lang: Lang) -> String {
    let shape = |side: &super::Side| side.size.to_string();
    let title = match map.title.as_str() {
        "" => String::new(),
        title => format!("<b>{}</b> ", escape(title)),
    };
    let sides = match map.rows.name.is_empty() && map.rows.size == 1 {
        true => shape(&map.columns),
        false => format!("{} × {}", shape(&map.rows), shape(&map.columns)),
    };
    let panels = match map.all {
        1 => String::new(),
        all => format!("{all} × "),
    };
    let about = format!(
        "<p>{title}<code>{panels}{sides}</code> {}</p>\n",
        escape(&summary.words())
    );
    fragment("llmlab-tensor", &(about + &heat(map, lang)))
}

/// The panels of a heat map, without a style: a part of a fragment.
pub fn heat(map: &HeatMap, lang: Lang) -> String {
    let mut out = String::from("<div class=\"llmlab-heat\">\n");
    for panel in &map.panels {
        out += &table(map, panel);
    }
    out += "</div>\n";
    let mut notes = Vec::new();
    if map.is_pooled() {
        let pool = format!("{}×{}", map.rows.pool, map.columns.pool);
        notes.push(lang.pick(
            format!("a cell is the mean of {pool} values"),
            format!("每格是 {pool} 个值的平均"),
        ));
    }
    if map.all > map.panels.len() {
        let (shown, all) = (map.panels.len(), map.all);
        notes.push(lang.pick(
            format!("{shown} of {all} panels"),
            format!("{all} 幅中的 {shown} 幅"),
        ));
    }
    out + &legend(map, &notes)
}

fn table(map: &HeatMap, panel: &Panel) -> String {
    let (rows, columns) = (&map.rows, &map.columns);
    let numbers = panel.cells.ncols() <= MOST_WITH_NUMBERS && !map.is_pooled();
    let class = if numbers { "numbers" } else { "shades" };
    let mut out = format!("<table class=\"{class}\">\n");
    if !panel.name.is_empty() {
        out += &format!("<caption>{}</caption>\n", escape(&panel.name));
    }
    // The corner names both axes; columns are counted where there is room for it.
    let named = match rows.name.is_empty() {
        true => format!("{} →", columns.name),
        false => format!("{} ↓ {} →", rows.name, columns.name),
    };
    let every = if numbers { 1 } else { 8 };
    out += &format!("<tr><th class=\"corner\">{}</th>", escape(&named));
    for start in (0..panel.cells.ncols()).step_by(every) {
        let span = every.min(panel.cells.ncols() - start);
        out += &format!("<th colspan=\"{span}\">{}</th>", start * columns.pool);
    }
    out += "</tr>\n";
    for (i, row) in panel.cells.rows().into_iter().enumerate() {
        let index = match rows.name.is_empty() && rows.size == 1 {
            true => String::new(),
            false => (i * rows.pool).to_string(),
        };
        out += &format!("<tr><th>{index}</th>");
        for (j, &x) in row.iter().enumerate() {
            let shade = map.scale.shade(x);
            let [r, g, b] = map.scale.color(shade);
            // Relative luminance as in WCAG 2, roughly: which ink is read better on this ground.
            let light = 0.3 * f64::from(r) + 0.6 * f64::from(g) + 0.1 * f64::from(b) > 140.0;
            let ink = if light { "#111" } else { "#fff" };
            let shown = match (numbers, shade) {
                (_, Shade::Hidden) if x < 0.0 => "−∞".to_string(),
                (true, _) => number(x),
                (false, _) => String::new(),
            };
            let (row, column) = (i * rows.pool, j * columns.pool);
            let place = match rows.name.is_empty() {
                true => format!("{}={column}", columns.name),
                false => format!("{}={row} {}={column}", rows.name, columns.name),
            };
            let shown = if numbers { shown } else { String::new() };
            out += &format!(
                "<td style=\"background:#{r:02x}{g:02x}{b:02x};color:{ink}\" title=\"{}: {}\">{shown}</td>",
                escape(&place),
                number(x),
            );
        }
        out += "</tr>\n";
    }
    out + "</table>\n"
}

/// The scale as a strip of colour from low to high.
fn legend(map: &HeatMap, notes: &[String]) -> String {
    let stops: Vec<String> = (0..=8)
        .map(|i| {
            let [r, g, b] = map.scale.color(Shade::Value(f64::from(i) / 8.0));
            format!("#{r:02x}{g:02x}{b:02x}")
        })
        .collect();
    let strip = match map.scale.high > map.scale.low {
        true => format!(
            "{} <span class=\"strip\" style=\"background:linear-gradient(to right,{})\"></span> {}",
            number(map.scale.low),
            stops.join(","),
            number(map.scale.high)
        ),
        false => format!("= {}", number(map.scale.low)),
    };
    let notes: String = notes
        .iter()
        .map(|note| format!(" · {}", escape(note)))
        .collect();
    format!("<p class=\"legend\">{strip}{notes}</p>\n")
}

/// Columns that a text takes in a font of one width; Chinese takes two.
fn columns(text: &str) -> usize {
    let wide =
        |c: char| ('\u{2e80}'..'\u{a4d0}').contains(&c) || ('\u{ff00}'..'\u{ff61}').contains(&c);
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// Text that stands for itself in HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The text that [`escape`], or an SVG's writer, made this of.
pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// Text with `code` in it, and line breaks.
pub fn inline(text: &str) -> String {
    let mut parts = text.split('`');
    let mut out = escape(parts.next().unwrap_or_default());
    let mut rest = parts.collect::<Vec<_>>().into_iter();
    while let Some(code) = rest.next() {
        match rest.next() {
            Some(after) => {
                out += &format!("<code>{}</code>{}", escape(code), escape(after));
            }
            // A single backtick is one.
            None => out += &format!("`{}", escape(code)),
        }
    }
    out.replace('\n', "<br>")
}

/// The words of a fragment, for those who see no HTML.
pub fn words(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out += &rest[..at];
        let tag = &rest[at..];
        // What is drawn or styled has no words.
        let end = ["style", "svg", "script"]
            .iter()
            .filter(|name| tag[1..].starts_with(**name))
            .find_map(|name| {
                let close = format!("</{name}>");
                Some(tag.find(&close)? + close.len())
            });
        let end = end.or_else(|| Some(tag.find('>')? + 1));
        let end = end.unwrap_or(tag.len());
        let name = tag[1..end].trim_end_matches('>').trim_start_matches('/');
        let name = name.split_whitespace().next().unwrap_or_default();
        match name {
            "p" | "div" | "tr" | "li" | "pre" | "summary" | "br" | "table" | "h3"
                if !out.ends_with('\n') =>
            {
                out.push('\n');
            }
            "td" | "th" | "span" if !out.ends_with([' ', '\n']) => out.push(' '),
            _ => {}
        }
        rest = &tag[end..];
    }
    out += rest;
    let out = unescape(&out);
    let lines = out.lines().map(str::trim_end);
    let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn run() -> Trace {
        let mut trace = Trace::new();
        let hidden = f64::NEG_INFINITY;
        trace.step("x", "a < b", "n m", &array![[0.0, hidden], [1.0, 0.25]]);
        trace.step("sum", "Σ x", "n m -> ", &ndarray::arr0(1.25));
        trace
    }

    #[test]
    fn every_step_unfolds_to_its_values() {
        let html = trace("<lesson>", &[("n".to_string(), 2)], &run(), Lang::En);
        assert_eq!(html.matches("<details>").count(), 2);
        assert!(
            html.contains("a &lt; b") && html.contains("&lt;lesson&gt;"),
            "{html}"
        );
        assert!(
            html.contains(">−∞</td>") && html.contains(">0.25</td>"),
            "{html}"
        );
        let words = words(&html);
        assert!(
            words.contains("a < b") && !words.contains("grid"),
            "{words}"
        );
    }

    #[test]
    fn tags_close() {
        let html = trace("lesson", &[], &run(), Lang::Zh) + &step(&run().steps()[0], Lang::En);
        for tag in [
            "div", "p", "table", "tr", "td", "th", "details", "span", "style",
        ] {
            let open = html.matches(&format!("<{tag}>")).count()
                + html.matches(&format!("<{tag} ")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
