//! Types of variables that were written without one. evcxr asks rust-analyzer, which would have to read
//! the standard library's sources for half a minute; rustc, asked with a mistake on purpose, knows them at once.

use crate::cli::lab::{Lab, Nest, joined, lexer, primary};
use evcxr::CompilationError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// What evcxr says where it does not know a type.
const UNKNOWN: &str = "Couldn't automatically determine type of variable `";
/// What it says of a variable that holds a closure.
const CLOSURE: &str = "` is a closure, which cannot be persisted";
/// What evcxr calls the function that takes every variable, in the file that it analyses.
const STORE: &str = "evcxr_variable_store";

/// Types by the names of their variables, as a `let` would write them.
pub type Types = BTreeMap<String, String>;

/// Whether evcxr complains that it does not know a type.
pub fn is_untyped(complaint: &str) -> bool {
    complaint.contains(UNKNOWN)
}

/// Whether evcxr complains about a closure.
pub fn is_closure(complaint: &str) -> bool {
    complaint.contains(CLOSURE)
}

/// Whether an error is about evcxr's own lines: that a `&str` kept from an earlier input may not live long enough.
pub fn is_evcxrs(error: &CompilationError) -> bool {
    let line = primary_line(&error.json).unwrap_or_default();
    error.code() == Some("E0521") && line.starts_with(STORE)
}

/// The line that one of rustc's messages is about.
fn primary_line(message: &Value) -> Option<&str> {
    primary(message)?["text"][0]["text"].as_str()
}

/// Asks rustc for the types of all variables in the file that evcxr analysed last.
pub fn types(lab: &Lab, nest: &Nest) -> Option<Types> {
    let analysed = std::fs::read_to_string(nest.path().join("src/lib.rs")).ok()?;
    let asked = nest.path().join("asked.rs");
    std::fs::write(&asked, question(&analysed)?).ok()?;
    let target = nest.path().join("target");
    let deps = target.join(&lab.toolchain.host).join("debug/deps");
    let mut command = Command::new(&lab.toolchain.rustc);
    command
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
        .args(["-Awarnings", "--error-format=json"])
        // Whole types under the names that code may use. The options are not stable yet; the variable
        // lets a stable compiler take them.
        .args([
            "-Ztrim-diagnostic-paths=no",
            "-Zwrite-long-types-to-disk=no",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .arg(joined("-Ldependency=", &deps))
        .arg(joined("-Ldependency=", &target.join("debug/deps")))
        .args(externs(nest, &deps))
        .arg("-o")
        .arg(nest.path().join("asked.rmeta"))
        .arg(&asked);
    let output = command.stdin(Stdio::null()).output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    Some(stderr.lines().filter_map(answer).collect())
}

/// The file with a mistake in place of each use of the store: it takes a type wrapped twice, and gets the variable
/// wrapped. What differs within one type, rustc names in full.
fn question(analysed: &str) -> Option<String> {
    let mut out = String::new();
    let mut found = false;
    for line in analysed.lines() {
        let variable = line
            .strip_prefix(STORE)
            .and_then(|rest| rest.strip_prefix('(')?.strip_suffix(");"));
        if line.starts_with(&format!("fn {STORE}<")) {
            out += &format!(
                "struct LlmlabAsks<T>(T); fn {STORE}(_: LlmlabAsks<LlmlabAsks<()>>) {{}}\n"
            );
        } else if let Some(name) = variable {
            found = true;
            out += &format!("let llmlab_asks = LlmlabAsks({name}); {STORE}(llmlab_asks);\n");
        } else {
            out += line;
            out.push('\n');
        }
    }
    found.then_some(out)
}

/// A variable and its type, from one of rustc's messages.
fn answer(line: &str) -> Option<(String, String)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let name = primary_line(&message)?
        .strip_prefix("let llmlab_asks = LlmlabAsks(")?
        .split_once(')')?
        .0
        .to_string();
    let mut children = message["children"].as_array()?.iter();
    let kind = children.find_map(|child| {
        let (_, found) = child["message"]
            .as_str()?
            .split_once("found struct `LlmlabAsks<")?;
        found.strip_suffix(">`")
    })?;
    Some((name, written(kind)))
}

/// A type as code writes it: numbers of any type are rustc's usual ones, and what is kept lives to the end.
fn written(found: &str) -> String {
    let named = found.replace("{integer}", "i32").replace("{float}", "f64");
    // `fn(f32) -> f32 {f32::sqrt}` is one function; its pointer has a name.
    let named = match named
        .strip_prefix("fn(")
        .and_then(|_| named.split_once(" {"))
    {
        Some((pointer, _)) => pointer.to_string(),
        None => named,
    };
    if named.contains("fn(") || named.contains("Fn") {
        return named;
    }
    let mut pieces = named.split('&');
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        out += match piece.starts_with('\'') {
            true => "&",
            false => "&'static ",
        };
        out += piece;
    }
    out
}

