//! An evaluation from its start to its end: what it prints, and how it is stopped.

use super::errors::Sources;
use super::output::Stderr;
use super::{Event, Outcome, State, Stream, Trouble, Workbench};
use crate::cli::check::{Bar, FIRST_USE};
use crate::cli::lab::{interrupt, interrupted};
use crate::text::Lang;
use colored::Colorize;
use std::time::{Duration, Instant};

/// How much an evaluation may make this process grow, by lines that do not end.
#[cfg(unix)]
const GROWTH: i64 = 1 << 30;

impl Workbench<'_> {
    /// Waits until Rust has started, with a progress bar.
    ///
    /// # Errors
    /// Where it never will, or on Ctrl-C.
    pub fn wait_ready(&self) -> Result<(), Trouble> {
        let lang = self.session.lang;
        let mut bar = Bar::new(self.session, FIRST_USE.get(lang));
        let starting = lang.pick("starting Rust …", "正在启动 Rust ……");
        loop {
            match self.evaluator.state() {
                State::Ready => {
                    bar.clear();
                    return Ok(());
                }
                State::Failed(sentence) => {
                    bar.clear();
                    return Err(sentence.into());
                }
                State::Building(at) => bar.show(at),
                State::Starting => bar.say(starting),
            }
            if interrupted() {
                bar.clear();
                let words = lang.pick(
                    "not run; Rust goes on starting in the background",
                    "没有运行；Rust 继续在后台启动",
                );
                return Err(Trouble::Stopped(words.to_string()));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Shows what is printed until the evaluation is over.
    ///
    /// # Errors
    /// Where it was stopped, or the evaluator has ended.
    pub fn follow(&self) -> Result<Outcome, Trouble> {
        let mut stderr = Stderr::default();
        let mut stop: Option<Stop> = None;
        let mut killed = false;
        let memory = memory();
        let outcome = loop {
            match self.evaluator.event(Duration::from_millis(25)) {
                Some(Event::Done(outcome)) => {
                    // A compiler that was stopped may have been faster than this loop.
                    let failed = !matches!(outcome, Outcome::Value(_) | Outcome::Verdict(_));
                    if stop.is_none() && failed && interrupted() {
                        stop = Some(Stop::new(Why::Asked));
                    }
                    break outcome;
                }
                Some(_) if stop.is_some() => {}
                Some(event) => self.print(event, &mut stderr),
                None if self.evaluator.is_gone() => {
                    let words = self.session.lang.pick(
                        "Rust has stopped working in this session; commands still work, and a new \
                         session starts it again",
                        "本次会话中的 Rust 已停止工作；命令仍可使用，重新打开会话即可恢复",
                    );
                    return Err(Trouble::Sentence(words.to_string()));
                }
                None => {}
            }
            if stop.is_none() && interrupted() {
                stop = Some(Stop::new(Why::Asked));
            }
            if stop.is_none() && memory_grew(memory) {
                stop = Some(Stop::new(Why::Endless));
            }
            if let Some(stop) = &mut stop
                && stop.is_due()
            {
                interrupt();
                killed |= self.evaluator.kill();
            }
        };
        // The last lines of stderr may come a moment later: a panic's, where there is no value to show.
        let patience = match &outcome {
            Outcome::Value(contents) if contents.is_empty() => 60,
            _ => 8,
        };
        while let Some(event) = self.evaluator.event(Duration::from_millis(patience)) {
            if stop.is_none() {
                self.print(event, &mut stderr);
            }
        }
        let lang = self.session.lang;
        let Some(stop) = stop else {
            return Ok(match outcome {
                Outcome::Died(_) if stderr.segfault => Outcome::Message(lang.pick(
                    "segmentation fault: the code touched memory that is not its own; variables \
                     are lost, functions typed before are kept"
                        .to_string(),
                    "段错误：代码访问了不属于它的内存；变量已丢失，之前输入的函数仍在".to_string(),
                )),
                Outcome::Died(_) if stderr.overflow => Outcome::Died("signal: 11".to_string()),
                other => other,
            });
        };
        let lost = killed || matches!(outcome, Outcome::Died(_));
        let (en, zh) = match stop.why {
            Why::Asked => ("stopped", "已中断"),
            Why::Endless => (
                "stopped: a line of output that does not end filled the memory",
                "已中断：一行没有尽头的输出占满了内存",
            ),
        };
        let (en_kept, zh_kept) = match lost {
            true => (
                "variables are lost, functions typed before are kept",
                "变量已丢失，之前输入的函数仍在",
            ),
            false => ("nothing is lost", "没有丢失任何东西"),
        };
        let words = lang.pick(format!("{en}; {en_kept}"), format!("{zh}；{zh_kept}"));
        Err(Trouble::Stopped(words))
    }

    fn print(&self, event: Event, stderr: &mut Stderr) {
        match event {
            Event::Line(Stream::Out, line) => self.session.say(line),
            Event::Line(Stream::Err, line) => {
                let sources = Sources {
                    inputs: &self.inputs,
                };
                let compiled = |row: usize| {
                    let file = self.evaluator.compiled()?;
                    file.lines().nth(row.checked_sub(1)?).map(str::to_string)
                };
                if let Some(line) = stderr.line(&line, &sources, &compiled) {
                    self.session.aside(line.red());
                }
            }
            Event::Dropped(count) => self.session.say(
                self.session
                    .lang
                    .pick(
                        format!("… {count} lines left out, faster than they can be shown …"),
                        format!("……输出太快，略去 {count} 行……"),
                    )
                    .dimmed()
                    .to_string(),
            ),
            Event::Done(_) => {}
        }
    }
}

/// Why the process that ran the code is gone, and what that means.
pub fn death(status: &str, lang: Lang) -> String {
    let number = |name: &str| {
        let rest = status.split(name).nth(1)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<i32>().ok()
    };
    let (en, zh) = match (number("signal: "), number("exit status: ")) {
        // The runtime's own handler ends a bad access by an abort, which `follow` tells apart.
        (Some(11), _) => (
            "stack overflow: probably a recursion that does not end".to_string(),
            "栈溢出：很可能是没有终止的递归".to_string(),
        ),
        (Some(6), _) => (
            "the code aborted".to_string(),
            "代码调用了 abort".to_string(),
        ),
        (Some(9), _) => (
            "the process was killed, perhaps for want of memory".to_string(),
            "进程被杀死，可能是内存不足".to_string(),
        ),
        (Some(signal), _) => (
            format!("the code ended by signal {signal}"),
            format!("代码因信号 {signal} 终止"),
        ),
        (_, Some(code)) => (
            format!("the code ended its process (exit code {code})"),
            format!("代码退出了进程（退出码 {code}）"),
        ),
        _ => (
            "the process that runs the code is gone".to_string(),
            "运行代码的进程已消失".to_string(),
        ),
    };
    lang.pick(
        format!("{en}; variables are lost, functions typed before are kept"),
        format!("{zh}；变量已丢失，之前输入的函数仍在"),
    )
}

/// Why an evaluation is stopped.
#[derive(Clone, Copy)]
enum Why {
    /// Ctrl-C.
    Asked,
    Endless,
}

/// An evaluation that is being stopped.
struct Stop {
    why: Why,
    /// A compiler at work got Ctrl-C as well and ends by itself; code that runs is killed.
    due: Instant,
}

impl Stop {
    fn new(why: Why) -> Stop {
        let patience = match why {
            Why::Asked => Duration::from_millis(150),
            Why::Endless => Duration::ZERO,
        };
        Stop {
            why,
            due: Instant::now() + patience,
        }
    }

    /// True when the time has come, and again as long as it goes on: evcxr may be about to compile
    /// the code once more.
    fn is_due(&mut self) -> bool {
        let due = Instant::now() >= self.due;
        if due {
            self.due = Instant::now() + Duration::from_millis(500);
        }
        due
    }
}

/// The most memory that this process has had, in bytes.
#[cfg(unix)]
fn memory() -> i64 {
    // SAFETY: the call fills `usage`, for which zeros are valid.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    usage.ru_maxrss * unit
}

#[cfg(unix)]
fn memory_grew(before: i64) -> bool {
    memory() - before > GROWTH
}

#[cfg(not(unix))]
fn memory() -> i64 {
    0
}

#[cfg(not(unix))]
fn memory_grew(_: i64) -> bool {
    false
}
