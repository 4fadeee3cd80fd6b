//! `llmlab quiz`: what is due today, something new, or a lesson's questions.

mod choose;
mod page;
mod round;

use super::Session;
use super::clock;
use super::list::TRACK;
use super::verbs::{Arg, FORMAT_OR_PAGE, Shape, Values, Verb};
use crate::lesson::Lesson;
use crate::quiz::{Body, Drawn};
use crate::review::{Deck, Item};
use crate::store::{Store, Trouble};
use crate::text::{Lang, Text};
use rand::RngExt;
use round::{Round, fold, of_one};
use std::process::ExitCode;

pub use choose::everything;

pub const VERB: Verb = Verb {
    name: "quiz",
    about: Text::new(
        "today's questions, or those of a lesson",
        "今天的题目，或一课的自测题",
    ),
    args: &[
        Arg {
            name: "id",
            shape: Shape::OptionalLesson,
            about: Text::new(
                "a lesson's id or alias; without one: what is due, then something new",
                "课程 id 或别名；不写则先做到期的题，再做新题",
            ),
        },
        Arg {
            name: "due",
            shape: Shape::Flag,
            about: Text::new("only what is due today", "只做今天到期的题"),
        },
        Arg {
            name: "new",
            shape: Shape::Flag,
            about: Text::new("only what was never asked", "只做没做过的题"),
        },
        Arg {
            name: "weak",
            shape: Shape::Flag,
            about: Text::new(
                "what you know least of what was asked",
                "做过的题里掌握最差的",
            ),
        },
        Arg {
            name: "lesson",
            shape: Shape::Option("ID"),
            about: Text::new("of this lesson", "只限这一课"),
        },
        TRACK,
        Arg {
            name: "resume",
            shape: Shape::Flag,
            about: Text::new("go on with the last round", "继续上一轮"),
        },
        Arg {
            name: "seed",
            shape: Shape::Option("N"),
            about: Text::new(
                "draw the same values and order again",
                "重现同样的数值和顺序",
            ),
        },
        Arg {
            name: "questions",
            shape: Shape::Option("N"),
            about: Text::new(
                "how many questions (default: all of a lesson, all due, 10 new or weak ones)",
                "题数（默认：一课的全部题目、全部到期的题、10 道新题或薄弱题）",
            ),
        },
        Arg {
            name: "only",
            shape: Shape::Many("ID"),
            about: Text::new(
                "only these questions, separated by commas; lesson/question without a lesson",
                "只做这些题，用逗号分隔；不指定课程时写成 课程/题目",
            ),
        },
        Arg {
            name: "answer",
            shape: Shape::Option("TEXT"),
            about: Text::new(
                "grade this answer to the one question of --only, and ask nothing",
                "直接为 --only 指定的那一题批改此答案，不再提问",
            ),
        },
        FORMAT_OR_PAGE,
    ],
    run,
};

/// A question of a lesson as it is asked.
pub struct Posed {
    pub lesson: &'static Lesson,
    pub drawn: Drawn,
}

