//! The report as a page of its own: no script, nothing from elsewhere.

use super::engine::facts;
use super::event::Style;
use super::report::{Concept, Entry, Report};
use crate::show::html::escape;
use crate::text::Lang;

const STYLE: &str = "\
:root{color-scheme:light dark;--good:#1a7f37;--part:#9a6700;--bad:#cf222e;--dim:#59636e;--line:#8884}
@media(prefers-color-scheme:dark){:root{--good:#3fb950;--part:#d29922;--bad:#f85149;--dim:#9198a1}}
body{font:16px/1.55 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}
article{border-top:1px solid var(--line);padding:.75rem 0}article.follow{margin-left:1.2rem}
h3{font-size:1rem;margin:0}.time,.dim{color:var(--dim);font-weight:normal}
.good{color:var(--good)}.part{color:var(--part)}.bad{color:var(--bad)}
ul{padding-left:1.2rem;margin:.4rem 0}li.had::marker{content:'✓ '}li.missed::marker{content:'✗ '}
blockquote{margin:.5rem 0;padding-left:.8rem;border-left:3px solid var(--line);white-space:pre-wrap}
code{font-family:ui-monospace,monospace}p{margin:.4rem 0;white-space:pre-line}";

/// The whole page.
pub fn html(report: &Report) -> String {
    let lang = report.lang;
    let title = escape(&report.title());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        lang.pick("en", "zh")
    );
    out += &format!(
        "<p class=\"dim\">{} {}</p>\n",
        lang.pick("seed", "种子"),
        report.seed
    );
    out += &concepts(
        lang.pick("Strong", "强项"),
        "good",
        &report.strong().collect::<Vec<_>>(),
        lang,
    );
    out += &concepts(
        lang.pick("Halfway", "一般"),
        "part",
        &report.middling().collect::<Vec<_>>(),
        lang,
    );
    out += &concepts(
        lang.pick("Weak", "弱项"),
        "bad",
        &report.weak().collect::<Vec<_>>(),
        lang,
    );
    let read = report.read();
    if !read.is_empty() {
        out += &format!("<h2>{}</h2>\n<ul>\n", lang.pick("To read", "建议阅读"));
        for lesson in read {
            out += &format!("<li><code>llmlab lesson {}</code></li>\n", escape(lesson));
        }
        out += "</ul>\n";
    }
    out += &format!(
        "<h2>{}</h2>\n",
        lang.pick("Question by question", "逐题回顾")
    );
    for entry in &report.entries {
        out += &article(entry, report);
    }
    out += &format!(
        "<h2>{}</h2>\n",
        lang.pick(
            "To ask back, and what the answer tells",
            "反问面试官，以及如何判断对方的回答"
        )
    );
    if !report.asked_back.is_empty() {
        out += &format!(
            "<p>{}</p>\n<blockquote>{}</blockquote>\n",
            lang.pick("You asked:", "你问了："),
            escape(&report.asked_back)
        );
    }
    for [ask, good, bad] in &report.back {
        out += &format!(
            "<article>\n<h3>{}</h3>\n<p><span class=\"good\">{}</span> {}</p>\n<p><span class=\"bad\">{}</span> {}</p>\n</article>\n",
            escape(ask),
            lang.pick("Good answer:", "好的回答："),
            escape(good),
            lang.pick("Bad sign:", "不好的信号："),
            escape(bad)
        );
    }
    out + "</main>\n</body>\n</html>\n"
}

fn concepts(title: &str, class: &str, concepts: &[&Concept], lang: Lang) -> String {
    if concepts.is_empty() {
        return String::new();
    }
    let items: Vec<String> = concepts
        .iter()
        .map(|c| format!("<li>{}</li>", escape(&c.words(lang))))
        .collect();
    format!(
        "<h2 class=\"{class}\">{title}</h2>\n<ul>\n{}\n</ul>\n",
        items.join("\n")
    )
}

fn article(entry: &Entry, report: &Report) -> String {
    let lang = report.lang;
    let (mark, style) = entry.mark();
    let class = match style {
        Style::Good => "good",
        Style::Part => "part",
        _ => "bad",
    };
    let (kind, name) = match entry.opening {
        true => ("", escape(&entry.concept)),
        false => (
            " class=\"follow\"",
            lang.pick("Follow-up", "追问").to_string(),
        ),
    };
    let time = escape(&entry.time(lang));
    let mut out = format!(
        "<article{kind}>\n<h3><span class=\"{class}\">{mark}</span> {name} <span class=\"time\">{time}</span></h3>\n<p>{}</p>\n",
        escape(&entry.ask)
    );
    if !entry.answer.is_empty() {
        out += &format!("<blockquote>{}</blockquote>\n", escape(&entry.answer));
    }
    let mut lines = Vec::new();
    for judged in &entry.judged {
        let mark = if judged.passed { "✓" } else { "✗" };
        lines.push(format!("{mark} {}", judged.verdict.get(lang)));
        lines.extend(facts(judged, lang));
    }
    for line in lines {
        out += &format!("<p>{}</p>\n", escape(&line));
    }
    if !entry.points.is_empty() {
        out += "<ul>\n";
        for (point, had) in &entry.points {
            let class = if *had { "had" } else { "missed" };
            out += &format!("<li class=\"{class}\">{}</li>\n", escape(point));
        }
        out += "</ul>\n";
    }
    if let Some(right) = &entry.right {
        let label = lang.pick("Right answer:", "正确答案：");
        out += &format!("<p>{label} <code>{}</code></p>\n", escape(right));
    }
    out + &format!("<p class=\"dim\">{}</p>\n</article>\n", escape(&entry.why))
}
