//! The kernel: cells run in this thread as lines do at the prompt; another one talks to Jupyter.

use super::cell::pieces;
use super::server::{self, Side};
use crate::cli::lab::{interrupted, lead, on_interrupt};
use crate::cli::workbench::{Contents, Evaluator, Trouble, Workbench};
use crate::cli::{Asked, Session, Stream};
use crate::text::without_colour;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// A cell to run.
pub struct Job {
    pub code: String,
    /// Whether questions can be asked.
    pub questions: bool,
}

/// What comes of it, in order; `Done` is the last for each job.
pub enum Note {
    Said(Stream, String),
    Shown(Contents),
    /// A question; its answer is awaited.
    Question(String),
    Done(Result<(), Trouble>),
}

/// How many notes may wait: code that prints faster than they are sent waits for them.
const NOTES: usize = 4096;

/// Answers Jupyter until it is told to stop. `file` says where Jupyter listens.
///
/// # Errors
/// A sentence when Jupyter cannot be reached.
pub fn run(session: &mut Session, file: &Path) -> Result<ExitCode, String> {
    let lang = session.lang;
    let info = server::connection(file, lang)?;
    lead();
    let evaluator = Evaluator::start(lang);
    on_interrupt();
    session.color(Some("always"));
    session.plain = false;
    session.height = None;

    let (jobs, to_do) = channel::<Job>();
    let (answers, answered) = channel::<String>();
    let (notes, told) = tokio::sync::mpsc::channel(NOTES);
    let side = Side {
        jobs,
        answers,
        notes: told,
        names: Box::new(evaluator.names_elsewhere()),
        lang,
    };
    let server = std::thread::spawn(move || server::run(&info, side));

    // Nobody is there to be told once the server has ended.
    let tell = notes.clone();
    session.tell = Some(Rc::new(move |stream, text: &str| {
        let _ = tell.blocking_send(Note::Said(stream, text.to_string()));
    }));
    let questions = Rc::new(std::cell::Cell::new(false));
    let (may_ask, ask) = (Rc::clone(&questions), notes.clone());
    session.ask_with(move |prompt| {
        if !may_ask.get() {
            let words = lang.pick(
                "this needs answers, and this front end takes none: use a terminal, `llmlab repl`\n",
                "这里需要输入回答，而当前前端不支持输入：请在终端里使用 `llmlab repl`\n",
            );
            let _ = ask.blocking_send(Note::Said(Stream::Err, words.to_string()));
            return Asked::End;
        }
        let _ = ask.blocking_send(Note::Question(without_colour(prompt)));
        loop {
            match answered.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => return Asked::Line(line),
                Err(RecvTimeoutError::Timeout) if !interrupted() => {}
                Err(RecvTimeoutError::Timeout) => return Asked::Interrupted,
                Err(RecvTimeoutError::Disconnected) => return Asked::End,
            }
        }
    });

    let mut bench = Workbench::new(session, evaluator);
    while let Ok(job) = to_do.recv() {
        questions.set(job.questions);
        let done = cell(&mut bench, &job.code, |contents| {
            let _ = notes.blocking_send(Note::Shown(contents));
        });
        if notes.blocking_send(Note::Done(done)).is_err() {
            break;
        }
    }
    drop(bench);
    match server.join() {
        Ok(ended) => ended.map(|()| ExitCode::SUCCESS),
        // A panic has been shown.
        Err(_) => Ok(ExitCode::FAILURE),
    }
}

/// Runs a cell, piece by piece.
fn cell(
    bench: &mut Workbench<'_>,
    code: &str,
    mut show: impl FnMut(Contents),
) -> Result<(), Trouble> {
    for piece in pieces(code) {
        let contents = bench.line(&piece)?;
        if !contents.is_empty() {
            show(contents);
        }
        if std::mem::take(&mut bench.done) {
            let words = bench.session.lang.pick(
                "the kernel ends by Jupyter's own menu: Kernel → Shut Down Kernel",
                "请用 Jupyter 的菜单结束内核：Kernel → Shut Down Kernel",
            );
            return Err(Trouble::Sentence(words.to_string()));
        }
    }
    Ok(())
}
