//! `llmlab start`: the file to fill in.

use super::Session;
use super::verbs::{Arg, LESSON, Shape, Values, Verb};
use crate::cuda::starter;
use crate::text::{Lang, Text};
use colored::Colorize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "start",
    about: Text::new(
        "write the file to fill in: signature and one sentence",
        "生成待填写的文件：函数签名与一句说明",
    ),
    args: &[
        LESSON,
        Arg {
            name: "out",
            shape: Shape::Option("FILE"),
            about: Text::new(
                "the file or directory (default: here, named like the lesson)",
                "文件或目录（默认写到当前目录，以课程命名）",
            ),
        },
        Arg {
            name: "cuda",
            shape: Shape::Flag,
            about: Text::new(
                "a CUDA kernel (.cu) instead of a Rust function",
                "生成 CUDA kernel（.cu），而不是 Rust 函数",
            ),
        },
        Arg {
            name: "force",
            shape: Shape::Flag,
            about: Text::new("overwrite the file", "覆盖已有文件"),
        },
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lesson = values.lesson()?;
    let lang = session.lang;
    let (end, text) = match values.flag("cuda") {
        true => ("cu", starter(lesson, lang)),
        false => ("rs", lesson.starter.to_string()),
    };
    let name = format!("{}.{end}", lesson.id.replace('-', "_"));
    let path = start(&name, &text, values.text("out"), values.flag("force"), lang)?;
    let shown = path.display();
    let next = session.command(&format!("check {} {shown}", lesson.id));
    session.say(lang.pick(
        format!("wrote {shown}; fill it in, then: {}", next.cyan()),
        format!("已写入 {shown}；填写之后运行：{}", next.cyan()),
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes a starter to `out` (a file, or a directory to put it in; `name` here otherwise), and says where it is.
///
/// # Errors
/// A sentence when the file is there already and `force` is not set, or cannot be written.
pub fn start(
    name: &str,
    text: &str,
    out: Option<&str>,
    force: bool,
    lang: Lang,
) -> Result<PathBuf, String> {
    let path = match out.map(Path::new) {
        Some(out) if out.is_dir() => out.join(name),
        Some(out) => out.to_path_buf(),
        None => PathBuf::from(name),
    };
    let shown = path.display();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(true);
    let file = match force {
        true => options.create(true).open(&path),
        false => options.create_new(true).open(&path),
    };
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => lang.pick(
            format!("{shown} is there already and stays as it is; --force overwrites it, --out FILE writes elsewhere"),
            format!("{shown} 已存在，未作改动；用 --force 覆盖，或用 --out 文件名 写到别处"),
        ),
        _ => lang.pick(
            format!("{shown} cannot be written: {error}; --out FILE writes elsewhere"),
            format!("无法写入 {shown}：{error}；可用 --out 文件名 写到别处"),
        ),
    })?;
    Ok(path)
}
