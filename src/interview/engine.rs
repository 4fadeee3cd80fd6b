//! The course of an interview: events in, what to do out.

use super::clock::{Stopwatch, minutes};
use super::event::{Event, Judged, Out, Say, Style};
use super::report::{Entry, Report};
use super::script::{Back, Follow, Script, When};
use crate::quiz::{Body, Drawn, Grade, Question, draw, grade, letter};
use crate::store::{Answer, Outcome};
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

    // ── questions ────────────────────────────────────────────────────────────────────────────────

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

    /// The question with what belongs to it.
    fn show(&self, out: &mut Vec<Out>) {
        let Some(item) = self.item.as_ref() else {
            return;
        };
        self.heading(item, out);
        let (drawn, lang) = (&item.drawn, self.lang);
        out.push(Out::Say(Say::new(Style::Plain, drawn.ask.clone())));
        if let Some(code) = &drawn.code {
            for line in code.lines() {
                let line = Say::new(Style::Code, format!("    {line}"));
                out.push(Out::Say(line.hanging(6)));
            }
        }
        if let Body::Pick { options, .. } | Body::Order { steps: options, .. } = &drawn.body {
            for (i, text) in options.iter().enumerate() {
                let line = Say::new(Style::Plain, format!("  {}) {text}", letter(i)));
                out.push(Out::Say(line.hanging(5)));
            }
        }
        let how = match &drawn.body {
            Body::Short(_) => lang
                .pick(
                    "Say it aloud, or type it; an empty line ends the answer.",
                    "请口头作答，或直接打字；输入空行结束作答。",
                )
                .to_string(),
            _ => grade::expected(drawn),
        };
        self.say(out, Style::Dim, how.clone(), how);
    }

    /// `── 2/6 · follow-up · 1:00 ──`
    fn heading(&self, item: &Item, out: &mut Vec<Out>) {
        let place = format!("{}/{}", self.place + 1, self.plan.len());
        let time = minutes(item.seconds * 1000);
        let kind = match item.opening {
            true => String::new(),
            false => format!(" · {}", self.lang.pick("follow-up", "追问")),
        };
        let text = format!("\n── {place}{kind} · {time} ──");
        self.say(out, Style::Strong, text.clone(), text);
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

    fn answer(&mut self, line: &str, at: i64, out: &mut Vec<Out>) {
        let Some(item) = self.item.clone() else {
            return;
        };
        let over = self.clock.used(at) - item.seconds * 1000;
        if over > 0 && !std::mem::replace(&mut self.warned, true) {
            let by = minutes(over);
            self.say(
                out,
                Style::Part,
                format!("Time is up, {by} ago: the answer counts, and is marked late."),
                format!("时间已到（超出 {by}）：回答仍然有效，但会记为超时。"),
            );
        }
        if let Body::Short(points) = &item.drawn.body {
            if !line.trim().is_empty() {
                self.words.push(line.trim().to_string());
                return;
            }
            self.clock.stop(at);
            self.phase = Phase::Tick;
            self.say(
                out,
                Style::Strong,
                "A good answer has these points; tick yours:",
                "好的回答包含以下要点，请勾选自己答到的：",
            );
            for (i, point) in points.iter().enumerate() {
                let point = Say::new(Style::Plain, format!("  {}. {point}", i + 1));
                out.push(Out::Say(point.hanging(5)));
            }
            self.say(
                out,
                Style::Dim,
                "(such as 1 3, or all, or none)",
                "（例如 1 3，或 all、none）",
            );
            return;
        }
        match grade::grade(&item.drawn, line) {
            Grade::NotUnderstood(sentence) => {
                self.say(out, Style::Part, sentence.clone(), sentence);
            }
            graded => {
                self.clock.stop(at);
                let score = graded.score().unwrap_or_default();
                let right = item.drawn.answer();
                let verdict = match score >= 1.0 {
                    true => (Style::Good, "✓ right", "✓ 正确"),
                    false => (Style::Bad, "✗ wrong", "✗ 错误"),
                };
                self.say(out, verdict.0, verdict.1, verdict.2);
                if let Grade::Wrong { hint } = &graded {
                    if let Some(hint) = hint {
                        self.say(out, Style::Plain, hint.clone(), hint.clone());
                    }
                    self.say(
                        out,
                        Style::Plain,
                        format!("The answer is {right}"),
                        format!("正确答案：{right}"),
                    );
                }
                let entry = Entry {
                    answer: line.trim().to_string(),
                    right: Some(right),
                    score: Some(score),
                    ..self.entry(&item, at)
                };
                self.over(item, entry, at, out);
            }
        }
    }

    fn tick(&mut self, line: &str, at: i64, out: &mut Vec<Out>) {
        let Some(item) = self.item.clone() else {
            return;
        };
        let Body::Short(points) = &item.drawn.body else {
            return;
        };
        let Some(ticked) = grade::ticked(points.len(), line) else {
            let sentence = grade::expected(&item.drawn);
            return self.say(out, Style::Part, sentence.clone(), sentence);
        };
        let (had, of) = (ticked.len(), points.len());
        let style = match had {
            0 => Style::Bad,
            had if had == of => Style::Good,
            _ => Style::Part,
        };
        self.say(
            out,
            style,
            format!("{had} of {of} points"),
            format!("{of} 个要点答到 {had} 个"),
        );
        let points = points.iter().enumerate();
        let points = points.map(|(i, point)| (point.clone(), ticked.contains(&i)));
        #[allow(clippy::cast_precision_loss)]
        let entry = Entry {
            answer: self.words.join("\n"),
            points: points.collect(),
            score: Some(had as f64 / of as f64),
            ..self.entry(&item, at)
        };
        self.over(item, entry, at, out);
    }

    /// What is known of a question before it is answered.
    fn entry(&self, item: &Item, at: i64) -> Entry {
        let prompt = &self.script.prompts[self.plan[self.place]];
        Entry {
            id: match &item.bank {
                Some(lesson) => format!("{lesson}/{}", item.drawn.id),
                None => item.drawn.id.clone(),
            },
            opening: item.opening,
            concept: prompt.concept.get(self.lang).to_string(),
            lessons: prompt.lessons.clone(),
            ask: item.drawn.ask.clone(),
            why: item.drawn.why.clone(),
            used: self.clock.used(at),
            limit: item.seconds * 1000,
            ..Entry::default()
        }
    }

    /// Keeps an entry, says what it teaches, and asks what comes next.
    fn over(&mut self, item: Item, entry: Entry, at: i64, out: &mut Vec<Out>) {
        self.over_at(self.entries.len(), item, entry, at, out);
    }

    fn over_at(&mut self, place: usize, item: Item, entry: Entry, at: i64, out: &mut Vec<Out>) {
        if let (Some(lesson), Some(score)) = (&item.bank, entry.score) {
            #[allow(clippy::cast_precision_loss)]
            out.push(Out::Keep(Box::new(Answer {
                uid: String::new(),
                lesson: lesson.clone(),
                question: item.drawn.id.clone(),
                seed: self.seed,
                typed: entry.answer.clone(),
                outcome: Outcome::of(score),
                score,
                seconds: entry.used as f64 / 1000.0,
                at,
            })));
        }
        self.say(out, Style::Plain, entry.why.clone(), entry.why.clone());
        if item.opening {
            self.queue = self.follows(&entry);
        }
        self.close_at(place, entry);
        self.next(at, out);
    }

    fn close(&mut self, entry: Entry) {
        self.close_at(self.entries.len(), entry);
    }

    fn close_at(&mut self, place: usize, entry: Entry) {
        self.used += entry.used;
        self.item = None;
        self.entries.insert(place, entry);
    }

    fn next(&mut self, at: i64, out: &mut Vec<Out>) {
        if self.task.is_some() {
            return self.again(at, out);
        }
        match self.queue.pop_front() {
            Some(item) => self.put(item, at, out),
            None => {
                self.place += 1;
                self.open(at, out);
            }
        }
    }

    /// The follow-ups that an opening's outcome calls for.
    fn follows(&self, entry: &Entry) -> VecDeque<Item> {
        let last = entry.judged.last();
        let passed = last.is_some_and(|judged| judged.passed);
        let asked = |follow: &&Follow| match follow.when {
            When::Always => true,
            When::Missed(point) => entry.points.get(point).is_some_and(|(_, had)| !had),
            When::All => !entry.points.is_empty() && entry.points.iter().all(|(_, had)| *had),
            When::Passed => passed,
            When::Failed => !passed,
            When::Slow => passed && last.and_then(Judged::ratio).is_some_and(|r| r > SLOW),
            When::Matrix => passed && last.and_then(Judged::matrices).is_some_and(|m| m >= 1.0),
        };
        let prompt = &self.script.prompts[self.plan[self.place]];
        let item = |follow: &Follow| Item {
            drawn: draw(&follow.question, self.seed, self.lang),
            bank: follow.bank.clone(),
            seconds: follow.seconds,
            opening: false,
        };
        prompt.follows.iter().filter(asked).map(item).collect()
    }

    fn skip(&mut self, at: i64, out: &mut Vec<Out>) {
        self.hold_clock(at);
        if self.phase == Phase::Write {
            return self.give_up(at, out);
        }
        let Some(item) = self.item.clone() else {
            return;
        };
        self.say(out, Style::Part, "skipped", "已跳过");
        let entry = Entry {
            answer: self.words.join("\n"),
            ..self.entry(&item, at)
        };
        let right = match &item.drawn.body {
            Body::Short(points) => points.iter().map(|point| (point.clone(), false)).collect(),
            _ => Vec::new(),
        };
        let answer = match &item.drawn.body {
            Body::Short(_) => None,
            _ => Some(item.drawn.answer()),
        };
        self.close(Entry {
            points: right,
            right: answer,
            ..entry
        });
        self.next(at, out);
    }

    // ── whiteboard ───────────────────────────────────────────────────────────────────────────────

    /// The file is there: the clock starts.
    fn written(&mut self, at: i64, out: &mut Vec<Out>) {
        let Some(task) = &self.task else {
            return;
        };
        self.heading(&task.item, out);
        out.push(Out::Say(Say::new(
            Style::Plain,
            task.item.drawn.ask.clone(),
        )));
        let file = task.file.clone().unwrap_or_default();
        self.say(
            out,
            Style::Plain,
            format!("Write it in {file}, from memory; Enter has it judged."),
            format!("请凭记忆写在 {file} 中；写完按回车判题。"),
        );
        if let Some(task) = &mut self.task {
            task.clock.start(at);
        }
    }

    /// The points of the solution instead of the judge.
    fn without_judge(&mut self, why: &str, at: i64, out: &mut Vec<Out>) {
        let Some(task) = self.task.take() else {
            return;
        };
        self.say(
            out,
            Style::Part,
            format!("Nothing can be judged here: {why}. Write on paper, then tick the points of a right answer."),
            format!("这里无法判题：{why}。请写在纸上，然后对照正确答案的要点勾选。"),
        );
        self.put(task.item, at, out);
    }

    fn judged(&mut self, judged: &Judged, at: i64, out: &mut Vec<Out>) {
        let lang = self.lang;
        self.measured(judged, out);
        let Some(task) = &mut self.task else {
            return;
        };
        task.judged.push(judged.clone());
        if judged.passed {
            return self.give_up(at, out);
        }
        let Some(bug) = judged.bugs.first() else {
            return self.again(at, out);
        };
        // To be explained first; the repair is among the points.
        let sentence = bug.sentence.get(lang);
        let lesson = task.lesson.clone();
        let question = Question {
            id: "explain-the-bug".to_string(),
            ask: crate::quiz::Both {
                en: format!(
                    "The judge says: your output equals {lesson} {sentence}. Why does that give these numbers, and what do you change?"
                ),
                zh: format!(
                    "判题程序说：你的输出等于 {lesson} {sentence} 的结果。为什么会得到这样的数值？你要改哪里？"
                ),
            },
            why: crate::quiz::Both {
                en: "In the room: say what you see, name the cause, then change one line."
                    .to_string(),
                zh: "面试现场：先说现象，再说原因，然后只改一行。".to_string(),
            },
            values: Vec::new(),
            kind: crate::quiz::Kind::Short(vec![bug.sentence.clone(), bug.repair.clone()]),
        };
        let item = Item {
            drawn: draw(&question, self.seed, lang),
            bank: None,
            seconds: 60,
            opening: false,
        };
        self.put(item, at, out);
    }

    /// What the judge measured, in words, without the repair.
    fn measured(&self, judged: &Judged, out: &mut Vec<Out>) {
        let lang = self.lang;
        let verdict = judged.verdict.get(lang);
        let style = match judged.passed {
            true => Style::Good,
            false => Style::Bad,
        };
        let mark = if judged.passed { "✓" } else { "✗" };
        let stage = judged.stage.as_ref().filter(|_| !judged.passed);
        let stage = stage.map_or(String::new(), |stage| format!(" ({})", stage.get(lang)));
        let line = format!("{mark} {verdict}{stage}");
        self.say(out, style, line.clone(), line);
        for line in facts(judged, lang) {
            self.say(out, Style::Plain, line.clone(), line);
        }
    }

    /// Back to the file, after an attempt that did not pass.
    fn again(&mut self, at: i64, out: &mut Vec<Out>) {
        self.phase = Phase::Write;
        self.say(
            out,
            Style::Dim,
            "Mend it and press Enter; s goes on without.",
            "修改后按回车再判；s 放弃并继续。",
        );
        if let Some(task) = &mut self.task {
            task.clock.start(at);
        }
    }

    /// The task is over, passed or not.
    fn give_up(&mut self, at: i64, out: &mut Vec<Out>) {
        let Some(mut task) = self.task.take() else {
            return;
        };
        task.clock.stop(at);
        let passed = task.judged.last().is_some_and(|judged| judged.passed);
        let tries = task.judged.len() + task.refused;
        let points = match &task.item.drawn.body {
            Body::Short(points) if !passed => {
                points.iter().map(|point| (point.clone(), false)).collect()
            }
            _ => Vec::new(),
        };
        if !passed {
            self.say(out, Style::Strong, "A right answer:", "正确答案的要点：");
            for (point, _) in &points {
                let point = Say::new(Style::Plain, format!("  · {point}"));
                out.push(Out::Say(point.hanging(4)));
            }
        }
        let entry = Entry {
            answer: task.file.clone().unwrap_or_default(),
            used: task.clock.used(at),
            score: match (passed, tries) {
                (true, 1) => Some(1.0),
                (true, _) => Some(0.7),
                (false, 0) => None,
                (false, _) => Some(0.0),
            },
            points,
            judged: task.judged,
            refused: task.refused,
            ..self.entry(&task.item, at)
        };
        self.over_at(task.place, task.item, entry, at, out);
    }

    // ── the clock ────────────────────────────────────────────────────────────────────────────────

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

    fn tell_time(&self, at: i64, out: &mut Vec<Out>) {
        let now = self.ask(at).left.map(minutes);
        let open = match &self.task {
            Some(task) => {
                self.clock.used(at) * i64::from(self.item.is_some()) + task.clock.used(at)
            }
            None => self.clock.used(at) * i64::from(self.item.is_some()),
        };
        let whole = i64::try_from(self.minutes).unwrap_or(i64::MAX / 60_000) * 60_000;
        let rest = minutes(whole - self.used - open);
        let (en, zh) = match now {
            Some(now) => (
                format!("{now} left for this question, "),
                format!("本题还剩 {now}，"),
            ),
            None => (String::new(), String::new()),
        };
        self.say(
            out,
            Style::Plain,
            format!("{en}{rest} for the interview"),
            format!("{zh}整场还剩 {rest}"),
        );
    }

    // ── breaks, help, the end ────────────────────────────────────────────────────────────────────

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

    fn show_again(&self, out: &mut Vec<Out>) {
        match self.phase {
            Phase::Write => {
                if let Some(task) = &self.task {
                    self.heading(&task.item, out);
                    out.push(Out::Say(Say::new(
                        Style::Plain,
                        task.item.drawn.ask.clone(),
                    )));
                    let file = task.file.clone().unwrap_or_default();
                    self.say(
                        out,
                        Style::Plain,
                        format!("Your file: {file}"),
                        format!("你的文件：{file}"),
                    );
                }
            }
            Phase::Back => self.invite(out),
            Phase::Tick => {
                self.show(out);
                if let Some(Body::Short(points)) = self.item.as_ref().map(|item| &item.drawn.body) {
                    for (i, point) in points.iter().enumerate() {
                        let point = Say::new(Style::Plain, format!("  {}. {point}", i + 1));
                        out.push(Out::Say(point.hanging(5)));
                    }
                }
            }
            _ => {
                self.show(out);
                for line in &self.words {
                    let line = Say::new(Style::Dim, format!("  │ {line}"));
                    out.push(Out::Say(line.hanging(4)));
                }
            }
        }
    }

    fn help(&self, out: &mut Vec<Out>) {
        self.say(
            out,
            Style::Plain,
            "t = time left, p = pause, s = skip, q = end with the report, ? = this help. Everything is kept as you type it: Ctrl-C loses nothing, --resume goes on.",
            "t = 剩余时间，p = 暂停，s = 跳过，q = 结束并看报告，? = 本帮助。输入的内容随时保存：按 Ctrl-C 也不会丢失，用 --resume 继续。",
        );
        let (item, lang) = (self.item.as_ref(), self.lang);
        let how = match (self.phase, item) {
            (Phase::Answer, Some(item)) if !matches!(item.drawn.body, Body::Short(_)) => {
                grade::expected(&item.drawn)
            }
            (Phase::Answer, _) => lang
                .pick(
                    "Say it aloud, or type it; an empty line ends the answer.",
                    "请口头作答，或直接打字；输入空行结束作答。",
                )
                .to_string(),
            (Phase::Tick, Some(item)) => grade::expected(&item.drawn),
            (Phase::Write, _) => lang
                .pick(
                    "Enter judges your file, as often as you like.",
                    "按回车判定你的文件，次数不限。",
                )
                .to_string(),
            _ => return,
        };
        self.say(out, Style::Plain, how.clone(), how);
    }

    fn ask_back(&mut self, out: &mut Vec<Out>) {
        self.phase = Phase::Back;
        self.item = None;
        self.invite(out);
    }

    fn invite(&self, out: &mut Vec<Out>) {
        self.say(
            out,
            Style::Strong,
            "\n“Do you have questions for us?”",
            "\n“你有什么想问我们的吗？”",
        );
        self.say(
            out,
            Style::Dim,
            "Type or say yours; an empty line ends, and the report comes.",
            "请打字或口头提问；输入空行结束并查看报告。",
        );
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

/// The sentences about speed and memory.
pub(super) fn facts(judged: &Judged, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(ratio) = judged.ratio() {
        lines.push(lang.pick(
            format!(
                "Large case ({}): {ratio:.1} times the production kernel's time.",
                judged.sizes
            ),
            format!(
                "大规模用例（{}）：耗时是生产内核的 {ratio:.1} 倍。",
                judged.sizes
            ),
        ));
    }
    #[allow(clippy::cast_precision_loss)]
    if let Some(held) = judged.held.map(|held| held as f64 / 1_048_576.0) {
        let room = judged.matrices().filter(|matrices| *matrices >= 1.0);
        let (en, zh) = match room {
            Some(room) => (
                format!(": room for {room:.1} n×m matrices per head"),
                format!("：相当于每个头 {room:.1} 个 n×m 矩阵"),
            ),
            None => (String::new(), String::new()),
        };
        lines.push(lang.pick(
            format!("It held {held:.1} MiB beyond inputs and output{en}."),
            format!("输入与输出之外占用 {held:.1} MiB{zh}。"),
        ));
    }
    lines
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
