//! `llmlab new-lesson`: a lesson that works, with marks where its texts are to be written.

use super::Session;
use super::verbs::{Arg, Shape, Values, Verb};
use crate::text::{Lang, Text};
use colored::Colorize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "new-lesson",
    about: Text::new(
        "in a source checkout: scaffold a lesson",
        "在源码目录中生成新课程的骨架",
    ),
    args: &[Arg {
        name: "id",
        shape: Shape::Word,
        about: Text::new("its id, such as layer-norm", "课程 id，例如 layer-norm"),
    }],
    run,
};

/// Stands wherever the scaffold waits for words; no finished lesson contains it.
pub const MARK: &str = "✎";

const FILES: [(&str, &str); 9] = [
    ("mod.rs", include_str!("template/mod.rs.txt")),
    ("reference.rs", include_str!("template/reference.rs.txt")),
    ("problem.rs", include_str!("template/problem.rs.txt")),
    ("exercise.rs", include_str!("template/exercise.rs.txt")),
    ("solution.rs", include_str!("template/solution.rs.txt")),
    ("lesson.md", include_str!("template/lesson.md.txt")),
    ("lesson.zh.md", include_str!("template/lesson.zh.md.txt")),
    ("quiz.toml", include_str!("template/quiz.toml.txt")),
    ("trace.txt", ""),
];

