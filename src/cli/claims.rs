//! `llmlab claims`: what the notes say, and what is true.

use super::verbs::{Arg, FORMAT, Shape, Values, Verb, find_lesson};
use super::wrap::wrap;
use super::{Session, markdown};
use crate::lesson::{Claim, Lesson, Verdict};
use crate::lessons::LESSONS;
use crate::text::{Lang, Text};
use colored::{ColoredString, Colorize};
use serde_json::{Value, json};
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "claims",
    about: Text::new(
        "the notes' claims: right, imprecise, wrong or unsupported, and why",
        "笔记中的说法：正确、不精确、错误还是无出处，以及原因",
    ),
    args: &[
        Arg {
            name: "which",
            shape: Shape::OptionalWord,
            about: Text::new(
                "one claim (C047: its correction and a demonstration) or one lesson",
                "某条说法（如 C047：给出更正并演示）或某一课",
            ),
        },
        FORMAT,
    ],
    run,
};

type Found = (&'static Lesson, &'static Claim);

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let found = find(values.text("which"), lang)?;
    // One claim by its id is shown in full, and demonstrated.
    let one = values
        .text("which")
        .is_some_and(|word| claim(word).is_some());
    if values.json() {
        let rows: Vec<Value> = found.iter().map(|found| json(*found, one, lang)).collect();
        session.say(json!({ "claims": rows }).to_string());
    } else if one {
        for found in found {
            session.say(full(found, session.width, lang));
        }
    } else {
        let mut out: String = found
            .iter()
            .map(|found| row(*found, session.width, lang))
            .collect();
        let command = session.command("claims C…");
        out += &lang.pick(
            format!("\n{} shows one claim with its correction\n", command.cyan()),
            format!("\n{} 查看某条说法的更正\n", command.cyan()),
        );
        session.page(&out);
    }
    Ok(ExitCode::SUCCESS)
}

fn all() -> impl Iterator<Item = Found> {
    LESSONS
        .iter()
        .flat_map(|lesson| lesson.claims.iter().map(|claim| (*lesson, claim)))
}

/// The claim with this id, in upper or lower case.
fn claim(id: &str) -> Option<Found> {
    all().find(|(_, claim)| claim.id.eq_ignore_ascii_case(id))
}

/// All claims, those of a lesson, or the one with this id.
///
/// # Errors
/// A sentence when the word is neither.
pub fn find(which: Option<&str>, lang: Lang) -> Result<Vec<Found>, String> {
    let Some(word) = which else {
        return Ok(all().collect());
    };
    if let Some(found) = claim(word) {
        return Ok(vec![found]);
    }
    let number = word.strip_prefix(['c', 'C']).unwrap_or_default();
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(lang.pick(
            format!("no lesson is about a claim {word}; `llmlab claims` lists those there are"),
            format!("现有课程没有涉及编号 {word} 的说法；用 `llmlab claims` 查看全部"),
        ));
    }
    let lesson = find_lesson(word, lang)?;
    Ok(lesson.claims.iter().map(|claim| (lesson, claim)).collect())
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Right => "right",
        Verdict::Imprecise => "imprecise",
        Verdict::Wrong => "wrong",
        Verdict::Unsupported => "unsupported",
    }
}

fn judged(claim: &Claim, lang: Lang) -> ColoredString {
    let words = match claim.verdict {
        Verdict::Right => lang.pick("right", "正确"),
        Verdict::Imprecise => lang.pick("imprecise", "不精确"),
        Verdict::Wrong => lang.pick("wrong", "错误"),
        Verdict::Unsupported => lang.pick("unsupported", "无出处"),
    };
    let words = markdown::pad(words, 11);
    match claim.verdict {
        Verdict::Right => words.green(),
        Verdict::Imprecise | Verdict::Unsupported => words.yellow(),
        Verdict::Wrong => words.red(),
    }
}

/// One claim in a list: id, verdict, lesson, and the notes' words.
fn row((lesson, claim): Found, width: usize, lang: Lang) -> String {
    let head = format!(
        "{:5} {} {}  ",
        claim.id.bold(),
        judged(claim, lang),
        lesson.id.cyan()
    );
    let quote = format!("「{}」", claim.quote.trim());
    format!("{}\n", wrap(&format!("{head}{quote}"), width, 18))
}

/// One claim in full.
fn full((lesson, claim): Found, width: usize, lang: Lang) -> String {
    let width = width.min(100);
    let label = |en, zh| markdown::pad(lang.pick(en, zh), 12).dimmed();
    let mut out = format!(
        "{} {} {}\n\n",
        claim.id.bold(),
        judged(claim, lang),
        lesson.id.cyan()
    );
    let part = |label: ColoredString, text: &str| {
        format!("{}\n", wrap(&format!("{label}{text}"), width, 12))
    };
    out += &part(
        label("the notes", "笔记原话"),
        &format!("「{}」", claim.quote.trim()),
    );
    out += &part(label("what is so", "实际情况"), claim.right.get(lang));
    if let Some(demo) = claim.demo {
        out += &format!("\n{}\n", label("shown", "演示"));
        for line in demo(lang).lines() {
            out += &format!("{}\n", wrap(&format!("  {line}"), width, 4));
        }
    }
    out
}

fn json((lesson, claim): Found, shown: bool, lang: Lang) -> Value {
    let demo = claim.demo.filter(|_| shown).map(|demo| demo(lang));
    json!({
        "id": claim.id,
        "lesson": lesson.id,
        "verdict": verdict(claim.verdict),
        "quote": claim.quote,
        "right": claim.right.get(lang),
        "has_demo": claim.demo.is_some(),
        "demo": demo,
    })
}
