//! The one verb table. clap, the REPL's dispatch and completion, `:help` and the README read it.

use super::Session;
use crate::text::Text;
use clap::ArgMatches;
use std::ffi::OsString;
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

    /// The lesson that the argument `lesson` names.
    ///
    /// # Errors
    /// A sentence with the nearest lesson when there is no such one.
    pub fn lesson(&self) -> Result<&'static crate::lesson::Lesson, String> {
        let name = self.text("lesson").unwrap_or_default();
        crate::lessons::find(name).ok_or_else(|| format!("there is no lesson `{name}`"))
    }
}

/// Every verb, in the order of the help.
pub const VERBS: &[Verb] = &[
    super::quiz::VERB,
    super::transfer::EXPORT,
    super::transfer::IMPORT,
];

/// Finds the verb and its arguments. `words` starts with the program's name.
pub fn parse(
    words: impl IntoIterator<Item = OsString>,
) -> Result<(&'static Verb, ArgMatches), clap::Error> {
    let matches = command().try_get_matches_from(words)?;
    let (name, matches) = matches.subcommand().unwrap_or(("map", &matches));
    let verb = VERBS.iter().find(|verb| verb.name == name);
    Ok((
        verb.expect("clap knows the table's verbs only"),
        matches.clone(),
    ))
}

/// The clap command that the table describes.
pub fn command() -> clap::Command {
    let mut command = clap::Command::new("llmlab");
    for verb in VERBS {
        let mut sub = clap::Command::new(verb.name).about(verb.about.en);
        for arg in verb.args {
            sub = sub.arg(arg.to_clap());
        }
        command = command.subcommand(sub);
    }
    command
}

impl Arg {
    fn to_clap(&self) -> clap::Arg {
        let arg = clap::Arg::new(self.name).help(self.about.en);
        match self.shape {
            Shape::Lesson => arg.required(true),
            Shape::OptionalLesson | Shape::OptionalFile | Shape::OptionalWord => arg,
            Shape::Settings => arg.num_args(0..),
            Shape::Flag => arg.long(self.name).action(clap::ArgAction::SetTrue),
            Shape::Option(value) => arg.long(self.name).value_name(value),
            Shape::OneOf(values) => arg.long(self.name).value_parser(values.to_vec()),
            Shape::Many(value) => arg
                .long(self.name)
                .value_name(value)
                .action(clap::ArgAction::Append),
        }
    }
}
