//! Commands that make sense in the REPL only. They look like verbs.

use super::evaluator::State;
use super::infer;
use super::typed::highlight;
use super::{Trouble, Workbench};
use crate::cli::verbs::{Arg, LESSON, VERBS, find_lesson};
use crate::cli::{Asked, help, wrap::columns};
use crate::lesson::Lesson;
use crate::text::{Lang, Text};
use colored::Colorize;

/// `:hint rope`
pub struct Command {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub about: Text,
    pub args: &'static [Arg],
    /// `word` is what stands behind the name, where the command takes something.
    pub run: fn(&mut Workbench<'_>, word: Option<&str>) -> Result<(), Trouble>,
}

/// Every command, in the order of the help.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "hint",
        aliases: &[],
        about: Text::new("one more hint for a lesson's exercise", "再给一条练习提示"),
        args: &[LESSON],
        run: hint,
    },
    Command {
        name: "solution",
        aliases: &[],
        about: Text::new(
            "a right answer, once you passed or if you insist",
            "查看参考解答：通过之后，或确认要看",
        ),
        args: &[LESSON],
        run: solution,
    },
    Command {
        name: "vars",
        aliases: &[],
        about: Text::new("your variables and functions", "已定义的变量和函数"),
        args: &[],
        run: vars,
    },
    Command {
        name: "reset",
        aliases: &[],
        about: Text::new("forget variables and functions", "清空变量和函数"),
        args: &[],
        run: |bench, _| bench.reset(),
    },
    Command {
        name: "quit",
        aliases: &["q", "exit"],
        about: Text::new("leave (so does Ctrl-D)", "退出（也可按 Ctrl-D）"),
        args: &[],
        run: |bench, _| {
            bench.done = true;
            Ok(())
        },
    },
];

/// The command with this name.
pub fn find(name: &str) -> Option<&'static Command> {
    let mut all = COMMANDS.iter();
    all.find(|command| command.name == name || command.aliases.contains(&name))
}

/// The names of everything that may follow a colon.
pub fn names() -> impl Iterator<Item = &'static str> {
    let verbs = VERBS.iter().map(|verb| verb.name);
    verbs.chain(COMMANDS.iter().map(|command| command.name))
}

/// `:help`, or the help of one command.
///
/// # Errors
/// A sentence when there is no such command.
pub fn help(topic: Option<&str>, notebook: bool, lang: Lang) -> Result<String, String> {
    let Some(topic) = topic else {
        return Ok(table(notebook, lang));
    };
    let topic = topic.trim_start_matches(':');
    match find(topic) {
        Some(command) => Ok(format!(
            "{}\n  {}",
            command.about.get(lang),
            usage(command.name, command.args).cyan()
        )),
        None => Ok(help::text(Some(topic), lang)?.replace("llmlab ", ":")),
    }
}

fn table(notebook: bool, lang: Lang) -> String {
    let verbs = VERBS.iter().map(|verb| (verb.name, verb.args, verb.about));
    let verbs = verbs.filter(|(name, ..)| !["repl", "jupyter"].contains(name));
    let own = COMMANDS.iter();
    let own = own.filter(|command| !notebook || command.name != "quit");
    let own = own.map(|command| (command.name, command.args, command.about));
    let rows: Vec<_> = verbs.chain(own).collect();
    let wide = |(name, args, _): &(&str, &[Arg], Text)| columns(&usage(name, args));
    let width = rows.iter().map(wide).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (name, args, about) in rows {
        let usage = usage(name, args);
        let gap = " ".repeat(width - columns(&usage) + 2);
        lines.push(format!("  {}{gap}{}", usage.cyan(), about.get(lang)));
    }
    let rest = lang.pick(
        "Everything that does not start with `:` is Rust. `:help check` says more on one command.",
        "不以 `:` 开头的都是 Rust 代码。`:help check` 查看某个命令的详细说明。",
    );
    let keys = lang.pick(
        "Tab completes, ↑ brings back, Ctrl-C stops what runs, Ctrl-D leaves.",
        "Tab 补全，↑ 调出历史，Ctrl-C 中断正在运行的代码，Ctrl-D 退出。",
    );
    lines.push(rest.to_string());
    if !notebook {
        lines.push(keys.to_string());
    }
    lines.join("\n")
}

