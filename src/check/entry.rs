//! How a notebook's code reaches the judge.

use super::judge::{Options, check};
use super::render::render;
use super::report::Report;
use crate::lesson::Lesson;
use crate::solution::Candidate;
use crate::text::Lang;
use std::io::Write;

/// The media type of a report in JSON.
pub const REPORT: &str = "application/vnd.llmlab.report+json";

/// Judges what is in scope of a notebook and shows the verdict, as text and as data.
pub fn notebook(lesson: &Lesson, candidate: &dyn Candidate, options: &str) {
    match aloud(lesson, candidate, options) {
        Ok(report) => {
            let json = serde_json::to_string(&report).unwrap_or_default();
            show(REPORT, &json);
            show(
                "text/plain",
                &render(lesson, &report, "llmlab ", Lang::from_env()),
            );
        }
        Err(words) => show("text/plain", &words),
    }
}

/// Judges with options in JSON, or none, and says on stderr when the large case begins.
///
/// # Errors
/// A sentence when the options are not understood.
pub fn aloud(lesson: &Lesson, candidate: &dyn Candidate, options: &str) -> Result<Report, String> {
    let options: Options = match options {
        "" => Options::default(),
        json => serde_json::from_str(json).map_err(|error| {
            format!("the options `{json}` are not understood ({error}); write for instance {{\"seed\": 3, \"timeout\": 8, \"scale\": false}}")
        })?,
    };
    let lang = Lang::from_env();
    Ok(check(lesson, candidate, &options, &mut |_| {
        eprintln!(
            "{}",
            lang.pick(
                "right so far; now the large case …",
                "目前全对；正在运行大规模用例……"
            )
        );
    }))
}

/// evcxr's way to give a notebook content of a media type.
fn show(media: &str, content: &str) {
    let mut out = std::io::stdout().lock();
    let _ = write!(
        out,
        "EVCXR_BEGIN_CONTENT {media}\n{content}\nEVCXR_END_CONTENT\n"
    );
    let _ = out.flush();
}
