//! The `let`s of what was typed: where one ends, what it binds, and its types written down.

use super::infer::Types;
use crate::cli::lab::lexer::{self, Kind, Token};
use std::ops::Range;

/// The code with the semicolon that its last statement lacks, where that is a `let`.
pub fn closed(code: &str) -> String {
    let rust = without_commands(code);
    let tokens = lexer::tokens(&rust);
    let solid = |token: &&Token| !matches!(token.kind, Kind::Space | Kind::Comment);
    let last = tokens.iter().rfind(solid);
    let mut out = code.to_string();
    if let Some(last) = last.filter(|_| lets(&rust).1 == Ended::Open && !lexer::unfinished(&rust)) {
        out.insert(last.range.end, ';');
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
    let mut seen: Vec<&str> = Vec::new();
    for binding in lets(&rust).0.iter().rev() {
        let mut added = String::new();
        for (name, mutable) in &binding.names {
            if let Some(kind) = types.get(*name).filter(|_| !seen.contains(name)) {
                if nameless(kind) {
                    return Err(Nameless);
                }
                let mutable = if *mutable { "mut " } else { "" };
                added += &format!(" let {mutable}{name}: {kind} = {name};");
            }
            seen.push(name);
        }
        out.insert_str(binding.end, &added);
    }
    Ok(out)
}

/// A variable's type has no name that code could use: a closure's, or `impl Trait`.
#[derive(Debug, PartialEq, Eq)]
pub struct Nameless;

fn nameless(kind: &str) -> bool {
    ["{", "impl ", "@"].iter().any(|part| kind.contains(part))
}

/// A `let` that gives values to variables.
struct Binding<'a> {
    /// What its pattern names, and whether with `mut`. Types and constructors may be among them.
    names: Vec<(&'a str, bool)>,
    /// Behind its semicolon.
    end: usize,
}

/// Whether the last `let` has its semicolon.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Closed,
    Open,
}

/// Every `let` with a value that stands in no bracket, and whether the last one ends.
fn lets(code: &str) -> (Vec<Binding<'_>>, Ended) {
    let tokens = lexer::tokens(code);
    let tokens: Vec<&Token> = tokens
        .iter()
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment))
        .collect();
    let text = |range: &Range<usize>| &code[range.clone()];
    let mut all = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = at == 0 || matches!(text(&tokens[at - 1].range), ";" | "}" | "]");
        if depth == 0 && begins && text(&tokens[at].range) == "let" {
            let Some(end) = end(&tokens[at..], code) else {
                return (all, Ended::Open);
            };
            let statement = &tokens[at..=at + end];
            all.extend(binding(statement, code));
            at += end;
        }
        at += 1;
    }
    (all, Ended::Closed)
}

/// Which token is the semicolon of the statement that begins here.
fn end(tokens: &[&Token], code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && &code[token.range.clone()] == ";"
    })
}

fn binding<'a>(statement: &[&Token], code: &'a str) -> Option<Binding<'a>> {
    let text = |token: &Token| &code[token.range.clone()];
    let equals = statement.iter().position(|token| text(token) == "=")?;
    let pattern = &statement[1..colon(statement, code).map_or(equals, |colon| colon.min(equals))];
    let words = pattern.iter().enumerate();
    let names = words.filter(|(_, token)| token.kind == Kind::Word && text(token) != "mut");
    let names = names.map(|(at, token)| (text(token), at > 0 && text(pattern[at - 1]) == "mut"));
    Some(Binding {
        names: names.collect(),
        end: statement.last()?.range.end,
    })
}

/// Which token is the colon between a pattern and its type: not one of `Point { x: a }`, nor one of `a::B`.
fn colon(statement: &[&Token], code: &str) -> Option<usize> {
    let is_colon = |at: usize| {
        statement
            .get(at)
            .is_some_and(|token| &code[token.range.clone()] == ":")
    };
    let mut depth = 0_usize;
    (0..statement.len()).find(|&at| {
        match statement[at].kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && is_colon(at) && !is_colon(at + 1) && !is_colon(at - 1)
    })
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
