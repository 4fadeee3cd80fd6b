//! `llmlab lesson`: the text of a lesson.

use super::verbs::{Arg, LESSON, Shape, Values, Verb};
use super::wrap::columns;
use super::{Session, markdown};
use crate::lesson::Lesson;
use crate::text::{Lang, Text};
use colored::Colorize;
use serde_json::{Value, json};
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "lesson",
    about: Text::new("read a lesson", "阅读课程"),
    args: &[
        LESSON,
        Arg {
            name: "hints",
            shape: Shape::Option("N"),
            about: Text::new(
                "the exercise's first N hints, from a nudge to nearly the answer",
                "练习的前 N 条提示，从轻轻一推到接近答案",
            ),
        },
        Arg {
            name: "format",
            shape: Shape::OneOf(&["text", "json", "markdown"]),
            about: Text::new(
                "text for the terminal, json, or markdown as written",
                "text(终端排版)、json 或 markdown 原文",
            ),
        },
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lesson = values.lesson()?;
    if let Some(count) = values.number("hints")? {
        let total = lesson.hints.len();
        let count = usize::try_from(count).unwrap_or(total);
        for (i, hint) in lesson.hints.iter().enumerate().take(count) {
            session.say(format!("{}/{total} {}", i + 1, session.text(*hint)));
        }
        return Ok(ExitCode::SUCCESS);
    }
    match values.text("format") {
        Some("json") => session.say(json(lesson, session.lang).to_string()),
        Some("markdown") => session.say(session.text(lesson.text)),
        _ => session.page(&text(session, lesson)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The lesson as it is shown in the terminal.
fn text(session: &Session, lesson: &Lesson) -> String {
    let lang = session.lang;
    let width = session.width.min(100);
    let tracks: Vec<&str> = lesson.tracks.iter().map(|track| track.id()).collect();
    let mut about = vec![format!(
        "{}: {}",
        lang.pick("tracks", "路线"),
        tracks.join(", ")
    )];
    if !lesson.needs.is_empty() {
        let needs = lesson.needs.join(", ");
        about.insert(0, format!("{}: {needs}", lang.pick("needs", "先修")));
    }
    let header = markdown::flow(&session.beside(&about), width, "");
    let body = session.markdown(lesson.text.get(lang), width);
    let mut out = format!(
        "{}\n\n{body}\n{}\n",
        header.dimmed(),
        lang.pick("Try:", "动手试试：").bold()
    );
    let id = lesson.id;
    let tries = [
        (
            format!("trace {id}"),
            lang.pick("every step, with shapes", "逐步查看每一步的形状"),
        ),
        (
            format!("start {id}"),
            lang.pick("write it yourself", "自己动手实现"),
        ),
        (
            format!("check {id}"),
            lang.pick("have it judged", "让评测器检查"),
        ),
        (format!("quiz {id}"), lang.pick("test yourself", "自测")),
    ];
    let claims = (!lesson.claims.is_empty()).then(|| {
        let about = lang.pick("the notes corrected", "笔记里哪些说法有误");
        (format!("claims {id}"), about)
    });
    let pictures = lesson.pictures.first().map(|picture| {
        let others = lesson.pictures.len() - 1;
        let about = match others {
            0 => lang.pick("see it", "看图"),
            _ => lang.pick(
                "see it (`picture` lists more)",
                "看图（`picture` 列出更多）",
            ),
        };
        (format!("picture {}", picture.id), about)
    });
    let more = crate::lessons::exercises(lesson).map(|other| {
        let about = lang.pick("a further exercise", "另一道练习");
        (format!("lesson {}", other.id), about)
    });
    let tries: Vec<(String, &str)> = tries
        .into_iter()
        .chain(pictures)
        .chain(more)
        .chain(claims)
        .map(|(command, about)| (session.command(&command), about))
        .collect();
    let longest = tries.iter().map(|(command, _)| columns(command)).max();
    let column = longest.unwrap_or(0);
    let fits = |(_, about): &(String, &str)| 3 + column + columns(about) <= width;
    // Where a line is too short for both, the words stand below.
    let (column, gap) = match tries.iter().all(fits) {
        true => (column, " "),
        false => (0, "\n    "),
    };
    for (command, about) in &tries {
        out += &format!("  {}{gap}{about}\n", markdown::pad(command, column).cyan());
    }
    out
}

fn json(lesson: &Lesson, lang: Lang) -> Value {
    let tracks: Vec<&str> = lesson.tracks.iter().map(|track| track.id()).collect();
    json!({
        "id": lesson.id,
        "aliases": lesson.aliases,
        "title": lesson.title.get(lang),
        "summary": lesson.summary.get(lang),
        "tracks": tracks,
        "needs": lesson.needs,
        "signature": lesson.problem.signature,
        "markdown": lesson.text.get(lang),
    })
}
