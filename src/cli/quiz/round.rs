//! One question after another, each answer kept as soon as it is given.

use super::{Posed, choose};
use crate::cli::{Asked, Session, clock, wrap};
use crate::quiz::{self, Body, Drawn, Grade, grade, letter};
use crate::review::{Deck, Item, Rating};
use crate::store::{Answer, Outcome, Store};
use colored::Colorize;
use std::time::Instant;

/// One round from its first question to the summary.
pub struct Round<'a> {
    seed: u64,
    store: Option<Store>,
    deck: Deck,
    today: i64,
    score: f64,
    /// The questions that were answered, with their scores.
    done: Vec<(&'a Posed, f64)>,
}

/// What a person did at a question.
enum Step {
    Answered(String, Grade),
    Skipped,
    Quit,
}

impl<'a> Round<'a> {
    pub fn new(seed: u64, store: Option<Store>, deck: Deck, today: i64) -> Round<'a> {
        Round {
            seed,
            store,
            deck,
            today,
            score: 0.0,
            done: Vec::new(),
        }
    }

    pub fn run(&mut self, session: &mut Session, questions: &'a [Posed]) {
        let lang = session.lang;
        let of_one = of_one(questions);
        let title = match questions {
            [first, ..] if of_one => first.lesson.title.get(lang),
            _ => lang.pick("Quiz", "测验"),
        };
        let (count, seed) = (questions.len(), self.seed);
        let begin = lang.pick(
            format!("{}: {count} questions, seed {seed}", title.bold()),
            format!("{}：{count} 题，种子 {seed}", title.bold()),
        );
        session.say(fold(session, &begin, 0));
        session.say(fold(
            session,
            &lang.pick(
                "? explains how to answer, s skips, q ends; every answer is kept at once"
                    .dimmed()
                    .to_string(),
                "? 说明如何作答，s 跳过，q 结束；每个答案立即保存"
                    .dimmed()
                    .to_string(),
            ),
            0,
        ));
        let mut left_early = false;
        for (i, posed) in questions.iter().enumerate() {
            session.say("");
            let place = format!("{}/{count}", i + 1);
            let name = match of_one {
                true => posed.drawn.id.clone(),
                false => posed.name(),
            };
            session.say(format!("{}  {}", place.bold(), name.dimmed()));
            show(session, &posed.drawn);
            let begun = Instant::now();
            match self.ask(session, &posed.drawn) {
                Step::Answered(typed, grade) => {
                    let seconds = begun.elapsed().as_secs_f64();
                    self.keep(session, posed, typed, &grade, seconds);
                    self.say_outcome(session, posed, &grade);
                }
                Step::Skipped => {
                    session.say(lang.pick("skipped", "已跳过").yellow().to_string());
                }
                Step::Quit => {
                    left_early = true;
                    break;
                }
            }
        }
        if let Some(store) = self.store.as_mut().filter(|_| !left_early)
            && let Err(trouble) = choose::end_round(store)
        {
            session.note(trouble.get(session.lang));
        }
        self.summary(session, questions, left_early);
    }

    /// Grades what was typed without a question, and says whether all of it is right.
    ///
    /// # Errors
    /// What is expected, where it is not understood.
    pub fn grade(
        &mut self,
        session: &Session,
        posed: &'a Posed,
        typed: &str,
    ) -> Result<bool, String> {
        let grade = grade::grade(&posed.drawn, typed);
        if let Grade::NotUnderstood(sentence) = grade {
            return Err(sentence);
        }
        self.keep(session, posed, typed.to_string(), &grade, 0.0);
        self.say_outcome(session, posed, &grade);
        Ok(grade.score() == Some(1.0))
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
        posed: &'a Posed,
        typed: String,
        grade: &Grade,
        seconds: f64,
    ) {
        let score = grade.score().unwrap_or_default();
        self.score += score;
        self.done.push((posed, score));
        let item = Item::asked(&posed.drawn.id);
        let rating = Rating::of(score);
        self.deck.review(posed.lesson.id, item, self.today, rating);
        let Some(store) = &mut self.store else {
            return;
        };
        let answer = Answer {
            uid: String::new(),
            lesson: posed.lesson.id.to_string(),
            question: posed.drawn.id.clone(),
            seed: self.seed,
            typed,
            outcome: Outcome::of(score),
            score,
            seconds,
            at: clock::now(),
        };
        if let Err(trouble) = store.record_answer(&answer) {
            session.note(trouble.get(session.lang));
            self.store = None;
        }
    }

    /// When the question comes back: `again in 2 days`. Nothing where nothing is kept.
    fn comes_back(&self, session: &Session, posed: &Posed) -> String {
        let lang = session.lang;
        let item = Item::asked(&posed.drawn.id);
        let card = self.deck.card(posed.lesson.id, &item);
        match card.filter(|_| self.store.is_some()) {
            None => String::new(),
            Some(card) => match card.due - self.today {
                ..=1 => lang.pick("again tomorrow", "明天复习").to_string(),
                days => lang.pick(format!("again in {days} days"), format!("{days} 天后复习")),
            },
        }
    }

    fn say_outcome(&self, session: &Session, posed: &Posed, grade: &Grade) {
        let lang = session.lang;
        let question = &posed.drawn;
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
        let back = self.comes_back(session, posed);
        let notes = [total, back].join("   ");
        session.say(format!("{verdict}   {}", notes.trim_end().dimmed()));
        if let Grade::Wrong { hint } = grade {
            if let Some(hint) = hint {
                session.say(fold(session, hint, 0));
            }
            let label = lang.pick("The answer is ", "正确答案：");
            session.say(fold(session, &format!("{label}{}", right(question)), 4));
        }
        session.say(fold(session, &question.why, 0));
    }

    fn summary(&self, session: &Session, questions: &[Posed], left_early: bool) {
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
        let of_one = of_one(questions);
        let missed: Vec<&Posed> = self
            .done
            .iter()
            .filter(|(_, score)| *score < 1.0)
            .map(|(posed, _)| *posed)
            .collect();
        let answered = |posed: &&Posed| {
            self.done
                .iter()
                .any(|(done, _)| std::ptr::eq(*done, *posed))
        };
        let left: Vec<&Posed> = questions.iter().filter(|posed| !answered(posed)).collect();
        let name = |posed: &Posed| match of_one {
            true => posed.drawn.id.clone(),
            false => posed.name(),
        };
        let width = missed.iter().map(|posed| name(posed).len()).max();
        // A long name does not push the question off a narrow screen.
        let width = width.unwrap_or(0).min(session.width / 3);
        let mark = match session.plain {
            true => lang.pick("missed:", "答错：").red(),
            false => "✗".red(),
        };
        for posed in &missed {
            let first = posed.drawn.ask.lines().next().unwrap_or_default();
            let line = format!("  {mark} {:width$}  {first}", name(posed));
            session.say(fold(session, &line, width + 6));
        }
        let again = |questions: &[&Posed]| {
            let names: Vec<String> = questions.iter().map(|posed| name(posed)).collect();
            let lesson = match questions {
                [first, ..] if of_one => format!("{} ", first.lesson.id),
                _ => String::new(),
            };
            session.command(&format!("quiz {lesson}--only {}", names.join(",")))
        };
        if !missed.is_empty() {
            let command = again(&missed);
            session.say(lang.pick(
                format!("The missed ones again: {command}"),
                format!("重做错题：{command}"),
            ));
        }
        if !left.is_empty() {
            let command = match left_early && self.store.is_some() {
                true => session.command("quiz --resume"),
                false => again(&left),
            };
            session.say(lang.pick(
                format!("Those left: {command}"),
                format!("做剩下的题：{command}"),
            ));
        }
        if missed.is_empty() && left.is_empty() {
            self.say_next(session, questions, of_one);
        }
    }

    /// After a round without a mistake.
    fn say_next(&self, session: &Session, questions: &[Posed], of_one: bool) {
        let passed = self.store.as_ref().and_then(|store| store.passed().ok());
        let passed = |id: &str| {
            passed
                .as_ref()
                .is_some_and(|passed| passed.iter().any(|p| p == id))
        };
        let command = session.command(&match questions {
            [first, ..] if of_one && !passed(first.lesson.id) => {
                format!("start {}", first.lesson.id)
            }
            _ if of_one => "list".to_string(),
            _ => "stats".to_string(),
        });
        session.say(
            session
                .lang
                .pick(format!("Next: {command}"), format!("下一步：{command}")),
        );
    }
}

/// Whether all are of the same lesson.
pub fn of_one(questions: &[Posed]) -> bool {
    questions
        .windows(2)
        .all(|pair| pair[0].lesson.id == pair[1].lesson.id)
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

pub fn fold(session: &Session, text: &str, indent: usize) -> String {
    wrap(text, session.width, indent)
}
