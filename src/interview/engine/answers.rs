//! Answers: graded or ticked, kept, and what follows on them.

use super::super::event::{Judged, Out, Style};
use super::super::report::Entry;
use super::super::script::{Follow, When};
use super::words::list;
use super::{Interview, Item, Phase, SLOW};
use crate::quiz::{Body, Grade, draw, grade};
use crate::store::{Answer, Outcome};
use std::collections::VecDeque;

impl Interview<'_> {
    pub(super) fn answer(&mut self, line: &str, at: i64, out: &mut Vec<Out>) {
        let Some(item) = self.item.clone() else {
            return;
        };
        let over = self.clock.used(at) - item.seconds * 1000;
        self.warn(over, out);
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
            list(points, out);
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

    pub(super) fn tick(&mut self, line: &str, at: i64, out: &mut Vec<Out>) {
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

    pub(super) fn skip(&mut self, at: i64, out: &mut Vec<Out>) {
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

    /// What is known of a question before it is answered.
    pub(super) fn entry(&self, item: &Item, at: i64) -> Entry {
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
    pub(super) fn over(&mut self, item: Item, entry: Entry, at: i64, out: &mut Vec<Out>) {
        self.over_at(self.entries.len(), item, entry, at, out);
    }

    pub(super) fn over_at(
        &mut self,
        place: usize,
        item: Item,
        entry: Entry,
        at: i64,
        out: &mut Vec<Out>,
    ) {
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

    pub(super) fn close(&mut self, entry: Entry) {
        self.close_at(self.entries.len(), entry);
    }

    pub(super) fn close_at(&mut self, place: usize, entry: Entry) {
        self.used += entry.used;
        self.item = None;
        self.entries.insert(place, entry);
    }

    pub(super) fn next(&mut self, at: i64, out: &mut Vec<Out>) {
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
    pub(super) fn follows(&self, entry: &Entry) -> VecDeque<Item> {
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
}
