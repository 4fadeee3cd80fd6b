//! `llmlab interview --track phone`: a mock interview. The course of it is [`Interview`]'s; here
//! lines are read, kept and shown, files written and judged.

mod whiteboard;

use super::ticker::{Ticker, Title};
use super::verbs::{Arg, Shape, Values, Verb};
use super::{Asked, Session, clock, wrap};
use crate::interview::{Back, Event, Interview, Out, Say, Script, Style, back, html};
use crate::lesson::Track;
use crate::quiz::{self, Question};
use crate::store::{Answer, Happened, Sitting, Store};
use crate::text::Text;
use colored::Colorize;
use rand::RngExt;
use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "interview",
    about: Text::new(
        "a mock interview against the clock, with a report",
        "限时模拟面试，结束后给出报告",
    ),
    args: &[
        Arg {
            name: "track",
            shape: Shape::OneOf(&["phone", "whiteboard", "leader", "algorithms"]),
            about: Text::new(
                "phone: short answers; whiteboard: code, judged; leader: estimates; algorithms: little data",
                "phone 简答；whiteboard 手写代码并判题；leader 估算；algorithms 小样本与长尾",
            ),
        },
        Arg {
            name: "minutes",
            shape: Shape::Option("N"),
            about: Text::new(
                "how long it takes (default: 20 to 30)",
                "面试时长（默认 20 到 30 分钟）",
            ),
        },
        Arg {
            name: "seed",
            shape: Shape::Option("N"),
            about: Text::new(
                "the same questions and values again",
                "重现同样的题目和数值",
            ),
        },
        Arg {
            name: "resume",
            shape: Shape::Flag,
            about: Text::new(
                "go on with the one that was broken off",
                "继续上次中断的面试",
            ),
        },
        Arg {
            name: "html",
            shape: Shape::Option("FILE"),
            about: Text::new(
                "write the report as a page; alone: that of the last interview",
                "把报告写成网页；单独使用时写出上一场的报告",
            ),
        },
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let page = values.text("html").map(PathBuf::from);
    if let Some(page) = page.as_ref().filter(|page| page.exists()) {
        let page = page.display();
        return Err(lang.pick(
            format!("{page} is there already and stays as it is; name another file"),
            format!("{page} 已存在，未作改动；请换一个文件名"),
        ));
    }
    let back = back()?;
    let track = values.text("track");
    let track = Track::ALL
        .into_iter()
        .find(|known| Some(known.id()) == track);
    let minutes = match values.number("minutes")? {
        Some(minutes) if !(1..=480).contains(&minutes) => {
            return Err(lang.pick(
                format!("--minutes takes a number from 1 to 480, not `{minutes}`"),
                format!("--minutes 需要 1 到 480 之间的数，而不是 `{minutes}`"),
            ));
        }
        minutes => minutes,
    };
    let seed = values.number("seed")?;
    let mut store = match Store::open_default() {
        Ok(store) => Some(store),
        Err(trouble) => {
            session.note(trouble.get(lang));
            None
        }
    };
    let old = store.as_ref().map(Store::interviews).transpose();
    let old = old.unwrap_or_else(|trouble| {
        session.note(trouble.get(lang));
        None
    });
    let old = old.unwrap_or_default();
    let broken_off = old.iter().rev().find_map(|sitting| {
        let wanted = track.is_none_or(|track| track.id() == sitting.track);
        let script = (!sitting.over && wanted).then(|| script_of(sitting))??;
        Some((sitting.clone(), script))
    });
    let resume = values.flag("resume");
    if let Some((sitting, script)) = broken_off {
        match resume || go_on(session, &sitting, &script, &back) {
            true => return hold(session, store, sitting, &script, &back, page.as_deref()),
            false => {
                if let Some(Err(trouble)) = store
                    .as_mut()
                    .map(|store| store.end_interview(&sitting.uid))
                {
                    session.note(trouble.get(lang));
                }
            }
        }
    } else if resume {
        let command = session.command("interview --track phone");
        return Err(lang.pick(
            format!("no interview was broken off; begin one with `{command}`"),
            format!("没有中断的面试；请用 `{command}` 开始一场"),
        ));
    }
    let Some(track) = track else {
        if let Some(page) = page.as_deref()
            && let Some((sitting, script)) = old
                .iter()
                .rev()
                .find_map(|sitting| Some((sitting, script_of(sitting)?)))
        {
            let interview = replayed(session, sitting, &script, &back);
            return write_page(session, &interview, page).map(|()| ExitCode::SUCCESS);
        }
        let command = session.command("interview --track phone");
        return Err(lang.pick(
            format!("which interview? {command} (or whiteboard, leader, algorithms)"),
            format!("要哪一种面试？{command}（或 whiteboard、leader、algorithms）"),
        ));
    };
    let script = Script::read(track, &bank)?;
    let sitting = Sitting {
        uid: String::new(),
        track: track.id().to_string(),
        script: script.version.clone(),
        seed: seed.unwrap_or_else(|| rand::rng().random_range(0..100_000)),
        minutes: minutes.unwrap_or(script.minutes),
        at: clock::now(),
        over: false,
        events: Vec::new(),
    };
    hold(session, store, sitting, &script, &back, page.as_deref())
}

