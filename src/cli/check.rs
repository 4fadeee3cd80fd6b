//! `llmlab check`: the verdict on a learner's file.

use super::difference::{HEAT, SAVE, Wanted};
use super::lab::{self, Progress, Refusal};
use super::list::shortened;
use super::verbs::{Arg, FORMAT_OR_PAGE, LESSON, Shape, Values, Verb};
use super::verdict_page;
use super::wrap::{columns, wrap};
use super::{Session, Stream, Tell};
use crate::check::{Options, Report, Verdict, judge_arrays, render};
use crate::lesson::Lesson;
use crate::solution::Answer;
use crate::store::{self, Store};
use crate::text::Text;
use crate::{bind, npz};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The learner's file.
pub const FILE: Arg = Arg {
    name: "file",
    shape: Shape::OptionalFile,
    about: Text::new(
        "the file with your function; without it `<lesson>.rs` in this directory",
        "含有你的函数的文件；不写则为当前目录下的 `<lesson>.rs`",
    ),
};

/// `--seed N`
pub const SEED: Arg = Arg {
    name: "seed",
    shape: Shape::Option("N"),
    about: Text::new(
        "draws the random cases; the same seed gives the same cases",
        "随机用例的种子；种子相同，用例就相同",
    ),
};

/// `--timeout S`
pub const TIMEOUT: Arg = Arg {
    name: "timeout",
    shape: Shape::Option("SECONDS"),
    about: Text::new(
        "how long a stage may take until that is the verdict",
        "每个阶段最多允许多少秒，超时即判为不通过",
    ),
};

/// `--no-scale`
pub const NO_SCALE: Arg = Arg {
    name: "no-scale",
    shape: Shape::Flag,
    about: Text::new("leaves the large case out", "跳过大规模用例"),
};

pub const VERB: Verb = Verb {
    name: "check",
    about: Text::new(
        "judge your function: passed, or what is wrong with it",
        "判定你的函数：通过，或指出错在哪里",
    ),
    args: &[
        LESSON,
        FILE,
        HEAT,
        SAVE,
        OUTPUTS,
        INPUTS,
        SEED,
        TIMEOUT,
        NO_SCALE,
        FORMAT_OR_PAGE,
    ],
    run,
};

/// `--outputs FILE.npz`
const OUTPUTS: Arg = Arg {
    name: "outputs",
    shape: Shape::Option("FILE.npz"),
    about: Text::new(
        "judge answers computed elsewhere, in any language, instead of a file; needs --inputs",
        "判定在别处（任何语言）算好的答案，而不是源文件；需要同时给出 --inputs",
    ),
};

/// `--inputs FILE.npz`
const INPUTS: Arg = Arg {
    name: "inputs",
    shape: Shape::Option("FILE.npz"),
    about: Text::new(
        "the inputs of --outputs, by argument name (`trace --save` writes such a file)",
        "--outputs 对应的输入，按参数名存放（`trace --save` 会写出这样的文件）",
    ),
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lesson = values.lesson()?;
    let options = options(values)?;
    let judged = match (values.text("outputs"), values.text("inputs")) {
        (None, None) => judge(session, lesson, &file(lesson, values), &options),
        (Some(outputs), Some(inputs)) if values.text("file").is_none() => {
            arrays(session, lesson, Path::new(inputs), Path::new(outputs)).map_err(Refusal::Sentence)
        }
        _ => Err(Refusal::Sentence(session.lang.pick(
            format!("arrays are judged with both files and no source file: check {} --inputs in.npz --outputs mine.npz", lesson.id),
            format!("判定数组时需要两个文件且不要给源文件：check {} --inputs in.npz --outputs mine.npz", lesson.id),
        ))),
    };
    match judged {
        Ok(report) => {
            let passed = report.verdict == Verdict::Passed;
            let only_data = match values.text("format") {
                Some("json") => {
                    let json = serde_json::to_string_pretty(&report);
                    session.say(json.map_err(|error| error.to_string())?);
                    true
                }
                Some("html") => {
                    session.hand_over(&verdict_page::page(session, lesson, &report));
                    true
                }
                _ => {
                    show(session, lesson, &report);
                    false
                }
            };
            Wanted::of(values).show(session, lesson, &report, only_data)?;
            Ok(ExitCode::from(u8::from(!passed)))
        }
        Err(Refusal::Sentence(sentence)) => Err(sentence),
        Err(Refusal::Errors(errors)) => {
            // rustc's words need no «error:» of ours.
            session.aside(errors);
            Ok(ExitCode::from(2))
        }
    }
}

