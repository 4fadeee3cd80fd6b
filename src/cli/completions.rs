//! `llmlab completions`: verbs, options and lessons for a shell's Tab key.

use super::Session;
use super::verbs::{self, Arg, Shape, Values, Verb};
use crate::text::{Lang, Text};
use clap_complete::Shell;
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "completions",
    about: Text::new(
        "completion for bash, zsh, fish, elvish or powershell",
        "为 bash、zsh、fish、elvish 或 powershell 生成补全脚本",
    ),
    args: &[Arg {
        name: "shell",
        shape: Shape::Word,
        about: Text::new(
            "the shell: `source <(llmlab completions bash)`",
            "所用的 shell，例如 `source <(llmlab completions bash)`",
        ),
    }],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let name = values.text("shell").unwrap_or_default();
    let lang = session.lang;
    let shell: Shell = name.parse().map_err(|_| {
        lang.pick(
            format!("`{name}` is not a shell that is known here; the shells are bash, zsh, fish, elvish, powershell"),
            format!("不支持名为 `{name}` 的 shell；可选：bash、zsh、fish、elvish、powershell"),
        )
    })?;
    session.say(script(shell, lang));
    Ok(ExitCode::SUCCESS)
}

/// The completion script.
pub fn script(shell: Shell, lang: Lang) -> String {
    let ids: Vec<&str> = crate::lessons::LESSONS
        .iter()
        .map(|lesson| lesson.id)
        .collect();
    let mut command = verbs::command(lang);
    for verb in verbs::VERBS {
        let named = verb.args.iter().filter(|arg| {
            matches!(arg.shape, Shape::Lesson | Shape::OptionalLesson) || arg.name == "which"
        });
        for arg in named {
            command = command.mut_subcommand(verb.name, |sub| {
                sub.mut_arg(arg.name, |arg| arg.value_parser(ids.clone()))
            });
        }
        if verb.name == VERB.name {
            let shells = ["bash", "zsh", "fish", "elvish", "powershell"];
            command = command.mut_subcommand(verb.name, |sub| {
                sub.mut_arg("shell", |arg| arg.value_parser(shells))
            });
        }
    }
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, "llmlab", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