/// A question of a lesson's quiz.
fn bank(lesson: &str, id: &str) -> Option<Question> {
    let lesson = crate::lessons::find(lesson)?;
    let questions = quiz::bank(lesson).ok()?;
    questions.into_iter().find(|question| question.id == id)
}

/// The script that an interview was held with, if this program still has it.
fn script_of(sitting: &Sitting) -> Option<Script> {
    let track = Track::ALL
        .into_iter()
        .find(|track| track.id() == sitting.track)?;
    let script = Script::read(track, &bank).ok()?;
    (script.version == sitting.script).then_some(script)
}

/// The interview as it was when it was broken off.
fn replayed<'a>(
    session: &Session,
    sitting: &Sitting,
    script: &'a Script,
    back: &'a [Back],
) -> Interview<'a> {
    let mut interview = Interview::new(script, back, sitting.seed, sitting.minutes, session.lang);
    for happened in &sitting.events {
        if let Ok(event) = serde_json::from_value::<Event>(happened.event.clone()) {
            interview.step(&event, happened.at);
        }
    }
    interview
}

/// Asks whether to go on with an interview that was broken off.
fn go_on(session: &mut Session, sitting: &Sitting, script: &Script, back: &[Back]) -> bool {
    let (over, all) = replayed(session, sitting, script, back).progress();
    let track = &sitting.track;
    let words = session.lang.pick(
        format!("A {track} interview was broken off after {over} of {all} openings."),
        format!("有一场 {track} 面试中断了，已完成 {over}/{all} 个主问题。"),
    );
    session.say(wrap(&words, session.width, 0));
    let prompt = session.lang.pick(
        "Enter goes on with it, n begins anew > ",
        "回车继续，n 重新开始 > ",
    );
    match session.ask(prompt) {
        Asked::Line(line) => {
            !["n", "no", "ｎ", "否"].contains(&line.trim().to_lowercase().as_str())
        }
        // It stays as it is.
        Asked::End | Asked::Interrupted => true,
    }
}

