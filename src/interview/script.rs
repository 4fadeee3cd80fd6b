//! The scripts: `phone.toml` … → openings with their follow-ups.

use crate::lesson::Track;
use crate::quiz::{self, Both, Question};
use serde::Deserialize;
use toml::{Table, Value};

/// A question of a lesson's quiz, by lesson and id.
pub type Bank<'a> = &'a dyn Fn(&str, &str) -> Option<Question>;

/// What one kind of interview can ask.
#[derive(Clone, Debug)]
pub struct Script {
    pub track: Track,
    /// How long it takes where nothing else is asked for.
    pub minutes: u64,
    /// Changes with the script: events of another one mean something else.
    pub version: String,
    pub prompts: Vec<Prompt>,
}

/// An opening with all that may follow.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub question: Question,
    /// What it is about, in a few words.
    pub concept: Both,
    /// What to read; the first one is the closest.
    pub lessons: Vec<String>,
    pub seconds: i64,
    /// The lesson whose exercise is to be written.
    pub task: Option<String>,
    pub follows: Vec<Follow>,
}

/// A further question on the same matter.
#[derive(Clone, Debug)]
pub struct Follow {
    pub question: Question,
    /// The lesson, where the question is out of its quiz.
    pub bank: Option<String>,
    pub when: When,
    pub seconds: i64,
}

/// When a follow-up is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// This point was missed, counted from 0.
    Missed(usize),
    /// No point was missed.
    All,
    /// The judge passed the answer, or did not.
    Passed,
    Failed,
    /// It passed, and took more than four times the kernel's time.
    Slow,
    /// It passed, and held at least one n×m matrix.
    Matrix,
}

impl Script {
    /// The script of a track.
    ///
    /// # Errors
    /// One sentence: file, question, what is wrong.
    pub fn read(track: Track, bank: Bank<'_>) -> Result<Script, String> {
        let (text, minutes) = match track {
            Track::Phone => (include_str!("phone.toml"), 20),
            Track::Whiteboard => (include_str!("whiteboard.toml"), 20),
            Track::Leader => (include_str!("leader.toml"), 30),
            Track::Algorithms => (include_str!("algorithms.toml"), 25),
        };
        let at = |error: String| format!("{}.toml, {error}", track.id());
        Ok(Script {
            track,
            minutes,
            version: format!("{:016x}", hash(text)),
            prompts: prompts(text, bank).map_err(at)?,
        })
    }
}

/// A question to ask back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Back {
    pub ask: Both,
    /// What a good answer of the interviewer's sounds like.
    pub good: Both,
    /// What is a bad sign.
    pub bad: Both,
}

/// The questions to ask back.
///
/// # Errors
/// What is wrong with their file.
pub fn back() -> Result<Vec<Back>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        question: Vec<Back>,
    }
    let file: File = toml::from_str(include_str!("back.toml"))
        .map_err(|error| format!("back.toml: {}", error.message()))?;
    Ok(file.question)
}

/// The same on every machine and in every build (FNV-1a).
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

fn prompts(text: &str, bank: Bank<'_>) -> Result<Vec<Prompt>, String> {
    let mut table: Table = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        format!("line {line}: {}", error.message().trim())
    })?;
    let mut prompts: Vec<Prompt> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    for mut fields in tables(&mut table, "prompt")? {
        let id = word(&mut fields, "id")?;
        let read = |error| format!("prompt `{id}`: {error}");
        let prompt = prompt(&id, fields, bank).map_err(read)?;
        let own = prompt.follows.iter().filter(|follow| follow.bank.is_none());
        let own = own.map(|follow| follow.question.id.clone());
        for id in std::iter::once(id.clone()).chain(own) {
            match ids.contains(&id) {
                true => return Err(format!("the id `{id}` is there twice")),
                false => ids.push(id),
            }
        }
        prompts.push(prompt);
    }
    Ok(prompts)
}

fn prompt(id: &str, mut fields: Table, bank: Bank<'_>) -> Result<Prompt, String> {
    let lessons = match fields.remove("lessons") {
        Some(Value::Array(list)) if !list.is_empty() => list
            .iter()
            .map(|lesson| lesson.as_str().map(str::to_string))
            .collect::<Option<Vec<_>>>(),
        _ => None,
    };
    let lessons = lessons.ok_or("`lessons` must be a list of lessons' ids")?;
    let concept = fields.remove("concept").ok_or("it has no `concept`")?;
    let concept: Both = concept
        .try_into()
        .map_err(|_| "`concept` needs both languages")?;
    let task = match fields.contains_key("task") {
        true => Some(word(&mut fields, "task")?),
        false => None,
    };
    let seconds = seconds(&mut fields, 180)?;
    let follows = tables(&mut fields, "follow")?;
    let follows: Result<Vec<Follow>, String> = follows
        .into_iter()
        .map(|fields| follow(fields, bank))
        .collect();
    Ok(Prompt {
        question: quiz::one(id, fields, &[])?,
        concept,
        lessons,
        seconds,
        task,
        follows: follows?,
    })
}

fn follow(mut fields: Table, bank: Bank<'_>) -> Result<Follow, String> {
    let when = match fields.contains_key("when") {
        true => when(&word(&mut fields, "when")?)?,
        false => When::Always,
    };
    let seconds = seconds(&mut fields, 60)?;
    if fields.contains_key("bank") {
        let place = word(&mut fields, "bank")?;
        let found = place
            .split_once('/')
            .and_then(|(lesson, id)| Some((lesson.to_string(), bank(lesson, id)?)));
        let (lesson, question) = found.ok_or(format!("no lesson asks `{place}`"))?;
        return match fields.keys().next() {
            None => Ok(Follow {
                question,
                bank: Some(lesson),
                when,
                seconds,
            }),
            Some(key) => Err(format!("`{key}` beside `bank` is not known")),
        };
    }
    let id = word(&mut fields, "id")?;
    let question = quiz::one(&id, fields, &[]).map_err(|error| format!("`{id}`: {error}"))?;
    Ok(Follow {
        question,
        bank: None,
        when,
        seconds,
    })
}

fn when(text: &str) -> Result<When, String> {
    Ok(match text {
        "all" => When::All,
        "passed" => When::Passed,
        "failed" => When::Failed,
        "slow" => When::Slow,
        "matrix" => When::Matrix,
        other => {
            let point = other.strip_prefix("missed ");
            let point = point.and_then(|point| point.parse::<usize>().ok());
            let point = point.filter(|point| *point > 0);
            When::Missed(point.ok_or(format!("`when` cannot be \"{other}\""))? - 1)
        }
    })
}

fn seconds(fields: &mut Table, usual: i64) -> Result<i64, String> {
    match fields.remove("seconds") {
        None => Ok(usual),
        Some(Value::Integer(seconds)) if (10..=3600).contains(&seconds) => Ok(seconds),
        Some(_) => Err("`seconds` must be from 10 to 3600".to_string()),
    }
}

fn word(fields: &mut Table, key: &str) -> Result<String, String> {
    match fields.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("`{key}` must be a text in quotes")),
    }
}

fn tables(fields: &mut Table, key: &str) -> Result<Vec<Table>, String> {
    match fields.remove(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|value| match value {
                Value::Table(table) => Ok(table),
                _ => Err(format!("write each `{key}` as a table")),
            })
            .collect(),
        Some(_) => Err(format!("write each `{key}` as a table")),
    }
}