/// The type for people: without paths, and arrays by their names in the lessons.
pub fn short(kind: &str) -> String {
    let mut out = String::new();
    for token in lexer::tokens(kind) {
        let text = &kind[token.range];
        match text {
            // A path's first parts go with the colons behind them.
            ":" if out.ends_with(':') => {
                out.pop();
                let name = |c: char| c.is_alphanumeric() || c == '_';
                out.truncate(out.trim_end_matches(name).len());
            }
            _ => out += text,
        }
    }
    let array =
        |element: &str| format!("ArrayBase<OwnedRepr<{element}>, Dim<IxDynImpl>, {element}>");
    out.replace(&array("f32"), "Tensor")
        .replace(&array("i64"), "Labels")
}

/// `--extern` for each dependency of the session.
fn externs(nest: &Nest, deps: &Path) -> Vec<OsString> {
    let manifest = std::fs::read_to_string(nest.path().join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let dependencies = manifest
        .get("dependencies")
        .and_then(|table| table.as_table());
    let names = dependencies.into_iter().flatten().map(|(name, given)| {
        let package = given.get("package").and_then(|package| package.as_str());
        (
            name.replace('-', "_"),
            package.unwrap_or(name).replace('-', "_"),
        )
    });
    let found = names.filter_map(|(name, package)| {
        let file = newest(deps, &format!("lib{package}-"))?;
        Some(joined(&format!("--extern={name}="), &file))
    });
    found.collect()
}

fn newest(folder: &Path, start: &str) -> Option<PathBuf> {
    let files = folder.read_dir().ok()?.flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(start) && name.ends_with(".rlib")
    });
    let time = |path: &PathBuf| {
        let time = path.metadata().and_then(|metadata| metadata.modified());
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    };
    files.map(|entry| entry.path()).max_by_key(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_complaints_and_answers() {
        let complaint = "Couldn't automatically determine type of variable `v`.\nPlease …";
        assert!(is_untyped(complaint) && !is_closure(complaint));
        assert!(!is_untyped("something else"));
        assert_eq!(written("std::vec::Vec<{integer}>"), "std::vec::Vec<i32>");
        assert_eq!(
            written("(&str, &'static [{float}])"),
            "(&'static str, &'static [f64])"
        );
        assert_eq!(written("fn(f32) -> f32 {std::f32::sqrt}"), "fn(f32) -> f32");
    }

    #[test]
    fn types_are_short_for_people() {
        let dynamic = "nd::ArrayBase<nd::OwnedRepr<f32>, nd::Dim<nd::IxDynImpl>, f32>";
        for (kind, wanted) in [
            ("std::vec::Vec<std::string::String>", "Vec<String>"),
            ("&'static str", "&'static str"),
            ("fn(f32) -> [f32; 3]", "fn(f32) -> [f32; 3]"),
            (&format!("std::option::Option<{dynamic}>"), "Option<Tensor>"),
            (
                "std::boxed::Box<dyn std::ops::Fn(f32) -> f32>",
                "Box<dyn Fn(f32) -> f32>",
            ),
        ] {
            assert_eq!(short(kind), wanted);
        }
    }

    #[test]
    fn asks_for_each_variable() {
        let analysed = "use x;\nfn evcxr_variable_store<T: 'static>(_: T) {}\nlet v = 1;\nevcxr_variable_store(v);\n";
        let asked = question(analysed).unwrap();
        assert!(
            asked.contains("let llmlab_asks = LlmlabAsks(v); evcxr_variable_store(llmlab_asks);")
        );
        assert!(!asked.contains("'static"));
        assert_eq!(question("fn main() {}"), None);
    }
}