/// Right and wrong answers, for the judge's own test.
const STYLES: &str = include_str!("template/styles.rs.txt");

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let id = values.text("id").unwrap_or_default();
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let root = here.ancestors().find(|path| is_checkout(path)).ok_or_else(|| {
        lang.pick(
            "this is not llmlab's source: go to a checkout (the directory with lessons/mod.rs) and type this again",
            "当前目录不在 llmlab 源码中：请进入源码目录（含 lessons/mod.rs）后重试",
        )
    })?;
    let folder = scaffold(root, id, lang)?;
    let shown = folder.strip_prefix(&here).unwrap_or(&folder).display();
    session.say(lang.pick(
        format!("wrote {shown}/ and its lines in lessons/mod.rs; it builds and passes its own check as it is."),
        format!("已生成 {shown}/ 并登记到 lessons/mod.rs；现在就能编译并通过自检。"),
    ));
    let steps = [
        (
            format!("grep -rn {MARK} {shown}"),
            lang.pick("what is to be written", "列出待写的内容"),
        ),
        (
            format!("cargo run -- trace {id}"),
            lang.pick("the reference", "参考实现"),
        ),
        (
            "cargo test --release".to_string(),
            lang.pick("the laws: what is still missing", "各项约束：还缺什么"),
        ),
    ];
    for (command, about) in steps {
        session.say(format!(
            "  {} {about}",
            super::markdown::pad(&command, 36).cyan()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn is_checkout(path: &Path) -> bool {
    let manifest = std::fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
    manifest.contains("name = \"llmlab\"") && path.join("lessons/mod.rs").is_file()
}

/// Writes the lesson `id` into the checkout at `root`, adds it to the catalogue and returns its
/// folder. Nothing is written unless everything can be.
///
/// # Errors
/// A sentence when the id is taken or is no id, or a file cannot be written.
pub fn scaffold(root: &Path, id: &str, lang: Lang) -> Result<PathBuf, String> {
    if !is_id(id) {
        return Err(lang.pick(
            format!("`{id}` is no lesson id; write lower-case words with hyphens, and no Rust keyword: layer-norm"),
            format!("`{id}` 不是合法的课程 id；请用小写单词加连字符，且不能是 Rust 关键字，例如 layer-norm"),
        ));
    }
    let module = id.replace('-', "_");
    let folder = root.join("lessons").join(&module);
    if crate::lessons::find(id).is_some() || folder.exists() {
        return Err(lang.pick(
            format!("there is a lesson `{id}` already; choose another id"),
            format!("课程 `{id}` 已存在；请换一个 id"),
        ));
    }
    let failed = |path: &Path, error: std::io::Error| {
        let shown = path.display();
        lang.pick(
            format!("{shown} cannot be written: {error}"),
            format!("无法写入 {shown}：{error}"),
        )
    };
    let catalogue = root.join("lessons/mod.rs");
    let text = std::fs::read_to_string(&catalogue).map_err(|error| failed(&catalogue, error))?;
    let listed = add_to_catalogue(&text, &module).ok_or_else(|| {
        lang.pick(
            "lessons/mod.rs has no list LESSONS to add a line to; restore it first",
            "lessons/mod.rs 中找不到 LESSONS 列表；请先恢复该文件",
        )
    })?;
    let proof = root.join("tests/judge.rs");
    let text = std::fs::read_to_string(&proof).map_err(|error| failed(&proof, error))?;
    let proved = add_to_proof(&text, &module).ok_or_else(|| {
        lang.pick(
            "tests/judge.rs has no lists `mod styles` and `prove!` to add the lesson to; restore it first",
            "tests/judge.rs 中找不到 `mod styles` 和 `prove!` 列表；请先恢复该文件",
        )
    })?;
    let styles = root.join("tests/styles");
    let mut files = vec![(catalogue, listed), (proof, proved)];
    let fill = |text: &str| text.replace("@id@", id).replace("@module@", &module);
    for (name, template) in FILES {
        files.push((folder.join(name), fill(template)));
    }
    files.push((styles.join(format!("{module}.rs")), fill(STYLES)));
    for folder in [&folder, &styles] {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    for (path, text) in files {
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(folder)
}

/// `layer-norm`: words of a-z and 0-9, and a module name that Rust takes.
fn is_id(id: &str) -> bool {
    const KEYWORDS: &str = " abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof union unsafe unsized use virtual where while yield ";
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    id.len() <= 40
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.split('-').all(word)
        && !KEYWORDS.contains(&format!(" {id} "))
}

/// The catalogue with `pub mod` in its alphabetical place and the lesson at the end of the list.
fn add_to_catalogue(text: &str, module: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let list = lines
        .iter()
        .position(|line| line.starts_with("pub const LESSONS"))?;
    let end = list
        + lines[list..]
            .iter()
            .position(|line| line.trim_end().ends_with("];"))?;
    if end == list {
        // The list is on one line, as it is when empty.
        let (head, tail) = lines[list].rsplit_once("];")?;
        let entry = format!("{}\n    &{module}::LESSON,\n];{tail}", head.trim_end());
        lines[list] = entry;
    } else {
        lines.insert(end, format!("    &{module}::LESSON,"));
    }
    let declared = format!("pub mod {module};");
    let mods = |line: &String| line.starts_with("pub mod ");
    let place = lines.iter().position(|line| mods(line) && *line > declared);
    let place = place.or_else(|| Some(lines.iter().rposition(mods)? + 1));
    match place {
        Some(place) => lines.insert(place, declared),
        None => lines.insert(
            lines.iter().position(|line| line.starts_with("use "))?,
            declared + "\n",
        ),
    }
    Some(lines.join("\n") + "\n")
}

/// `tests/judge.rs` with the lesson in both of its lists.
fn add_to_proof(text: &str, module: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let start = lines.iter().position(|line| line == "mod styles {")?;
    let end = start + lines[start..].iter().position(|line| line == "}")?;
    let declared = format!("    pub mod {module};");
    let later = |line: &String| *line > declared;
    let place = start
        + 1
        + lines[start + 1..end]
            .iter()
            .take_while(|line| !later(line))
            .count();
    lines.insert(place, declared);
    let list = lines
        .iter()
        .position(|line| line.starts_with("prove!(") && line.ends_with(");"))?;
    let names = lines[list].strip_suffix(");")?;
    lines[list] = format!("{names} {module});");
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_gets_two_lines() {
        let text = "mod styles {\n    pub mod attention;\n    pub mod rope;\n}\n\nprove!(attention rope);\n";
        let added = add_to_proof(text, "layer_norm").expect("a proof");
        assert!(added.contains("attention;\n    pub mod layer_norm;\n    pub mod rope;\n}"));
        assert!(added.ends_with("prove!(attention rope layer_norm);\n"));
        assert_eq!(add_to_proof("mod styles {\n}\n", "x"), None);
    }

    #[test]
    fn the_catalogue_gets_two_lines() {
        let text = "//! x\n\npub mod attention;\npub mod rope;\n\nuse a::B;\n\npub const LESSONS: &[&Lesson] = &[\n    &attention::LESSON,\n    &rope::LESSON,\n];\n";
        let added = add_to_catalogue(text, "layer_norm").expect("a catalogue");
        assert!(
            added.contains("pub mod attention;\npub mod layer_norm;\npub mod rope;\n"),
            "{added}"
        );
        assert!(
            added.contains("    &rope::LESSON,\n    &layer_norm::LESSON,\n];\n"),
            "{added}"
        );
        let empty = "//! x\n\nuse a::B;\n\npub const LESSONS: &[&Lesson] = &[];\n";
        let added = add_to_catalogue(empty, "x").expect("a catalogue");
        assert!(added.contains("pub mod x;\n\nuse a::B;"), "{added}");
        assert!(added.contains("&[\n    &x::LESSON,\n];\n"), "{added}");
        assert_eq!(add_to_catalogue("", "x"), None);
    }

    #[test]
    fn only_ids_are_ids() {
        for id in ["rope", "layer-norm", "int4-awq"] {
            assert!(is_id(id), "{id}");
        }
        for id in [
            "",
            "-a",
            "a-",
            "Rope",
            "a_b",
            "../x",
            "loop",
            "4bit",
            "a--b",
            "注意力",
        ] {
            assert!(!is_id(id), "{id}");
        }
    }

    #[test]
    fn a_scaffold_is_whole_and_marked() {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(root.path().join("lessons")).expect("a directory");
        let catalogue =
            "pub mod rope;\n\npub const LESSONS: &[&Lesson] = &[\n    &rope::LESSON,\n];\n";
        std::fs::write(root.path().join("lessons/mod.rs"), catalogue).expect("a file");
        std::fs::create_dir(root.path().join("tests")).expect("a directory");
        let proof = "mod styles {\n    pub mod rope;\n}\n\nprove!(rope);\n";
        std::fs::write(root.path().join("tests/judge.rs"), proof).expect("a file");
        let folder = scaffold(root.path(), "soft-cap", Lang::En).expect("a lesson");
        for (name, template) in FILES {
            let text = std::fs::read_to_string(folder.join(name)).expect(name);
            assert_eq!(text.contains(MARK), !template.is_empty(), "{name}");
            assert!(!text.contains('@'), "{name}");
        }
        let exercise = std::fs::read_to_string(folder.join("exercise.rs")).expect("a file");
        assert!(exercise.contains("pub fn soft_cap(x: &Tensor)"));
        assert!(scaffold(root.path(), "soft-cap", Lang::En).is_err());
        let bugs = [("no-mean", ""), ("sum-for-mean", "")].map(|(id, _)| crate::problem::Bug {
            id,
            sentence: Text::new(id, id),
            repair: Text::new(id, id),
        });
        let quiz = FILES
            .iter()
            .find(|(name, _)| *name == "quiz.toml")
            .expect("a quiz")
            .1;
        let questions = crate::quiz::parse("quiz.toml", quiz, &bugs).expect("a right quiz");
        assert_eq!(questions.len(), 7);
    }
}
