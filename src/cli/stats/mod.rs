//! `llmlab stats`: how often, how ready, what is weakest.

mod draw;
mod text;

use super::list::on_track;
use super::quiz::everything;
use super::verbs::{Arg, FORMAT, Shape, Values, Verb};
use super::{Session, clock};
use crate::lesson::Track;
use crate::lessons::LESSONS;
use crate::review::{Activity, Deck, Item, Pace, readiness};
use crate::store::Store;
use crate::text::Text;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "stats",
    about: Text::new(
        "your streak, how ready you are for each track, what is weakest",
        "连续天数、各路线的准备程度、最薄弱的概念",
    ),
    args: &[
        Arg {
            name: "save",
            shape: Shape::Option("FILE.svg"),
            about: Text::new("write it as a picture too", "同时保存为图片"),
        },
        FORMAT,
    ],
    run,
};

/// How far the forecast looks.
const DAYS: usize = 30;
/// New items a day of the forecast: what a daily `llmlab quiz` asks.
const NEW: usize = 10;
/// How many of the weakest lessons are shown.
const WEAKEST: usize = 5;

/// All that is shown.
struct Stats {
    today: i64,
    activity: Activity,
    tracks: Vec<Readiness>,
    /// The lessons that were begun, least known first.
    weakest: Vec<Weak>,
    /// How many cards are due today and on each day of the next week.
    due: Vec<usize>,
}

/// A track, from today on.
struct Readiness {
    track: Track,
    /// Questions and exercises, and how many of them were asked.
    all: usize,
    asked: usize,
    /// Shares that are remembered on each day if nothing is done.
    rest: Vec<f64>,
    /// The same with a daily quiz.
    daily: Vec<f64>,
}

/// A lesson that was begun.
struct Weak {
    lesson: &'static str,
    cards: usize,
    lapses: u32,
    /// The mean over its cards, tomorrow.
    recall: f64,
}

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let said = |trouble: crate::store::Trouble| trouble.get(lang).to_string();
    let store = Store::open_default().map_err(said)?;
    let answers = store.answers(None).map_err(said)?;
    let verdicts = store.verdicts(None).map_err(said)?;
    let deck = Deck::replay(&answers, &verdicts, clock::day);
    let interviews = store.interviews().map_err(said)?;
    let moments = answers.iter().map(|answer| answer.at);
    let moments = moments.chain(verdicts.iter().map(|verdict| verdict.at));
    let moments = moments.chain(interviews.iter().map(|interview| interview.at));
    let activity = Activity::new(moments, clock::day);
    let stats = Stats::new(&deck, activity, clock::day(clock::now()));
    if let Some(file) = values.text("save") {
        draw::save(&stats, Path::new(file), lang)?;
    }
    if values.json() {
        session.say(stats.json().to_string());
        return Ok(ExitCode::SUCCESS);
    }
    session.page(&text::text(&stats, session));
    if let Some(file) = values.text("save") {
        session.say(lang.pick(format!("\npicture: {file}"), format!("\n图片：{file}")));
    }
    Ok(ExitCode::SUCCESS)
}

impl Stats {
    fn new(deck: &Deck, activity: Activity, today: i64) -> Stats {
        let tracks = Track::ALL.map(|track| {
            let scope = everything(&on_track(Some(track.id())));
            let asked = |(lesson, item): &&(String, Item)| deck.card(lesson, item).is_some();
            Readiness {
                track,
                all: scope.len(),
                asked: scope.iter().filter(asked).count(),
                rest: readiness(deck, &scope, today, DAYS, Pace::Rest),
                daily: readiness(deck, &scope, today, DAYS, Pace::Daily(NEW)),
            }
        });
        let mut weakest = Vec::new();
        for lesson in LESSONS {
            let cards = deck.entries().filter(|entry| entry.lesson == lesson.id);
            let cards: Vec<_> = cards.map(|entry| entry.card).collect();
            if cards.is_empty() {
                continue;
            }
            // What was missed today is still fresh: tomorrow tells.
            let recall: f64 = cards.iter().map(|card| card.recall(today + 1)).sum();
            weakest.push(Weak {
                lesson: lesson.id,
                cards: cards.len(),
                lapses: cards.iter().map(|card| card.lapses).sum(),
                recall: recall / cards.len() as f64,
            });
        }
        // What was forgotten most often comes first among what is known as well.
        weakest.sort_by(|a, b| {
            let recall = |weak: &Weak| (weak.recall * 100.0).round();
            let known = recall(a).total_cmp(&recall(b));
            known.then(b.lapses.cmp(&a.lapses))
        });
        let due = (today..today + 7).map(|day| {
            let on = |due: i64| due == day || due < day && day == today;
            deck.entries().filter(|entry| on(entry.card.due)).count()
        });
        Stats {
            today,
            activity,
            tracks: tracks.into(),
            weakest,
            due: due.collect(),
        }
    }

    fn json(&self) -> serde_json::Value {
        let tracks = self.tracks.iter().map(|track| {
            json!({
                "id": track.track.id(),
                "items": track.all,
                "asked": track.asked,
                "rest": track.rest,
                "daily": track.daily,
            })
        });
        let weakest = self.weakest.iter().map(|weak| {
            json!({
                "lesson": weak.lesson,
                "cards": weak.cards,
                "lapses": weak.lapses,
                "recall": weak.recall,
            })
        });
        let days = self.activity.0.iter();
        let days = days
            .map(|(day, count)| json!({ "date": clock::date(*day).to_string(), "count": count }));
        json!({
            "today": clock::date(self.today).to_string(),
            "streak": self.activity.streak(self.today),
            "longest_streak": self.activity.longest(),
            "days": days.collect::<Vec<_>>(),
            "due": self.due,
            "new_a_day": NEW,
            "tracks": tracks.collect::<Vec<_>>(),
            "weakest": weakest.collect::<Vec<_>>(),
        })
    }
}
