//! A verdict as HTML, for notebooks: its words, and a wrong answer's pictures.

use super::{Session, difference};
use crate::check::{Report, Verdict, render};
use crate::lesson::Lesson;
use crate::show::html::{escape, fragment, heat};

pub fn page(session: &Session, lesson: &Lesson, report: &Report) -> String {
    let class = match report.verdict {
        Verdict::Passed => "llmlab-verdict llmlab-passed",
        _ => "llmlab-verdict llmlab-failed",
    };
    let text = render(lesson, report, session.prompt(), session.lang);
    let (headline, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let mut out = format!("<p>{}</p>\n", in_colour(headline));
    if !rest.trim().is_empty() {
        out += &format!("<pre>{}</pre>\n", in_colour(rest.trim_end()));
    }
    let failure = report.failure.as_ref();
    let seen = failure.and_then(|failure| failure.seen.as_ref());
    let map = seen.and_then(|seen| difference::glance(lesson, seen, [24, 24], session.lang));
    if let Some(map) = map {
        out += &format!(
            "<figure><figcaption>{}</figcaption>\n{}</figure>\n",
            escape(&map.title),
            heat(&map, session.lang)
        );
    }
    fragment(class, &out)
}

/// Colours of a terminal as those of a page.
fn in_colour(text: &str) -> String {
    ansi_to_html::convert(text).unwrap_or_else(|_| escape(text))
}
