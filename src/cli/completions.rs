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
    let mut command = verbs::command(lang);
    let mut words: Vec<(&str, Vec<&str>)> = Vec::new();
    for verb in verbs::VERBS {
        for arg in verb.args {
            let known = values(verb, arg);
            if !known.is_empty() {
                command = command.mut_subcommand(verb.name, |sub| {
                    sub.mut_arg(arg.name, |arg| arg.value_parser(known.clone()))
                });
                words.push((verb.name, known));
            }
        }
    }
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, "llmlab", &mut out);
    let script = String::from_utf8_lossy(&out).into_owned();
    with_positionals(script, shell, &words)
}

/// What a positional argument is completed with: lessons, or shells.
fn values(verb: &Verb, arg: &Arg) -> Vec<&'static str> {
    let lesson = matches!(arg.shape, Shape::Lesson | Shape::OptionalLesson);
    if lesson || (verb.name, arg.name) == ("claims", "which") {
        let lessons = crate::lessons::LESSONS.iter();
        return lessons.map(|lesson| lesson.id).collect();
    }
    match verb.name == VERB.name {
        true => vec!["bash", "zsh", "fish", "elvish", "powershell"],
        false => Vec::new(),
    }
}

/// clap_complete gives positional arguments their values in bash and zsh only; this adds them to
/// the other scripts.
fn with_positionals(mut script: String, shell: Shell, words: &[(&str, Vec<&str>)]) -> String {
    for (verb, known) in words {
        // Where the verb's own words start.
        let (head, line): (String, fn(&str) -> String) = match shell {
            Shell::Fish => {
                let known = known.join(" ");
                script += &format!(
                    "complete -c llmlab -n \"__fish_llmlab_using_subcommand {verb}\" -f -a \"{known}\"\n"
                );
                continue;
            }
            Shell::Elvish => (format!("&'llmlab;{verb}'= {{\n"), |word| {
                format!("            cand {word} ''\n")
            }),
            Shell::PowerShell => (format!("'llmlab;{verb}' {{\n"), |word| {
                format!(
                    "            [CompletionResult]::new('{word}', '{word}', [CompletionResultType]::ParameterValue, '{word}')\n"
                )
            }),
            _ => continue,
        };
        if let Some(at) = script.find(&head) {
            let lines: String = known.iter().map(|word| line(word)).collect();
            script.insert_str(at + head.len(), &lines);
        }
    }
    script
}
