//! `llmlab export` and `llmlab import`: progress as JSON, to another machine or a backup; and the
//! questions as flashcards.

use super::verbs::{Arg, Shape, Values, Verb};
use super::{Session, list};
use crate::cards::{apkg, cards, csv};
use crate::store::Store;
use crate::text::Text;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

pub const EXPORT: Verb = Verb {
    name: "export",
    about: Text::new(
        "write your progress as JSON, or the questions as flashcards",
        "把进度导出为 JSON，或把题目导出为记忆卡片",
    ),
    args: &[
        Arg {
            name: "file",
            shape: Shape::OptionalFile,
            about: Text::new("the file (default: the terminal)", "文件（默认输出到终端）"),
        },
        Arg {
            name: "anki",
            shape: Shape::Option("FILE"),
            about: Text::new(
                "write a card for each question, to be imported into Anki: --anki cards.apkg",
                "每题写成一张卡片，供 Anki 导入：--anki cards.apkg",
            ),
        },
        Arg {
            name: "csv",
            shape: Shape::Option("FILE"),
            about: Text::new(
                "write the same cards as a table: --csv cards.csv",
                "把同样的卡片写成表格：--csv cards.csv",
            ),
        },
        Arg {
            name: "lesson",
            shape: Shape::Option("ID"),
            about: Text::new("only the cards of one lesson", "只要一课的卡片"),
        },
        list::TRACK,
        Arg {
            name: "seed",
            shape: Shape::Option("N"),
            about: Text::new(
                "draw other values and another order for the cards (0)",
                "为卡片另抽数值和顺序（默认 0）",
            ),
        },
        Arg {
            name: "force",
            shape: Shape::Flag,
            about: Text::new("overwrite the file", "覆盖已有文件"),
        },
    ],
    run: export,
};

pub const IMPORT: Verb = Verb {
    name: "import",
    about: Text::new(
        "add the progress that `export` wrote",
        "合并 export 导出的进度",
    ),
    args: &[Arg {
        name: "file",
        shape: Shape::OptionalFile,
        about: Text::new("the file, or - for standard input", "文件，- 表示标准输入"),
    }],
    run: import,
};

fn export(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let to = |name| values.text(name);
    if to("anki").or(to("csv")).is_some() {
        flashcards(session, values)?;
        if to("file").is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    } else if let Some(name) = ["lesson", "track", "seed"]
        .into_iter()
        .find(|name| to(name).is_some())
    {
        let command = session.command("export --anki cards.apkg");
        return Err(session.lang.pick(
            format!(
                "--{name} chooses cards, and progress is exported as a whole; for cards: {command}"
            ),
            format!("--{name} 用来挑选卡片，而进度总是整体导出；要导出卡片，请用：{command}"),
        ));
    }
    progress(session, values)
}

