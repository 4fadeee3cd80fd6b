//! Markdown in the terminal: the plain subset that lessons are written in (headings, paragraphs,
//! lists, quotes, tables, fenced code, **bold**, *emphasis*, `code`, links).

use super::wrap::{columns, wrap};
use colored::Colorize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Bold,
    Italic,
    Code,
    Heading,
    Dim,
}

/// Text as characters, each with its style.
type Styled = Vec<(char, Style)>;

/// Renders Markdown as lines of at most `width` columns (CJK characters take two).
pub fn render(markdown: &str, width: usize) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        let indent = " ".repeat((line.len() - text.len()).min(width / 4));
        if let Some(fence) = fence(text) {
            for line in lines.by_ref() {
                if line.trim() == fence {
                    break;
                }
                let cut = cut(line, width.saturating_sub(4));
                out.extend(cut.iter().map(|line| format!("    {}", line.cyan())));
            }
        } else if let Some((level, title)) = heading(text) {
            let mark = if level == 1 { "" } else { "▌ " };
            let title = inline(title, Style::Heading);
            out.extend(lines_of(&title, width, mark));
        } else if text.starts_with('|') {
            let mut rows = vec![cells(text)];
            while let Some(row) = lines.next_if(|line| line.trim_start().starts_with('|')) {
                rows.push(cells(row.trim()));
            }
            out.extend(table(rows, width));
        } else if let Some((mark, rest)) = item(text) {
            let first = format!("{indent}  {mark} ");
            let text = paragraph(rest, &mut lines);
            out.extend(lines_of(&inline(&text, Style::Plain), width, &first));
        } else if let Some(quote) = text.strip_prefix('>') {
            let quote = inline(quote.trim(), Style::Italic);
            out.extend(lines_of(&quote, width, "  │ "));
        } else if text.len() >= 3 && text.chars().all(|c| c == '-') {
            out.push("─".repeat(width.min(60)));
        } else if text.is_empty() {
            out.push(String::new());
        } else {
            let text = paragraph(text, &mut lines);
            out.extend(lines_of(&inline(&text, Style::Plain), width, &indent));
        }
    }
    out.join("\n") + "\n"
}

/// Wraps one paragraph with inline Markdown; lines after the first are indented as far as
/// `first` is wide.
pub fn flow(text: &str, width: usize, first: &str) -> String {
    lines_of(&inline(text, Style::Plain), width, first).join("\n")
}

/// `text`, filled up with spaces to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// The text with spaces before it, for a column of `width`.
pub fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

fn fence(line: &str) -> Option<&'static str> {
    ["```", "~~~"]
        .into_iter()
        .find(|fence| line.starts_with(fence))
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line[level..].strip_prefix(' ')?;
    (1..=6).contains(&level).then_some((level, title.trim()))
}

/// The marker of a list item and its text.
fn item(line: &str) -> Option<(&str, &str)> {
    if let Some(rest) = line.strip_prefix("- ").or(line.strip_prefix("* ")) {
        return Some(("•", rest));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line[digits..].strip_prefix(". ")?;
    (1..=3)
        .contains(&digits)
        .then_some((&line[..=digits], rest))
}

/// The first line of a paragraph with the lines that continue it.
fn paragraph<'a>(
    first: &str,
    lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
) -> String {
    let mut text = first.to_string();
    let continues = |line: &&str| {
        let line = line.trim_start();
        !(line.is_empty()
            || line.starts_with(['|', '>'])
            || fence(line).is_some()
            || heading(line).is_some()
            || item(line).is_some())
    };
    while let Some(line) = lines.next_if(continues) {
        let wide = text.chars().last().is_some_and(is_wide);
        if !(wide && line.trim().chars().next().is_some_and(is_wide)) {
            text.push(' ');
        }
        text.push_str(line.trim());
    }
    text
}

