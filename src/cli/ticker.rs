//! The time left in the terminal's title, while a line is awaited.
//!
//! The title is the one place that no line editing shares: what is typed stays as it is, however
//! long it gets.

use crate::interview::clock_text;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Counts down in the title until it is dropped.
pub struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Shows the time left, in milliseconds as `left` gives it, each second, and rings the bell once when it
    /// is up. Nothing where the output is no terminal, or a plain one.
    pub fn start(left: impl Fn() -> i64 + Send + 'static) -> Ticker {
        if !shown() {
            return Ticker {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut rung = left() <= 0;
            loop {
                let left = left();
                let bell = match left <= 0 && !std::mem::replace(&mut rung, left <= 0) {
                    true => "\x07",
                    false => "",
                };
                write(&format!("\x1b]2;{} · llmlab\x07{bell}", clock_text(left)));
                let wait = Duration::from_millis(left.rem_euclid(1000).unsigned_abs() + 1);
                match stopped.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
            }
        });
        Ticker {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ends as soon as its channel is closed.
            let _ = thread.join();
        }
    }
}

/// Puts the title by, and takes it back when dropped.
pub struct Title;

impl Title {
    pub fn save() -> Title {
        write_shown("\x1b[22;2t");
        Title
    }
}

impl Drop for Title {
    fn drop(&mut self) {
        write_shown("\x1b[23;2t");
    }
}

/// Whether the terminal takes more than plain text.
fn shown() -> bool {
    let plain = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !plain && !no_color
}

fn write_shown(codes: &str) {
    if shown() {
        write(codes);
    }
}

/// One write, so that nothing comes between.
fn write(codes: &str) {
    let mut out = std::io::stdout().lock();
    // A closed terminal needs no title.
    let _ = out.write_all(codes.as_bytes()).and_then(|()| out.flush());
}
