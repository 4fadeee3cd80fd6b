//! `llmlab repl`: commands behind a colon, and Rust for everything else.

mod editor;

use super::lab::{interrupted, on_interrupt};
use super::verbs::{self, Verb};
use super::workbench::{self, Evaluator, Names, Trouble, Workbench};
use super::{Asked, Session};
use crate::text::Text;
use colored::Colorize;
use editor::Editor;
use std::cell::RefCell;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;

pub const VERB: Verb = Verb {
    name: "repl",
    about: Text::new(
        "Rust and all commands at one prompt",
        "交互环境：既能写 Rust，也能用所有命令",
    ),
    args: &[],
    run: |session, _| {
        if session.in_repl {
            let words = session.lang.pick(
                "this is the REPL already; `:help` lists what there is",
                "已经在交互环境里了；输入 `:help` 查看可用的命令",
            );
            return Err(words.to_string());
        }
        run(session)
    },
};

/// For fuzzing: every function that reads a typed line, on any text.
#[doc(hidden)]
pub fn read_any(line: &str) {
    let names = Names::default();
    let _ = workbench::goes_on(line);
    let _ = workbench::highlight(line);
    for (at, _) in line.char_indices().chain([(line.len(), ' ')]) {
        let _ = workbench::complete(line, at, &names);
    }
    if let Ok(words) = workbench::split(line) {
        let program = ["llmlab".to_string()].into_iter();
        let words = program.chain(words).map(Into::into).collect();
        let _ = verbs::parse_in(crate::text::Lang::En, words)
            .map_err(|error| verbs::refusal(&error, crate::text::Lang::En));
    }
}

/// Where lines come from.
enum Input {
    Terminal(Rc<RefCell<Editor>>),
    Pipe,
}

fn run(session: &mut Session) -> Result<ExitCode, String> {
    let evaluator = Evaluator::start(session.lang);
    on_interrupt();
    let typed = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    // The line editor draws its line again at every key, which a screen reader would read each time.
    let terminal = typed && !session.plain;
    let input = match terminal {
        true => Input::Terminal(terminal_editor(session)?),
        false => Input::Pipe,
    };
    let mut bench = Workbench::new(session, evaluator);
    if typed {
        let words = bench.session.lang.pick(
            "llmlab · `:help` lists the commands, everything else is Rust · Ctrl-D leaves",
            "llmlab · `:help` 列出命令，其余输入都是 Rust · Ctrl-D 退出",
        );
        bench.session.say(words.dimmed().to_string());
    }
    while !bench.done {
        // A Ctrl-C that came too late for what it was meant for.
        interrupted();
        let line = match &input {
            Input::Terminal(editor) => editor.borrow_mut().read("llmlab> ", bench.names()),
            Input::Pipe => {
                if typed {
                    let mut out = std::io::stdout();
                    // A closed terminal is found out when the line is read.
                    let _ = write!(out, "llmlab> ").and_then(|()| out.flush());
                }
                read_pipe()
            }
        };
        match line {
            Asked::Line(line) => type_in(&mut bench, &line),
            Asked::Interrupted => {}
            Asked::End => break,
        }
    }
    drop(bench);
    session.in_repl = false;
    Ok(ExitCode::SUCCESS)
}

fn terminal_editor(session: &mut Session) -> Result<Rc<RefCell<Editor>>, String> {
    let history = super::lab::cache_dir().ok();
    let history = history.map(|cache| cache.join("history.txt"));
    let colour = colored::control::SHOULD_COLORIZE.should_colorize();
    let editor = Editor::new(history, colour)
        .map_err(|error| format!("the terminal cannot be used: {error}"))?;
    let editor = Rc::new(RefCell::new(editor));
    let answers = Rc::clone(&editor);
    session.ask_with(move |prompt| answers.borrow_mut().answer(prompt));
    Ok(editor)
}

/// One command or one piece of Rust from a pipe: as many lines as belong together.
fn read_pipe() -> Asked {
    let mut text = String::new();
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match stdin.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) if text.is_empty() => return Asked::End,
            Ok(0) | Err(_) => return Asked::Line(text),
            Ok(_) => text.push_str(&String::from_utf8_lossy(&line)),
        }
        let whole = text.trim_end_matches(['\n', '\r']);
        if !workbench::goes_on(whole) {
            return Asked::Line(whole.to_string());
        }
    }
}

/// Does what was typed, and shows what comes of it.
fn type_in(bench: &mut Workbench<'_>, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    match bench.line(line) {
        Ok(contents) => {
            if let Some(text) = contents.get("text/plain") {
                bench.session.say(text);
            }
        }
        Err(Trouble::Sentence(sentence)) => bench.session.complain(&sentence),
        Err(Trouble::Errors(words) | Trouble::Stopped(words)) => bench.session.say(words),
    }
}

/// The first thing that the program does: evcxr runs learners' code in this program again. Does not
/// return there.
pub fn runtime_hook() {
    if std::env::var_os("EVCXR_IS_RUNTIME").is_some() {
        // Backtraces show evcxr's frames; a panic's place and words are enough.
        // SAFETY: no other thread runs yet.
        unsafe { std::env::remove_var("RUST_BACKTRACE") };
    }
    evcxr::runtime_hook();
}
