//! The one verb table. clap, the REPL's dispatch and completion, `:help` and the README read it.

use super::Session;
use super::session::plain_by_default;
use crate::lesson::Lesson;
use crate::text::{Lang, Text};
use clap::ArgMatches;
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

/// A verb: `llmlab trace …` in a shell, `:trace …` in the REPL.
pub struct Verb {
    pub name: &'static str,
    pub about: Text,
    pub args: &'static [Arg],
    /// Prints the result. `Err` is one sentence: what was expected, what came, what to type next.
    pub run: fn(&mut Session, &Values) -> Result<ExitCode, String>,
}

/// One argument of a verb.
pub struct Arg {
    /// The long option without dashes, or the name of a positional argument.
    pub name: &'static str,
    pub shape: Shape,
    pub about: Text,
}

/// How an argument is written, and so how it is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A lesson id, required.
    Lesson,
    /// A lesson id that may be left out.
    OptionalLesson,
    /// A file that may be left out.
    OptionalFile,
    /// A word that may be left out.
    OptionalWord,
    /// A word, required.
    Word,
    /// Any number of `name=value`.
    Settings,
    /// `--name`
    Flag,
    /// `--name VALUE`; the second is the placeholder.
    Option(&'static str),
    /// `--name VALUE`, where only these values are valid.
    OneOf(&'static [&'static str]),
    /// `--name VALUE`, any number of times.
    Many(&'static str),
}

/// `--format` of the verbs whose output a machine may read too.
pub const FORMAT: Arg = Arg {
    name: "format",
    shape: Shape::OneOf(&["text", "json"]),
    about: Text::new(
        "text for people, json for programs (fields: `llmlab schema`)",
        "text 供人阅读，json 供程序读取（字段说明见 `llmlab schema`）",
    ),
};

/// `--format` of the verbs whose output may be a part of a page too.
pub const FORMAT_OR_PAGE: Arg = Arg {
    name: "format",
    shape: Shape::OneOf(&["text", "json", "html"]),
    about: Text::new(
        "text for people, json for programs (fields: `llmlab schema`), html for notebooks and pages",
        "text 供人阅读，json 供程序读取（字段说明见 `llmlab schema`），html 供 notebook 和网页使用",
    ),
};

/// The lesson that a verb works on.
pub const LESSON: Arg = Arg {
    name: "lesson",
    shape: Shape::Lesson,
    about: Text::new(
        "a lesson's id or alias; `llmlab list` shows them",
        "课程 id 或别名，用 `llmlab list` 查看",
    ),
};

/// The parsed arguments of a verb.
pub struct Values<'a>(pub &'a ArgMatches);

impl Values<'_> {
    pub fn flag(&self, name: &str) -> bool {
        self.0
            .try_get_one::<bool>(name)
            .ok()
            .flatten()
            .copied()
            .unwrap_or(false)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.try_get_one::<String>(name).ok().flatten();
        value.map(String::as_str)
    }

    pub fn many(&self, name: &str) -> Vec<&str> {
        let values = self.0.try_get_many::<String>(name).ok().flatten();
        values.into_iter().flatten().map(String::as_str).collect()
    }

    /// The language of this command: `--lang`, or the session's.
    pub fn lang(&self) -> Lang {
        self.text("lang").and_then(Lang::parse).unwrap_or_default()
    }

    /// Whether `--format json` was asked for.
    pub fn json(&self) -> bool {
        self.text("format") == Some("json")
    }

    /// A whole number given as `--name`.
    ///
    /// # Errors
    /// A sentence when it is something else.
    pub fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            self.lang().pick(
                format!("--{name} takes a whole number from 0 up, not `{text}`"),
                format!("--{name} 需要一个非负整数，而不是 `{text}`"),
            )
        })
    }

    /// The lesson that the argument `lesson` names.
    ///
    /// # Errors
    /// A sentence with the nearest lesson when there is no such one.
    pub fn lesson(&self) -> Result<&'static Lesson, String> {
        find_lesson(self.text("lesson").unwrap_or_default(), self.lang())
    }
}

/// The lesson with this id or alias.
///
/// # Errors
/// A sentence with the nearest lesson, or with all of them, when there is no such one.
pub fn find_lesson(name: &str, lang: Lang) -> Result<&'static Lesson, String> {
    if let Some(lesson) = crate::lessons::find(name) {
        return Ok(lesson);
    }
    let lessons = crate::lessons::LESSONS.iter();
    let ids = lessons.flat_map(|lesson| std::iter::once(lesson.id).chain(lesson.aliases.to_vec()));
    let fix = match crate::near::nearest(&name.replace('_', "-"), ids) {
        Some(near) => lang.pick(
            format!("did you mean `{near}`?"),
            format!("是不是想输入 `{near}`？"),
        ),
        None => lesson_list(lang),
    };
    Err(lang.pick(
        format!("there is no lesson `{name}`; {fix}"),
        format!("没有名为 `{name}` 的课程；{fix}"),
    ))
}

