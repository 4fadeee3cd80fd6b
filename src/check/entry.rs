//! A verdict for another program: the one that started this one.

use super::judge::{Options, check};
use super::report::Report;
use crate::lesson::Lesson;
use crate::solution::Candidate;
use crate::text::Lang;

/// Stands before a report in JSON.
pub const REPORT: &str = "application/vnd.llmlab.report+json";

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
