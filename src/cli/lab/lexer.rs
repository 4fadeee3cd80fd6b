//! Just enough of Rust's tokens to colour a line and to see whether it goes on. Any text will do:
//! what is not Rust is cut into pieces as well as it can be.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Space,
    Comment,
    Word,
    Number,
    /// A string, byte string or character.
    Text,
    Lifetime,
    Open,
    Close,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
    /// A comment or string whose end is missing.
    pub open: bool,
}

/// Cuts `text` into tokens that cover all of it, in order.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (kind, length, open) = token(&text[at..]);
        let range = at..at + length;
        at = range.end;
        all.push(Token { kind, range, open });
    }
    all
}

/// Whether a bracket, string or comment is still open at the end.
pub fn unfinished(text: &str) -> bool {
    let mut depth = 0_usize;
    for token in tokens(text) {
        match token.kind {
            Kind::Open => depth += 1,
            // One too many is a mistake for rustc to explain, not something to wait for.
            Kind::Close if depth == 0 => return false,
            Kind::Close => depth -= 1,
            _ if token.open => return true,
            _ => {}
        }
    }
    depth > 0
}

/// Kind, length in bytes (at least one character) and whether the end is missing.
fn token(rest: &str) -> (Kind, usize, bool) {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        return (Kind::Space, run(rest, char::is_whitespace), false);
    }
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if let Some(text) = string(rest) {
        return text;
    }
    if first == '\'' {
        return quoted(rest);
    }
    if first.is_ascii_digit() {
        return (Kind::Number, number(rest), false);
    }
    if is_word(first) {
        return (Kind::Word, run(rest, is_word), false);
    }
    let kind = match first {
        '(' | '[' | '{' => Kind::Open,
        ')' | ']' | '}' => Kind::Close,
        _ => Kind::Other,
    };
    (kind, first.len_utf8(), false)
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn run(text: &str, belongs: fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Block comments nest.
fn block_comment(rest: &str) -> (Kind, usize, bool) {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = rest.as_bytes();
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return (Kind::Comment, at, false);
        }
    }
    (Kind::Comment, rest.len(), true)
}

/// `"…"`, `b"…"`, `c"…"`, `r#"…"#` and their like.
fn string(rest: &str) -> Option<(Kind, usize, bool)> {
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    let (letters, after) = rest.split_at(prefix.min(2));
    let raw = letters.ends_with('r');
    if !matches!(letters, "" | "b" | "c" | "r" | "br" | "cr") {
        return None;
    }
    let hashes = if raw { run(after, |c| c == '#') } else { 0 };
    let body = after[hashes..].strip_prefix('"')?;
    let start = rest.len() - body.len();
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(match body.find(&end) {
            Some(at) => (Kind::Text, start + at + end.len(), false),
            None => (Kind::Text, rest.len(), true),
        });
    }
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((Kind::Text, start + at + 1, false)),
            _ => {}
        }
    }
    Some((Kind::Text, rest.len(), true))
}

/// `'x'` and `'\n'` are characters, `'a` is a lifetime.
fn quoted(rest: &str) -> (Kind, usize, bool) {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => {
            // The escaped character is behind us; the quote ends within the line.
            let end = chars
                .take_while(|(_, c)| *c != '\n')
                .find(|(_, c)| *c == '\'');
            (Kind::Text, end.map_or(1, |(at, _)| at + 1), false)
        }
        (Some((_, c)), Some((at, '\''))) if c != '\'' => (Kind::Text, at + 1, false),
        (Some((_, c)), _) if is_word(c) => (Kind::Lifetime, 1 + run(&rest[1..], is_word), false),
        _ => (Kind::Other, 1, false),
    }
}

fn number(rest: &str) -> usize {
    let mut end = run(rest, is_word);
    if let Some(after) = rest[end..].strip_prefix('.')
        && after.starts_with(|c: char| c.is_ascii_digit())
    {
        end += 1 + run(after, is_word);
    }
    let exponent = rest[..end].ends_with(['e', 'E']) && !rest.starts_with("0x");
    if exponent && rest[end..].starts_with(['+', '-']) {
        end += 1 + run(&rest[end + 1..], is_word);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let all = tokens(text).into_iter();
        all.filter(|token| token.kind != Kind::Space)
            .map(|token| (token.kind, &text[token.range]))
            .collect()
    }

    #[test]
    fn cuts_rust() {
        assert_eq!(
            kinds("let x: &'a str = r#\"a\"b\"#; // end"),
            [
                (Kind::Word, "let"),
                (Kind::Word, "x"),
                (Kind::Other, ":"),
                (Kind::Other, "&"),
                (Kind::Lifetime, "'a"),
                (Kind::Word, "str"),
                (Kind::Other, "="),
                (Kind::Text, "r#\"a\"b\"#"),
                (Kind::Other, ";"),
                (Kind::Comment, "// end"),
            ]
        );
        assert_eq!(kinds("1e-5")[0], (Kind::Number, "1e-5"));
        assert_eq!(kinds("0..3")[0], (Kind::Number, "0"));
        assert_eq!(kinds("'\\''")[0], (Kind::Text, "'\\''"));
        assert_eq!(kinds("'语'")[0], (Kind::Text, "'语'"));
        assert_eq!(kinds("break")[0], (Kind::Word, "break"));
    }

    #[test]
    fn sees_what_goes_on() {
        for text in [
            "fn f() {",
            "vec![1,",
            "\"abc",
            "/* /* */",
            "r#\"x\"",
            "f('{', '(', ",
        ] {
            assert!(unfinished(text), "{text}");
        }
        for text in [
            "1 + 1", "}", "f() }{", "'('", "\"(\"", "// (", "'a", "/* ( */", "'",
        ] {
            assert!(!unfinished(text), "{text}");
        }
    }
}
