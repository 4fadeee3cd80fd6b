//! `llmlab repl`: commands behind a colon, and Rust for everything else.

mod commands;
mod complete;
mod editor;
mod errors;
mod kernel;
mod output;
mod stream;
mod words;

use super::check::{self, Bar};
use super::difference::Wanted;
use super::lab::{interrupted, on_interrupt};
use super::verbs::{self, Values, Verb};
use super::{Asked, Session};
use crate::check::{Report, Verdict};
use crate::lesson::Lesson;
use crate::text::Text;
use colored::Colorize;
use editor::Editor;
use errors::Sources;
use kernel::{Event, Kernel, Outcome, State};
use output::Stderr;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use stream::Stream;

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
    let names = kernel::Names::default();
    let _ = editor::goes_on(line);
    let _ = editor::highlight(line);
    for (at, _) in line.char_indices().chain([(line.len(), ' ')]) {
        let _ = complete::complete(line, at, &names);
    }
    if let Ok(words) = words::split(line) {
        let program = ["llmlab".to_string()].into_iter();
        let words = program.chain(words).map(Into::into).collect();
        let _ = verbs::parse_in(crate::text::Lang::En, words)
            .map_err(|error| verbs::refusal(&error, crate::text::Lang::En));
    }
}

/// How much an evaluation may make this process grow, by lines that do not end.
#[cfg(unix)]
const GROWTH: i64 = 1 << 30;

/// One session at the prompt.
pub struct Repl<'a> {
    session: &'a mut Session,
    kernel: Kernel,
    /// What was typed and compiled, for error messages.
    inputs: Vec<String>,
    /// How many hints of each lesson were given.
    hints: BTreeMap<&'static str, usize>,
    passed: BTreeSet<&'static str>,
    done: bool,
}

/// Where lines come from.
enum Input {
    Terminal(Rc<RefCell<Editor>>),
    Pipe,
}

fn run(session: &mut Session) -> Result<ExitCode, String> {
    let kernel = Kernel::start(session.lang);
    on_interrupt();
    session.in_repl = true;
    let typed = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    // The line editor draws its line again at every key, which a screen reader would read each time.
    let terminal = typed && !session.plain;
    let input = match terminal {
        true => Input::Terminal(terminal_editor(session)?),
        false => Input::Pipe,
    };
    let mut repl = Repl {
        session,
        kernel,
        inputs: Vec::new(),
        hints: BTreeMap::new(),
        passed: BTreeSet::new(),
        done: false,
    };
    if typed {
        let words = repl.session.lang.pick(
            "llmlab · `:help` lists the commands, everything else is Rust · Ctrl-D leaves",
            "llmlab · `:help` 列出命令，其余输入都是 Rust · Ctrl-D 退出",
        );
        repl.session.say(words.dimmed().to_string());
    }
    while !repl.done {
        // A Ctrl-C that came too late for what it was meant for.
        interrupted();
        let line = match &input {
            Input::Terminal(editor) => editor.borrow_mut().read("llmlab> ", repl.kernel.names()),
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
            Asked::Line(line) => repl.line(&line),
            Asked::Interrupted => {}
            Asked::End => break,
        }
    }
    drop(repl);
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
        if !editor::goes_on(whole) {
            return Asked::Line(whole.to_string());
        }
    }
}

