//! Whiteboard tasks: the file is written, and judged as `llmlab check` does.

use crate::check::{Options, Report, Verdict, stage_zh, verdict_words};
use crate::cli::lab::{Refusal, Toolchain};
use crate::cli::{Session, check, start, wrap};
use crate::interview::{Bugged, Event, Judged};
use crate::lesson::Lesson;
use crate::quiz::Both;
use crate::text::Text;
use std::path::Path;

/// Writes the file of a whiteboard task: a new one, here.
pub fn write(session: &Session, lesson: &str) -> Event {
    let sentence = |error: String| Event::NoJudge(error.trim_end_matches(['.', '。']).to_string());
    if let Err(trouble) = Toolchain::find() {
        return sentence(trouble);
    }
    let Some(lesson) = crate::lessons::find(lesson) else {
        return sentence(lesson.to_string());
    };
    let name = lesson.id.replace('-', "_");
    let mut names = std::iter::once(format!("{name}.rs"))
        .chain((2..1000).map(|number| format!("{name}_{number}.rs")));
    let free = names.find(|name| !Path::new(name).exists());
    let name = free.unwrap_or_else(|| format!("{name}.rs"));
    match start::start(&name, lesson.starter, None, false, session.lang) {
        Ok(path) => {
            let path = std::path::absolute(&path).unwrap_or(path);
            Event::File(path.to_string_lossy().into_owned())
        }
        Err(error) => sentence(error),
    }
}

/// Judges a whiteboard answer as `llmlab check` does.
pub fn judge(session: &Session, lesson: &str, file: &Path) -> Event {
    let Some(lesson) = crate::lessons::find(lesson) else {
        return Event::Refused(String::new());
    };
    let options = Options {
        weigh: true,
        ..Options::default()
    };
    match check::judge(session, lesson, file, &options) {
        Ok(report) => Event::Judged(judged(lesson, &report)),
        Err(Refusal::Sentence(sentence)) => {
            session.say(wrap(&sentence, session.width, 0));
            Event::Refused(sentence)
        }
        Err(Refusal::Errors(errors)) => {
            session.say(&errors);
            Event::Refused(errors)
        }
    }
}

/// What an interview asks about in a verdict.
fn judged(lesson: &Lesson, report: &Report) -> Judged {
    let both = |text: Text| Both {
        en: text.en.to_string(),
        zh: text.zh.to_string(),
    };
    let (en, zh) = verdict_words(report.verdict);
    let failed = report
        .stages
        .iter()
        .find(|stage| stage.passed < stage.total);
    let bugs = report.failure.iter().flat_map(|failure| &failure.bugs);
    let bugs = bugs.filter_map(|id| lesson.problem.bugs.iter().find(|bug| bug.id == id));
    let timing = report.timing.as_ref();
    let settings = timing
        .map(|timing| &timing.settings)
        .or(report.memory.as_ref().map(|held| &held.settings));
    let size = |name: &str| settings.and_then(|settings| settings.get(name)).copied();
    let axes = lesson
        .problem
        .settings
        .iter()
        .filter(|setting| setting.axis);
    let sizes = axes.filter_map(|axis| Some(format!("{}={}", axis.name, size(axis.name)?)));
    let matrix = size("n")
        .zip(size("m"))
        .map(|(n, m)| (4 * size("b").unwrap_or(1) * size("h").unwrap_or(1) * n * m) as u64);
    Judged {
        passed: report.verdict == Verdict::Passed,
        verdict: both(Text { en, zh }),
        stage: failed.map(|stage| Both {
            en: stage.id.clone(),
            zh: stage_zh(&stage.id).to_string(),
        }),
        bugs: bugs
            .map(|bug| Bugged {
                sentence: both(bug.sentence),
                repair: both(bug.repair),
            })
            .collect(),
        sizes: sizes.collect::<Vec<_>>().join(" "),
        learner: timing.and_then(|timing| timing.learner),
        production: timing.and_then(|timing| timing.production),
        held: report.memory.as_ref().and_then(|held| held.extra),
        matrix,
    }
}
