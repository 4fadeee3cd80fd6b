//! Markdown in the terminal: the plain subset that lessons are written in (headings, paragraphs,
//! lists, quotes, tables, fenced code, **bold**, *emphasis*, `code`, links).

use colored::Colorize;
use unicode_width::UnicodeWidthChar;

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
                let code = line.chars().map(|c| (c, Style::Code)).collect();
                out.extend(cut(&code, width, "    "));
            }
        } else if let Some((level, title)) = heading(text) {
            let mark = if level == 1 { "" } else { "▌ " };
            let title = inline(title, Style::Heading);
            out.extend(wrap(&title, width, mark, &" ".repeat(columns(mark))));
        } else if text.starts_with('|') {
            let mut rows = vec![cells(text)];
            while let Some(row) = lines.next_if(|line| line.trim_start().starts_with('|')) {
                rows.push(cells(row.trim()));
            }
            out.extend(table(rows, width));
        } else if let Some((mark, rest)) = item(text) {
            let first = format!("{indent}  {mark} ");
            let hang = " ".repeat(columns(&first));
            let text = paragraph(rest, &mut lines);
            out.extend(wrap(&inline(&text, Style::Plain), width, &first, &hang));
        } else if let Some(quote) = text.strip_prefix('>') {
            let quote = inline(quote.trim(), Style::Italic);
            out.extend(wrap(&quote, width, "  │ ", "  │ "));
        } else if text.len() >= 3 && text.chars().all(|c| c == '-') {
            out.push("─".repeat(width.min(60)));
        } else if text.is_empty() {
            out.push(String::new());
        } else {
            let text = paragraph(text, &mut lines);
            out.extend(wrap(&inline(&text, Style::Plain), width, &indent, &indent));
        }
    }
    out.join("\n") + "\n"
}

/// Wraps one paragraph with inline Markdown; every line but the first starts with `hang` spaces.
pub fn flow(text: &str, width: usize, first: &str, hang: usize) -> String {
    wrap(&inline(text, Style::Plain), width, first, &" ".repeat(hang)).join("\n")
}

/// The columns that `text` takes on a terminal.
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `text`, filled up with spaces to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
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
    c.width() == Some(2)
}

/// Whether a line may not begin with this character.
fn closes(c: char) -> bool {
    ",。、;:?!)》」』】〉”’…—·,.;:?!)]}%".contains(c)
}

/// Whether a line may not end with this character.
fn opens(c: char) -> bool {
    "(《「『【〈“‘".contains(c)
}

/// Whether a line may break between two neighbours: at CJK characters, but not before closing or
/// after opening punctuation.
fn may_break(before: char, after: char) -> bool {
    (is_wide(before) || is_wide(after)) && !closes(after) && !opens(before)
}

fn width_of(text: &[(char, Style)]) -> usize {
    text.iter().map(|(c, _)| c.width().unwrap_or(0)).sum()
}

/// Lines of at most `width` columns. A word that is longer than a line is cut.
fn wrap(text: &Styled, width: usize, first: &str, hang: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = Styled::new();
    let mut room = width.saturating_sub(columns(first)).max(8);
    let mut at = 0;
    while at < text.len() {
        // A piece is what may not be broken: spaces before it, and a word.
        let spaces = text[at..].iter().take_while(|(c, _)| *c == ' ').count();
        let start = at + spaces;
        let mut end = start;
        while end < text.len() && text[end].0 != ' ' {
            end += 1;
            if end < text.len() && may_break(text[end - 1].0, text[end].0) {
                break;
            }
        }
        if width_of(&line) + width_of(&text[at..end]) <= room {
            line.extend(&text[at..end]);
        } else {
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                room = width.saturating_sub(columns(hang)).max(8);
            }
            for &piece in &text[start..end] {
                if width_of(&line) + piece.0.width().unwrap_or(0) > room {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(piece);
            }
        }
        at = end;
    }
    lines.push(line);
    let prefix = |i: usize| if i == 0 { first } else { hang };
    let lines = lines.iter().enumerate();
    lines
        .map(|(i, line)| format!("{}{}", prefix(i), paint(line)))
        .collect()
}

/// Lines of code: cut at the width, spaces kept.
fn cut(text: &Styled, width: usize, indent: &str) -> Vec<String> {
    let room = width.saturating_sub(indent.len()).max(8);
    let mut lines = vec![Styled::new()];
    let mut used = 0;
    for &piece in text {
        let wide = piece.0.width().unwrap_or(0);
        if used + wide > room {
            lines.push(Styled::new());
            used = 0;
        }
        used += wide;
        lines.last_mut().expect("never empty").push(piece);
    }
    lines
        .iter()
        .map(|line| format!("{indent}{}", paint(line)))
        .collect()
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
        .iter()
        .map(|cell| inline(cell.trim(), Style::Plain))
        .collect()
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
            .map(|cell| width_of(cell))
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
            .map(|(i, width)| wrap(row.get(i).unwrap_or(&empty), *width, "", ""))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let cells = wrapped.iter().zip(&widths).map(|(cell, width)| {
                let cell = cell.get(line).map_or("", String::as_str);
                let used = columns(&plain(cell));
                format!("{cell}{}", " ".repeat(width.saturating_sub(used)))
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

/// `text` without colour codes.
pub fn plain(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(markdown: &str, width: usize) -> Vec<String> {
        plain(&render(markdown, width))
            .lines()
            .map(String::from)
            .collect()
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let text = "# 缩放点积注意力:softmax(q·kᵀ/√d)·v\n\n注意力把每个查询与所有键做点积,除以 √d(head_dim),再做 softmax,最后对值加权求和。**粗体**与`code`混排。\n\n- a list item which is long enough to be wrapped over more than one line of the terminal, with `code` in it\n\n| axis | meaning | a third column |\n|---|---|---|\n| b | sequences in the batch, which may be of different lengths | x |\n| n | token 数,这里是一个很长很长很长很长很长很长的单元格 | y |\n\n```rust\nlet scores = einsum(\"b h n d, b h m d -> b h n m\", &[&q, &k]).mapv(|x| x / (d as f32).sqrt());\n```\n";
        for width in [60, 80, 120] {
            for line in lines(text, width) {
                assert!(columns(&line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn closing_punctuation_stays_with_its_word() {
        let text = "一二三四五六七八九十,一二三四五六七八九十,一二三四五六七八九十。".repeat(4);
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
