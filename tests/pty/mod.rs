//! The real program in a pseudo-terminal.
#![allow(dead_code, reason = "each test file uses its part")]

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Long enough for a first build on a busy machine; `LLMLAB_PATIENCE` sets other seconds.
pub fn patience() -> Duration {
    let asked = std::env::var("LLMLAB_PATIENCE").ok();
    Duration::from_secs(asked.and_then(|text| text.parse().ok()).unwrap_or(600))
}

/// One workshop for all tests of this file, and for the next run of them.
pub fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("repl-cache")
}

/// The program in a terminal of 40 lines and 100 columns.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<String>>,
    /// How much of the screen was read by `expect`.
    read: usize,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    /// Starts the program with these words.
    pub fn start(words: &[&str]) -> Terminal {
        Terminal::start_in(Path::new("."), words)
    }

    /// The same in a directory.
    pub fn start_in(dir: &Path, words: &[&str]) -> Terminal {
        Terminal::start_with(dir, words, 100, &[])
    }

    /// The same with so many columns, and variables of its own.
    pub fn start_with(
        dir: &Path,
        words: &[&str],
        cols: u16,
        variables: &[(&str, &Path)],
    ) -> Terminal {
        let size = PtySize {
            rows: 40,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_llmlab"));
        command.args(words);
        command.cwd(dir.canonicalize().unwrap());
        command.env("LLMLAB_CACHE", cache());
        command.env("LLMLAB_DATA", cache().join("data"));
        command.env("LLMLAB_LANG", "en");
        command.env("NO_COLOR", "1");
        command.env("TERM", "xterm");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut output = pair.master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let writer = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]);
                writer.lock().unwrap().push_str(&text);
            }
        });
        Terminal {
            child,
            keys: pair.master.take_writer().unwrap(),
            screen,
            read: 0,
            _master: pair.master,
        }
    }

    /// Types a line (or several) and Enter, as soon as there is a prompt.
    pub fn enter(&mut self, text: &str) {
        let start = Instant::now();
        // An empty line types nothing and still waits.
        while !plain(&self.screen.lock().unwrap()).ends_with("llmlab> ") {
            assert!(start.elapsed() < patience(), "no prompt for «{text}»");
            std::thread::sleep(Duration::from_millis(10));
        }
        for line in text.lines() {
            let before = self.screen.lock().unwrap().len();
            self.press(&format!("{line}\r"));
            while self.screen.lock().unwrap().len() == before {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Gives the program time to take in what was pressed.
    pub fn settle(&self) {
        std::thread::sleep(Duration::from_millis(300));
    }

    /// Pastes as terminals do: all lines are one input.
    pub fn paste(&mut self, text: &str) {
        self.enter("");
        self.press(&format!("\x1b[200~{}\x1b[201~", text.trim_end()));
        self.settle();
        self.press("\r");
        self.settle();
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until `words` are on the screen, after what earlier calls waited for.
    pub fn expect(&mut self, words: &str) -> Duration {
        let start = Instant::now();
        loop {
            let screen = plain(&self.screen.lock().unwrap());
            if let Some(at) = screen[self.read.min(screen.len())..].find(words) {
                self.read += at + words.len();
                return start.elapsed();
            }
            assert!(
                start.elapsed() < patience(),
                "«{words}» did not come; the screen from there on:\n{}",
                &screen[self.read.min(screen.len())..]
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What is on the screen by now.
    pub fn shown(&self) -> String {
        plain(&self.screen.lock().unwrap())
    }

    /// Ends the program as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.ends();
    }

    /// Waits for the program's end, however that comes.
    pub fn ends(&mut self) {
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < patience(), "the program does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the program's end, which must be a success.
    pub fn end(mut self) -> String {
        self.ends();
        assert!(self.child.wait().unwrap().success());
        plain(&self.screen.lock().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// The screen without control sequences; complete ones only, so that it only ever grows.
pub fn plain(screen: &str) -> String {
    let mut out = String::new();
    let mut chars = screen.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => {
                // What clears a line is the end of what was there.
                if chars.next() == Some('[') && chars.find(|c| c.is_ascii_alphabetic()) == Some('K')
                {
                    out.push('\n');
                }
            }
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}
