//! Commands behind a colon, and Rust for everything else: what the prompt and a notebook's cells
//! have in common.

mod commands;
mod complete;
mod errors;
mod evaluator;
mod follow;
mod infer;
mod lets;
mod output;
mod stream;
mod typed;
mod words;

pub use complete::{Offer, complete};
pub use evaluator::{Contents, Evaluator, Names};
pub use typed::{goes_on, highlight};
pub use words::split;

use super::check;
use super::difference::Wanted;
use super::verbs::{self, Values};
use super::{Session, Stream};
use crate::check::{Report, Verdict};
use crate::lesson::Lesson;
use errors::Sources;
use evaluator::{Event, Outcome, State};
use std::collections::{BTreeMap, BTreeSet};

/// Why something that was typed did not do what it was meant to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// One sentence.
    Sentence(String),
    /// rustc's words.
    Errors(String),
    /// It was stopped: by whom, and what is lost.
    Stopped(String),
}

impl From<String> for Trouble {
    fn from(sentence: String) -> Trouble {
        Trouble::Sentence(sentence)
    }
}

/// One session: what was typed, and what it made.
pub struct Workbench<'a> {
    pub session: &'a mut Session,
    evaluator: Evaluator,
    /// What was typed and compiled, for error messages.
    inputs: Vec<String>,
    /// How many hints of each lesson were given.
    hints: BTreeMap<&'static str, usize>,
    passed: BTreeSet<&'static str>,
    /// Whether the person wants to leave.
    pub done: bool,
}

/// Whether a line is a command of llmlab's, and not one of evcxr's or Rust.
pub fn is_command(line: &str) -> bool {
    line.trim().starts_with(':') && !is_dependency(line)
}

