//! The llmlab program, asked by its command line.

use crate::text::{Lang, without_colour};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the program is, where it is not found by its name. llmlab's own kernel sets it.
const PROGRAM: &str = "LLMLAB_PROGRAM";

/// Where the language stands that was asked for: every cell is a library with statics of its own, and
/// all of them share the environment.
const LANG: &str = "LLMLAB_LANG";

pub fn speak(lang: Lang) {
    // SAFETY: cells run one after another, and what they start has ended with them.
    unsafe { std::env::set_var(LANG, lang.pick("en", "zh")) };
}

pub fn lang() -> Lang {
    Lang::from_env()
}

/// Why there is nothing to show: one sentence.
#[derive(Clone, PartialEq, Eq)]
pub struct Trouble(String);

impl Trouble {
    pub fn new(sentence: impl Into<String>) -> Trouble {
        Trouble(sentence.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// evcxr shows what `?` stopped at by this.
impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

/// What the program said.
pub struct Said {
    pub stdout: String,
    /// 0, or 1 where a judged answer is wrong.
    pub code: i32,
}

/// Runs the program with these words.
///
/// # Errors
/// Its sentence where it refuses them, or that it is not there.
pub fn ask(words: &[String]) -> Result<Said, Trouble> {
    let mut words = words.to_vec();
    words.extend(["--color", "always"].map(String::from));
    run(&words, "")
}

/// The SVG of a plot in JSON.
///
/// # Errors
/// The program's sentence, or that it is not there.
pub fn draw(plot: &str) -> Result<String, Trouble> {
    Ok(run(&["--draw-plot".to_string()], plot)?.stdout)
}

fn run(words: &[String], stdin: &str) -> Result<Said, Trouble> {
    let lang = lang();
    let program = std::env::var_os(PROGRAM).unwrap_or_else(|| "llmlab".into());
    let child = Command::new(&program)
        .args(words)
        .env(LANG, lang.pick("en", "zh"))
        .env("COLUMNS", "92")
        .env("RUST_BACKTRACE", "0")
        // Cells run in a child of evcxr's that this variable marks; the program is none.
        .env_remove("EVCXR_IS_RUNTIME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = child.and_then(|mut child| {
        if let Some(mut pipe) = child.stdin.take() {
            // A program that ends before it has read says why.
            let _ = pipe.write_all(stdin.as_bytes());
        }
        child.wait_with_output()
    });
    let output = output.map_err(|error| {
        let shown = program.display();
        Trouble(lang.pick(
            format!("the program `{shown}` cannot be run ({error}): install it with `cargo install --path .` in llmlab's directory, or set {PROGRAM} to its path, and restart the kernel"),
            format!("无法运行程序 `{shown}`（{error}）：请在 llmlab 目录中用 `cargo install --path .` 安装，或把 {PROGRAM} 设为它的路径，然后重启 kernel"),
        ))
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.code() {
        Some(code @ (0 | 1)) => Ok(Said {
            stdout: text(&output.stdout),
            code,
        }),
        _ => Err(Trouble(match sentence(&text(&output.stderr)) {
            words if !words.is_empty() => words,
            _ => lang.pick(
                format!("llmlab ended without an answer ({})", output.status),
                format!("llmlab 没有给出结果就结束了（{}）", output.status),
            ),
        })),
    }
}

/// What the program said on stderr, without colours and the word before it.
fn sentence(stderr: &str) -> String {
    let words = without_colour(stderr);
    let words = words.trim();
    let labels = ["error:", "error：", "错误:", "错误："];
    let label = labels.iter().find_map(|label| words.strip_prefix(label));
    label.unwrap_or(words).trim().to_string()
}

/// Options that may be written like settings: `seed=3` for `--seed 3`.
const OPTIONS: [&str; 8] = [
    "case",
    "grow",
    "only",
    "questions",
    "save",
    "seconds",
    "seed",
    "timeout",
];

/// A verb and the words behind it.
pub fn words(verb: &str, line: &str) -> Vec<String> {
    let mut words = vec![verb.to_string()];
    words.extend(options(line));
    words
}

/// A line's words, options among them as the program takes them.
pub fn options(line: &str) -> Vec<String> {
    let words = split(line)
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if OPTIONS.contains(&name) => format!("--{name}={value}"),
            _ => word,
        });
    words.collect()
}

/// Words between blanks; quotes hold one together.
pub fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A file for one picture, which goes when it has been read.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("llmlab-{}-{count}-{name}", std::process::id());
        Scratch(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    pub fn read(&self) -> Option<String> {
        std::fs::read_to_string(&self.0).ok()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_command_line() {
        assert_eq!(
            split(r#"rope n=6 --only "a b",'c'"#),
            ["rope", "n=6", "--only", "a b,c"]
        );
        assert_eq!(split("  "), Vec::<String>::new());
        assert_eq!(split("''"), [""]);
        assert_eq!(
            words("trace", "rope n=6 seed=3"),
            ["trace", "rope", "n=6", "--seed=3"]
        );
    }
}