impl Posed {
    /// `attention/why-scale`
    fn name(&self) -> String {
        format!("{}/{}", self.lesson.id, self.drawn.id)
    }
}

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let (mut store, trouble) = match Store::open_default() {
        Ok(store) => (Some(store), None),
        Err(trouble) => (None, Some(trouble)),
    };
    let today = clock::day(clock::now());
    let said = |trouble: Trouble| trouble.get(session.lang).to_string();
    let (answers, verdicts) = match &store {
        Some(store) => (
            store.answers(None).map_err(said)?,
            store.verdicts(None).map_err(said)?,
        ),
        None => Default::default(),
    };
    let deck = Deck::replay(&answers, &verdicts, clock::day);
    let unfinished = store.as_ref();
    let unfinished = unfinished.and_then(|store| choose::unfinished(store, &answers));
    let chosen = match values.flag("resume") {
        true => match unfinished {
            Some(ref left) => left.clone(),
            None => {
                let today = session.command("quiz");
                return Err(session.lang.pick(
                    format!("no round was left open; today's questions: {today}"),
                    format!("没有未完成的一轮；今天的题目：{today}"),
                ));
            }
        },
        false => choose::chosen(session, values, &deck, today)?,
    };
    let page = values.text("format") == Some("html");
    let seed = match values.number("seed")?.or(chosen.seed) {
        Some(seed) => seed,
        // What is answered later is drawn again.
        None if page || values.text("answer").is_some() => 0,
        // Five digits at most: it is shown, and may be typed again.
        None => rand::rng().random_range(0..100_000),
    };
    let count = usize::try_from(values.number("questions")?.unwrap_or(u64::MAX));
    let questions = choose::drawn(&chosen, count.unwrap_or(usize::MAX), seed, session.lang);
    if values.json() {
        session.say(json(seed, session.lang, &questions));
        return Ok(ExitCode::SUCCESS);
    }
    if page {
        session.hand_over(&page::page(&questions, seed));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(trouble) = trouble {
        session.note(trouble.get(session.lang));
    }
    if let Some(typed) = values.text("answer") {
        let [posed] = &questions[..] else {
            let example = session.command("quiz rope --only tokens-per-turn --answer 628");
            return Err(session.lang.pick(
                format!(
                    "--answer is for one question, and these are {}: {example}",
                    questions.len()
                ),
                format!(
                    "--answer 只针对一道题，而这里有 {} 道：{example}",
                    questions.len()
                ),
            ));
        };
        let right = Round::new(seed, store, deck, today).grade(session, posed, typed)?;
        return Ok(ExitCode::from(u8::from(!right)));
    }
    if questions.is_empty() {
        session.say(fold(session, &nothing(session, values, &deck, today), 0));
        say_exercises(session, &chosen.exercises);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(left) = unfinished.filter(|_| !values.flag("resume")) {
        let (count, command) = (left.questions.len(), session.command("quiz --resume"));
        session.say(fold(
            session,
            &session.lang.pick(
                format!("Your last round is open ({count} left): {command} goes on with it. This one takes its place."),
                format!("上一轮还没做完（剩 {count} 题）：{command} 可以继续。开始这一轮后它会被取代。"),
            ),
            0,
        ));
        session.say("");
    }
    if let Some(store) = &mut store
        && let Err(trouble) = choose::keep_round(store, &questions, seed, clock::now())
    {
        session.note(trouble.get(session.lang));
    }
    Round::new(seed, store, deck, today).run(session, &questions);
    say_exercises(session, &chosen.exercises);
    Ok(ExitCode::SUCCESS)
}

/// Why there is no question, and what to do.
fn nothing(session: &Session, values: &Values, deck: &Deck, today: i64) -> String {
    let lang = session.lang;
    if values.flag("new") {
        let command = session.command("quiz --weak");
        return lang.pick(
            format!("Every question was asked already. The weakest: {command}"),
            format!("所有题目都做过了。掌握最差的：{command}"),
        );
    }
    let new = session.command("quiz --new");
    if values.flag("weak") {
        return lang.pick(
            format!("Nothing was asked yet. New questions: {new}"),
            format!("还没有做过题。新题：{new}"),
        );
    }
    let asked = |item: &Item| *item != Item::Exercise;
    let next = deck.entries().filter(|entry| asked(entry.item));
    match next
        .map(|entry| entry.card.due)
        .filter(|due| *due > today)
        .min()
    {
        Some(day) => {
            let date = clock::date(day);
            lang.pick(
                format!(
                    "Nothing is due today; the next question comes back on {date}. New ones: {new}"
                ),
                format!("今天没有到期的题；下一题在 {date} 到期。新题：{new}"),
            )
        }
        None => lang.pick(
            format!("Nothing is due yet. New questions: {new}"),
            format!("还没有到期的题。新题：{new}"),
        ),
    }
}

/// The exercises that are due: written in an editor, not here.
fn say_exercises(session: &Session, due: &[&'static Lesson]) {
    if due.is_empty() {
        return;
    }
    let lang = session.lang;
    session.say("");
    session.say(lang.pick("To write again from memory:", "请凭记忆重写："));
    for lesson in due {
        session.say(format!(
            "  {}",
            session.command(&format!("start {}", lesson.id))
        ));
    }
}

/// The questions with their right answers.
fn json(seed: u64, lang: Lang, questions: &[Posed]) -> String {
    let first = questions.first().filter(|_| of_one(questions));
    let lesson = first.map(|posed| posed.lesson.id);
    let questions: Vec<serde_json::Value> = questions
        .iter()
        .map(|Posed { lesson, drawn }| {
            let (shown, unit, tolerance) = match &drawn.body {
                Body::Pick { options: shown, .. }
                | Body::Order { steps: shown, .. }
                | Body::Short(shown) => (Some(shown), None, None),
                Body::Numeric {
                    unit, tolerance, ..
                } => (None, unit.as_ref(), Some(tolerance)),
                Body::Shape(_) => (None, None, None),
            };
            serde_json::json!({
                "lesson": lesson.id,
                "id": drawn.id,
                "kind": drawn.kind,
                "ask": drawn.ask,
                "code": drawn.code,
                "options": shown,
                "unit": unit,
                "tolerance": tolerance,
                "answer": drawn.answer(),
                "why": drawn.why,
            })
        })
        .collect();
    let document = serde_json::json!({
        "format": "llmlab-quiz",
        "version": 1,
        "lesson": lesson,
        "seed": seed,
        "lang": lang,
        "questions": questions,
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}
