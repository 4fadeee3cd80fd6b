//! What every verb needs: the language, the width, where answers come from.

use crate::text::{Lang, Text};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// What came from a question to the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Line(String),
    /// Ctrl-D, or the end of a pipe.
    End,
    /// Ctrl-C.
    Interrupted,
}

/// One run of the program, or one REPL.
pub struct Session {
    pub lang: Lang,
    /// The terminal's width in columns, at least 60; 100 where there is no terminal.
    pub width: usize,
    /// Whether a verb runs inside the REPL, where commands start with `:`.
    pub in_repl: bool,
    ask: Box<dyn FnMut(&str) -> Asked>,
}

impl Session {
    pub fn new() -> Session {
        let width = terminal_size::terminal_size().map_or(100, |(width, _)| width.0 as usize);
        if !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
            colored::control::set_override(false);
        }
        Session {
            lang: Lang::from_env(),
            width: width.max(60),
            in_repl: false,
            ask: Box::new(ask_stdin),
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
        match self.in_repl {
            true => format!(":{rest}"),
            false => format!("llmlab {rest}"),
        }
    }

    /// Prints a line; a closed pipe (`llmlab list | head -1`) ends the program quietly.
    pub fn say(&self, text: impl AsRef<str>) {
        if writeln!(
            std::io::stdout(),
            "{}",
            text.as_ref().trim_end_matches('\n')
        )
        .is_err()
        {
            std::process::exit(0);
        }
    }

    /// Runs a verb and turns its outcome into an exit code: 0 done, 1 a failed check, 2 an error.
    pub fn finish(
        &mut self,
        run: impl FnOnce(&mut Session) -> Result<ExitCode, String>,
    ) -> ExitCode {
        run(self).unwrap_or_else(|error| {
            let label = self.lang.pick("error", "错误");
            eprintln!("{}: {error}", colored::Colorize::red(label));
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
