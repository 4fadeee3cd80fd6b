//! What Tab offers: verbs, lessons, settings, options, names.

use super::commands::COMMANDS;
use super::evaluator::Names;
use crate::cli::verbs::{Arg, Shape, VERBS};
use crate::lesson::Lesson;
use crate::lessons;

/// What may stand at the cursor.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer {
    /// From this byte on, one of these.
    Words(usize, Vec<String>),
    Files,
}

/// Words of Rust and of the prelude.
const RUST: &[&str] = &[
    "let",
    "mut",
    "fn",
    "for",
    "if",
    "else",
    "match",
    "struct",
    "enum",
    "impl",
    "use",
    "while",
    "return",
    "println!",
    "assert!",
    "assert_eq!",
    "vec!",
    "array!",
    "einsum",
    "softmax",
    "log_softmax",
    "matmul",
    "permute",
    "causal_mask",
    "Tensor",
    "Labels",
    "Trace",
    "Array1",
    "Array2",
    "Array3",
    "Array4",
    "ArrayD",
    "Axis",
    "IxDyn",
    "Option",
    "Some",
    "None",
    "f32",
    "f64",
    "usize",
    "i64",
    "ndarray",
];

/// What Tab offers at byte `at` of `line`.
pub fn complete(line: &str, at: usize, names: &Names) -> Offer {
    let before = line.get(..at).unwrap_or(line);
    match before.trim_start().strip_prefix(':') {
        Some(command) => complete_command(before, command),
        None => complete_rust(before, names),
    }
}

fn offer(start: usize, typed: &str, words: impl IntoIterator<Item = String>) -> Offer {
    let mut words: Vec<String> = words
        .into_iter()
        .filter(|word| word.starts_with(typed))
        .collect();
    words.sort();
    words.dedup();
    Offer::Words(start, words)
}

fn complete_rust(before: &str, names: &Names) -> Offer {
    let belongs = |c: char| c == '_' || c == '!' || c.is_alphanumeric();
    let start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| belongs(*c))
        .last()
        .map_or(before.len(), |(at, _)| at);
    let typed = &before[start..];
    if typed.is_empty() {
        return Offer::Words(start, Vec::new());
    }
    let known = RUST.iter().map(|word| word.to_string());
    let variables = names.variables.iter().map(|(name, _)| name.clone());
    offer(
        start,
        typed,
        known.chain(names.items.clone()).chain(variables),
    )
}

fn complete_command(before: &str, command: &str) -> Offer {
    let start = before.rfind(char::is_whitespace).map_or(0, |at| {
        at + before[at..].chars().next().map_or(1, char::len_utf8)
    });
    let start = start.max(before.len() - command.len());
    let typed = &before[start..];
    let mut words = command[..command.len() - typed.len()].split_whitespace();
    let Some(name) = words.next() else {
        let verbs = VERBS.iter().map(|verb| verb.name);
        let own = COMMANDS.iter().map(|command| command.name);
        return offer(start, typed, verbs.chain(own).map(str::to_string));
    };
    let words: Vec<&str> = words.collect();
    if name == "help" {
        let verbs = VERBS.iter().map(|verb| verb.name);
        return offer(start, typed, verbs.map(str::to_string));
    }
    let args = arguments(name);
    argument(args, &words, start, typed)
}

/// The arguments of a verb or of a command.
fn arguments(name: &str) -> &'static [Arg] {
    let verb = VERBS.iter().find(|verb| verb.name == name);
    let own = COMMANDS.iter().find(|command| command.name == name);
    verb.map(|verb| verb.args)
        .or_else(|| own.map(|command| command.args))
        .unwrap_or_default()
}

fn argument(args: &[Arg], words: &[&str], start: usize, typed: &str) -> Offer {
    let lesson = words.iter().find_map(|word| lessons::find(word));
    let option = words.last().and_then(|word| word.strip_prefix("--"));
    if let Some(arg) = args.iter().find(|arg| Some(arg.name) == option) {
        match arg.shape {
            Shape::OneOf(values) => {
                return offer(start, typed, values.iter().map(|value| value.to_string()));
            }
            Shape::Many(_) => return offer(start, typed, settings(lesson)),
            Shape::Option("FILE" | "PATH" | "NPZ") => return Offer::Files,
            Shape::Option(_) => return Offer::Words(start, Vec::new()),
            _ => {}
        }
    }
    if typed.starts_with('-') {
        let options = args.iter().filter(|arg| is_option(arg.shape));
        return offer(start, typed, options.map(|arg| format!("--{}", arg.name)));
    }
    let takes = |shape: fn(Shape) -> bool| args.iter().any(|arg| shape(arg.shape));
    let is_lesson = |shape| matches!(shape, Shape::Lesson | Shape::OptionalLesson);
    if lesson.is_none() && takes(is_lesson) {
        let all = lessons::LESSONS.iter();
        let all = all.flat_map(|lesson| std::iter::once(&lesson.id).chain(lesson.aliases));
        return offer(start, typed, all.map(|id| id.to_string()));
    }
    if takes(|shape| shape == Shape::Settings) {
        return offer(start, typed, settings(lesson));
    }
    if takes(|shape| shape == Shape::OptionalFile) {
        return Offer::Files;
    }
    Offer::Words(start, Vec::new())
}

fn is_option(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Flag | Shape::Option(_) | Shape::OneOf(_) | Shape::Many(_)
    )
}

fn settings(lesson: Option<&Lesson>) -> Vec<String> {
    let settings = lesson.map_or(&[][..], |lesson| lesson.problem.settings);
    settings
        .iter()
        .map(|setting| format!("{}=", setting.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        match complete(line, line.len(), &Names::default()) {
            Offer::Words(_, words) => words,
            Offer::Files => vec!["<files>".into()],
        }
    }

    #[test]
    fn offers_what_fits() {
        assert!(words(":ch").contains(&"check".to_string()));
        assert!(words(":hi").contains(&"hint".to_string()));
        assert_eq!(words(":check rop"), ["rope"]);
        assert_eq!(words(":check attention "), ["<files>"]);
        assert!(words(":check attention --").contains(&"--seed".to_string()));
        assert_eq!(words(":list --format j"), ["json"]);
        assert_eq!(words("soft"), ["softmax"]);
        assert_eq!(
            complete(" :check rop", 11, &Names::default()),
            Offer::Words(8, vec!["rope".into()])
        );
    }
}
