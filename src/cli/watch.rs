//! `llmlab watch`: a verdict at every save.

use super::Session;
use super::check::{self, FILE, NO_SCALE, SEED, TIMEOUT, file, judge, options};
use super::lab::{Refusal, interrupted};
use super::verbs::{LESSON, Values, Verb};
use crate::text::Text;
use colored::Colorize;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

pub const VERB: Verb = Verb {
    name: "watch",
    about: Text::new(
        "check again at every save, until Ctrl-C",
        "每次保存都重新判定，按 Ctrl-C 结束",
    ),
    args: &[LESSON, FILE, SEED, TIMEOUT, NO_SCALE],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lesson = values.lesson()?;
    let options = options(values)?;
    let path = file(lesson, values);
    let mut seen = Seen::default();
    let mut first = true;
    loop {
        let changed = seen.changed(&path);
        if changed {
            seen.settle(&path);
        }
        if changed || std::mem::take(&mut first) {
            first = false;
            let rule = "─".repeat(session.width.min(72) - 10);
            let rules = ["── ", &format!(" {rule}")]
                .map(|rule| if session.plain { "" } else { rule }.to_string());
            session.say(rules.join(&clock()).dimmed().to_string());
            match judge(session, lesson, &path, &options) {
                Err(_) if interrupted() => return Ok(ExitCode::SUCCESS),
                Ok(report) => check::show(session, lesson, &report),
                Err(Refusal::Sentence(sentence)) => session.complain(&sentence),
                Err(Refusal::Errors(errors)) => session.say(errors),
            }
            session.say(
                session
                    .lang
                    .pick(
                        "waiting for the next save; Ctrl-C ends",
                        "等待下一次保存；按 Ctrl-C 结束",
                    )
                    .dimmed()
                    .to_string(),
            );
        }
        std::thread::sleep(Duration::from_millis(200));
        if interrupted() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// What the file held when it was last looked at.
#[derive(Default)]
struct Seen {
    modified: Option<SystemTime>,
    text: Option<Vec<u8>>,
}

impl Seen {
    /// Whether the text differs from that of the last call. A file that is away for a moment has
    /// not changed.
    fn changed(&mut self, path: &Path) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else {
            return false;
        };
        let modified = metadata.modified().ok();
        if modified.is_some() && modified == self.modified {
            return false;
        }
        let Ok(text) = std::fs::read(path) else {
            return false;
        };
        self.modified = modified;
        let text = Some(text);
        let changed = text != self.text;
        self.text = text;
        changed
    }

    /// Waits until two looks in a row see the same: editors write in steps.
    fn settle(&mut self, path: &Path) {
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(30));
            if !self.changed(path) {
                break;
            }
        }
    }
}

/// The time of day.
fn clock() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    #[cfg(unix)]
    let (hours, minutes, seconds) = {
        // SAFETY: both are valid for the call, which fills `local`.
        let local = unsafe {
            let mut local: libc::tm = std::mem::zeroed();
            libc::localtime_r(&(now as libc::time_t), &mut local);
            local
        };
        (local.tm_hour, local.tm_min, local.tm_sec)
    };
    // In UTC, where the standard library is all there is.
    #[cfg(not(unix))]
    let (hours, minutes, seconds) = (now / 3600 % 24, now / 60 % 60, now % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}