/// `:dep rand = "0.9"`
fn is_dependency(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix(":dep");
    rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

/// `:dep llmlab = { path = ".." }`: the library is there already.
fn is_library(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix(":dep").unwrap_or_default();
    let rest = rest.trim_start().strip_prefix("llmlab");
    is_dependency(line) && rest.is_some_and(|rest| rest.trim_start().starts_with('='))
}

impl<'a> Workbench<'a> {
    pub fn new(session: &'a mut Session, evaluator: Evaluator) -> Workbench<'a> {
        session.in_repl = true;
        Workbench {
            session,
            evaluator,
            inputs: Vec::new(),
            hints: BTreeMap::new(),
            passed: BTreeSet::new(),
            done: false,
        }
    }

    pub fn names(&self) -> Names {
        self.evaluator.names()
    }

    /// Does what was typed: a command, or Rust. Gives what the code has to show.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn line(&mut self, line: &str) -> Result<Contents, Trouble> {
        let text = line.trim();
        if is_command(text) {
            return self.command(&text[1..]).map(|()| Contents::new());
        }
        match self.meant_command(text) {
            Some(sentence) => Err(sentence.into()),
            None => self.rust(line),
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
        let names = self.evaluator.names();
        let variable = names.variables.iter().any(|(name, _)| name == first);
        (known && !variable && words.all(simple)).then(|| {
            self.session.lang.pick(
                format!("a command starts with a colon: `:{text}`"),
                format!("命令以冒号开头：`:{text}`"),
            )
        })
    }

    /// A line behind its colon.
    fn command(&mut self, line: &str) -> Result<(), Trouble> {
        let lang = self.session.lang;
        let words = words::split(line).map_err(|quote| {
            lang.pick(
                format!("the quote {quote} is not closed"),
                format!("引号 {quote} 没有闭合"),
            )
        })?;
        let name = words.first().map_or("help", String::as_str);
        if matches!(name, "help" | "h" | "?") && words.get(1).is_none_or(|word| word != "json") {
            let topic = words.get(1).map(String::as_str);
            let text = commands::help(topic, self.session.tell.is_some(), lang)?;
            self.session.say(text);
            return Ok(());
        }
        if let Some(command) = commands::find(name) {
            if let Some(word) = words.get(1 + command.args.len()) {
                return Err(Trouble::Sentence(lang.pick(
                    format!("`{word}` is not expected here: `:help {name}` shows how it is typed"),
                    format!("这里不需要 `{word}`：用 `:help {name}` 查看写法"),
                )));
            }
            return (command.run)(self, words.get(1).map(String::as_str));
        }
        if !verbs::VERBS.iter().any(|verb| verb.name == name) && !name.starts_with('-') {
            return Err(self.unknown(name).into());
        }
        let program = std::iter::once("llmlab".to_string());
        let all = program.chain(words).map(Into::into).collect();
        match verbs::parse_in(lang, all) {
            Ok((verb, matches)) => {
                let values = Values(&matches);
                let before = self.session.follow(&values);
                let done = match verb.name == check::VERB.name && values.text("file").is_none() {
                    true => self.check_typed(&values),
                    false => (verb.run)(self.session, &values)
                        .map(drop)
                        .map_err(Trouble::from),
                };
                self.session.go_back(before);
                done?;
            }
            Err(error) if error.use_stderr() => {
                return Err(verbs::refusal(&error, lang)
                    .replace("`llmlab ", "`:")
                    .into());
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
    fn check_typed(&mut self, values: &Values<'_>) -> Result<(), Trouble> {
        let lesson = values.lesson()?;
        let options = check::options(values)?;
        let lang = self.session.lang;
        let function = lesson.id.replace('-', "_");
        let signature = lesson.problem.signature;
        if !self.evaluator.names().items.contains(&function) {
            // What was typed while Rust starts is known once it has started.
            let file = format!("{function}.rs");
            return Err(Trouble::Sentence(lang.pick(
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
            )));
        }
        self.wait_ready()?;
        self.evaluator.check(lesson, &options);
        match self.follow()? {
            Outcome::Verdict(report) => {
                self.verdict(lesson, &report);
                Wanted::of(values).show(self.session, lesson, &report, values.json())?;
                Ok(())
            }
            Outcome::Errors(_) => Err(Trouble::Sentence(lang.pick(
                format!(
                    "`{function}` does not have the exercise's signature:\n  {signature}\n\
                     a last argument `trace: &mut Trace` is optional"
                ),
                format!(
                    "`{function}` 与题目要求的签名不符：\n  {signature}\n\
                     最后可以再加一个参数 `trace: &mut Trace`"
                ),
            ))),
            other => self.contents(other).map(drop),
        }
    }

    fn verdict(&mut self, lesson: &'static Lesson, report: &Report) {
        check::show(self.session, lesson, report);
        check::record(self.session, report);
        if report.verdict == Verdict::Passed {
            self.passed.insert(lesson.id);
        }
    }

    /// Evaluates Rust.
    fn rust(&mut self, code: &str) -> Result<Contents, Trouble> {
        // An empty line in its place, so that those below keep their numbers.
        let lines = code.split('\n');
        let lines = lines.map(|line| if is_library(line) { "" } else { line });
        let code = lets::closed(&lines.collect::<Vec<_>>().join("\n"));
        if code.trim().is_empty() {
            return Ok(Contents::new());
        }
        self.wait_ready()?;
        self.inputs.push(code.clone());
        self.evaluator.run(code);
        let outcome = self.follow()?;
        let failed = matches!(outcome, Outcome::Errors(_));
        let contents = self.contents(outcome);
        if failed {
            // Later errors cannot point into what was never taken.
            self.inputs.pop();
        }
        contents
    }

    fn reset(&mut self) -> Result<(), Trouble> {
        self.wait_ready()?;
        self.inputs.clear();
        self.evaluator.reset();
        let outcome = self.follow()?;
        self.contents(outcome).map(drop)
    }

    /// What an evaluation has to show.
    fn contents(&mut self, outcome: Outcome) -> Result<Contents, Trouble> {
        let lang = self.session.lang;
        match outcome {
            Outcome::Value(mut contents) => {
                // A loop or a call whose value is nothing.
                if contents.get("text/plain").is_some_and(|text| text == "()") {
                    contents.remove("text/plain");
                }
                Ok(contents)
            }
            Outcome::Verdict(report) => {
                if let Some(lesson) = crate::lessons::find(&report.lesson) {
                    self.verdict(lesson, &report);
                }
                Ok(Contents::new())
            }
            Outcome::Errors(errors) => {
                let sources = Sources {
                    inputs: &self.inputs,
                };
                let colour = colored::control::SHOULD_COLORIZE.should_colorize();
                let text = errors::render(&errors, &sources, colour);
                if !text.is_empty() {
                    return Err(Trouble::Errors(text));
                }
                // rustc has nothing against the line; evcxr cannot keep its variable.
                let words = lang.pick(
                    "this variable cannot be kept from one input to the next: give it a type \
                     (`let x: f32 = …`), box a closure (`let f: Box<dyn Fn(f32) -> f32> = \
                     Box::new(…)`), or put the lines that use it into one pair of braces",
                    "这个变量无法在两次输入之间保留：请写明类型（`let x: f32 = …`），把闭包装箱\
                     （`let f: Box<dyn Fn(f32) -> f32> = Box::new(…)`），或把用到它的几行放进同一对花括号",
                );
                Err(Trouble::Sentence(words.to_string()))
            }
            Outcome::Died(status) => Err(Trouble::Sentence(follow::death(&status, lang))),
            Outcome::Message(words) => Err(Trouble::Sentence(errors::plain(words.trim()))),
        }
    }
}
