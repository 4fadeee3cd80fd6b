//! The `let`s of what was typed: where one ends, what it binds, and its types written down.

use super::infer::Types;
use crate::cli::lab::lexer::{self, Kind, Token};

/// The code with the semicolon that its last statement lacks, where that is a `let`.
pub fn closed(code: &str) -> String {
    let rust = without_commands(code);
    let pieces = pieces(&rust);
    let mut out = code.to_string();
    if let Some(last) = lets(&pieces).last().and_then(|last| last.last())
        && last.text != ";"
        && !lexer::unfinished(&rust)
    {
        out.insert(last.end, ';');
    }
    out
}

/// evcxr's commands are no Rust: blanks in their place, so that all else stays where it is.
fn without_commands(code: &str) -> String {
    let lines = code.split('\n');
    let lines = lines.map(|line| match line.trim_start().starts_with(':') {
        true => " ".repeat(line.len()),
        false => line.to_string(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The code with `let x: TYPE = x;` behind the last `let` of each variable whose type is known.
///
/// # Errors
/// [`Nameless`], where that cannot be written.
pub fn with_types(code: &str, types: &Types) -> Result<String, Nameless> {
    let mut out = code.to_string();
    let rust = without_commands(code);
    let pieces = pieces(&rust);
    let mut seen: Vec<&str> = Vec::new();
    for statement in lets(&pieces).into_iter().rev() {
        let Some(end) = statement.last().filter(|last| last.text == ";") else {
            continue;
        };
        let mut added = String::new();
        for (name, mutable) in names(statement) {
            if let Some(kind) = types.get(name).filter(|_| !seen.contains(&name)) {
                if nameless(kind) {
                    return Err(Nameless);
                }
                let mutable = if mutable { "mut " } else { "" };
                added += &format!(" let {mutable}{name}: {kind} = {name};");
            }
            seen.push(name);
        }
        out.insert_str(end.end, &added);
    }
    Ok(out)
}

/// A variable's type has no name that code could use: a closure's, or `impl Trait`.
#[derive(Debug, PartialEq, Eq)]
pub struct Nameless;

fn nameless(kind: &str) -> bool {
    ["{", "impl ", "@"].iter().any(|part| kind.contains(part))
}

/// A token of Rust, neither blank nor comment.
struct Piece<'a> {
    kind: Kind,
    text: &'a str,
    /// How many brackets it stands in.
    depth: usize,
    /// The byte behind it.
    end: usize,
}

fn pieces(code: &str) -> Vec<Piece<'_>> {
    let mut depth = 0_usize;
    let mut all = Vec::new();
    for Token { kind, range, .. } in lexer::tokens(code) {
        match kind {
            Kind::Space | Kind::Comment => continue,
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        let (text, end) = (&code[range.clone()], range.end);
        all.push(Piece {
            kind,
            text,
            depth,
            end,
        });
    }
    all
}

/// Every `let` that stands in no bracket, to its semicolon, or to the end of the code.
fn lets<'a, 'b>(pieces: &'b [Piece<'a>]) -> Vec<&'b [Piece<'a>]> {
    let ends = |piece: &Piece| piece.depth == 0 && matches!(piece.text, ";" | "}" | "]");
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        let begins = at == 0 || ends(&pieces[at - 1]);
        let mut length = 1;
        if begins && piece.depth == 0 && piece.text == "let" {
            let rest = &pieces[at..];
            let end = rest.iter().position(|p| p.depth == 0 && p.text == ";");
            length = end.map_or(rest.len(), |end| end + 1);
            all.push(&rest[..length]);
        }
        at += length;
    }
    all
}

/// What a `let` that gives values names in its pattern, and whether with `mut`. Types and constructors may be
/// among them.
fn names<'a>(statement: &[Piece<'a>]) -> Vec<(&'a str, bool)> {
    let Some(equals) = statement.iter().position(|piece| piece.text == "=") else {
        return Vec::new();
    };
    // The colon before the type: not one of `Point { x: a }`, nor one of `a::B`.
    let is = |at: usize| statement.get(at).is_some_and(|piece| piece.text == ":");
    let alone = |at: &usize| statement[*at].depth == 0 && is(*at) && !is(at - 1) && !is(at + 1);
    let pattern = &statement[..(1..equals).find(alone).unwrap_or(equals)];
    let named = pattern.windows(2).filter(|pair| {
        let [_, name] = pair else { return false };
        name.kind == Kind::Word && name.text != "mut"
    });
    named
        .map(|pair| (pair[1].text, pair[0].text == "mut"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_behind_the_last_let_of_a_variable() {
        let types = ["a", "b", "c"].map(|name| (name.to_string(), format!("T{name}")));
        let types = Types::from(types);
        let typed = |code: &str| with_types(code, &types);
        for (code, wanted) in [
            ("let a = f(); a", "let a = f(); let a: Ta = a; a"),
            (
                "let mut a = f();\na.push(1);",
                "let mut a = f(); let mut a: Ta = a;\na.push(1);",
            ),
            (
                "let a = 1; let a = g(a);",
                "let a = 1; let a = g(a); let a: Ta = a;",
            ),
            (
                "let (a, mut b) = { let c = 1; (c, [0; 2]) };",
                "let (a, mut b) = { let c = 1; (c, [0; 2]) }; let a: Ta = a; let mut b: Tb = b;",
            ),
            (
                "// let a = 1;\n:dep x = \"1\"\nlet c = \"a; let b = 1;\";",
                "// let a = 1;\n:dep x = \"1\"\nlet c = \"a; let b = 1;\"; let c: Tc = c;",
            ),
            (
                "fn f() { let a = 1; } if let a = 2 { }",
                "fn f() { let a = 1; } if let a = 2 { }",
            ),
            ("let a; a = 1;", "let a; a = 1;"),
            (
                "let m::P { x: a } = f();",
                "let m::P { x: a } = f(); let a: Ta = a;",
            ),
            ("let a: A<_> = f();", "let a: A<_> = f(); let a: Ta = a;"),
            ("let a", "let a"),
        ] {
            assert_eq!(typed(code).as_deref(), Ok(wanted));
        }
        let closure = Types::from([("f".to_string(), "{closure@asked.rs:1:2}".to_string())]);
        assert_eq!(with_types("let f = |x| x;", &closure), Err(Nameless));
    }

    #[test]
    fn a_let_may_lack_its_semicolon() {
        for (code, wanted) in [
            ("let a = 1", "let a = 1;"),
            (
                "let a = f(|x| { x }) // why\n",
                "let a = f(|x| { x }); // why\n",
            ),
            (":dep x\nlet a = [1;\n2]", ":dep x\nlet a = [1;\n2];"),
            ("let a = 1; a", "let a = 1; a"),
            ("let a = (1", "let a = (1"),
            ("if let Some(a) = b { a }", "if let Some(a) = b { a }"),
            ("a + 1", "a + 1"),
        ] {
            assert_eq!(closed(code), wanted);
        }
    }

    #[test]
    fn some_types_have_no_name() {
        assert!(nameless("std::iter::Map<A, {closure@asked.rs:3:1: 3:4}>"));
        assert!(nameless("impl Iterator<Item = i32>"));
        assert!(!nameless("std::vec::Vec<f32>"));
    }
}
