//! The README is true: its verb table is the program's, and its sessions run as they are shown.
//!
//! In a `console` block, `$ ` is typed in a shell, `> ` in the REPL, the rest is output; `…` stands
//! for any text in a line, alone for any lines.

#![cfg(all(unix, feature = "repl"))]

use llmlab::cli::VERBS;
use llmlab::text::Lang;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).unwrap()
}

/// `LLMLAB_BLESS=1` writes the table anew.
#[test]
fn the_verb_table_is_the_programs() {
    let text = readme();
    let mut table = "| verb | what it does |\n|---|---|\n".to_string();
    for verb in VERBS {
        table += &format!("| `{}` | {} |\n", verb.name, verb.about.get(Lang::En));
    }
    let (head, rest) = text.split_once("cargo test --test readme -->\n").unwrap();
    let (shown, tail) = rest.split_once("<!-- /verbs -->").unwrap();
    if std::env::var_os("LLMLAB_BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let blessed = format!("{head}cargo test --test readme -->\n{table}<!-- /verbs -->{tail}");
        std::fs::write(path, blessed).unwrap();
    } else {
        assert_eq!(shown, table, "run LLMLAB_BLESS=1 cargo test --test readme");
    }
}

/// One command, what is typed into it, and what it prints.
#[derive(Default)]
struct Step {
    command: String,
    typed: String,
    printed: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (line, line.strip_prefix("$ ")) {
            ("```console", _) => inside = true,
            ("```", _) => inside = false,
            (_, Some(command)) if inside => steps.push(Step {
                command: command.to_string(),
                ..Step::default()
            }),
            _ if inside => {
                let step = steps.last_mut().expect("a block starts with `$ `");
                match line.strip_prefix("> ") {
                    Some(typed) => step.typed += &format!("{typed}\n"),
                    None if step.command.starts_with("cat > ") => {
                        step.typed += &format!("{line}\n");
                    }
                    None => step.printed.push(line.to_string()),
                }
            }
            _ => {}
        }
    }
    steps
}

/// Whether a line is what is shown, with `…` for any text.
fn line_fits(shown: &str, line: &str) -> bool {
    let parts: Vec<&str> = shown.split('…').collect();
    let [first, middle @ .., last] = &parts[..] else {
        return shown == line;
    };
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

fn fits(shown: &[String], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        [first, rest @ ..] if first == "…" => (0..=lines.len()).any(|i| fits(rest, &lines[i..])),
        [first, rest @ ..] => lines
            .split_first()
            .is_some_and(|(line, lines)| line_fits(first, line) && fits(rest, lines)),
    }
}

#[test]
fn ellipses_stand_for_text_and_lines() {
    let shown = ["a … c", "…", "e"].map(String::from);
    assert!(fits(&shown, &["a bb c", "x", "y", "e"]));
    assert!(fits(&shown, &["a  c", "e"]));
    assert!(!fits(&shown, &["a bb d", "e"]));
    assert!(!fits(&shown, &["a b c", "e", "f"]));
}

#[test]
fn the_sessions_run_as_they_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_llmlab"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let steps = steps(&readme());
    assert!(steps.len() > 6, "the README shows a first session");
    for step in steps {
        let mut child = Command::new("bash")
            .args(["-c", &step.command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env(
                "LLMLAB_CACHE",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("repl-cache"),
            )
            .env("LLMLAB_DATA", folder.path().join("data"))
            .env("LLMLAB_LANG", "en")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(step.typed.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert!(
            fits(&step.printed, &lines),
            "`{}` should print\n{}\nand prints\n{printed}\n{}",
            step.command,
            step.printed.join("\n"),
            String::from_utf8_lossy(&output.stderr),
        );
    }
}
