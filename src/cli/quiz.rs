//! `llmlab quiz attention`: one question after another, each answer kept as soon as it is given.

use super::verbs::{Arg, FORMAT, LESSON, Shape, Values, Verb};
use super::{Asked, Session, wrap};
use crate::lesson::Lesson;
use crate::quiz::{self, Body, Drawn, Grade, grade, letter};
use crate::store::{Answer, Outcome, Store};
use crate::text::{Lang, Text};
use colored::Colorize;
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::process::ExitCode;
use std::time::Instant;

pub const VERB: Verb = Verb {
    name: "quiz",
    about: Text::new("test yourself on a lesson", "做一课的自测题"),
    args: &[
        LESSON,
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
            about: Text::new("how many questions (default: all)", "题数（默认全部）"),
        },
        Arg {
            name: "only",
            shape: Shape::Many("ID"),
            about: Text::new(
                "only these questions, separated by commas",
                "只做这些题，用逗号分隔",
            ),
        },
        FORMAT,
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lesson = values.lesson()?;
    let seed = match values.number("seed")? {
        Some(seed) => seed,
        // Five digits at most: it is shown, and may be typed again.
        None => rand::rng().random_range(0..100_000),
    };
    let questions = chosen(session, values, lesson, seed)?;
    if values.json() {
        session.say(json(lesson, seed, session.lang, &questions));
        return Ok(ExitCode::SUCCESS);
    }
    let store = match Store::open_default() {
        Ok(store) => Some(store),
        Err(trouble) => {
            let note = session.lang.pick("note", "注意");
            session.say(fold(
                session,
                &format!("{}: {}", note.yellow(), trouble.get(session.lang)),
                0,
            ));
            None
        }
    };
    let mut round = Round {
        lesson,
        seed,
        store,
        score: 0.0,
        done: Vec::new(),
    };
    round.run(session, &questions);
    Ok(ExitCode::SUCCESS)
}

/// The lesson's questions that are asked, drawn.
fn chosen(
    session: &Session,
    values: &Values,
    lesson: &Lesson,
    seed: u64,
) -> Result<Vec<Drawn>, String> {
    let file = format!("{}/quiz.toml", lesson.id);
    let mut questions = quiz::parse(&file, lesson.quiz, lesson.problem.bugs)?;
    let only = values.many("only");
    let only: Vec<&str> = only
        .iter()
        .flat_map(|ids| ids.split([',', '，']))
        .map(str::trim)
        .collect();
    for id in &only {
        if !questions.iter().any(|question| question.id == *id) {
            let known: Vec<&str> = questions
                .iter()
                .map(|question| question.id.as_str())
                .collect();
            let known = known.join(", ");
            return Err(session.lang.pick(
                format!(
                    "{} has no question “{id}”; its questions are {known}",
                    lesson.id
                ),
                format!("{} 没有题目“{id}”；它的题目有 {known}", lesson.id),
            ));
        }
    }
    if !only.is_empty() {
        questions.retain(|question| only.contains(&question.id.as_str()));
    }
    if let Some(count) = values.number("questions")? {
        let all = questions.len();
        let count = usize::try_from(count).unwrap_or(all).clamp(1, all);
        let kept = sample(&mut StdRng::seed_from_u64(seed), all, count).into_vec();
        let mut at = 0..;
        questions.retain(|_| at.next().is_some_and(|at| kept.contains(&at)));
    }
    Ok(questions
        .iter()
        .map(|question| quiz::draw(question, seed, session.lang))
        .collect())
}

