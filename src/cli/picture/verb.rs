//! `llmlab picture`: the lessons' pictures.

use super::{save, show, svg};
use crate::cli::verbs::{Arg, Shape, Values, Verb};
use crate::cli::{Session, markdown, wrap};
use crate::lesson::Lesson;
use crate::lessons::{LESSONS, find};
use crate::near::nearest;
use crate::show::Picture;
use crate::text::{Lang, Text};
use colored::Colorize;
use std::path::Path;
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "picture",
    about: Text::new(
        "a lesson's pictures, computed on the spot; alone it lists them",
        "当场计算并画出课程的图；不带参数时列出全部",
    ),
    args: &[
        Arg {
            name: "picture",
            shape: Shape::OptionalWord,
            about: Text::new(
                "a picture's id, or a lesson's to list its pictures",
                "图的 id；给出课程 id 则列出该课的图",
            ),
        },
        Arg {
            name: "settings",
            shape: Shape::Settings,
            about: Text::new("what to draw: d=128", "参数，如 d=128"),
        },
        Arg {
            name: "seed",
            shape: Shape::Option("N"),
            about: Text::new("seed of the random inputs (0)", "随机输入的种子（默认 0）"),
        },
        Arg {
            name: "save",
            shape: Shape::Option("FILE"),
            about: Text::new(
                "write it to a file.svg or file.png",
                "保存为 .svg 或 .png 文件",
            ),
        },
        Arg {
            name: "format",
            shape: Shape::OneOf(&["text", "svg"]),
            about: Text::new(
                "text for characters even where the terminal shows pictures; svg for programs",
                "text：即使终端能显示图片也用字符；svg：供程序读取",
            ),
        },
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let Some(name) = values.text("picture") else {
        session.page(&list(session, LESSONS));
        return Ok(ExitCode::SUCCESS);
    };
    let Some(picture) = picture(name) else {
        let lesson = find(name).filter(|lesson| !lesson.pictures.is_empty());
        let lesson = lesson.ok_or_else(|| unknown(name, lang))?;
        session.say(list(session, &[lesson]));
        return Ok(ExitCode::SUCCESS);
    };
    let words = values.many("settings").into_iter();
    let settings: Result<Vec<_>, _> = words
        .map(|word| crate::cli::trace::setting(word, lang))
        .collect();
    let seed = values.number("seed")?.unwrap_or(0);
    let figure = picture.figure(&settings?, seed, lang);
    let figure = figure.map_err(|error| error.say(lang))?;
    if let Some(path) = values.text("save") {
        save(&figure, Path::new(path), lang)?;
    }
    match (values.text("format"), values.text("save")) {
        (Some("svg"), _) => session.hand_over(&svg(&figure, lang)?),
        (None, Some(path)) => {
            session.say(lang.pick(format!("saved to {path}"), format!("已保存到 {path}")));
        }
        (format, _) => show(session, &figure, format.is_some())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The picture with this id (`_` and `-` are the same).
fn picture(name: &str) -> Option<&'static Picture> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    all().find(|picture| picture.id == name)
}

fn all() -> impl Iterator<Item = &'static Picture> {
    LESSONS.iter().flat_map(|lesson| lesson.pictures)
}

fn unknown(name: &str, lang: Lang) -> String {
    let fix = match nearest(&name.replace('_', "-"), all().map(|picture| picture.id)) {
        Some(near) => lang.pick(
            format!("did you mean `{near}`?"),
            format!("是不是想输入 `{near}`？"),
        ),
        None => lang.pick(
            "`llmlab picture` lists them".to_string(),
            "用 `llmlab picture` 查看全部".to_string(),
        ),
    };
    lang.pick(
        format!("there is no picture `{name}`; {fix}"),
        format!("没有名为 `{name}` 的图；{fix}"),
    )
}

/// Each lesson that has pictures, with their ids, titles and settings.
fn list(session: &Session, lessons: &[&Lesson]) -> String {
    let lang = session.lang;
    let mut out = String::new();
    let width = lessons.iter().flat_map(|lesson| lesson.pictures);
    let width = width.map(|picture| picture.id.len()).max().unwrap_or(0);
    for lesson in lessons.iter().filter(|lesson| !lesson.pictures.is_empty()) {
        out += &format!("{}  {}\n", lesson.id.bold(), lesson.title.get(lang));
        for picture in lesson.pictures {
            let settings = picture.settings.iter();
            let settings = settings.map(|setting| format!("{}={}", setting.name, setting.default));
            let settings = settings.collect::<Vec<_>>().join(" ");
            let id = markdown::pad(picture.id, width).cyan();
            let line = format!("  {id}  {}  {}", picture.title.get(lang), settings.dimmed());
            out += &wrap(line.trim_end(), session.width, width + 4);
            out.push('\n');
        }
    }
    out
}
