//! What `--plain` makes of a text: words where there were marks, for a screen reader.
//!
//! Verbs that draw (a table, a bar, a plot) say it in words themselves; this takes away what is
//! left.

use crate::text::Lang;

/// Without colour codes, frames and bars; marks become words, or go where a word says the same.
pub fn plain(text: &str, lang: Lang) -> String {
    let text = unpainted(text);
    let lines = text.split('\n').filter_map(|line| {
        let bare = unmarked(line, lang);
        // A rule is nothing to be read.
        let rule = bare.trim().is_empty() && !line.trim().is_empty();
        (!rule).then_some(bare)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether this is drawn of lines and blocks.
fn is_drawing(c: char) -> bool {
    ('\u{2500}'..='\u{259f}').contains(&c)
}

fn unmarked(line: &str, lang: Lang) -> String {
    let mut out = String::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // `✓ right` says it twice.
            '✓' | '✗' | '◐' if before_a_word(chars.clone()) => {
                chars.next();
            }
            '✓' => out += lang.pick("yes", "是"),
            '✗' => out += lang.pick("no", "否"),
            '◐' => out += lang.pick("in part", "部分"),
            '•' => out.push('-'),
            '▁'..='█' => {
                let mut bars = String::from(c);
                while let Some(bar) = chars.next_if(|c| ('▁'..='█').contains(c)) {
                    bars.push(bar);
                }
                match bars.as_str() {
                    // SentencePiece's sign for a space.
                    "▁" => out.push('_'),
                    // A histogram: the heights.
                    bars => out.extend(bars.chars().map(height)),
                }
            }
            // A frame at the left takes its space along.
            c if is_drawing(c) => {
                if out.trim().is_empty() {
                    out.clear();
                    chars.next_if_eq(&' ');
                }
            }
            c => out.push(c),
        }
    }
    out.trim_end().to_string()
}

/// Whether a space and a word come.
fn before_a_word(mut chars: impl Iterator<Item = char>) -> bool {
    chars.next() == Some(' ') && chars.next().is_some_and(char::is_alphanumeric)
}

/// `▁` to `█` as 1 to 8.
fn height(bar: char) -> char {
    char::from_digit(u32::from(bar) - u32::from('▁') + 1, 10).unwrap_or('8')
}

/// The text without a terminal's escape sequences.
fn unpainted(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                super::wrap::escape(&mut chars);
            }
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// Markdown whose tables are lists: a line for each row, each cell with the name of its column.
pub fn untabled(markdown: &str) -> String {
    let mut out = String::new();
    let mut heads: Vec<String> = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        let text = line.trim();
        in_code ^= text.starts_with("```");
        if in_code || !text.starts_with('|') {
            heads.clear();
            out += line;
        } else if heads.is_empty() {
            heads = cells(text);
            // A list begins after an empty line.
            if !out.ends_with("\n\n") {
                out.push('\n');
            }
            continue;
        } else if text.chars().all(|c| "|-: ".contains(c)) {
            continue;
        } else {
            let said = cells(text).into_iter().enumerate();
            let said = said.filter(|(_, cell)| !cell.is_empty());
            let said = said.map(|(i, cell)| match heads.get(i).map_or("", String::as_str) {
                "" => cell,
                head => format!("{head}: {cell}"),
            });
            out += &format!("- {}", said.collect::<Vec<_>>().join("; "));
        }
        out.push('\n');
    }
    out
}

fn cells(row: &str) -> Vec<String> {
    let cells = super::markdown::split(row).into_iter();
    cells.map(|cell| cell.trim().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_words_or_go() {
        let said = |text| plain(text, Lang::En);
        assert_eq!(
            said("\u{1b}[32m✓ right\u{1b}[0m   score 1 of 1"),
            "right   score 1 of 1"
        );
        assert_eq!(said("▌ One line"), "One line");
        assert_eq!(said("a\n──────\nb"), "a\nb");
        assert_eq!(said("  │ quoted"), "quoted");
        assert_eq!(said("  • item\n\n| ✓ |"), "  - item\n\n| yes |");
        assert_eq!(said("▁▃█ «▁» q·kᵀ/√d ≤ 3 × 4"), "138 «_» q·kᵀ/√d ≤ 3 × 4");
    }

    #[test]
    fn tables_become_lists() {
        let table = "text\n\n| name | what |\n|---|---|\n| q | `a|b` |\n| k |  |\n\nmore";
        assert_eq!(
            untabled(table),
            "text\n\n- name: q; what: `a|b`\n- name: k\n\nmore\n"
        );
    }
}
