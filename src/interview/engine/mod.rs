//! The course of an interview: events in, what to do out.

mod answers;
mod whiteboard;
mod words;

pub(super) use whiteboard::facts;

use super::clock::{Stopwatch, minutes};
use super::event::{Event, Judged, Out, Say, Style};
use super::report::{Entry, Report};
use super::script::{Back, Script, When};
use crate::quiz::{Body, Drawn, draw};
use crate::text::Lang;
use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::StdRng};
use std::collections::VecDeque;

/// From this ratio of times on, an answer is slow.
const SLOW: f64 = 4.0;

/// What is to be typed next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub prompt: String,
    /// Milliseconds left, while the clock runs.
    pub left: Option<i64>,
}

/// An interview under way.
pub struct Interview<'a> {
    script: &'a Script,
    back: &'a [Back],
    lang: Lang,
    seed: u64,
    minutes: u64,
    /// The openings that are asked, by their place in the script.
    plan: Vec<usize>,
    /// Of these, the one that is on.
    place: usize,
    queue: VecDeque<Item>,
    item: Option<Item>,
    task: Option<Task>,
    phase: Phase,
    paused: bool,
    /// Of the question that is on.
    clock: Stopwatch,
    /// Whether it was said that time is up.
    warned: bool,
    /// Of all questions that are over.
    used: i64,
    words: Vec<String>,
    entries: Vec<Entry>,
    asked_back: Vec<String>,
    /// When the last event came.
    last: i64,
}

/// A question that is on, or to come.
#[derive(Clone)]
struct Item {
    drawn: Drawn,
    bank: Option<String>,
    seconds: i64,
    opening: bool,
}

/// A whiteboard task that is on; questions may come between its attempts.
struct Task {
    item: Item,
    lesson: String,
    file: Option<String>,
    judged: Vec<Judged>,
    refused: usize,
    clock: Stopwatch,
    /// Its place among the entries: before those of the questions between its attempts.
    place: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Answer,
    Tick,
    /// Between asking for a file and having it.
    Starting,
    Write,
    Judging,
    Back,
    Done,
}