impl Repl<'_> {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        let result = match text.strip_prefix(':') {
            Some(command) => self.command(command),
            None if text.is_empty() => Ok(()),
            None => match self.meant_command(text) {
                Some(sentence) => Err(sentence),
                None => {
                    self.rust(line);
                    Ok(())
                }
            },
        };
        if let Err(sentence) = result {
            self.session.complain(&sentence);
        }
    }

    /// `check rope` or `quit`: a command whose colon is missing.
    fn meant_command(&self, text: &str) -> Option<String> {
        let mut words = text.split(' ');
        let first = words.next()?;
        let known =
            verbs::VERBS.iter().any(|verb| verb.name == first) || commands::find(first).is_some();
        let simple = |word: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !word.is_empty() && word.chars().all(fits)
        };
        let names = self.kernel.names();
        let variable = names.variables.iter().any(|(name, _)| name == first);
        (known && !variable && words.all(simple)).then(|| {
            self.session.lang.pick(
                format!("a command starts with a colon: `:{text}`"),
                format!("命令以冒号开头：`:{text}`"),
            )
        })
    }

    /// A line behind its colon.
    fn command(&mut self, line: &str) -> Result<(), String> {
        let lang = self.session.lang;
        let words = words::split(line).map_err(|quote| {
            lang.pick(
                format!("the quote {quote} is not closed"),
                format!("引号 {quote} 没有闭合"),
            )
        })?;
        let name = words.first().map_or("help", String::as_str);
        if matches!(name, "help" | "h" | "?") && words.get(1).is_none_or(|word| word != "json") {
            let text = commands::help(words.get(1).map(String::as_str), lang)?;
            self.session.say(text);
            return Ok(());
        }
        if let Some(command) = commands::find(name) {
            if let Some(word) = words.get(1 + command.args.len()) {
                return Err(lang.pick(
                    format!("`{word}` is not expected here: `:help {name}` shows how it is typed"),
                    format!("这里不需要 `{word}`：用 `:help {name}` 查看写法"),
                ));
            }
            return (command.run)(self, words.get(1).map(String::as_str));
        }
        if !verbs::VERBS.iter().any(|verb| verb.name == name) && !name.starts_with('-') {
            return Err(self.unknown(name));
        }
        let program = std::iter::once("llmlab".to_string());
        let all = program.chain(words).map(Into::into).collect();
        match verbs::parse_in(lang, all) {
            Ok((verb, matches)) => {
                let values = Values(&matches);
                if verb.name == check::VERB.name && values.text("file").is_none() {
                    return self.check(values.lesson()?, &values);
                }
                self.session.finish(|session| (verb.run)(session, &values));
            }
            Err(error) if error.use_stderr() => {
                return Err(verbs::refusal(&error, lang).replace("`llmlab ", "`:"));
            }
            // `--help` is no mistake.
            Err(error) => {
                self.session.refuse(&error);
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> String {
        let lang = self.session.lang;
        let fix = match crate::near::nearest(name, commands::names().chain(["help"])) {
            Some(near) => lang.pick(
                format!("did you mean `:{near}`?"),
                format!("是不是想输入 `:{near}`？"),
            ),
            None => lang.pick(
                "`:help` lists the commands".to_string(),
                "用 `:help` 列出全部命令".to_string(),
            ),
        };
        lang.pick(
            format!("there is no command `:{name}`; {fix}"),
            format!("没有命令 `:{name}`；{fix}"),
        )
    }

    /// Judges the function that was typed.
    fn check(&mut self, lesson: &'static Lesson, values: &Values<'_>) -> Result<(), String> {
        let options = check::options(values)?;
        let lang = self.session.lang;
        let function = lesson.id.replace('-', "_");
        let signature = lesson.problem.signature;
        if !self.kernel.names().items.contains(&function) {
            // What was typed while Rust starts is known once it has started.
            let file = format!("{function}.rs");
            return Err(lang.pick(
                format!(
                    "no function `{function}` has been typed yet: type\n  {signature} {{ … }}\n\
                     over as many lines as you like, or judge a file: `:check {} {file}`",
                    lesson.id
                ),
                format!(
                    "还没有输入函数 `{function}`：请输入\n  {signature} {{ … }}\n\
                     可以分多行；也可以判定文件：`:check {} {file}`",
                    lesson.id
                ),
            ));
        }
        if !self.wait_ready() {
            return Ok(());
        }
        self.kernel.check(lesson, &options);
        match self.follow() {
            Some(Outcome::Verdict(report)) => {
                self.verdict(lesson, &report);
                Wanted::of(values).show(self.session, lesson, &report, values.json())?;
            }
            Some(Outcome::Errors(_)) => {
                return Err(lang.pick(
                    format!(
                        "`{function}` does not have the exercise's signature:\n  {signature}\n\
                         a last argument `trace: &mut Trace` is optional"
                    ),
                    format!(
                        "`{function}` 与题目要求的签名不符：\n  {signature}\n\
                         最后可以再加一个参数 `trace: &mut Trace`"
                    ),
                ));
            }
            Some(other) => self.show(other),
            None => {}
        }
        Ok(())
    }

    fn verdict(&mut self, lesson: &'static Lesson, report: &Report) {
        check::show(self.session, lesson, report);
        check::record(self.session, report);
        if report.verdict == Verdict::Passed {
            self.passed.insert(lesson.id);
        }
    }

    /// Evaluates Rust and shows what comes of it.
    fn rust(&mut self, code: &str) {
        if !self.wait_ready() {
            return;
        }
        self.inputs.push(code.to_string());
        self.kernel.run(code.to_string());
        let outcome = self.follow();
        let failed = matches!(outcome, Some(Outcome::Errors(_)));
        if let Some(outcome) = outcome {
            self.show(outcome);
        }
        if failed {
            // Later errors cannot point into what was never taken.
            self.inputs.pop();
        }
    }

    fn reset(&mut self) {
        if !self.wait_ready() {
            return;
        }
        self.inputs.clear();
        self.kernel.reset();
        if let Some(outcome) = self.follow() {
            self.show(outcome);
        }
    }

    fn show(&mut self, outcome: Outcome) {
        let colour = colored::control::SHOULD_COLORIZE.should_colorize();
        match outcome {
            // A loop or a call whose value is nothing.
            Outcome::Value(Some(text)) if text == "()" => {}
            Outcome::Value(Some(text)) => self.session.say(text),
            Outcome::Value(None) => {}
            Outcome::Verdict(report) => {
                if let Some(lesson) = crate::lessons::find(&report.lesson) {
                    self.verdict(lesson, &report);
                }
            }
            Outcome::Errors(errors) => {
                let sources = Sources {
                    inputs: &self.inputs,
                };
                let text = errors::render(&errors, &sources, colour);
                if text.is_empty() {
                    // rustc has nothing against the line; evcxr cannot keep its variable.
                    self.session.complain(self.session.lang.pick(
                        "this variable cannot be kept from one input to the next: give it a type \
                         (`let x: f32 = …`), box a closure (`let f: Box<dyn Fn(f32) -> f32> = \
                         Box::new(…)`), or put the lines that use it into one pair of braces",
                        "这个变量无法在两次输入之间保留：请写明类型（`let x: f32 = …`），把闭包装箱\
                         （`let f: Box<dyn Fn(f32) -> f32> = Box::new(…)`），或把用到它的几行放进同一对花括号",
                    ));
                } else {
                    self.session.say(text);
                }
            }
            Outcome::Died(status) => self.session.complain(&self.death(&status)),
            Outcome::Message(words) => self.session.complain(&errors::plain(words.trim())),
        }
    }

    /// Why the process that ran the code is gone, and what that means.
    fn death(&self, status: &str) -> String {
        let lang = self.session.lang;
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

    /// Waits until Rust has started, with a progress bar. False if it never will, or on Ctrl-C.
    fn wait_ready(&mut self) -> bool {
        let lang = self.session.lang;
        let mut bar = Bar::new(
            self.session,
            lang.pick(
                "first use on this machine: compiling the library, about 10 s",
                "本机首次使用：正在编译库，约 10 秒",
            ),
        );
        let starting = lang.pick("starting Rust …", "正在启动 Rust ……");
        loop {
            match self.kernel.state() {
                State::Ready => {
                    bar.clear();
                    return true;
                }
                State::Failed(sentence) => {
                    bar.clear();
                    self.session.complain(&sentence);
                    return false;
                }
                State::Building(at) => bar.show(at),
                State::Starting => bar.say(starting),
            }
            if interrupted() {
                bar.clear();
                self.session.say(lang.pick(
                    "not run; Rust goes on starting in the background",
                    "没有运行；Rust 继续在后台启动",
                ));
                return false;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Shows what comes until the evaluation is over. None if it was stopped.
    fn follow(&mut self) -> Option<Outcome> {
        let mut stderr = Stderr::default();
        let mut stop: Option<Stop> = None;
        let memory = memory();
        let outcome = loop {
            match self.kernel.event(Duration::from_millis(25)) {
                Some(Event::Done(outcome)) => break outcome,
                Some(_) if stop.is_some() => {}
                Some(event) => self.print(event, &mut stderr),
                None if self.kernel.is_gone() => {
                    self.session.complain(self.session.lang.pick(
                        "Rust has stopped working in this session; commands still work, and a new \
                         session starts it again",
                        "本次会话中的 Rust 已停止工作；命令仍可使用，重新打开会话即可恢复",
                    ));
                    return None;
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
                self.kernel.kill();
            }
        };
        // The last lines of stderr may come a moment later.
        while let Some(event) = self.kernel.event(Duration::from_millis(8)) {
            if stop.is_none() {
                self.print(event, &mut stderr);
            }
        }
        let lang = self.session.lang;
        let Some(stop) = stop else {
            return Some(match outcome {
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
        let lost = matches!(outcome, Outcome::Died(_));
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
        self.session
            .say(lang.pick(format!("{en}; {en_kept}"), format!("{zh}；{zh_kept}")));
        None
    }

    fn print(&self, event: Event, stderr: &mut Stderr) {
        match event {
            Event::Line(Stream::Out, line) => self.session.say(line),
            Event::Line(Stream::Err, line) => {
                let sources = Sources {
                    inputs: &self.inputs,
                };
                let compiled = |row: usize| {
                    let file = self.kernel.compiled()?;
                    file.lines().nth(row.checked_sub(1)?).map(str::to_string)
                };
                if let Some(line) = stderr.line(&line, &sources, &compiled) {
                    // Nobody can be told when stderr is closed.
                    let _ = writeln!(std::io::stderr(), "{}", line.red());
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
    /// A compiler at work gets Ctrl-C as well and ends by itself; only code that runs is killed.
    due: Option<Instant>,
}

impl Stop {
    fn new(why: Why) -> Stop {
        let patience = match why {
            Why::Asked => Duration::from_millis(150),
            Why::Endless => Duration::ZERO,
        };
        Stop {
            why,
            due: Some(Instant::now() + patience),
        }
    }

    /// True once, when the time has come.
    fn is_due(&mut self) -> bool {
        let due = self.due.is_some_and(|due| Instant::now() >= due);
        if due {
            self.due = None;
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