/// Holds the interview from where it stands.
fn hold(
    session: &mut Session,
    store: Option<Store>,
    sitting: Sitting,
    script: &Script,
    back: &[Back],
    page: Option<&Path>,
) -> Result<ExitCode, String> {
    let interview = replayed(session, &sitting, script, back);
    let mut room = Room {
        interview,
        store,
        sitting,
    };
    let first = match room.sitting.events.is_empty() {
        true => {
            room.welcome(session);
            Event::Begin
        }
        false => Event::Resumed,
    };
    let title = (!session.plain).then(Title::save);
    let ended = room.run(session, first);
    drop(title);
    if !ended {
        let command = session.command("interview --resume");
        let words = match room.store {
            Some(_) => session.lang.pick(
                format!("Everything so far is kept; to go on: {command}"),
                format!("目前为止的内容都已保存；继续请用：{command}"),
            ),
            None => session
                .lang
                .pick("Nothing was kept.", "没有保存。")
                .to_string(),
        };
        session.say("");
        session.say(wrap(&words, session.width, 0));
        return Ok(ExitCode::SUCCESS);
    }
    let report = room.interview.report();
    for say in report.text(&|rest| session.command(rest)) {
        show(session, &say);
    }
    match page {
        Some(page) => write_page(session, &room.interview, page)?,
        None if room.store.is_some() => {
            let command = session.command("interview --html report.html");
            let words = session.lang.pick(
                format!("\nAs a page: {command}"),
                format!("\n保存为网页：{command}"),
            );
            session.say(wrap(&words, session.width, 0));
        }
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn write_page(session: &Session, interview: &Interview<'_>, page: &Path) -> Result<(), String> {
    let (lang, shown) = (session.lang, page.display());
    let written = std::fs::File::create_new(page)
        .and_then(|mut file| file.write_all(html(&interview.report()).as_bytes()));
    written.map_err(|error| {
        let command = session.command("interview --html report.html");
        lang.pick(
            format!("{shown} cannot be written ({error}); the report is kept, try another place: {command}"),
            format!("无法写入 {shown}（{error}）；报告已保存，可换个位置：{command}"),
        )
    })?;
    let words = lang.pick(format!("wrote {shown}"), format!("已写入 {shown}"));
    session.say(wrap(&words, session.width, 0));
    Ok(())
}

/// Where an interview is held.
struct Room<'a> {
    interview: Interview<'a>,
    store: Option<Store>,
    sitting: Sitting,
}

impl Room<'_> {
    fn welcome(&mut self, session: &Session) {
        let lang = session.lang;
        if let Some(Err(trouble)) = self
            .store
            .as_mut()
            .map(|store| store.begin_interview(&mut self.sitting))
        {
            session.note(trouble.get(lang));
            self.store = None;
        }
        let (_, all) = self.interview.progress();
        let Sitting {
            track,
            minutes,
            seed,
            ..
        } = &self.sitting;
        let title = lang.pick(
            format!("Mock interview, {track} · openings: {all} · minutes: {minutes} · seed {seed}"),
            format!("模拟面试（{track}）：{all} 个主问题，{minutes} 分钟，种子 {seed}"),
        );
        session.say(wrap(&title.bold().to_string(), session.width, 0));
        let how = lang.pick(
            "The clock runs while you answer. t = time left, p = pause, s = skip, q = end with the report, ? = help.",
            "作答时计时。t = 剩余时间，p = 暂停，s = 跳过，q = 结束并看报告，? = 帮助。",
        );
        session.say(wrap(&how.dimmed().to_string(), session.width, 0));
    }

    /// Takes event after event, from `first` on. False where the person left in the middle.
    fn run(&mut self, session: &mut Session, first: Event) -> bool {
        let mut events = VecDeque::from([first]);
        while !self.interview.done() {
            let event = match events.pop_front() {
                Some(event) => event,
                None => match self.ask(session) {
                    Some(line) => Event::Line(line),
                    None => return false,
                },
            };
            let at = clock::now();
            let out = self.interview.step(&event, at);
            // Before anything of it is shown.
            self.keep(session, &event, at, &out);
            for out in out {
                match out {
                    Out::Say(say) => show(session, &say),
                    Out::Write(lesson) => events.push_back(whiteboard::write(session, &lesson)),
                    Out::Judge { lesson, file } => {
                        events.push_back(whiteboard::judge(session, &lesson, Path::new(&file)));
                    }
                    Out::Keep(_) | Out::Done => {}
                }
            }
        }
        true
    }

    fn ask(&self, session: &mut Session) -> Option<String> {
        let now = clock::now();
        let ask = self.interview.ask(now);
        let prompt = match &ask.left {
            Some(left) if *left <= 0 => ask.prompt.red().to_string(),
            _ => ask.prompt,
        };
        // A screen reader would read every second of it.
        let shown = ask.left.filter(|_| !session.plain);
        let _ticker = shown.map(|left| Ticker::start(move || left - (clock::now() - now)));
        match session.ask(&prompt) {
            Asked::Line(line) => Some(line),
            Asked::End | Asked::Interrupted => None,
        }
    }

    fn keep(&mut self, session: &Session, event: &Event, at: i64, out: &[Out]) {
        let happened = Happened {
            event: serde_json::json!(event),
            at,
        };
        let answers = out.iter().filter_map(|out| match out {
            Out::Keep(answer) => Some(&**answer),
            _ => None,
        });
        let answers: Vec<&Answer> = answers.collect();
        let place = self.sitting.events.len();
        let done = self.interview.done();
        if let Some(Err(trouble)) = self
            .store
            .as_mut()
            .map(|store| store.record_event(&self.sitting.uid, place, &happened, &answers, done))
        {
            session.note(trouble.get(session.lang));
            self.store = None;
        }
        self.sitting.events.push(happened);
    }
}

fn show(session: &Session, say: &Say) {
    // A line of its own, which takes no indent.
    let text = say.text.strip_prefix('\n');
    if text.is_some() {
        session.say("");
    }
    let text = wrap(text.unwrap_or(&say.text), session.width, say.indent);
    for line in text.split('\n') {
        session.say(match say.style {
            Style::Plain => line.to_string(),
            Style::Strong => line.bold().to_string(),
            Style::Dim => line.dimmed().to_string(),
            Style::Good => line.green().to_string(),
            Style::Part => line.yellow().to_string(),
            Style::Bad => line.red().to_string(),
            Style::Code => line.cyan().to_string(),
        });
    }
}