/// Prints a verdict, folded to the width of the terminal.
pub fn show(session: &Session, lesson: &Lesson, report: &Report) {
    let text = render(lesson, report, session.prompt(), session.lang);
    for (i, line) in text.lines().enumerate() {
        // The stages stand in the first line.
        let line = match session.plain && i == 0 {
            true => &line.replace(" · ", session.lang.pick("; ", "；")),
            false => line,
        };
        let indent = line.len() - line.trim_start().len();
        session.say(wrap(line, session.width, indent + 2));
    }
}

/// Judges one file and keeps the verdict.
///
/// # Errors
/// See [`Refusal`].
pub fn judge(
    session: &Session,
    lesson: &Lesson,
    file: &Path,
    options: &Options,
) -> Result<Report, Refusal> {
    let mut bar = Bar::new(session, FIRST_USE.get(session.lang));
    let report = lab::check_file(session, lesson, file, options, &mut |at| bar.show(at));
    bar.clear();
    let report = report?;
    record(session, &report);
    Ok(report)
}

/// Judges answers that were computed elsewhere.
fn arrays(
    session: &Session,
    lesson: &Lesson,
    inputs: &Path,
    outputs: &Path,
) -> Result<Report, String> {
    let lang = session.lang;
    let (inputs, _) = bind::bind(lesson, &npz::read(inputs, lang)?, lang)?;
    let given = npz::read(outputs, lang)?;
    let answers: Result<Vec<Answer>, String> = lesson
        .problem
        .outputs
        .iter()
        .map(|(name, axes)| {
            let found = given.iter().find(|array| array.name == *name);
            let array = found.ok_or_else(|| {
                let names: Vec<&str> = given.iter().map(|array| array.name.as_str()).collect();
                let names = names.join(", ");
                lang.pick(
                    format!(
                        "{} holds no array `{name}` [{axes}]; it has: {names}",
                        outputs.display()
                    ),
                    format!(
                        "{} 中没有数组 `{name}` [{axes}]；现有：{names}",
                        outputs.display()
                    ),
                )
            })?;
            Ok(Answer {
                dtype: array.dtype,
                value: array.data.to_f64(),
            })
        })
        .collect();
    let report = judge_arrays(lesson, inputs, answers?);
    record(session, &report);
    Ok(report)
}

/// The file to judge: as named, or `<lesson>.rs` here.
pub fn file(lesson: &Lesson, values: &Values) -> PathBuf {
    let usual = || format!("{}.rs", lesson.id.replace('-', "_"));
    values
        .text("file")
        .map_or_else(usual, str::to_string)
        .into()
}

/// `--seed`, `--timeout` and `--no-scale`.
///
/// # Errors
/// A sentence when a number is none.
pub fn options(values: &Values) -> Result<Options, String> {
    let usual = Options::default();
    let timeout = match values.text("timeout") {
        None => usual.timeout,
        Some(text) => {
            let seconds = text.parse::<f64>().ok();
            let valid = seconds.filter(|seconds| (0.1..=3600.0).contains(seconds));
            valid.ok_or_else(|| {
                values.lang().pick(
                    format!("--timeout takes seconds from 0.1 to 3600, not `{text}`"),
                    format!("--timeout 需要 0.1 到 3600 之间的秒数，而不是 `{text}`"),
                )
            })?
        }
    };
    Ok(Options {
        seed: values.number("seed")?.unwrap_or(usual.seed),
        timeout,
        scale: !values.flag("no-scale"),
        ..usual
    })
}