/// One sentence that names every lesson.
fn lesson_list(lang: Lang) -> String {
    let ids: Vec<&str> = crate::lessons::LESSONS.iter().map(|l| l.id).collect();
    let ids = ids.join(", ");
    lang.pick(format!("the lessons are {ids}"), format!("现有课程：{ids}"))
}

/// Every verb, in the order of the help.
pub const VERBS: &[Verb] = &[
    super::list::MAP,
    super::list::VERB,
    super::lesson::VERB,
    super::trace::VERB,
    super::picture::VERB,
    super::start::VERB,
    super::check::VERB,
    super::watch::VERB,
    super::quiz::VERB,
    super::stats::VERB,
    super::interview::VERB,
    #[cfg(feature = "repl")]
    super::repl::VERB,
    #[cfg(feature = "repl")]
    super::jupyter::VERB,
    super::claims::VERB,
    super::bench::VERB,
    super::model::VERB,
    super::doctor::VERB,
    super::transfer::EXPORT,
    super::transfer::IMPORT,
    super::new_lesson::VERB,
    super::completions::VERB,
    super::help::VERB,
    super::help::SCHEMA,
];

/// Finds the verb and its arguments. `words` starts with the program's name. The language is
/// `--lang`, or the environment's.
///
/// # Errors
/// clap's, with help and version among them; `refusal` puts it into words.
pub fn parse(
    words: impl IntoIterator<Item = OsString>,
) -> Result<(&'static Verb, ArgMatches), clap::Error> {
    let words: Vec<OsString> = words.into_iter().collect();
    parse_in(asked_lang(&words), words)
}

/// The same with texts in `lang` (the REPL's language).
///
/// # Errors
/// As `parse`.
pub fn parse_in(
    lang: Lang,
    words: Vec<OsString>,
) -> Result<(&'static Verb, ArgMatches), clap::Error> {
    let color = match asked(&words, "--color").as_deref().and_then(OsStr::to_str) {
        _ if plain_by_default() || words.iter().any(|word| word == "--plain") => {
            clap::ColorChoice::Never
        }
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    };
    let matches = command(lang).color(color).try_get_matches_from(words)?;
    let (name, matches) = matches.subcommand().unwrap_or(("map", &matches));
    let verb = VERBS.iter().find(|verb| verb.name == name);
    Ok((
        verb.expect("clap knows the table's verbs only"),
        matches.clone(),
    ))
}

/// The language that a command line asks for, or else the environment's: help is in this language
/// too, so it must be known before clap reads the line.
pub fn asked_lang(words: &[OsString]) -> Lang {
    let asked = asked(words, "--lang");
    let asked = asked.as_deref().and_then(OsStr::to_str);
    asked.and_then(Lang::parse).unwrap_or_else(Lang::from_env)
}

/// The value of a global option, wherever it stands.
fn asked(words: &[OsString], option: &str) -> Option<OsString> {
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == option {
            return words.next().cloned();
        }
        let value = word.to_str().and_then(|word| word.strip_prefix(option));
        if let Some(value) = value.and_then(|value| value.strip_prefix('=')) {
            return Some(value.into());
        }
    }
    None
}

/// The clap command that the table describes, with texts in `lang`.
pub fn command(lang: Lang) -> clap::Command {
    let id = lang.pick("en", "zh");
    let about = lang.pick(
        "Learn LLM internals by building them. Alone it shows the map of lessons.",
        "亲手实现大语言模型的内部机制。不带参数时显示课程地图。",
    );
    let mut command = frame(clap::Command::new("llmlab"), lang)
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(
            option_arg(
                "lang",
                lang.pick(
                    "language of all texts: en or zh (also LLMLAB_LANG, then the locale)",
                    "全部文字的语言：en 或 zh（也可设置 LLMLAB_LANG，否则取系统 locale）",
                ),
                lang,
            )
            .value_parser(["en", "zh"])
            .default_value(id)
            .hide_default_value(true)
            .global(true),
        )
        .arg(
            option_arg(
                "color",
                lang.pick(
                    "colour: auto, always or never",
                    "颜色：auto、always 或 never",
                ),
                lang,
            )
            .value_parser(["auto", "always", "never"])
            .value_name("WHEN")
            .global(true),
        )
        .arg(
            option_arg(
                "plain",
                lang.pick(
                    "for screen readers: words only, no colour, marks, tables or pager (also LLMLAB_PLAIN=1)",
                    "供读屏软件使用：只有文字，没有颜色、符号、表格和分页（也可设置 LLMLAB_PLAIN=1）",
                ),
                lang,
            )
            .action(clap::ArgAction::SetTrue)
            .global(true),
        )
        .arg(
            option_arg("version", lang.pick("show the version", "显示版本"), lang)
                .short('V')
                .action(clap::ArgAction::Version),
        );
    for verb in VERBS {
        let mut sub = frame(clap::Command::new(verb.name), lang).about(verb.about.get(lang));
        for arg in verb.args {
            sub = sub.arg(arg.to_clap(lang));
        }
        command = command.subcommand(sub);
    }
    command
}

