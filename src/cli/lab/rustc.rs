//! One learner's file through rustc, and rustc's words about it.

use super::{Built, Lab, Nest};
use crate::lesson::Lesson;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the compiled library is called here.
const LIBRARY: &str = "solution.so";

/// Why there is no library.
#[derive(Clone, Debug)]
pub enum Rejected {
    /// rustc's errors, as rustc shows them.
    Errors(String),
    /// The file does not define the lesson's function.
    NoFunction,
    /// It does, with another signature.
    Signature,
    /// rustc could not be run.
    Trouble(String),
}

/// Compiles `text`, shown to its writer as `path`, to a library for the judge.
///
/// # Errors
/// See [`Rejected`].
pub fn compile(
    lab: &Lab,
    built: &Built,
    nest: &Nest,
    lesson: &Lesson,
    path: &Path,
    text: &str,
) -> Result<PathBuf, Rejected> {
    let trouble = |error: std::io::Error| Rejected::Trouble(error.to_string());
    let name = lesson.id.replace('-', "_");
    // The entry point sits in the learner's own module, so the function need not be `pub`. Where
    // brackets do not close, it would only get into rustc's view of the mistake.
    let entry = match super::lexer::unfinished(text) {
        true => String::new(),
        false => format!(
            "\n#[doc(hidden)] pub fn __llmlab_entry() -> ::llmlab::export::Entry {{ ::{} }}\n",
            super::judge::entry(lesson.problem, &name)
        ),
    };
    let lines = text.lines().count();
    let (main, library) = (nest.path().join("main.rs"), nest.path().join(LIBRARY));
    std::fs::write(nest.path().join("solution.rs"), text.to_string() + &entry).map_err(trouble)?;
    std::fs::write(&main, "pub mod solution;\n").map_err(trouble)?;
    let mut command = Command::new(&lab.toolchain.rustc);
    command
        .current_dir(nest.path())
        .args([
            "main.rs",
            "--edition=2024",
            "--crate-type=cdylib",
            "-Awarnings",
        ])
        // Those of the REPL, so that a function behaves alike in both.
        .args([
            "-Copt-level=2",
            "-Cdebug-assertions=on",
            "-Coverflow-checks=on",
        ])
        .arg("--error-format=json")
        .args(colour())
        .arg(joined("--remap-path-prefix=solution.rs=", path))
        .arg(joined("--extern=llmlab=", &built.rlib))
        .arg(joined("-Ldependency=", &lab.deps()))
        .arg(joined("-Ldependency=", &lab.host_deps()))
        .arg("-o")
        .arg(&library);
    let output = command.stdin(Stdio::null()).output().map_err(trouble)?;
    if output.status.success() {
        return Ok(library);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let messages: Vec<Value> = stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    Err(explain(&messages, lines, &stderr))
}

/// Sorts rustc's messages: those about the learner's lines are shown as they are.
fn explain(messages: &[Value], lines: usize, stderr: &str) -> Rejected {
    let errors: Vec<&Value> = messages
        .iter()
        .filter(|message| message["level"] == "error" && !is_summary(message))
        .collect();
    let theirs = |message: &&&Value| !is_ours(message, lines);
    let shown: Vec<&str> = errors
        .iter()
        .filter(theirs)
        .filter_map(|message| message["rendered"].as_str())
        .map(str::trim_end)
        .collect();
    if !shown.is_empty() {
        return Rejected::Errors(shown.join("\n\n"));
    }
    match errors.first() {
        Some(message) if message["code"]["code"] == "E0425" => Rejected::NoFunction,
        Some(_) => Rejected::Signature,
        None => Rejected::Trouble(stderr.trim().to_string()),
    }
}

fn is_summary(message: &Value) -> bool {
    let text = message["message"].as_str().unwrap_or_default();
    text.starts_with("aborting due to")
}

/// Whether a message is about the entry point behind the learner's last line.
fn is_ours(message: &Value, lines: usize) -> bool {
    primary(message).is_some_and(|span| {
        let line = span["line_start"].as_u64().unwrap_or(0) as usize;
        line > lines || span["file_name"] == "main.rs"
    })
}

/// The span that one of rustc's messages is about.
pub fn primary(message: &Value) -> Option<&Value> {
    let mut spans = message["spans"].as_array()?.iter();
    spans.find(|span| span["is_primary"] == true)
}

fn colour() -> Option<&'static str> {
    let colour = colored::control::SHOULD_COLORIZE.should_colorize();
    colour.then_some("--json=diagnostic-rendered-ansi")
}

/// An option with a path behind it, whatever bytes that holds.
pub fn joined(option: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(option);
    argument.push(path);
    argument
}