/// `:check <lesson> [file]`; options are left to the command's own help.
fn usage(name: &str, args: &[Arg]) -> String {
    use crate::cli::Shape;
    let mut words = vec![format!(":{name}")];
    for arg in args {
        match arg.shape {
            Shape::Lesson | Shape::Word => words.push(format!("<{}>", arg.name)),
            Shape::OptionalLesson | Shape::OptionalFile | Shape::OptionalWord => {
                words.push(format!("[{}]", arg.name));
            }
            Shape::Settings => words.push("[name=value …]".to_string()),
            _ => {}
        }
    }
    words.join(" ")
}

fn lesson(
    bench: &Workbench<'_>,
    word: Option<&str>,
    name: &str,
) -> Result<&'static Lesson, String> {
    let lang = bench.session.lang;
    let word = word.ok_or_else(|| {
        lang.pick(
            format!("which lesson? Type for instance `:{name} attention`"),
            format!("哪一课？例如输入 `:{name} attention`"),
        )
    })?;
    find_lesson(word, lang)
}

fn hint(bench: &mut Workbench<'_>, word: Option<&str>) -> Result<(), Trouble> {
    let lesson = lesson(bench, word, "hint")?;
    let lang = bench.session.lang;
    let total = lesson.hints.len();
    let shown = bench.hints.entry(lesson.id).or_default();
    *shown = (*shown + 1).min(total);
    let count = *shown;
    for (number, hint) in lesson.hints.iter().enumerate().take(count) {
        let label = format!("{}/{total}", number + 1);
        let text = hint.get(lang);
        // The new one is the last; those before are there to read on from.
        match number + 1 == count {
            true => bench.session.say(format!("{} {text}", label.yellow())),
            false => bench
                .session
                .say(format!("{label} {text}").dimmed().to_string()),
        }
    }
    let next = match count < total {
        true => lang.pick(
            format!(":hint {} gives the next one", lesson.id),
            format!("再输入 :hint {} 看下一条", lesson.id),
        ),
        false => lang.pick(
            format!("that was the last; :solution {} shows an answer", lesson.id),
            format!("提示已全部给出；:solution {} 可查看解答", lesson.id),
        ),
    };
    bench.session.say(next.dimmed().to_string());
    Ok(())
}

fn solution(bench: &mut Workbench<'_>, word: Option<&str>) -> Result<(), Trouble> {
    let lesson = lesson(bench, word, "solution")?;
    let lang = bench.session.lang;
    if !bench.passed.contains(lesson.id) {
        let question = lang.pick(
            "You have not passed this one in this session. Show the answer anyway? [y/N] ",
            "本次会话中这道题尚未通过。仍要看解答吗？[y/N] ",
        );
        let yes = match bench.session.ask(question) {
            Asked::Line(line) => matches!(
                line.trim().to_lowercase().as_str(),
                "y" | "yes" | "是" | "好"
            ),
            Asked::End | Asked::Interrupted => false,
        };
        if !yes {
            return Ok(());
        }
    }
    let text = lesson.solution.trim_end();
    let colour = colored::control::SHOULD_COLORIZE.should_colorize();
    bench.session.say(match colour {
        true => highlight(text),
        false => text.to_string(),
    });
    Ok(())
}

fn vars(bench: &mut Workbench<'_>, _: Option<&str>) -> Result<(), Trouble> {
    let names = bench.evaluator.names();
    let started = bench.evaluator.state() == State::Ready;
    if !started || names.variables.is_empty() && names.items.is_empty() {
        let words = bench.session.lang.pick("nothing yet", "还没有定义任何东西");
        bench.session.say(words);
        return Ok(());
    }
    for (name, kind) in &names.variables {
        bench
            .session
            .say(format!("let {name}: {}", infer::short(kind)));
    }
    let mut items = names.items;
    items.sort();
    if !items.is_empty() {
        let label = bench.session.lang.pick("functions and types", "函数和类型");
        bench.session.say(format!("{label}: {}", items.join(", ")));
    }
    Ok(())
}
