//! `llmlab help`: what there is, from the verb table.

use super::Session;
use super::verbs::{self, Arg, Shape, Values, Verb};
use crate::text::{Lang, Text};
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "help",
    about: Text::new(
        "this help, or that of one command (`help json`: the JSON formats)",
        "显示帮助，或某个命令的帮助（`help json`：JSON 格式说明）",
    ),
    args: &[Arg {
        name: "topic",
        shape: Shape::OptionalWord,
        about: Text::new("a command, or `json`", "一个命令，或 `json`"),
    }],
    run,
};

/// Documents every `--format json`.
pub const SCHEMA: Verb = Verb {
    name: "schema",
    about: Text::new(
        "the fields of every `--format json`",
        "所有 `--format json` 输出的字段说明",
    ),
    args: &[],
    run: |session, _| {
        session.page(&match session.plain {
            true => super::plain::untabled(JSON),
            false => JSON.to_string(),
        });
        Ok(ExitCode::SUCCESS)
    },
};

/// `json.md`: the documented fields.
pub const JSON: &str = include_str!("json.md");

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    match values.text("topic") {
        Some("json") => session.page(&session.markdown(JSON, session.width.min(100))),
        topic => session.page(&text(topic, session.lang)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The help of the program or of one verb.
///
/// # Errors
/// A sentence with the nearest verb when there is no such one.
pub fn text(topic: Option<&str>, lang: Lang) -> Result<String, String> {
    let mut command = verbs::command(lang);
    command.build();
    let Some(topic) = topic else {
        return Ok(styled(command.render_help()));
    };
    if let Some(sub) = command.find_subcommand_mut(topic.trim_start_matches(':')) {
        return Ok(styled(sub.render_help()));
    }
    let known = verbs::VERBS.iter().map(|verb| verb.name);
    let fix = match crate::near::nearest(topic, known.chain(["json"])) {
        Some(near) => lang.pick(
            format!("did you mean `{near}`?"),
            format!("是不是想输入 `{near}`？"),
        ),
        None => lang.pick(
            "`llmlab help` lists the commands".into(),
            "用 `llmlab help` 列出全部命令".into(),
        ),
    };
    Err(lang.pick(
        format!("there is no command `{topic}`; {fix}"),
        format!("没有命令 `{topic}`；{fix}"),
    ))
}

fn styled(help: clap::builder::StyledStr) -> String {
    match colored::control::SHOULD_COLORIZE.should_colorize() {
        true => help.ansi().to_string(),
        false => help.to_string(),
    }
}