fn progress(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let export = Store::open_default().and_then(|store| store.export());
    let export = export.map_err(|trouble| trouble.get(lang).to_string())?;
    let text = format!("{export:#}\n");
    let Some(file) = values.text("file").filter(|file| *file != "-") else {
        session.hand_over(&text);
        return Ok(ExitCode::SUCCESS);
    };
    write(session, values, "", file, text.as_bytes())?;
    let count = |key: &str| export[key].as_array().map_or(0, Vec::len);
    let (answers, verdicts) = (count("answers"), count("verdicts"));
    let interviews = count("interviews");
    session.say(lang.pick(
        format!("{file}: {answers} quiz answers, {verdicts} verdicts, {interviews} interviews"),
        format!("{file}：{answers} 个测验答案，{verdicts} 个评判结果，{interviews} 场模拟面试"),
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes the cards of the lessons asked for.
fn flashcards(session: &mut Session, values: &Values) -> Result<(), String> {
    let lang = session.lang;
    let mut lessons = list::on_track(values.text("track"));
    if values.text("lesson").is_some() {
        let lesson = values.lesson()?;
        lessons.retain(|on_track| on_track.id == lesson.id);
        if lessons.is_empty() {
            let (id, track) = (lesson.id, values.text("track").unwrap_or_default());
            return Err(lang.pick(
                format!("{id} is not on the track {track}; leave --track out"),
                format!("{id} 不在路线 {track} 中；请去掉 --track"),
            ));
        }
    }
    let cards = cards(&lessons, values.number("seed")?.unwrap_or(0), lang)?;
    let say = |session: &Session, file: &str, next: &str| {
        let count = cards.len();
        session.say(lang.pick(
            format!("{file}: {count} cards{next}"),
            format!("{file}：{count} 张卡片{next}"),
        ));
    };
    if let Some(file) = values.text("anki") {
        let package = apkg(&cards, super::clock::now()).map_err(|error| {
            lang.pick(
                format!("{file} cannot be made ({error}); --csv writes the same cards"),
                format!("无法生成 {file}（{error}）；--csv 可以写出同样的卡片"),
            )
        })?;
        write(session, values, "--anki ", file, &package)?;
        let next = lang.pick("; in Anki: File, Import", "；在 Anki 中选“文件”“导入”");
        say(session, file, next);
    }
    if let Some(file) = values.text("csv") {
        let text = csv(&cards);
        if file == "-" {
            session.hand_over(&text);
        } else {
            write(session, values, "--csv ", file, text.as_bytes())?;
            say(session, file, "");
        }
    }
    Ok(())
}

/// Writes a file that is there completely or not at all, and over another one with `--force` only.
/// `option` stands before the file in the command.
fn write(
    session: &Session,
    values: &Values,
    option: &str,
    file: &str,
    bytes: &[u8],
) -> Result<(), String> {
    let lang = session.lang;
    let path = Path::new(file);
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let part = || -> std::io::Result<tempfile::NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        // As any new file, and not for its owner only.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut part = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        part.write_all(bytes)?;
        part.as_file().sync_all()?;
        Ok(part)
    };
    let written = part().and_then(|part| {
        match values.flag("force") {
            true => part.persist(path),
            false => part.persist_noclobber(path),
        }
        .map_err(|error| error.error)
    });
    written.map(|_| ()).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let command = session.command(&format!("export {option}{file} --force"));
            lang.pick(
                format!("{file} is there already; to overwrite it: {command}"),
                format!("{file} 已存在；要覆盖它，请用：{command}"),
            )
        }
        _ => lang.pick(
            format!("{file} cannot be written ({error}); name another file"),
            format!("无法写入 {file}（{error}）；请换一个文件"),
        ),
    })
}

fn import(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let Some(file) = values.text("file") else {
        let command = session.command("import progress.json");
        return Err(lang.pick(
            format!("name the file to import: {command} (or - for standard input)"),
            format!("请指明要导入的文件：{command}（- 表示标准输入）"),
        ));
    };
    let mut bytes = Vec::new();
    let read = match file {
        "-" => std::io::stdin().read_to_end(&mut bytes),
        file => std::fs::File::open(file).and_then(|mut input| input.read_to_end(&mut bytes)),
    };
    read.map_err(|error| {
        lang.pick(
            format!("{file} cannot be read ({error}); `llmlab export {file}` writes such a file"),
            format!("无法读取 {file}（{error}）；`llmlab export {file}` 可以写出这样的文件"),
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        lang.pick(
            format!(
                "{file} is not UTF-8 text, so it is not a progress file; `llmlab export` writes one"
            ),
            format!("{file} 不是 UTF-8 文本，因此不是进度文件；请用 `llmlab export` 导出"),
        )
    })?;
    let imported = Store::open_default().and_then(|mut store| store.import(&text));
    let imported = imported.map_err(|trouble| trouble.get(lang).to_string())?;
    let (answers, verdicts) = (imported.answers, imported.verdicts);
    let interviews = imported.interviews;
    session.say(lang.pick(
        format!("added: {answers} quiz answers, {verdicts} verdicts, {interviews} interviews (what was here already is left as it was)"),
        format!("已合并：{answers} 个测验答案，{verdicts} 个评判结果，{interviews} 场模拟面试（已有的保持不变）"),
    ));
    Ok(ExitCode::SUCCESS)
}
