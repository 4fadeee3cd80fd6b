//! Which questions are asked.

use super::Posed;
use crate::cli::Session;
use crate::cli::list::on_track;
use crate::cli::verbs::{Values, find_lesson};
use crate::lesson::Lesson;
use crate::lessons::find;
use crate::quiz::{self, Question};
use crate::review::{Deck, Entry, Item};
use crate::store::{Answer, Store, Trouble};
use crate::text::Lang;
use rand::seq::index::sample;
use rand::{SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How many new or weak questions are asked where nobody says.
const SOME: usize = 10;

/// What will be asked.
#[derive(Clone, Default)]
pub struct Chosen {
    pub questions: Vec<(&'static Lesson, Question)>,
    /// How many of them, unless the person says: the first ones, or any where `any` is set.
    most: Option<usize>,
    any: bool,
    /// Exercises that are due beside them.
    pub exercises: Vec<&'static Lesson>,
    /// That of the round which goes on.
    pub seed: Option<u64>,
}

/// Questions by name. A lesson's file is read once, however many of its questions are looked up.
#[derive(Default)]
struct Banks(HashMap<&'static str, Vec<Question>>);

impl Banks {
    /// The question that a name of the log stands for: one of the bank, or one about a bug.
    fn question(&mut self, lesson: &'static Lesson, name: &str) -> Option<Question> {
        match Item::asked(name) {
            Item::Bug(bug) => {
                let bugs = lesson.problem.bugs;
                let bug = bugs.iter().find(|known| known.id == bug)?;
                quiz::repair(name.to_string(), lesson.id, bug, bugs)
            }
            _ => {
                let bank = self.0.entry(lesson.id);
                let bank = bank.or_insert_with(|| quiz::bank(lesson).unwrap_or_default());
                bank.iter().find(|known| known.id == name).cloned()
            }
        }
    }
}

/// Everything that can be known of these lessons: each question, and each exercise.
pub fn everything(lessons: &[&'static Lesson]) -> Vec<(String, Item)> {
    let mut all = Vec::new();
    for lesson in lessons {
        let questions = quiz::bank(lesson).unwrap_or_default();
        let ids = questions.into_iter().map(|question| question.id);
        let items = ids.map(Item::Question).chain([Item::Exercise]);
        all.extend(items.map(|item| (lesson.id.to_string(), item)));
    }
    all
}

/// What the command line asks for.
///
/// # Errors
/// A sentence where it names a lesson or a question that there is not.
pub fn chosen(
    session: &Session,
    values: &Values,
    deck: &Deck,
    today: i64,
) -> Result<Chosen, String> {
    let lesson = match values.text("id").or(values.text("lesson")) {
        Some(id) => Some(find_lesson(id, session.lang)?),
        None => None,
    };
    let lessons: Vec<&'static Lesson> = on_track(values.text("track"))
        .into_iter()
        .filter(|known| lesson.is_none_or(|lesson| lesson.id == known.id))
        .collect();
    let only: Vec<&str> = values
        .many("only")
        .into_iter()
        .flat_map(|ids| ids.split([',', '，']))
        .map(str::trim)
        .collect();
    if !only.is_empty() {
        return named(session, lesson, &only);
    }
    let [due, new, weak] = ["due", "new", "weak"].map(|flag| values.flag(flag));
    let all = lesson.is_some() && !due && !new && !weak;
    let mut chosen = Chosen::default();
    if all {
        chosen.any = true;
        for lesson in lessons {
            let questions = quiz::bank(lesson)?;
            chosen
                .questions
                .extend(questions.into_iter().map(|q| (lesson, q)));
        }
        return Ok(chosen);
    }
    let today_only = !due && !new && !weak;
    if due || today_only {
        chosen.add_due(deck, &lessons, today);
    }
    if weak {
        chosen.add_weak(deck, &lessons, today);
        chosen.most = Some(SOME);
    }
    if new || today_only {
        let before = chosen.questions.len();
        chosen.add_new(deck, &lessons)?;
        chosen.most = Some(before + SOME);
    }
    Ok(chosen)
}

impl Chosen {
    fn add_due(&mut self, deck: &Deck, lessons: &[&'static Lesson], today: i64) {
        let mut banks = Banks::default();
        for entry in deck.due(today) {
            let Some(lesson) = lessons.iter().find(|known| known.id == entry.lesson) else {
                continue;
            };
            match entry.item.name() {
                // A question that a later version has no more is not asked.
                Some(name) => self.add(lesson, banks.question(lesson, &name)),
                None => self.exercises.push(lesson),
            }
        }
    }

    fn add_weak(&mut self, deck: &Deck, lessons: &[&'static Lesson], today: i64) {
        let mut known: Vec<_> = deck.entries().collect();
        let recall = |entry: &Entry| entry.card.recall(today);
        known.sort_by(|a, b| {
            let rating = a.card.rating.cmp(&b.card.rating);
            rating.then(recall(a).total_cmp(&recall(b)))
        });
        let mut banks = Banks::default();
        for entry in known {
            let lesson = lessons.iter().find(|known| known.id == entry.lesson);
            if let (Some(lesson), Some(name)) = (lesson, entry.item.name()) {
                self.add(lesson, banks.question(lesson, &name));
            }
        }
    }

    /// Those never asked, in teaching order.
    fn add_new(&mut self, deck: &Deck, lessons: &[&'static Lesson]) -> Result<(), String> {
        for lesson in lessons {
            for question in quiz::bank(lesson)? {
                let item = Item::Question(question.id.clone());
                if deck.card(lesson.id, &item).is_none() {
                    self.add(lesson, Some(question));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, lesson: &'static Lesson, question: Option<Question>) {
        let Some(question) = question else { return };
        let there =
            |(other, known): &(&Lesson, Question)| other.id == lesson.id && known.id == question.id;
        if !self.questions.iter().any(there) {
            self.questions.push((lesson, question));
        }
    }
}

/// The questions with these names: `why-scale` of the lesson, or `attention/why-scale`.
fn named(
    session: &Session,
    lesson: Option<&'static Lesson>,
    names: &[&str],
) -> Result<Chosen, String> {
    let (mut chosen, mut banks) = (Chosen::default(), Banks::default());
    for name in names {
        let (lesson, id) = match (name.split_once('/'), lesson) {
            (Some((lesson, id)), _) => (find_lesson(lesson, session.lang)?, id),
            (None, Some(lesson)) => (lesson, *name),
            (None, None) => {
                let example = session.command("quiz --only attention/why-scale");
                return Err(session.lang.pick(
                    format!("`{name}` does not say of which lesson; write it such as: {example}"),
                    format!("`{name}` 没有说明属于哪一课；请写成：{example}"),
                ));
            }
        };
        let Some(question) = banks.question(lesson, id) else {
            let known: Vec<String> = quiz::bank(lesson)?.into_iter().map(|q| q.id).collect();
            let known = known.join(", ");
            return Err(session.lang.pick(
                format!(
                    "{} has no question “{id}”; its questions are {known}",
                    lesson.id
                ),
                format!("{} 没有题目“{id}”；它的题目有 {known}", lesson.id),
            ));
        };
        chosen.add(lesson, Some(question));
    }
    // In the order of the lesson, whatever the order they were named in.
    if let Some(lesson) = lesson {
        let order: Vec<String> = quiz::bank(lesson)?.into_iter().map(|q| q.id).collect();
        let place = |id: &str| order.iter().position(|known| known == id);
        chosen
            .questions
            .sort_by_key(|(_, question)| place(&question.id).unwrap_or(usize::MAX));
    }
    Ok(chosen)
}

/// At most `count` of them, drawn.
pub fn drawn(chosen: &Chosen, count: usize, seed: u64, lang: Lang) -> Vec<Posed> {
    let all = chosen.questions.len();
    let count = match count {
        usize::MAX => chosen.most.unwrap_or(all),
        // One at least.
        count => count.max(1),
    };
    let count = count.min(all);
    let mut kept: Vec<usize> = match chosen.any {
        true => sample(&mut StdRng::seed_from_u64(seed), all, count).into_vec(),
        false => (0..count).collect(),
    };
    kept.sort_unstable();
    let draw = |at: usize| {
        let (lesson, question) = &chosen.questions[at];
        Posed {
            lesson,
            drawn: quiz::draw(question, seed, lang),
        }
    };
    kept.into_iter().map(draw).collect()
}

/// The setting that holds the round which was begun last.
const ROUND: &str = "quiz-round";

#[derive(Serialize, Deserialize)]
struct Begun {
    seed: u64,
    /// Milliseconds since 1970, UTC.
    at: i64,
    /// `attention/why-scale`
    questions: Vec<String>,
}

/// Notes that a round began.
pub fn keep_round(
    store: &mut Store,
    questions: &[Posed],
    seed: u64,
    at: i64,
) -> Result<(), Trouble> {
    let begun = Begun {
        seed,
        at,
        questions: questions.iter().map(Posed::name).collect(),
    };
    store.set(ROUND, &serde_json::to_string(&begun).unwrap_or_default())
}

/// Notes that the round came to its end.
pub fn end_round(store: &mut Store) -> Result<(), Trouble> {
    store.set(ROUND, "")
}

/// What is left of the last round; none where all was answered, or it was gone through.
pub fn unfinished(store: &Store, answers: &[Answer]) -> Option<Chosen> {
    let begun = store.setting(ROUND).ok()??;
    let begun: Begun = serde_json::from_str(&begun).ok()?;
    let mut banks = Banks::default();
    let mut chosen = Chosen {
        seed: Some(begun.seed),
        ..Chosen::default()
    };
    for name in begun.questions {
        let (lesson, id) = name.split_once('/')?;
        let answered = answers.iter().any(|answer| {
            let same = answer.lesson == lesson && answer.question == id;
            same && answer.at >= begun.at && answer.seed == begun.seed
        });
        if let (Some(lesson), false) = (find(lesson), answered) {
            chosen.add(lesson, banks.question(lesson, id));
        }
    }
    (!chosen.questions.is_empty()).then_some(chosen)
}
