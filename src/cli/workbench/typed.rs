//! What is typed, before it runs: whether more of it is to come, and its colours.

use crate::cli::lab::lexer::{self, Kind};

/// Whether what was typed goes on in the next line.
pub fn goes_on(text: &str) -> bool {
    let code = text.trim();
    if code.starts_with(':') {
        return false;
    }
    // An empty line says: this is all.
    lexer::unfinished(text) || (is_headless(code) && !text.ends_with('\n'))
}

/// `fn f() -> T` with its brace yet to come, or an attribute or documentation without its item.
fn is_headless(code: &str) -> bool {
    let last = code.lines().next_back().unwrap_or_default().trim();
    if last.starts_with("///") || (last.starts_with("#[") && last.ends_with(']')) {
        return true;
    }
    let first = code.split_whitespace().next().unwrap_or_default();
    let item = matches!(first, "fn" | "pub" | "impl" | "trait" | "unsafe" | "async");
    item && !code.contains('{') && !code.ends_with(';') && code.contains(' ')
}

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
    "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
    "ref", "return", "self", "Self", "static", "struct", "super", "trait", "true", "type",
    "unsafe", "use", "where", "while",
];

/// The line with colours.
pub fn highlight(line: &str) -> String {
    if let Some(rest) = line.trim_start().strip_prefix(':') {
        let start = line.len() - rest.len();
        let end = start + rest.find(char::is_whitespace).unwrap_or(rest.len());
        return format!("\x1b[36m{}\x1b[0m{}", &line[..end], &line[end..]);
    }
    let mut out = String::with_capacity(2 * line.len());
    for token in lexer::tokens(line) {
        let text = &line[token.range];
        let style = match token.kind {
            Kind::Word if KEYWORDS.contains(&text) => "35",
            Kind::Word if text.starts_with(char::is_uppercase) => "33",
            Kind::Number => "36",
            Kind::Text => "32",
            Kind::Lifetime => "33",
            Kind::Comment => "2",
            _ => {
                out.push_str(text);
                continue;
            }
        };
        out.push_str(&format!("\x1b[{style}m{text}\x1b[0m"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_rest() {
        for text in [
            "fn f() {",
            "fn f()",
            "#[derive(Debug)]",
            "/// Adds.",
            "pub fn f(x: f32) -> f32",
            "f(",
        ] {
            assert!(goes_on(text), "{text}");
        }
        for text in [
            "fn f() {}",
            "let x = 1",
            ":check (",
            "struct A;",
            "pub",
            "f()",
            "",
        ] {
            assert!(!goes_on(text), "{text}");
        }
    }

    #[test]
    fn colours_change_nothing_but_colour() {
        let line = "let x = \"a\"; // b";
        let bare =
            highlight(line)
                .split('\x1b')
                .enumerate()
                .fold(String::new(), |all, (i, part)| {
                    let text = if i == 0 {
                        part
                    } else {
                        part.split_once('m').map_or("", |p| p.1)
                    };
                    all + text
                });
        assert_eq!(bare, line);
    }
}