/// Takes inline marks away and remembers what they said.
fn inline(text: &str, base: Style) -> Styled {
    let mut out = Styled::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let spans = [
            ("`", Style::Code),
            ("**", Style::Bold),
            ("*", Style::Italic),
        ];
        let span = spans.into_iter().find_map(|(mark, style)| {
            let inner = rest.strip_prefix(mark)?;
            let end = inner.find(mark).filter(|end| *end > 0)?;
            // `a * b` is a product.
            let spaced = inner.starts_with(' ') || inner[..end].ends_with(' ');
            (mark == "`" || !spaced).then_some((&inner[..end], style, &inner[end + mark.len()..]))
        });
        if let Some((inner, style, after)) = span {
            match style {
                Style::Code => out.extend(inner.chars().map(|c| (c, Style::Code))),
                _ => out.extend(inline(inner, style)),
            }
            rest = after;
        } else if let Some((label, url, after)) = link(rest) {
            out.extend(inline(label, base));
            if label != url {
                out.extend(format!(" ({url})").chars().map(|c| (c, Style::Dim)));
            }
            rest = after;
        } else if c == '\\' && rest[1..].starts_with(['*', '`', '_', '|', '\\', '[']) {
            out.extend(rest[1..].chars().next().map(|c| (c, base)));
            rest = &rest[2..];
        } else {
            out.push((c, base));
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// `[label](url)` at the start of `text`, and what follows.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (url, after) = rest.split_once(')')?;
    (!label.contains(['[', '\n'])).then_some((label, url, after))
}

fn is_wide(c: char) -> bool {
    columns(c.encode_utf8(&mut [0; 4])) == 2
}

/// Lines of at most `width` columns, each with its colours complete: pagers forget them at a
/// line's end.
fn lines_of(text: &Styled, width: usize, first: &str) -> Vec<String> {
    let wrapped = wrap(&format!("{first}{}", paint(text)), width, columns(first));
    let mut open = String::new();
    let mut lines = Vec::new();
    for line in wrapped.lines() {
        let line = format!("{open}{line}");
        open.clear();
        for code in line.split('\u{1b}').skip(1) {
            let code = code.split_inclusive('m').next().unwrap_or_default();
            match code {
                "[0m" => open.clear(),
                code => open += &format!("\u{1b}{code}"),
            }
        }
        let reset = if open.is_empty() { "" } else { "\u{1b}[0m" };
        lines.push(format!("{line}{reset}"));
    }
    lines
}

/// A line of code: cut at the width, spaces kept.
fn cut(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for c in line.replace('\t', "    ").chars() {
        let last = lines.last_mut().expect("never empty");
        let c = c.to_string();
        match columns(last) + columns(&c) > width.max(8) {
            true => lines.push(c),
            false => last.push_str(&c),
        }
    }
    lines
}

fn paint(line: &[(char, Style)]) -> String {
    line.chunk_by(|a, b| a.1 == b.1)
        .map(|run| {
            let text: String = run.iter().map(|(c, _)| c).collect();
            match run[0].1 {
                Style::Plain => text,
                Style::Bold => text.bold().to_string(),
                Style::Italic => text.italic().to_string(),
                Style::Code => text.cyan().to_string(),
                Style::Heading => text.bold().green().to_string(),
                Style::Dim => text.dimmed().to_string(),
            }
        })
        .collect()
}

/// The cells of a table row; `\|` and a bar inside `code` are text.
fn cells(row: &str) -> Vec<Styled> {
    let cells = split(row);
    let cells = cells.iter();
    cells
        .map(|cell| inline(cell.trim(), Style::Plain))
        .collect()
}

/// The text of each cell of a row.
pub fn split(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').unwrap_or(row);
    let mut cells = vec![String::new()];
    let (mut code, mut escaped) = (false, false);
    for c in row.chars() {
        code ^= c == '`';
        if c == '|' && !code && !escaped {
            cells.push(String::new());
        } else {
            cells.last_mut().expect("never empty").push(c);
        }
        escaped = c == '\\';
    }
    cells
}

/// A table whose widest columns give way, down to 6 columns each, until it fits.
fn table(mut rows: Vec<Vec<Styled>>, width: usize) -> Vec<String> {
    let ruled = rows.get(1).is_some_and(|row| {
        row.iter()
            .all(|cell| !cell.is_empty() && cell.iter().all(|(c, _)| "-: ".contains(*c)))
    });
    if ruled {
        rows.remove(1);
        for (_, style) in rows[0].iter_mut().flatten() {
            *style = Style::Bold;
        }
    }
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |i: usize| {
        rows.iter()
            .filter_map(|row| row.get(i))
            .map(|cell| columns(&paint(cell)))
            .max()
    };
    let mut widths: Vec<usize> = (0..count).map(|i| widest(i).unwrap_or(0).max(1)).collect();
    let room = width.saturating_sub(2 + 2 * count.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(wide) if *wide > 6 => *wide -= 1,
            _ => break,
        }
    }
    let mut out = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let empty = Styled::new();
        let wrapped: Vec<Vec<String>> = widths
            .iter()
            .enumerate()
            .map(|(i, width)| lines_of(row.get(i).unwrap_or(&empty), *width, ""))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let cells = wrapped.iter().zip(&widths).map(|(cell, width)| {
                let cell = cell.get(line).map_or("", String::as_str);
                pad(cell, *width)
            });
            let cells: Vec<String> = cells.collect();
            out.push(format!("  {}", cells.join("  ")).trim_end().to_string());
        }
        if ruled && i == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            out.push(format!("  {}", rules.join("  ")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` without colour codes.
    fn plain(text: &str) -> String {
        let mut out = String::new();
        let mut inside = false;
        for c in text.chars() {
            match c {
                '\u{1b}' => inside = true,
                'm' if inside => inside = false,
                c if !inside => out.push(c),
                _ => {}
            }
        }
        out
    }

    fn lines(markdown: &str, width: usize) -> Vec<String> {
        plain(&render(markdown, width))
            .lines()
            .map(String::from)
            .collect()
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let text = "# 缩放点积注意力：softmax(q·kᵀ/√d)·v\n\n注意力把每个查询与所有键做点积，除以 √d(head_dim)，再做 softmax，最后对值加权求和。**粗体**与`code`混排。\n\n- a list item which is long enough to be wrapped over more than one line of the terminal, with `code` in it\n\n| axis | meaning | a third column |\n|---|---|---|\n| b | sequences in the batch, which may be of different lengths | x |\n| n | token 数，这里是一个很长很长很长很长很长很长的单元格 | y |\n\n```rust\nlet scores = einsum(\"b h n d, b h m d -> b h n m\", &[&q, &k]).mapv(|x| x / (d as f32).sqrt());\n```\n";
        for width in [60, 80, 120] {
            for line in lines(text, width) {
                assert!(columns(&line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn closing_punctuation_stays_with_its_word() {
        let text = "一二三四五六七八九十，一二三四五六七八九十，一二三四五六七八九十。".repeat(4);
        for width in 60..80 {
            for line in lines(&text, width) {
                assert!(!line.starts_with([',', '。']), "{width}: {line}");
            }
        }
    }

    #[test]
    fn marks_are_taken_away_and_products_are_not() {
        let shown = lines(
            "**bold** `a*b` 2 * 3 * 4 *soft* [paper](https://x.y) a\\*b",
            80,
        );
        assert_eq!(shown, ["bold a*b 2 * 3 * 4 soft paper (https://x.y) a*b"]);
    }

    #[test]
    fn tables_keep_a_bar_in_code() {
        let shown = lines("| a | b |\n|---|---|\n| `x|y` | 2 |", 80);
        assert_eq!(shown, ["  a    b", "  ───  ─", "  x|y  2"]);
    }
}
