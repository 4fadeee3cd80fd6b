//! `llmlab export` and `llmlab import`: progress as JSON, to another machine or a backup.

use super::Session;
use super::verbs::{Arg, Shape, Values, Verb};
use crate::store::Store;
use crate::text::Text;
use std::io::{Read, Write};
use std::process::ExitCode;

pub const EXPORT: Verb = Verb {
    name: "export",
    about: Text::new("write your progress as JSON", "把进度导出为 JSON"),
    args: &[
        Arg {
            name: "file",
            shape: Shape::OptionalFile,
            about: Text::new("the file (default: the terminal)", "文件（默认输出到终端）"),
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
    let lang = session.lang;
    let export = Store::open_default().and_then(|store| store.export());
    let export = export.map_err(|trouble| trouble.get(lang).to_string())?;
    let text = format!("{export:#}\n");
    let Some(file) = values.text("file").filter(|file| *file != "-") else {
        session.say(text);
        return Ok(ExitCode::SUCCESS);
    };
    let written = match values.flag("force") {
        true => std::fs::write(file, text),
        false => std::fs::File::create_new(file).and_then(|mut out| out.write_all(text.as_bytes())),
    };
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let command = session.command(&format!("export {file} --force"));
            lang.pick(
                format!("{file} is there already; to overwrite it: {command}"),
                format!("{file} 已存在；要覆盖它，请用：{command}"),
            )
        }
        _ => lang.pick(
            format!("{file} cannot be written ({error}); name another file"),
            format!("无法写入 {file}（{error}）；请换一个文件"),
        ),
    })?;
    let count = |key: &str| export[key].as_array().map_or(0, Vec::len);
    let (answers, verdicts) = (count("answers"), count("verdicts"));
    let interviews = count("interviews");
    session.say(lang.pick(
        format!("{file}: {answers} quiz answers, {verdicts} verdicts, {interviews} interviews"),
        format!("{file}：{answers} 个测验答案，{verdicts} 个评判结果，{interviews} 场模拟面试"),
    ));
    Ok(ExitCode::SUCCESS)
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