/// What every command's help looks like: headings in `lang`, and its own `--help`.
fn frame(command: clap::Command, lang: Lang) -> clap::Command {
    let usage = lang.pick("Usage:", "用法：");
    command
        .help_template(format!("{{about}}\n\n{usage} {{usage}}\n\n{{all-args}}"))
        .subcommand_help_heading(lang.pick("Commands", "命令"))
        .subcommand_value_name(lang.pick("COMMAND", "命令"))
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .arg(
            option_arg("help", lang.pick("show this help", "显示此帮助"), lang)
                .short('h')
                .action(clap::ArgAction::Help),
        )
}

fn option_arg(name: &'static str, about: &'static str, lang: Lang) -> clap::Arg {
    clap::Arg::new(name)
        .long(name)
        .help(about)
        .help_heading(lang.pick("Options", "选项"))
        .hide_possible_values(true)
        .display_order(100)
}

impl Arg {
    fn to_clap(&self, lang: Lang) -> clap::Arg {
        let positional = || {
            clap::Arg::new(self.name)
                .help(self.about.get(lang))
                .help_heading(lang.pick("Arguments", "参数"))
        };
        let option = || {
            let option = option_arg(self.name, self.about.get(lang), lang);
            option.display_order(10)
        };
        match self.shape {
            Shape::Lesson | Shape::Word => positional().required(true),
            Shape::OptionalLesson | Shape::OptionalFile | Shape::OptionalWord => positional(),
            Shape::Settings => positional().num_args(0..).value_name("NAME=VALUE"),
            Shape::Flag => option().action(clap::ArgAction::SetTrue),
            Shape::Option(value) => option().value_name(value),
            Shape::OneOf(values) => option().value_parser(values.to_vec()),
            Shape::Many(value) => option().value_name(value).action(clap::ArgAction::Append),
        }
    }
}

/// What clap objects to, as one sentence in `lang`; help and version are no refusals.
pub fn refusal(error: &clap::Error, lang: Lang) -> String {
    use clap::error::{ContextKind, ErrorKind};
    let said = |kind| error.get(kind).map(ToString::to_string);
    let what = said(ContextKind::InvalidArg).unwrap_or_default();
    let value = said(ContextKind::InvalidValue).unwrap_or_default();
    let verb = said(ContextKind::InvalidSubcommand).unwrap_or_default();
    let fact = match error.kind() {
        ErrorKind::InvalidSubcommand => lang.pick(
            format!("there is no command `{verb}`"),
            format!("没有命令 `{verb}`"),
        ),
        ErrorKind::UnknownArgument => lang.pick(
            format!("`{what}` is not expected here"),
            format!("这里不接受 `{what}`"),
        ),
        ErrorKind::InvalidValue if value.is_empty() => lang.pick(
            format!("`{what}` needs a value"),
            format!("`{what}` 需要一个值"),
        ),
        ErrorKind::InvalidValue => lang.pick(
            format!("`{value}` is not a value of `{what}`"),
            format!("`{value}` 不是 `{what}` 的合法取值"),
        ),
        ErrorKind::MissingRequiredArgument => {
            lang.pick(format!("{what} is missing"), format!("缺少参数 {what}"))
        }
        ErrorKind::TooManyValues | ErrorKind::ArgumentConflict => lang.pick(
            format!("`{what}` is given more than once"),
            format!("`{what}` 给了不止一次"),
        ),
        ErrorKind::InvalidUtf8 => lang.pick(
            "an argument is not valid UTF-8".to_string(),
            "有一个参数不是合法的 UTF-8".to_string(),
        ),
        // clap's own words; none of the table's arguments leads here.
        _ => error
            .to_string()
            .trim_start_matches("error: ")
            .trim()
            .to_string(),
    };
    let near = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    let fix = match near.into_iter().find_map(said) {
        Some(near) => lang.pick(
            format!("did you mean `{near}`?"),
            format!("是不是想输入 `{near}`？"),
        ),
        None => match error.kind() {
            ErrorKind::MissingRequiredArgument if what.contains("<lesson>") => lesson_list(lang),
            ErrorKind::InvalidValue if error.get(ContextKind::ValidValue).is_some() => {
                let valid = said(ContextKind::ValidValue).unwrap_or_default();
                lang.pick(format!("valid: {valid}"), format!("可选值：{valid}"))
            }
            _ => lang.pick(
                "`llmlab help` shows what there is".to_string(),
                "用 `llmlab help` 查看可用的命令和选项".to_string(),
            ),
        },
    };
    lang.pick(format!("{fact}; {fix}"), format!("{fact}；{fix}"))
}
