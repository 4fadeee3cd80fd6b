//! What every verb needs: the language, the width, where answers come from.

use super::markdown;
use super::plain::{plain, untabled};
use super::verbs::Values;
use crate::text::{Lang, Text};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;

/// What came from a question to the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Line(String),
    /// Ctrl-D, or the end of a pipe.
    End,
    /// Ctrl-C.
    Interrupted,
}

/// Where something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Whether `LLMLAB_PLAIN` asks for words in place of tables, colours and marks.
pub fn plain_by_default() -> bool {
    std::env::var("LLMLAB_PLAIN").is_ok_and(|value| !["", "0"].contains(&value.trim()))
}

/// Takes a text for a stream, line breaks and all.
pub type Tell = Rc<dyn Fn(Stream, &str)>;

/// How things are said.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    plain: bool,
    coloured: bool,
}

/// One run of the program, or one REPL.
pub struct Session {
    pub lang: Lang,
    /// The terminal's width in columns, at least 60; 100 where there is neither a terminal nor
    /// `COLUMNS`.
    pub width: usize,
    /// The terminal's height in lines; none where output is piped.
    pub height: Option<usize>,
    /// Whether everything is said in words, for a screen reader: `--plain`, or `LLMLAB_PLAIN`.
    pub plain: bool,
    /// Whether a verb runs inside the REPL, where commands start with `:`.
    pub in_repl: bool,
    /// Where things are said, if not on stdout and stderr: in a notebook.
    pub tell: Option<Tell>,
    ask: Box<dyn FnMut(&str) -> Asked>,
}

impl Session {
    pub fn new() -> Session {
        let size = terminal_size::terminal_size_of(std::io::stdout());
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        let width = size.map(|(width, _)| width.0 as usize).or_else(columns);
        let session = Session {
            lang: Lang::from_env(),
            width: width.unwrap_or(100).clamp(60, 10_000),
            height: size
                .map(|(_, height)| height.0 as usize)
                .filter(|height| *height > 0),
            plain: plain_by_default(),
            in_repl: false,
            tell: None,
            ask: Box::new(ask_stdin),
        };
        session.color(session.plain.then_some("never"));
        session
    }

    /// Colour `always` or `never`; else where output is a terminal and `NO_COLOR` is not set.
    pub fn color(&self, choice: Option<&str>) {
        let auto = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        colored::control::set_override(match choice {
            Some("always") => true,
            Some("never") => false,
            _ => auto,
        });
    }

    /// Follows a command's `--plain` and `--color`. What comes back is how things were said until then.
    pub fn follow(&mut self, values: &Values) -> Manner {
        let before = Manner {
            plain: self.plain,
            coloured: colored::control::SHOULD_COLORIZE.should_colorize(),
        };
        if let Some(choice) = values.text("color") {
            self.color(Some(choice));
        }
        // What programs read stays as it is.
        let for_people = matches!(values.text("format"), None | Some("text"));
        self.plain = for_people && (self.plain || values.flag("plain"));
        if self.plain {
            self.color(Some("never"));
        }
        before
    }

    /// Says things as before a command.
    pub fn go_back(&mut self, before: Manner) {
        self.plain = before.plain;
        colored::control::set_override(before.coloured);
    }

    /// Facts beside each other on one line.
    pub fn beside(&self, facts: &[String]) -> String {
        facts.join(match self.plain {
            true => self.lang.pick("; ", "；"),
            false => " · ",
        })
    }

    /// Markdown as lines of at most `width` columns.
    pub fn markdown(&self, text: &str, width: usize) -> String {
        match self.plain {
            true => markdown::render(&untabled(text), width),
            false => markdown::render(text, width),
        }
    }

    /// Takes answers from elsewhere (the REPL's line editor).
    pub fn ask_with(&mut self, ask: impl FnMut(&str) -> Asked + 'static) {
        self.ask = Box::new(ask);
    }

    /// Shows `prompt` and reads a line.
    pub fn ask(&mut self, prompt: &str) -> Asked {
        (self.ask)(prompt)
    }

