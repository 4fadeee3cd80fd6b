//! What comes back when: the real program in a pseudo-terminal of 60 columns, its clock held.
#![cfg(feature = "terminal")]

mod pty;

use llmlab::cli::{JSON, columns};
use llmlab::lessons::LESSONS;
use llmlab::quiz::{Body, draw, grade, letter, repair};
use llmlab::store::{Store, Verdict};
use llmlab::text::Lang;
use pty::Terminal;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DAY: i64 = 86_400_000;
/// Noon of a Wednesday in UTC: the same day everywhere but at the date line.
const BEGIN: i64 = 1_767_787_200_000;

/// A person with progress and a clock of their own.
struct Person {
    folder: TempDir,
}

impl Person {
    fn new() -> Person {
        let person = Person {
            folder: tempfile::tempdir().unwrap(),
        };
        person.day(0);
        person
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn day(&self, day: i64) {
        let at = BEGIN + day * DAY;
        std::fs::write(self.path("clock"), at.to_string()).unwrap();
    }

    fn run(&self, words: &[&str]) -> Terminal {
        let (data, clock) = (self.path("data"), self.path("clock"));
        let variables: [(&str, &Path); 3] = [
            ("LLMLAB_DATA", &data),
            ("LLMLAB_CLOCK", &clock),
            ("TZ", Path::new("UTC")),
        ];
        Terminal::start_with(self.folder.path(), words, 60, &variables)
    }

    /// What the program says to these words, without an answer to it.
    fn says(&self, words: &[&str]) -> String {
        let said = self.run(words).end();
        for line in said.lines() {
            // A command to be copied stays on its line.
            assert!(
                columns(line) <= 60 || line.contains("--only"),
                "too long: {line}"
            );
        }
        said
    }

    /// What the program objects to.
    fn refuses(&self, words: &[&str]) -> String {
        let mut program = self.run(words);
        program.ends();
        program.shown()
    }

    fn store(&self) -> Store {
        Store::open(&self.path("data").join("progress.db")).unwrap()
    }

    fn json(&self, words: &[&str]) -> serde_json::Value {
        let words = [words, &["--format", "json"]].concat();
        serde_json::from_str(&self.run(&words).end()).unwrap()
    }

    /// The names of the questions that the words ask.
    fn asked(&self, words: &[&str]) -> Vec<String> {
        let json = self.json(words);
        let questions = json["questions"].as_array().unwrap();
        let name = |q: &serde_json::Value| {
            format!(
                "{}/{}",
                q["lesson"].as_str().unwrap(),
                q["id"].as_str().unwrap()
            )
        };
        questions.iter().map(name).collect()
    }
}

/// Answers so many questions of a round, each right or wrong, and leaves it where more come.
fn answer(person: &Person, words: &[&str], right: &[bool]) -> String {
    let words = [words, &["--seed", "7"]].concat();
    let answers = person.json(&words);
    let answers = answers["questions"].as_array().unwrap();
    let mut quiz = person.run(&words);
    for (right, question) in right.iter().zip(answers) {
        quiz.expect("> ");
        let known = question["answer"].as_str().unwrap();
        // The options of a choice: the letter after the right one.
        let count = question["options"].as_array().map_or(0, Vec::len);
        let other = (known.as_bytes()[0] - b'a' + 1) as usize % count.max(1);
        let typed = match right {
            true => known.to_string(),
            false => letter(other).to_string(),
        };
        quiz.press(&format!("{typed}\r"));
    }
    if right.len() < answers.len() {
        quiz.expect("> ");
        quiz.press("q\r");
    }
    quiz.end()
}

const TWO: &[&str] = &["quiz", "attention", "--only=why-scale,softmax-axis"];

#[test]
fn what_was_missed_comes_back_tomorrow_and_what_was_known_later() {
    let person = Person::new();
    let said = answer(&person, TWO, &[true, false]);
    assert!(said.contains("again in 2 days"), "{said}");
    assert!(said.contains("again tomorrow"), "{said}");
    assert!(
        person
            .says(&["quiz", "--due"])
            .contains("comes back on\n2026-01-08")
    );

    person.day(1);
    assert_eq!(person.asked(&["quiz", "--due"]), ["attention/softmax-axis"]);
    person.day(2);
    let due = person.asked(&["quiz", "--due"]);
    assert_eq!(due, ["attention/softmax-axis", "attention/why-scale"]);
    assert!(
        person
            .asked(&["quiz", "--due", "--lesson", "rope"])
            .is_empty()
    );
    assert!(
        person
            .asked(&["quiz", "--due", "--track", "algorithms"])
            .is_empty()
    );
    assert_eq!(person.asked(&["quiz", "--weak"]), due);
    // Alone: what is due, then something new.
    let today = person.asked(&["quiz"]);
    assert_eq!(today[..2], due);
    assert_eq!(today.len(), 12);

    let new = person.asked(&["quiz", "attention", "--new", "--questions", "1000"]);
    let bank = person.asked(&["quiz", "attention"]);
    assert_eq!(new.len(), bank.len() - 2);
    assert!(!new.iter().any(|name| due.contains(name)));
}

#[test]
fn a_mistake_that_a_check_named_is_asked_tomorrow() {
    let person = Person::new();
    let rope = llmlab::lessons::find("rope").unwrap();
    let bug = rope.problem.bugs[0].id;
    let verdict = Verdict {
        uid: String::new(),
        lesson: "rope".to_string(),
        verdict: "wrong-values".to_string(),
        seed: 1,
        convention: None,
        bugs: vec![bug.to_string()],
        seconds: 0.1,
        learner: None,
        production: None,
        at: BEGIN,
    };
    person.store().record_verdict(&verdict).unwrap();
    assert!(person.asked(&["quiz", "--due"]).is_empty());
    person.day(1);
    let name = format!("rope/bug:{bug}");
    assert_eq!(person.asked(&["quiz", "--due"]), [name.as_str()]);
    let said = answer(&person, &["quiz", "--due"], &[true]);
    assert!(said.contains("A check of yours found"), "{said}");
    assert!(said.contains("right"), "{said}");
    // The exercise is due too, and is written elsewhere.
    assert!(said.contains("start rope"), "{said}");
    assert!(person.asked(&["quiz", "--due"]).is_empty());
    assert_eq!(person.asked(&["quiz", "--only", &name]), [name.as_str()]);
}

#[test]
fn every_bug_makes_a_question_about_its_repair() {
    for lesson in LESSONS {
        let bugs = lesson.problem.bugs;
        for bug in bugs {
            let question =
                repair(format!("bug:{}", bug.id), lesson.id, bug, bugs).unwrap_or_else(|| {
                    panic!("{}: no other repair than that of {}", lesson.id, bug.id)
                });
            for lang in [Lang::En, Lang::Zh] {
                let drawn = draw(&question, 1, lang);
                assert_eq!(grade(&drawn, &drawn.answer()), llmlab::quiz::Grade::Right);
                let Body::Pick { options, right, .. } = &drawn.body else {
                    panic!("not a choice");
                };
                assert_eq!(options[right[0]], bug.repair.get(lang));
            }
        }
    }
}

#[test]
fn a_round_that_was_left_or_killed_goes_on() {
    let person = Person::new();
    let words = ["quiz", "attention", "--seed", "7", "--questions", "4"];
    let all = person.asked(&words);
    let mut quiz = person.run(&words);
    quiz.expect("> ");
    quiz.press("a\r");
    quiz.expect("2/4");
    quiz.kill();
    assert_eq!(person.asked(&["quiz", "--resume"]), all[1..]);
    let said = answer(&person, &["quiz", "--resume"], &[]);
    assert!(said.contains("No question was answered"), "{said}");
    assert_eq!(person.asked(&["quiz", "--resume"]), all[1..]);

    let mut quiz = person.run(&["quiz", "--resume"]);
    for _ in 0..3 {
        quiz.expect("> ");
        quiz.press("s\r");
    }
    quiz.end();
    assert!(
        person
            .refuses(&["quiz", "--resume"])
            .contains("no round was left open")
    );
}

#[test]
fn days_end_at_four_in_the_morning() {
    let person = Person::new();
    let hour = |hour: i64| {
        let at = BEGIN + (hour - 12) * 3_600_000;
        std::fs::write(person.path("clock"), at.to_string()).unwrap();
    };
    hour(27); // three in the morning of the next date
    answer(&person, TWO, &[false]);
    assert!(person.asked(&["quiz", "--due"]).is_empty());
    hour(29);
    assert_eq!(person.asked(&["quiz", "--due"]).len(), 1);
}

#[test]
fn statistics_count_days_and_look_ahead() {
    let person = Person::new();
    let empty = person.says(&["stats"]);
    assert!(
        empty.contains("0 in a row") && !empty.contains("-0"),
        "{empty}"
    );
    for day in 0..3 {
        person.day(day);
        answer(&person, TWO, &[day > 0, true]);
    }
    let stats = person.json(&["stats"]);
    assert_eq!(stats["streak"], 3);
    assert_eq!(stats["days"][0]["date"], "2026-01-07");
    assert_eq!(stats["days"][0]["count"], 2);
    assert_eq!(stats["weakest"][0]["lesson"], "attention");
    assert_eq!(stats["weakest"][0]["lapses"], 1);
    let section = JSON.split("## `llmlab stats").nth(1).expect("a section");
    for (name, value) in stats.as_object().unwrap() {
        let row = value
            .as_array()
            .and_then(|rows| rows[0].as_object().cloned());
        let columns = row
            .into_iter()
            .flatten()
            .map(|(key, _)| format!("{name}[].{key}"));
        for field in columns.chain([name.clone()]) {
            assert!(
                section.contains(&format!("| `{field}` |")),
                "{field} is not described"
            );
        }
    }
    let tracks = stats["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 4);
    let phone = tracks.iter().find(|track| track["id"] == "phone").unwrap();
    assert_eq!(phone["asked"], 2);
    let share = |key: &str, day: usize| phone[key][day].as_f64().unwrap();
    assert!(share("rest", 30) < share("rest", 0));
    assert!(share("daily", 30) > 0.3);

    for lang in ["en", "zh"] {
        let file = format!("{lang}.svg");
        person.says(&["stats", "--lang", lang, "--save", &file]);
        let svg = std::fs::read_to_string(person.path(&file)).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.contains("attention"),
            "{svg}"
        );
    }
    assert!(
        person
            .refuses(&["stats", "--save", "a.jpg"])
            .contains(".svg")
    );
}
