//! A cell's text: its commands and its Rust, and what may stand at the cursor.

use crate::cli::lab::lexer;
use crate::cli::workbench::{Names, Offer, complete, goes_on, is_command};

/// The pieces of a cell in their order: each command, and the Rust between them. Rust keeps its
/// place by empty lines, so that errors name the cell's own lines.
pub fn pieces(code: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rust = String::new();
    for (row, line) in code.lines().enumerate() {
        // A line that starts with a colon inside of brackets or a string is Rust.
        if is_command(line) && !lexer::unfinished(&rust) {
            pieces.push(std::mem::take(&mut rust));
            pieces.push(line.trim().to_string());
            continue;
        }
        if rust.is_empty() {
            rust = "\n".repeat(row);
        }
        rust += line;
        rust.push('\n');
    }
    pieces.push(rust);
    for piece in &mut pieces {
        piece.truncate(piece.trim_end().len());
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// The spaces that the next line starts with, where more is to come.
pub fn incomplete(code: &str) -> Option<String> {
    let last = code.lines().next_back().unwrap_or_default();
    if is_command(last) || !goes_on(code) {
        return None;
    }
    let indent = last.len() - last.trim_start().len();
    let deeper = if last.trim_end().ends_with(['{', '(', '[']) {
        4
    } else {
        0
    };
    Some(" ".repeat(indent + deeper))
}

/// What may stand at a cursor.
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    pub matches: Vec<String>,
    /// In characters, as Jupyter counts.
    pub start: usize,
    pub end: usize,
}

/// What Tab offers at the `cursor`-th character.
pub fn completion(code: &str, cursor: usize, names: &Names) -> Completion {
    let at = code.char_indices().nth(cursor);
    let at = at.map_or(code.len(), |(at, _)| at);
    let before = &code[..at];
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let (start, matches) = match complete(&code[line..], at - line, names) {
        Offer::Words(start, words) => (line + start, words),
        Offer::Files => (at, Vec::new()),
    };
    Completion {
        matches,
        start: code[..start].chars().count(),
        end: before.chars().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_falls_into_pieces() {
        assert_eq!(
            pieces(
                ":help\n\nlet x = 1;\nx\n  :check rope\nlet s = \"\n:no command\n\";\n:dep a = \"1\""
            ),
            [
                ":help",
                "\n\nlet x = 1;\nx",
                ":check rope",
                "\n\n\n\n\nlet s = \"\n:no command\n\";\n:dep a = \"1\"",
            ]
        );
        assert_eq!(pieces(" \n\n"), [""; 0]);
    }

    #[test]
    fn a_cell_that_goes_on() {
        assert_eq!(incomplete("fn f() {").as_deref(), Some("    "));
        assert_eq!(
            incomplete("fn f() {\n    g(\n        1,").as_deref(),
            Some("        ")
        );
        assert_eq!(incomplete("fn f() {}"), None);
        assert_eq!(incomplete(":check rope"), None);
    }

    #[test]
    fn completes_in_characters() {
        let names = Names {
            items: vec!["语_function".into()],
            variables: Vec::new(),
        };
        let found = completion("// 语\n语_f", 8, &names);
        assert_eq!(
            (found.matches, found.start, found.end),
            (vec!["语_function".to_string()], 5, 8)
        );
        let found = completion("let a = 1;\n:check rop + 1", 21, &names);
        assert_eq!((found.start, found.end), (18, 21));
        assert_eq!(found.matches, ["rope"]);
        assert_eq!(completion("a", 99, &names).end, 1);
    }
}
