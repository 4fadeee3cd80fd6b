//! `llmlab` and `llmlab list`: the map of lessons.

use super::verbs::{Arg, FORMAT, Shape, Values, Verb};
use super::wrap::{columns, wrap};
use super::{Session, markdown};
use crate::lesson::{Lesson, Track};
use crate::lessons::{LESSONS, parent};
use crate::store;
use crate::text::{Lang, Text};
use colored::Colorize;
use serde_json::{Value, json};
use std::process::ExitCode;

pub const MAP: Verb = Verb {
    name: "map",
    about: Text::new(
        "tracks, lessons, what you passed and what comes next (`llmlab` alone)",
        "路线、课程、已通过的内容与下一步（即不带参数的 `llmlab`）",
    ),
    args: &[],
    run: |session, _| {
        session.say(map(session, &passed()));
        Ok(ExitCode::SUCCESS)
    },
};

pub const VERB: Verb = Verb {
    name: "list",
    about: Text::new(
        "every lesson, part by part, and what to do first",
        "分部分列出所有课程及先修课",
    ),
    args: &[TRACK, FORMAT],
    run,
};

/// `--track` of the verbs that work on many lessons.
pub const TRACK: Arg = Arg {
    name: "track",
    shape: Shape::OneOf(&["phone", "whiteboard", "leader", "algorithms"]),
    about: Text::new(
        "only one track: phone, whiteboard, leader or algorithms",
        "只列一条路线：phone、whiteboard、leader 或 algorithms",
    ),
};