impl<'a> Interview<'a> {
    /// An interview of about `minutes`; the same script, seed and minutes give the same one.
    pub fn new(
        script: &'a Script,
        back: &'a [Back],
        seed: u64,
        minutes: u64,
        lang: Lang,
    ) -> Interview<'a> {
        Interview {
            script,
            back,
            lang,
            seed,
            minutes,
            plan: plan(script, seed, minutes),
            place: 0,
            queue: VecDeque::new(),
            item: None,
            task: None,
            phase: Phase::Before,
            paused: false,
            clock: Stopwatch::default(),
            warned: false,
            used: 0,
            words: Vec::new(),
            entries: Vec::new(),
            asked_back: Vec::new(),
            last: 0,
        }
    }

    pub fn done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// How many openings are over, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.place.min(self.plan.len()), self.plan.len())
    }

    /// What came of it so far.
    pub fn report(&self) -> Report {
        let used = self.entries.iter().map(|entry| entry.used).sum();
        let back = self.back.iter();
        let answered = self.entries.iter();
        let answered = answered.filter(|entry| entry.opening && entry.score.is_some());
        Report {
            track: self.script.track,
            lang: self.lang,
            seed: self.seed,
            used,
            openings: (answered.count(), self.plan.len()),
            entries: self.entries.clone(),
            concepts: Report::concepts(&self.entries),
            asked_back: self.asked_back.join("\n"),
            back: back
                .map(|back| {
                    [&back.ask, &back.good, &back.bad].map(|text| text.get(self.lang).to_string())
                })
                .collect(),
        }
    }

    /// The prompt that stands before what is typed next.
    pub fn ask(&self, at: i64) -> Ask {
        let lang = self.lang;
        if self.paused {
            let prompt = lang.pick("paused; Enter goes on > ", "已暂停；按回车继续 > ");
            return Ask {
                prompt: prompt.to_string(),
                left: None,
            };
        }
        let clock = match (self.phase, &self.task) {
            (Phase::Write, Some(task)) => &task.clock,
            _ => &self.clock,
        };
        let item = match self.phase {
            Phase::Write => self.task.as_ref().map(|task| &task.item),
            _ => self.item.as_ref(),
        };
        let left = item.map_or(0, |item| item.seconds * 1000 - clock.used(at));
        let timed = |words: &str| Ask {
            prompt: format!("[{}] {words}> ", minutes(left)),
            left: Some(left),
        };
        match (self.phase, item.map(|item| &item.drawn.body)) {
            (Phase::Tick, _) => Ask {
                prompt: lang.pick("points you had > ", "答到的要点 > ").to_string(),
                left: None,
            },
            (Phase::Write, _) => timed(lang.pick("Enter = judge ", "回车 = 判题 ")),
            (Phase::Answer, Some(Body::Numeric { unit, .. })) => timed(
                &unit
                    .as_ref()
                    .map_or(String::new(), |unit| format!("{unit} ")),
            ),
            (Phase::Answer, _) => timed(""),
            _ => Ask {
                prompt: "> ".to_string(),
                left: None,
            },
        }
    }

    /// Takes what happened.
    pub fn step(&mut self, event: &Event, at: i64) -> Vec<Out> {
        let mut out = Vec::new();
        match event {
            Event::Begin if self.phase == Phase::Before => self.open(at, &mut out),
            Event::Line(line) => self.line(line, at, &mut out),
            Event::File(path) if self.phase == Phase::Starting => {
                if let Some(task) = &mut self.task {
                    task.file = Some(path.clone());
                }
                self.phase = Phase::Write;
                self.written(at, &mut out);
            }
            Event::NoJudge(why) if self.phase == Phase::Starting => {
                self.without_judge(why, at, &mut out);
            }
            Event::Judged(judged) if self.phase == Phase::Judging => {
                self.judged(judged, at, &mut out);
            }
            Event::Refused(_) if self.phase == Phase::Judging => {
                if let Some(task) = &mut self.task {
                    task.refused += 1;
                }
                self.again(at, &mut out);
            }
            Event::Resumed => self.resumed(at, &mut out),
            _ => {}
        }
        self.last = at;
        out
    }

    fn say(&self, out: &mut Vec<Out>, style: Style, en: impl Into<String>, zh: impl Into<String>) {
        out.push(Out::Say(Say::new(
            style,
            self.lang.pick(en.into(), zh.into()),
        )));
    }

    /// Asks the opening at `place`, or goes on to the end.
    fn open(&mut self, at: i64, out: &mut Vec<Out>) {
        let over = self.used >= i64::try_from(self.minutes).unwrap_or(i64::MAX / 60_000) * 60_000;
        if self.place >= self.plan.len() || over {
            if self.place < self.plan.len() {
                self.say(
                    out,
                    Style::Part,
                    format!("The {} minutes are over.", self.minutes),
                    format!("{} 分钟已到。", self.minutes),
                );
            }
            return self.ask_back(out);
        }
        let prompt = &self.script.prompts[self.plan[self.place]];
        let item = Item {
            drawn: draw(&prompt.question, self.seed, self.lang),
            bank: None,
            seconds: prompt.seconds,
            opening: true,
        };
        match &prompt.task {
            None => self.put(item, at, out),
            Some(lesson) => {
                self.task = Some(Task {
                    item,
                    lesson: lesson.clone(),
                    file: None,
                    judged: Vec::new(),
                    refused: 0,
                    clock: Stopwatch::default(),
                    place: self.entries.len(),
                });
                self.phase = Phase::Starting;
                out.push(Out::Write(lesson.clone()));
            }
        }
    }

    fn put(&mut self, item: Item, at: i64, out: &mut Vec<Out>) {
        self.item = Some(item);
        self.phase = Phase::Answer;
        self.words.clear();
        self.clock = Stopwatch::default();
        self.warned = false;
        self.show(out);
        self.clock.start(at);
    }

    fn line(&mut self, line: &str, at: i64, out: &mut Vec<Out>) {
        let command = line.trim().to_lowercase();
        if self.paused {
            self.paused = false;
            if command != "q" && command != "ｑ" {
                self.show_again(out);
                self.run_clock(at);
                return;
            }
        }
        match command.as_str() {
            "t" | "ｔ" => return self.tell_time(at, out),
            "p" | "ｐ" if !matches!(self.phase, Phase::Tick | Phase::Back) => {
                self.hold_clock(at);
                self.paused = true;
                self.say(out, Style::Part, "The clock stands still.", "计时已停。");
                return;
            }
            "q" | "ｑ" => {
                self.hold_clock(at);
                self.unfinished();
                self.phase = Phase::Done;
                out.push(Out::Done);
                return;
            }
            "s" | "ｓ" if self.phase != Phase::Back => return self.skip(at, out),
            "?" | "？" => return self.help(out),
            _ => {}
        }
        match self.phase {
            Phase::Answer => self.answer(line, at, out),
            Phase::Tick => self.tick(line, at, out),
            Phase::Write => {
                self.hold_clock(at);
                if let Some(task) = &self.task {
                    self.warn(task.clock.used(at) - task.item.seconds * 1000, out);
                }
                if let Some((task, file)) =
                    self.task.as_ref().and_then(|t| Some((t, t.file.clone()?)))
                {
                    let lesson = task.lesson.clone();
                    self.phase = Phase::Judging;
                    out.push(Out::Judge { lesson, file });
                }
            }
            Phase::Back => match line.trim() {
                "" => self.finish(out),
                line => self.asked_back.push(line.to_string()),
            },
            Phase::Before | Phase::Starting | Phase::Judging | Phase::Done => {}
        }
    }

    fn hold_clock(&mut self, at: i64) {
        self.clock.stop(at);
        if let Some(task) = &mut self.task {
            task.clock.stop(at);
        }
    }

    fn run_clock(&mut self, at: i64) {
        match (self.phase, &mut self.task) {
            (Phase::Write, Some(task)) => task.clock.start(at),
            (Phase::Answer, _) => self.clock.start(at),
            _ => {}
        }
    }

    fn resumed(&mut self, at: i64, out: &mut Vec<Out>) {
        self.clock.leave_out(self.last, at);
        if let Some(task) = &mut self.task {
            task.clock.leave_out(self.last, at);
        }
        self.paused = false;
        match self.phase {
            Phase::Before => self.open(at, out),
            Phase::Starting => {
                if let Some(task) = &self.task {
                    out.push(Out::Write(task.lesson.clone()));
                }
            }
            // The verdict did not come.
            Phase::Judging => {
                self.phase = Phase::Write;
                self.show_again(out);
                self.run_clock(at);
            }
            _ => {
                self.show_again(out);
                self.run_clock(at);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<Out>) {
        self.phase = Phase::Done;
        out.push(Out::Done);
    }

    /// What was begun and is left goes into the report too.
    fn unfinished(&mut self) {
        let begun = !self.words.is_empty() || self.phase == Phase::Tick;
        if let Some(item) = self.item.take().filter(|_| begun) {
            let entry = Entry {
                answer: self.words.join("\n"),
                ..self.entry(&item, 0)
            };
            self.close(entry);
        }
        if let Some(task) = self.task.take().filter(|task| !task.judged.is_empty()) {
            let entry = Entry {
                answer: task.file.clone().unwrap_or_default(),
                used: task.clock.used(0),
                score: Some(0.0),
                judged: task.judged,
                refused: task.refused,
                ..self.entry(&task.item, 0)
            };
            self.close_at(task.place, entry);
        }
    }
}

/// The openings, shuffled by the seed, as many as fit the minutes: one at least.
fn plan(script: &Script, seed: u64, minutes: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..script.prompts.len()).collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed));
    let mut left = i64::try_from(minutes.saturating_mul(60)).unwrap_or(i64::MAX);
    let mut plan = Vec::new();
    for place in order {
        let prompt = &script.prompts[place];
        // Of the follow-ups that depend on the answer, about half are asked.
        let follows = prompt.follows.iter().map(|follow| match follow.when {
            When::Always => follow.seconds,
            _ => follow.seconds / 2,
        });
        let seconds = prompt.seconds + follows.sum::<i64>();
        if !plan.is_empty() && seconds > left {
            break;
        }
        left -= seconds;
        plan.push(place);
    }
    plan
}
