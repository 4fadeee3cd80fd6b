//! llmlab in a notebook: `use llmlab::{prelude::*, notebook::*};`
//!
//! Runs, pictures, questions and verdicts come from the llmlab program, which is asked with the words
//! of its command line, so that a notebook links a small library only. What comes back knows how it
//! is displayed (see [`Rich`]), under every kernel that runs evcxr.

mod plot;
mod program;
mod rich;
mod run;
mod solution;
mod verdict;

pub use crate::{bench, check};
pub use plot::{Plot, plot};
pub use program::Trouble;
pub use rich::{Named, Number, Rich, Shown, heat_map};
pub use run::Run;
#[doc(hidden)]
pub use solution::answer as answer_call;
pub use solution::{Argument, Exported};
pub use verdict::Report;
#[doc(hidden)]
pub use verdict::{bench_library, check_library};

use crate::text::Lang;
use program::{Scratch, ask, words};

/// The language of everything that is shown from now on: `language("zh")`.
///
/// # Errors
/// A sentence when there is no such language.
pub fn language(name: &str) -> Result<(), Trouble> {
    let lang = Lang::parse(name).ok_or_else(|| {
        Trouble::new(format!(
            "there is no language `{name}`: write language(\"en\") or language(\"zh\")"
        ))
    })?;
    program::speak(lang);
    Ok(())
}

/// Runs a lesson's reference step by step: `trace("attention n=6 case=causal")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn trace(line: &str) -> Result<Run, Trouble> {
    let mut words = words("trace", line);
    words.extend(["--values", "--format", "json"].map(String::from));
    Run::parse(&ask(&words)?.stdout)
}

/// Draws one of the pictures that `llmlab("picture")` lists: `picture("rope-decay d=128")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn picture(line: &str) -> Result<Shown, Trouble> {
    let mut words = words("picture", line);
    words.extend(["--format", "svg"].map(String::from));
    let drawn = ask(&words)?.stdout;
    // Of a lesson's name come the names of its pictures.
    Ok(match drawn.contains("<svg") {
        true => Shown::svg(&drawn, line),
        false => Shown::text(&drawn),
    })
}

/// Times a lesson's reference and kernel on this machine, with the plot of it:
/// `bench("attention seconds=1")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn bench(line: &str) -> Result<Shown, Trouble> {
    timed(words("bench", line))
}

/// What `llmlab bench` says, and the plot that it saves.
fn timed(mut words: Vec<String>) -> Result<Shown, Trouble> {
    let picture = Scratch::new("bench.svg");
    // Versions of a kernel have no plot.
    if !words.iter().any(|word| word == "--versions") {
        words.extend(["--save".to_string(), picture.path()]);
    }
    let text = ask(&words)?.stdout;
    Ok(match picture.read() {
        Some(svg) => Shown::text_and_svg(above_plot(&text), &svg),
        None => Shown::text(&text),
    })
}

/// What stands above a plot of characters: the plot is there as a picture.
fn above_plot(text: &str) -> &str {
    let axes = text.find(" ↑   ").unwrap_or(text.len());
    // The plot begins with its title, behind an empty line.
    text[..axes].rfind("\n\n").map_or(text, |end| &text[..end])
}

/// Questions of a lesson, to be answered by a click or by [`answer`]: `quiz("rope questions=3")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn quiz(line: &str) -> Result<Shown, Trouble> {
    let mut words = words("quiz", line);
    words.extend(["--format", "html"].map(String::from));
    Ok(Shown::html(ask(&words)?.stdout))
}

/// Grades an answer to a question of [`quiz`], and keeps it: `answer("rope tokens-per-turn", "628")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn answer(question: &str, answer: &str) -> Result<Shown, Trouble> {
    let mut words = words("quiz", question);
    // The lesson's word is the first, the question's the second.
    if words.len() > 2 && !words[2].starts_with("--") {
        words.insert(2, "--only".to_string());
    }
    words.extend(["--answer".to_string(), answer.to_string()]);
    Ok(Shown::text(&ask(&words)?.stdout))
}

/// What the notes say, what is right, and the demonstration of it: `claims("C047")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn claims(line: &str) -> Result<Shown, Trouble> {
    Ok(Shown::text(&ask(&words("claims", line))?.stdout))
}

/// A lesson's text: `lesson("rope")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn lesson(line: &str) -> Result<Shown, Trouble> {
    let mut words = words("lesson", line);
    words.extend(["--format", "markdown"].map(String::from));
    Ok(Shown::markdown(ask(&words)?.stdout))
}

/// A lesson's hints, from a nudge to nearly the answer: `hint("rope")` for the first, `hint("rope 2")`
/// for two of them.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn hint(line: &str) -> Result<Shown, Trouble> {
    let mut words = words("lesson", line);
    match words.len() {
        0..=2 => words.push("--hints=1".to_string()),
        _ => words[2].insert_str(0, "--hints="),
    }
    Ok(Shown::text(&ask(&words)?.stdout))
}

/// Any other command of the program: `llmlab("doctor")`.
///
/// # Errors
/// The program's sentence, or that there is no program.
pub fn llmlab(line: &str) -> Result<Shown, Trouble> {
    let output = ask(&program::options(line))?;
    Ok(Shown::text(&output.stdout))
}

/// Judges the function of this name against the lesson of this name: `check!(attention)`; or another
/// function: `check!("attention", mine)`. A last string holds options as on the command line:
/// `check!(attention, "seed=3 --no-scale")`.
#[macro_export]
macro_rules! check {
    ($function:ident) => {
        $crate::check!($function, "")
    };
    ($function:ident, $options:literal) => {
        $crate::notebook::check_library(
            stringify!($function),
            $crate::library!($function),
            $options,
        )
    };
    ($lesson:literal, $function:ident) => {
        $crate::check!($lesson, $function, "")
    };
    ($lesson:literal, $function:ident, $options:literal) => {
        $crate::notebook::check_library($lesson, $crate::library!($function), $options)
    };
}

/// Times the function of this name beside the lesson's reference and kernel: `bench!(attention)`;
/// arguments as those of [`check!`](crate::check).
#[macro_export]
macro_rules! bench {
    ($function:ident) => {
        $crate::bench!($function, "")
    };
    ($function:ident, $options:literal) => {
        $crate::notebook::bench_library(
            stringify!($function),
            $crate::library!($function),
            $options,
        )
    };
    ($lesson:literal, $function:ident) => {
        $crate::bench!($lesson, $function, "")
    };
    ($lesson:literal, $function:ident, $options:literal) => {
        $crate::notebook::bench_library($lesson, $crate::library!($function), $options)
    };
}

/// Makes a function the entry of the cell's library, of which there is one, and gives that entry.
#[doc(hidden)]
#[macro_export]
macro_rules! library {
    ($function:ident) => {{
        #[unsafe(no_mangle)]
        extern "C" fn llmlab_solution(call: &$crate::export::Call) {
            $crate::notebook::answer_call(call, &$function)
        }
        llmlab_solution as $crate::export::Entry
    }};
}