    pub fn text(&self, text: Text) -> &'static str {
        text.get(self.lang)
    }

    /// How a command is typed here: `llmlab quiz rope`, or `:quiz rope` in the REPL.
    pub fn command(&self, rest: &str) -> String {
        format!("{}{rest}", self.prompt())
    }

    /// What stands before a verb here.
    pub fn prompt(&self) -> &'static str {
        match self.in_repl {
            true => ":",
            false => "llmlab ",
        }
    }

    /// Prints a line; a closed pipe (`llmlab list | head -1`) ends the program quietly.
    pub fn say(&self, text: impl AsRef<str>) {
        let text = text.as_ref().trim_end_matches('\n');
        match self.plain {
            true => self.hand_over(&plain(text, self.lang)),
            false => self.hand_over(text),
        }
    }

    /// Prints a text for programs as it is.
    pub fn hand_over(&self, text: &str) {
        let text = text.trim_end_matches('\n');
        match &self.tell {
            Some(tell) => tell(Stream::Out, &format!("{text}\n")),
            None if writeln!(std::io::stdout(), "{text}").is_ok() => {}
            None => std::process::exit(0),
        }
    }

    /// Prints a line to stderr.
    pub fn aside(&self, text: impl std::fmt::Display) {
        match &self.tell {
            Some(tell) => tell(Stream::Err, &format!("{text}\n")),
            // Nobody can be told when stderr is closed.
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    /// Prints something beside the matter, such as progress that cannot be kept.
    pub fn note(&self, words: &str) {
        let label = colored::Colorize::yellow(self.lang.pick("note", "注意"));
        self.say(super::wrap(&format!("{label}: {words}"), self.width, 0));
    }

    /// Prints a long text: through the pager where it is longer than the screen.
    pub fn page(&self, text: &str) {
        let long = self
            .height
            .is_some_and(|lines| text.lines().count() >= lines);
        if self.in_repl || self.plain || !long || !through_pager(text) {
            self.say(text);
        }
    }

    /// Shows clap's help, version or objection, and gives the exit code: 2 for an objection.
    pub fn refuse(&self, error: &clap::Error) -> ExitCode {
        if !error.use_stderr() {
            match self.tell {
                Some(_) => self.hand_over(&error.render().ansi().to_string()),
                // A closed pipe is not worth a word.
                None => drop(error.print()),
            }
            return ExitCode::SUCCESS;
        }
        self.complain(&super::verbs::refusal(error, self.lang));
        ExitCode::from(2)
    }

    /// Prints an error: one sentence.
    pub fn complain(&self, sentence: &str) {
        let label = colored::Colorize::red(self.lang.pick("error:", "错误："));
        self.aside(format!("{label} {sentence}"));
    }

    /// Runs a verb and turns its outcome into an exit code: 0 done, 1 a failed check, 2 an error.
    pub fn finish(
        &mut self,
        run: impl FnOnce(&mut Session) -> Result<ExitCode, String>,
    ) -> ExitCode {
        run(self).unwrap_or_else(|error| {
            self.complain(&error);
            ExitCode::from(2)
        })
    }
}

impl Default for Session {
    fn default() -> Session {
        Session::new()
    }
}

fn ask_stdin(prompt: &str) -> Asked {
    let mut out = std::io::stdout();
    let shown = write!(out, "{prompt}").and_then(|()| out.flush());
    let mut line = Vec::new();
    let read = std::io::BufRead::read_until(&mut std::io::stdin().lock(), b'\n', &mut line);
    match (shown, read) {
        (Ok(()), Ok(bytes)) if bytes > 0 => {
            Asked::Line(String::from_utf8_lossy(&line).trim().to_string())
        }
        _ => Asked::End,
    }
}

/// Hands `text` to `$PAGER`, or to `less -R`. False when there is no pager.
fn through_pager(text: &str) -> bool {
    let asked = std::env::var("PAGER").ok();
    let pager = asked.filter(|pager| !pager.trim().is_empty());
    let pager = pager.unwrap_or_else(|| "less -R".to_string());
    let mut words = pager.split_whitespace();
    let mut command = std::process::Command::new(words.next().unwrap_or("less"));
    command.args(words).stdin(std::process::Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "-R");
    }
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A pager that is left early closes the pipe.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait().is_ok()
}