/// The questions with their right answers.
fn json(lesson: &Lesson, seed: u64, lang: Lang, questions: &[Drawn]) -> String {
    let questions: Vec<serde_json::Value> = questions
        .iter()
        .map(|question| {
            let (shown, unit, tolerance) = match &question.body {
                Body::Pick { options: shown, .. }
                | Body::Order { steps: shown, .. }
                | Body::Short(shown) => (Some(shown), None, None),
                Body::Numeric {
                    unit, tolerance, ..
                } => (None, unit.as_ref(), Some(tolerance)),
                Body::Shape(_) => (None, None, None),
            };
            serde_json::json!({
                "id": question.id,
                "kind": question.kind,
                "ask": question.ask,
                "code": question.code,
                "options": shown,
                "unit": unit,
                "tolerance": tolerance,
                "answer": question.answer(),
                "why": question.why,
            })
        })
        .collect();
    let document = serde_json::json!({
        "format": "llmlab-quiz",
        "version": 1,
        "lesson": lesson.id,
        "seed": seed,
        "lang": lang,
        "questions": questions,
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// One quiz from its first question to the summary.
struct Round<'a> {
    lesson: &'a Lesson,
    seed: u64,
    store: Option<Store>,
    score: f64,
    /// The questions that were answered, with their scores.
    done: Vec<(&'a Drawn, f64)>,
}

/// What a person did at a question.
enum Step {
    Answered(String, Grade),
    Skipped,
    Quit,
}

impl<'a> Round<'a> {
    fn run(&mut self, session: &mut Session, questions: &'a [Drawn]) {
        let lang = session.lang;
        let title = self.lesson.title.get(lang);
        let (count, seed) = (questions.len(), self.seed);
        session.say(lang.pick(
            format!("{}: {count} questions, seed {seed}", title.bold()),
            format!("{}：{count} 题，种子 {seed}", title.bold()),
        ));
        session.say(
            lang.pick(
                "? explains how to answer, s skips, q ends; every answer is kept at once"
                    .dimmed()
                    .to_string(),
                "? 说明如何作答，s 跳过，q 结束；每个答案立即保存"
                    .dimmed()
                    .to_string(),
            ),
        );
        for (i, question) in questions.iter().enumerate() {
            session.say("");
            let place = format!("{}/{count}", i + 1);
            session.say(format!("{}  {}", place.bold(), question.id.dimmed()));
            show(session, question);
            let begun = Instant::now();
            match self.ask(session, question) {
                Step::Answered(typed, grade) => {
                    let seconds = begun.elapsed().as_secs_f64();
                    self.keep(session, question, typed, &grade, seconds);
                    self.say_outcome(session, question, &grade);
                }
                Step::Skipped => {
                    session.say(lang.pick("skipped", "已跳过").yellow().to_string());
                }
                Step::Quit => break,
            }
        }
        self.summary(session, questions);
    }

    /// Asks until an answer is understood.
    fn ask(&self, session: &mut Session, question: &Drawn) -> Step {
        let lang = session.lang;
        let prompt = match &question.body {
            Body::Numeric {
                unit: Some(unit), ..
            } => format!("[{unit}] > "),
            Body::Short(_) => lang.pick("your answer > ", "你的回答 > ").to_string(),
            _ => "> ".to_string(),
        };
        let mut own_words: Option<String> = None;
        loop {
            let ticking = lang.pick("points you had > ", "答到的要点 > ");
            let line = match session.ask(own_words.as_ref().map_or(&prompt, |_| ticking)) {
                Asked::Line(line) => line,
                Asked::End | Asked::Interrupted => {
                    session.say("");
                    return Step::Quit;
                }
            };
            match line.trim().to_lowercase().as_str() {
                "?" | "？" => {
                    match &own_words {
                        None => show(session, question),
                        Some(_) => show_points(session, question),
                    }
                    let how = match (&question.body, &own_words) {
                        (Body::Short(_), None) => lang.pick(
                            "Answer in your own words, in one line, or just press Enter; then you see the points and tick those you had.",
                            "请用自己的话作答，写一行，也可以直接按回车；随后会列出要点，由你勾选自己答到的。",
                        ).to_string(),
                        _ => grade::expected(question),
                    };
                    session.say(fold(session, &how, 0));
                    continue;
                }
                "s" | "ｓ" => return Step::Skipped,
                "q" | "ｑ" => return Step::Quit,
                _ => {}
            }
            if matches!(question.body, Body::Short(_)) && own_words.is_none() {
                own_words = Some(line);
                show_points(session, question);
                continue;
            }
            match grade::grade(question, &line) {
                Grade::NotUnderstood(sentence) => {
                    session.say(fold(session, &sentence.yellow().to_string(), 0));
                }
                grade => return Step::Answered(own_words.unwrap_or(line), grade),
            }
        }
    }

    /// Puts the answer in the store, before anything about it is shown.
    fn keep(
        &mut self,
        session: &Session,
        question: &'a Drawn,
        typed: String,
        grade: &Grade,
        seconds: f64,
    ) {
        let score = grade.score().unwrap_or_default();
        self.score += score;
        self.done.push((question, score));
        let Some(store) = &mut self.store else {
            return;
        };
        let answer = Answer {
            uid: String::new(),
            lesson: self.lesson.id.to_string(),
            question: question.id.clone(),
            seed: self.seed,
            typed,
            outcome: Outcome::of(score),
            score,
            seconds,
            at: super::clock::now(),
        };
        if let Err(trouble) = store.record_answer(&answer) {
            let note = session.lang.pick("note", "注意");
            session.say(fold(
                session,
                &format!("{}: {}", note.yellow(), trouble.get(session.lang)),
                0,
            ));
            self.store = None;
        }
    }

    fn say_outcome(&self, session: &Session, question: &Drawn, grade: &Grade) {
        let lang = session.lang;
        let verdict = match grade {
            Grade::Right => lang.pick("✓ right", "✓ 正确").green().bold().to_string(),
            Grade::Points { had, of } => {
                let text = lang.pick(
                    format!("{had} of {of} points"),
                    format!("{of} 个要点答到 {had} 个"),
                );
                match had {
                    0 => format!("✗ {text}").red().bold().to_string(),
                    had if had == of => format!("✓ {text}").green().bold().to_string(),
                    _ => format!("◐ {text}").yellow().bold().to_string(),
                }
            }
            _ => lang.pick("✗ wrong", "✗ 错误").red().bold().to_string(),
        };
        let (score, done) = (
            quiz::number((self.score * 100.0).round() / 100.0),
            self.done.len(),
        );
        let total = lang.pick(
            format!("score {score} of {done}"),
            format!("得分 {score}/{done}"),
        );
        session.say(format!("{verdict}   {}", total.dimmed()));
        if let Grade::Wrong { hint } = grade {
            if let Some(hint) = hint {
                session.say(fold(session, hint, 0));
            }
            let label = lang.pick("The answer is ", "正确答案：");
            session.say(fold(session, &format!("{label}{}", right(question)), 4));
        }
        session.say(fold(session, &question.why, 0));
    }

    fn summary(&self, session: &Session, questions: &[Drawn]) {
        let lang = session.lang;
        let (done, all) = (self.done.len(), questions.len());
        let kept = match self.store {
            Some(_) => lang.pick("what you answered is kept", "已作答的都已保存"),
            None => lang.pick("nothing was kept", "没有保存"),
        };
        session.say("");
        if done == 0 {
            session.say(lang.pick("No question was answered.", "没有作答。"));
            return;
        }
        let score = quiz::number((self.score * 100.0).round() / 100.0);
        let line = match done == all {
            true => lang.pick(
                format!("Score {score} of {done}; {kept}."),
                format!("得分 {score}/{done}；{kept}。"),
            ),
            false => lang.pick(
                format!(
                    "Score {score} of {done} answered ({} left out of {all}); {kept}.",
                    all - done
                ),
                format!(
                    "已答 {done} 题，得分 {score}（共 {all} 题，{} 题未答）；{kept}。",
                    all - done
                ),
            ),
        };
        session.say(fold(session, &line.bold().to_string(), 0));
        let missed: Vec<&(&Drawn, f64)> =
            self.done.iter().filter(|(_, score)| *score < 1.0).collect();
        let answered = |question: &&Drawn| self.done.iter().any(|(done, _)| done.id == question.id);
        let left: Vec<&Drawn> = questions
            .iter()
            .filter(|question| !answered(question))
            .collect();
        let width = missed
            .iter()
            .map(|(question, _)| question.id.len())
            .max()
            .unwrap_or(0);
        let mark = match session.plain {
            true => lang.pick("missed:", "答错：").red(),
            false => "✗".red(),
        };
        for (question, _) in &missed {
            let first = question.ask.lines().next().unwrap_or_default();
            let line = format!("  {mark} {:width$}  {first}", question.id);
            session.say(fold(session, &line, width + 6));
        }
        let next = |ids: Vec<&str>| {
            session.command(&format!("quiz {} --only {}", self.lesson.id, ids.join(",")))
        };
        if !missed.is_empty() {
            let command = next(
                missed
                    .iter()
                    .map(|(question, _)| question.id.as_str())
                    .collect(),
            );
            session.say(lang.pick(
                format!("The missed ones again: {command}"),
                format!("重做错题：{command}"),
            ));
        }
        if !left.is_empty() {
            let command = next(left.iter().map(|question| question.id.as_str()).collect());
            session.say(lang.pick(
                format!("Those left: {command}"),
                format!("做剩下的题：{command}"),
            ));
        }
        if missed.is_empty() && left.is_empty() {
            let passed = self.store.as_ref().and_then(|store| store.passed().ok());
            let passed = passed.is_some_and(|passed| passed.iter().any(|id| id == self.lesson.id));
            let command = session.command(&match passed {
                true => "list".to_string(),
                false => format!("start {}", self.lesson.id),
            });
            session.say(lang.pick(format!("Next: {command}"), format!("下一步：{command}")));
        }
    }
}

/// The question with what belongs to it.
fn show(session: &Session, question: &Drawn) {
    session.say(fold(session, &question.ask, 0));
    if let Some(code) = &question.code {
        session.say("");
        for line in code.lines() {
            session.say(format!("    {}", line.cyan()));
        }
    }
    match &question.body {
        Body::Pick { options: shown, .. } | Body::Order { steps: shown, .. } => {
            session.say("");
            for (i, text) in shown.iter().enumerate() {
                session.say(fold(session, &format!("  {}) {text}", letter(i)), 5));
            }
            session.say("");
        }
        Body::Numeric { .. } | Body::Shape(_) | Body::Short(_) => {}
    }
    let how = match &question.body {
        Body::Pick { several: true, .. } => {
            session.lang.pick("all that are right", "选出所有正确项")
        }
        Body::Order { .. } => session
            .lang
            .pick("all letters, in the right order", "按正确顺序写出全部字母"),
        _ => return,
    };
    session.say(format!("({how})").dimmed().to_string());
}

/// The points of a short answer, numbered.
fn show_points(session: &Session, question: &Drawn) {
    let Body::Short(points) = &question.body else {
        return;
    };
    session.say("");
    for (i, point) in points.iter().enumerate() {
        session.say(fold(session, &format!("  {}. {point}", i + 1), 5));
    }
    session.say("");
    let how = session.lang.pick(
        "(such as 1 3, or all, or none)",
        "（例如 1 3，或 all、none）",
    );
    session.say(how.dimmed().to_string());
}

/// The right answer with the words of its options.
fn right(question: &Drawn) -> String {
    match &question.body {
        Body::Pick {
            options: shown,
            right,
            ..
        }
        | Body::Order {
            steps: shown,
            right,
        } => {
            let lines = right
                .iter()
                .map(|&i| format!("{}) {}", letter(i), shown[i]));
            let lines: Vec<String> = lines.collect();
            match lines.len() {
                1 => lines.concat(),
                _ => format!("\n{}", lines.join("\n")),
            }
        }
        _ => question.answer(),
    }
}

fn fold(session: &Session, text: &str, indent: usize) -> String {
    wrap(text, session.width, indent)
}