/// The lessons that this person has passed; none where no progress is kept.
fn passed() -> Vec<String> {
    // Looking at the map is no reason to make a file.
    let kept = store::directory().is_ok_and(|directory| directory.is_dir());
    let store = kept.then(|| store::Store::open_default().ok()).flatten();
    let passed = store.and_then(|store| store.passed().ok());
    passed.unwrap_or_default().into_iter().collect()
}

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let passed = passed();
    let lessons = on_track(values.text("track"));
    if values.json() {
        let rows: Vec<Value> = lessons
            .iter()
            .map(|l| json(l, &passed, session.lang))
            .collect();
        session.say(json!({ "lessons": rows }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    session.say(rows(&lessons, &passed, session).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The lessons of one track (by id), or all.
pub fn on_track(track: Option<&str>) -> Vec<&'static Lesson> {
    let fits = |l: &&&Lesson| track.is_none_or(|id| l.tracks.iter().any(|t| t.id() == id));
    LESSONS.iter().filter(fits).copied().collect()
}

/// The lesson to do next: the first in teaching order that is not passed and whose needs are.
pub fn next(passed: &[String]) -> Option<&'static Lesson> {
    let done = |id: &str| passed.iter().any(|passed| passed == id);
    let known = |id: &&str| crate::lessons::find(id).is_some();
    let mut open = LESSONS.iter().filter(|lesson| !done(lesson.id));
    let ready = |lesson: &&&Lesson| {
        lesson
            .needs
            .iter()
            .filter(|id| known(id))
            .all(|id| done(id))
    };
    open.clone().find(ready).or_else(|| open.next()).copied()
}

/// What a track is for.
fn track_about(track: Track) -> Text {
    match track {
        Track::Phone => Text::new("three-minute answers", "三分钟口述"),
        Track::Whiteboard => Text::new("written by hand", "白板手写"),
        Track::Leader => Text::new(
            "in production: long context, 4-bit",
            "生产落地：长上下文、4-bit",
        ),
        Track::Algorithms => Text::new("few-shot, long tail", "小样本与长尾"),
    }
}

/// Tracks, lessons, what is passed, and what comes next.
pub fn map(session: &Session, passed: &[String]) -> String {
    let lang = session.lang;
    let done = |lesson: &&&Lesson| passed.iter().any(|id| id == lesson.id);
    let mut out = lang.pick("Tracks\n", "路线\n").bold().to_string();
    for track in Track::ALL {
        let lessons = on_track(Some(track.id()));
        let passed = lessons.iter().filter(|lesson| done(lesson)).count();
        if session.plain {
            let (id, all, about) = (track.id(), lessons.len(), track_about(track).get(lang));
            out += &lang.pick(
                format!("  {id}: {passed} of {all} passed; {about}\n"),
                format!("  {id}：{all} 课中已通过 {passed} 课；{about}\n"),
            );
            continue;
        }
        let count = format!("{passed}/{}", lessons.len());
        let name = markdown::pad(track.id(), 11);
        let about = track_about(track).get(lang);
        out += &format!("  {} {count:>6}  {about}\n", name.cyan());
    }
    out.push('\n');
    out += &rows(LESSONS, passed, session);
    out.push('\n');
    out += &match next(passed) {
        Some(lesson) => {
            let command = session.command(&format!("lesson {}", lesson.id));
            format!("{} {}", lang.pick("next:", "下一步："), command.cyan())
        }
        None => {
            let command = session.command("quiz");
            let all = lang.pick("every lesson is passed; next:", "全部课程已通过；下一步：");
            format!("{all} {}", command.cyan())
        }
    };
    out
}

/// A further exercise hangs under its lesson.
fn shown(lesson: &Lesson) -> String {
    match parent(lesson) {
        Some(_) => format!("└ {}", lesson.id),
        None => lesson.id.to_string(),
    }
}

/// The lessons part by part; an arrow points at those to do first.
fn rows(lessons: &[&Lesson], passed: &[String], session: &Session) -> String {
    let mut out = String::new();
    let mut part = None;
    for lesson in lessons {
        if part != Some(lesson.part) {
            part = Some(lesson.part);
            out += &format!("{}\n", lesson.part.title().get(session.lang).bold());
        }
        out += &match session.plain {
            true => wrap(&sentence(lesson, passed, session.lang), session.width, 4),
            false => row(lesson, passed, session.lang, session.width),
        };
        out.push('\n');
    }
    out
}

/// One lesson in words.
fn sentence(lesson: &Lesson, passed: &[String], lang: Lang) -> String {
    let mut facts = vec![lesson.title.get(lang).to_string()];
    if passed.iter().any(|id| id == lesson.id) {
        facts.push(lang.pick("passed", "已通过").to_string());
    }
    if let Some(parent) = parent(lesson) {
        let id = parent.id;
        facts.push(lang.pick(
            format!("a further exercise of {id}"),
            format!("{id} 的另一道练习"),
        ));
    }
    if !lesson.needs.is_empty() {
        let first = lesson.needs.join(lang.pick(", ", "、"));
        facts.push(lang.pick(format!("do first: {first}"), format!("先修：{first}")));
    }
    let facts = facts.join(lang.pick("; ", "；"));
    format!("  {}{}{facts}", lesson.id, lang.pick(": ", "："))
}

/// One lesson on one line, cut at the width: its title, and what to do first.
fn row(lesson: &Lesson, passed: &[String], lang: Lang, width: usize) -> String {
    let longest = LESSONS.iter().map(|lesson| columns(&shown(lesson))).max();
    let id = markdown::pad(&shown(lesson), longest.unwrap_or(0).min(24));
    let done = passed.iter().any(|id| id == lesson.id);
    let mark = if done { "✓" } else { "·" };
    let (mark, colored) = match done {
        true => (mark.green(), id.green()),
        false => (mark.dimmed(), id.cyan()),
    };
    let room = width.saturating_sub(columns(&id) + 6);
    let title = shortened(lesson.title.get(lang), room);
    let needs = match lesson.needs {
        [] => String::new(),
        needs => format!("  ← {}", needs.join(", ")),
    };
    let needs = shortened(&needs, room.saturating_sub(columns(&title)));
    // A cut in the middle of the arrow says nothing.
    let needs = if columns(&needs) < 8 { "" } else { &needs };
    format!("  {mark} {colored}  {title}{}", needs.dimmed())
}

/// `text`, cut with `…` where it is wider than `room`.
pub fn shortened(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_string();
    }
    let mut out = String::new();
    for c in text.chars() {
        if columns(&out) + columns(c.encode_utf8(&mut [0; 4])) + 1 > room {
            break;
        }
        out.push(c);
    }
    out + "…"
}

fn json(lesson: &Lesson, passed: &[String], lang: Lang) -> Value {
    let tracks: Vec<&str> = lesson.tracks.iter().map(|track| track.id()).collect();
    json!({
        "id": lesson.id,
        "aliases": lesson.aliases,
        "title": lesson.title.get(lang),
        "summary": lesson.summary.get(lang),
        "tracks": tracks,
        "needs": lesson.needs,
        "parent": parent(lesson).map(|parent| parent.id),
        "passed": passed.iter().any(|id| id == lesson.id),
    })
}
