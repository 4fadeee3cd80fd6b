//! The line editor: history, several lines, colours, Tab.

use crate::cli::Asked;
use crate::cli::workbench::{Names, Offer, complete, goes_on, highlight};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Helper};
use std::borrow::Cow;
use std::path::PathBuf;

/// The terminal's editor.
pub struct Editor {
    inner: rustyline::Editor<Assistant, FileHistory>,
    history: Option<PathBuf>,
}

impl Editor {
    /// # Errors
    /// A terminal that cannot be used.
    pub fn new(history: Option<PathBuf>, colour: bool) -> rustyline::Result<Editor> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(false)
            .build();
        let mut inner = rustyline::Editor::with_config(config)?;
        inner.set_helper(Some(Assistant {
            colour,
            answering: false,
            names: Names::default(),
            hinter: HistoryHinter::new(),
            files: FilenameCompleter::new(),
        }));
        if let Some(path) = &history {
            // There is none before the first session.
            let _ = inner.load_history(path);
        }
        Ok(Editor { inner, history })
    }

    /// Reads a command or Rust, over several lines if need be.
    pub fn read(&mut self, prompt: &str, names: Names) -> Asked {
        if let Some(helper) = self.inner.helper_mut() {
            helper.names = names;
        }
        let colour = self.inner.helper().is_some_and(|helper| helper.colour);
        let styled = match colour {
            true => format!("\x1b[1;36m{prompt}\x1b[0m"),
            false => prompt.to_string(),
        };
        let read = self.inner.readline(&(prompt.to_string(), styled));
        let read = asked(read);
        if let (Asked::Line(line), Some(path)) = (&read, &self.history)
            && !line.trim().is_empty()
        {
            // Without a history the session goes on.
            let _ = self.inner.add_history_entry(line.as_str());
            let _ = self.inner.append_history(path);
        }
        read
    }

    /// Reads the answer to a question: one line, and no Rust.
    pub fn answer(&mut self, prompt: &str) -> Asked {
        self.answering(true);
        let read = self.inner.readline(prompt);
        self.answering(false);
        asked(read)
    }

    fn answering(&mut self, answering: bool) {
        if let Some(helper) = self.inner.helper_mut() {
            helper.answering = answering;
        }
    }
}

fn asked(read: rustyline::Result<String>) -> Asked {
    match read {
        Ok(line) => Asked::Line(line),
        Err(ReadlineError::Interrupted) => Asked::Interrupted,
        Err(_) => Asked::End,
    }
}

/// What rustyline asks while a line is edited.
struct Assistant {
    colour: bool,
    answering: bool,
    names: Names,
    hinter: HistoryHinter,
    files: FilenameCompleter,
}

impl Helper for Assistant {}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match !self.answering && goes_on(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if self.answering {
            return Ok((at, Vec::new()));
        }
        match complete(line, at, &self.names) {
            Offer::Files => self.files.complete_path(line, at),
            Offer::Words(start, words) => {
                // What is found goes on with a space, as in a shell; a setting goes on with its value.
                let command = line.trim_start().starts_with(':');
                let found = command && words.len() == 1 && at == line.len();
                let end = |word: &str| {
                    if found && !word.ends_with('=') {
                        " "
                    } else {
                        ""
                    }
                };
                let pair = |word: String| Pair {
                    replacement: word.clone() + end(&word),
                    display: word,
                };
                Ok((start, words.into_iter().map(pair).collect()))
            }
        }
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, context: &Context<'_>) -> Option<String> {
        // A hint of several lines would push what is typed around.
        let hint = self.hinter.hint(line, at, context)?;
        (!self.answering && !line.is_empty() && !hint.contains('\n')).then_some(hint)
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        match self.colour && !self.answering {
            true => Cow::Owned(highlight(line)),
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.colour {
            true => Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")),
            false => Cow::Borrowed(hint),
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.colour && kind != CmdKind::MoveCursor
    }
}