/// Keeps a verdict for the map. Where progress cannot be kept, says so and goes on.
pub fn record(session: &Session, report: &Report) {
    let verdict = store::Verdict::of(report, super::clock::now());
    let kept = Store::open_default().and_then(|mut store| store.record_verdict(&verdict));
    if let Err(trouble) = kept {
        session.aside(trouble.get(session.lang));
    }
}

/// What a bar says while the library is compiled.
pub const FIRST_USE: Text = Text::new(
    "first use on this machine: compiling the library, about half a minute",
    "本机首次使用：正在编译库，约半分钟",
);

/// A progress bar on stderr; silent where that is no terminal, and for a screen reader. In a
/// notebook, which takes nothing back, a line now and then.
pub struct Bar {
    place: Place,
    title: &'static str,
    /// One column less than the terminal has: a line that wraps cannot be taken back.
    room: usize,
    words: String,
}

enum Place {
    Nowhere,
    Terminal,
    /// How many quarters of the way were told.
    Notebook(Tell, Option<usize>),
}

impl Bar {
    pub fn new(session: &Session, title: &'static str) -> Bar {
        Bar {
            place: match &session.tell {
                Some(tell) => Place::Notebook(tell.clone(), None),
                None if !session.plain && std::io::stderr().is_terminal() => Place::Terminal,
                // A screen reader would read every step of it.
                None => Place::Nowhere,
            },
            title,
            room: session.width - 1,
            words: String::new(),
        }
    }

    pub fn show(&mut self, progress: Progress) {
        let words = bar(self.title, progress, self.room);
        match &mut self.place {
            Place::Notebook(tell, told) => {
                let quarter = match progress {
                    Progress::Waiting => 0,
                    Progress::Crates { done, total } => 4 * done / total.max(1),
                };
                if told.is_none_or(|told| told < quarter) {
                    *told = Some(quarter);
                    tell(Stream::Err, &format!("{words}\n"));
                }
            }
            _ => self.say(&words),
        }
    }

    /// Shows words in the bar's place.
    pub fn say(&mut self, words: &str) {
        let words = shortened(words, self.room);
        if matches!(self.place, Place::Terminal) && self.words != words {
            self.words.clone_from(&words);
            let _ = write!(std::io::stderr(), "\r\x1b[K{words}");
        }
    }

    /// Takes the bar off the screen.
    pub fn clear(&mut self) {
        if !std::mem::take(&mut self.words).is_empty() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `title [#####-----] 12/46`; without the bar where there is no room for it.
fn bar(title: &str, progress: Progress, room: usize) -> String {
    const WIDTH: usize = 20;
    match progress {
        Progress::Waiting => format!("{title} …"),
        Progress::Crates { done, total } => {
            let full = WIDTH * done / total.max(1);
            let (full, rest) = ("#".repeat(full), "-".repeat(WIDTH - full));
            let long = format!("{title} [{full}{rest}] {done}/{total}");
            match columns(&long) <= room {
                true => long,
                false => {
                    let count = format!(" {done}/{total}");
                    shortened(title, room - count.len()) + &count
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fits_its_line() {
        let title = "first use on this machine: compiling the library, about half a minute";
        for room in [59, 79, 120] {
            for done in [0, 7, 46] {
                let shown = bar(title, Progress::Crates { done, total: 46 }, room);
                assert!(columns(&shown) <= room, "{shown}");
                assert!(shown.ends_with(&format!(" {done}/46")), "{shown}");
                assert_eq!(shown.contains('['), room > 100, "{shown}");
            }
        }
    }
}
