//! Progress: one SQLite file in the user's data directory.
//!
//! Each verdict and each answer is a transaction that is on disk before its call returns, so a
//! kill at any moment loses nothing that was finished.
//!
//! # The export format
//!
//! ```json
//! {
//!   "format": "llmlab-progress", "version": 1,
//!   "verdicts": [{"uid": "…", "lesson": "rope", "verdict": "passed", "seed": 1,
//!     "convention": null, "bugs": [], "seconds": 0.2, "learner": 0.01, "production": 0.001,
//!     "at": 1767225600000}],
//!   "answers": [{"uid": "…", "lesson": "rope", "question": "why-pairs", "seed": 1,
//!     "typed": "b", "outcome": "right", "score": 1.0, "seconds": 7.5, "at": 1767225600000}],
//!   "interviews": [{"uid": "…", "track": "phone", "script": "…", "seed": 1, "minutes": 20,
//!     "at": 1767225600000, "over": true,
//!     "events": [{"event": "begin", "at": 1767225600000}]}],
//!   "settings": {"name": "value"}
//! }
//! ```
//!
//! `at` is in milliseconds since 1970 (UTC), `seconds`, `learner` and `production` are durations,
//! `outcome` is `right`, `wrong` or `part`, `score` goes from 0 to 1. An interview is what happened
//! in it, in order; `script` names the questions that it was held with. `uid` is what makes a row
//! the same row on another machine.

use crate::check::Report;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How each schema comes from the one before. The file's `user_version` counts the steps taken.
const STEPS: &[&str] = &[
    // 1
    "CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY,
        lesson TEXT NOT NULL, verdict TEXT NOT NULL, seed INTEGER NOT NULL, convention TEXT,
        bugs TEXT NOT NULL, seconds REAL NOT NULL, learner REAL, production REAL,
        at INTEGER NOT NULL);
    CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        lesson TEXT NOT NULL, question TEXT NOT NULL, seed INTEGER NOT NULL, typed TEXT NOT NULL,
        outcome TEXT NOT NULL, score REAL NOT NULL, seconds REAL NOT NULL, at INTEGER NOT NULL);
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);",
    // 2: rows that another machine can recognise, for merging
    "ALTER TABLE verdicts ADD COLUMN uid TEXT;
    ALTER TABLE answers ADD COLUMN uid TEXT;
    UPDATE verdicts SET uid = lower(hex(randomblob(16)));
    UPDATE answers SET uid = lower(hex(randomblob(16)));
    CREATE UNIQUE INDEX verdicts_uid ON verdicts (uid);
    CREATE UNIQUE INDEX answers_uid ON answers (uid);
    CREATE INDEX answers_lesson ON answers (lesson, question);",
    // 3: mock interviews, as what happened in them
    "CREATE TABLE interviews (
        id INTEGER PRIMARY KEY,
        uid TEXT NOT NULL UNIQUE, track TEXT NOT NULL, script TEXT NOT NULL, seed INTEGER NOT NULL,
        minutes INTEGER NOT NULL, at INTEGER NOT NULL, over INTEGER NOT NULL);
    CREATE TABLE interview_events (
        interview TEXT NOT NULL, place INTEGER NOT NULL, event TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (interview, place));",
];

/// The schema of this program.
pub const SCHEMA: usize = STEPS.len();

const FORMAT: &str = "llmlab-progress";
const FORMAT_VERSION: u64 = 1;
const FILE: &str = "progress.db";

/// The progress of one person.
pub struct Store {
    db: Connection,
    path: PathBuf,
}

/// Why progress cannot be kept or read: one sentence, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub en: String,
    pub zh: String,
}

impl Trouble {
    pub fn get(&self, lang: crate::text::Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

impl From<Trouble> for String {
    fn from(trouble: Trouble) -> String {
        trouble.en
    }
}

/// One finished check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Given by the store where it is empty.
    pub uid: String,
    pub lesson: String,
    /// `passed`, `wrong-values` …
    pub verdict: String,
    pub seed: u64,
    pub convention: Option<String>,
    /// The planted bugs that were recognised.
    pub bugs: Vec<String>,
    /// How long the check took.
    pub seconds: f64,
    /// Seconds of the learner's function on the large case.
    pub learner: Option<f64>,
    /// Seconds of the production kernel on the large case.
    pub production: Option<f64>,
    /// Milliseconds since 1970, UTC.
    pub at: i64,
}

impl Verdict {
    /// What is kept of a report; `at` is in milliseconds since 1970, UTC.
    pub fn of(report: &Report, at: i64) -> Verdict {
        let verdict = serde_json::json!(report.verdict);
        let timing = report.timing.as_ref();
        Verdict {
            uid: String::new(),
            lesson: report.lesson.clone(),
            verdict: verdict.as_str().unwrap_or_default().to_string(),
            seed: report.seed,
            convention: report.convention.clone(),
            bugs: report
                .failure
                .as_ref()
                .map_or_else(Vec::new, |failure| failure.bugs.clone()),
            seconds: report.seconds,
            learner: timing.and_then(|timing| timing.learner),
            production: timing.and_then(|timing| timing.production),
            at,
        }
    }
}

/// One finished quiz answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Given by the store where it is empty.
    pub uid: String,
    pub lesson: String,
    pub question: String,
    pub seed: u64,
    pub typed: String,
    pub outcome: Outcome,
    /// From 0 to 1.
    pub score: f64,
    /// How long the person took.
    pub seconds: f64,
    /// Milliseconds since 1970, UTC.
    pub at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Right,
    Wrong,
    /// Some points of a short answer.
    Part,
}

impl Outcome {
    /// Of a score from 0 to 1.
    pub fn of(score: f64) -> Outcome {
        match score {
            score if score >= 1.0 => Outcome::Right,
            score if score > 0.0 => Outcome::Part,
            _ => Outcome::Wrong,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Outcome::Right => "right",
            Outcome::Wrong => "wrong",
            Outcome::Part => "part",
        }
    }

    fn from_id(id: &str) -> Outcome {
        match id {
            "right" => Outcome::Right,
            "part" => Outcome::Part,
            _ => Outcome::Wrong,
        }
    }
}

/// One mock interview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sitting {
    pub uid: String,
    pub track: String,
    /// The version of the questions.
    pub script: String,
    pub seed: u64,
    pub minutes: u64,
    /// When it began: milliseconds since 1970, UTC.
    pub at: i64,
    /// Whether it is not to be gone on with.
    pub over: bool,
    pub events: Vec<Happened>,
}

/// One thing that happened in an interview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// As the interview spells it.
    pub event: serde_json::Value,
    /// Milliseconds since 1970, UTC.
    pub at: i64,
}

/// What an import added. Rows that were there already do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub verdicts: usize,
    pub answers: usize,
    pub interviews: usize,
    pub settings: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    #[allow(dead_code)]
    format: String,
    #[allow(dead_code)]
    version: u64,
    #[serde(default)]
    verdicts: Vec<Verdict>,
    #[serde(default)]
    answers: Vec<Answer>,
    #[serde(default)]
    interviews: Vec<Sitting>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// Where progress is kept: `LLMLAB_DATA`, or the platform's directory for a user's data.
///
/// # Errors
/// A sentence where no variable says where that is.
pub fn directory() -> Result<PathBuf, Trouble> {
    let var = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || var("HOME");
    let platform = if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else if cfg!(windows) {
        var("APPDATA")
    } else {
        // A relative path there is to be ignored, says the XDG specification.
        let xdg = var("XDG_DATA_HOME").filter(|path| path.is_absolute());
        xdg.or_else(|| home().map(|home| home.join(".local/share")))
    };
    let found = var("LLMLAB_DATA").or_else(|| platform.map(|path| path.join("llmlab")));
    found.ok_or_else(|| Trouble {
        en: "no variable says where your home is, so progress is not kept; set LLMLAB_DATA to a directory".to_string(),
        zh: "没有环境变量说明主目录在哪里，因此不保存进度；请把 LLMLAB_DATA 设为一个目录".to_string(),
    })
}

impl Store {
    /// Opens the person's own progress, and makes the file where there is none.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_default() -> Result<Store, Trouble> {
        Store::open(&directory()?.join(FILE))
    }

    /// Opens a progress file, brings its schema up to date, and makes it where there is none.
    ///
    /// # Errors
    /// A sentence: the file cannot be written, is broken, or a newer llmlab made it.
    pub fn open(path: &Path) -> Result<Store, Trouble> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Trouble {
                en: format!("the directory {} cannot be made ({error}), so progress is not kept; set LLMLAB_DATA to a directory you may write to", parent.display()),
                zh: format!("无法创建目录 {}（{error}），因此不保存进度；请把 LLMLAB_DATA 设为可写的目录", parent.display()),
            })?;
        }
        let open = || -> rusqlite::Result<(Connection, usize)> {
            let db = Connection::open(path)?;
            db.busy_timeout(Duration::from_secs(5))?;
            let version = version(&db)?;
            Ok((db, version))
        };
        let (db, version) = open().map_err(|error| broken(path, &error))?;
        if version > SCHEMA {
            return Err(Trouble {
                en: format!(
                    "a newer llmlab wrote {} (schema {version}; this one knows {SCHEMA}), so it is left untouched and progress is not kept; install the newer llmlab, or set LLMLAB_DATA to another directory",
                    path.display()
                ),
                zh: format!(
                    "{} 由更新版本的 llmlab 写入（模式 {version}，本程序只认识到 {SCHEMA}），因此不改动它，也不保存进度；请安装新版 llmlab，或把 LLMLAB_DATA 设为别的目录",
                    path.display()
                ),
            });
        }
        let path = path.to_path_buf();
        let mut store = Store { db, path };
        store.prepare().map_err(|error| store.trouble(&error))?;
        Ok(store)
    }

    /// Where the progress is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        let wal = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        self.db.query_row("PRAGMA journal_mode = WAL", [], wal)?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let step = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read again inside: another process may have taken the steps meanwhile.
        for sql in STEPS.iter().skip(version(&step)?) {
            step.execute_batch(sql)?;
        }
        step.pragma_update(None, "user_version", SCHEMA as i64)?;
        step.commit()
    }

    fn trouble(&self, error: &rusqlite::Error) -> Trouble {
        broken(&self.path, error)
    }

    /// Keeps a verdict.
    ///
    /// # Errors
    /// A sentence; the verdict is then not kept.
    pub fn record_verdict(&mut self, verdict: &Verdict) -> Result<(), Trouble> {
        let added = insert_verdict(&self.db, verdict);
        added.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// A sentence; the answer is then not kept.
    pub fn record_answer(&mut self, answer: &Answer) -> Result<(), Trouble> {
        let added = insert_answer(&self.db, answer);
        added.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// The ids of the lessons that have been passed.
    ///
    /// # Errors
    /// A sentence where the file cannot be read.
    pub fn passed(&self) -> Result<Vec<String>, Trouble> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql =
                "SELECT DISTINCT lesson FROM verdicts WHERE verdict = 'passed' ORDER BY lesson";
            self.db
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        read().map_err(|error| self.trouble(&error))
    }

    /// All verdicts, or those of a lesson, oldest first.
    ///
    /// # Errors
    /// A sentence where the file cannot be read.
    pub fn verdicts(&self, lesson: Option<&str>) -> Result<Vec<Verdict>, Trouble> {
        let read = || -> rusqlite::Result<Vec<Verdict>> {
            let sql = "SELECT uid, lesson, verdict, seed, convention, bugs, seconds, learner, production, at
                FROM verdicts WHERE ?1 IS NULL OR lesson = ?1 ORDER BY at, id";
            let mut rows = self.db.prepare(sql)?;
            let rows = rows.query_map([lesson], |row| {
                let bugs: String = row.get(5)?;
                Ok(Verdict {
                    uid: row.get(0)?,
                    lesson: row.get(1)?,
                    verdict: row.get(2)?,
                    seed: row.get::<_, i64>(3)?.cast_unsigned(),
                    convention: row.get(4)?,
                    bugs: serde_json::from_str(&bugs).unwrap_or_default(),
                    seconds: row.get(6)?,
                    learner: row.get(7)?,
                    production: row.get(8)?,
                    at: row.get(9)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(|error| self.trouble(&error))
    }

    /// All answers, or those of a lesson, oldest first.
    ///
    /// # Errors
    /// A sentence where the file cannot be read.
    pub fn answers(&self, lesson: Option<&str>) -> Result<Vec<Answer>, Trouble> {
        let read = || -> rusqlite::Result<Vec<Answer>> {
            let sql = "SELECT uid, lesson, question, seed, typed, outcome, score, seconds, at
                FROM answers WHERE ?1 IS NULL OR lesson = ?1 ORDER BY at, id";
            let mut rows = self.db.prepare(sql)?;
            let rows = rows.query_map([lesson], |row| {
                let outcome: String = row.get(5)?;
                Ok(Answer {
                    uid: row.get(0)?,
                    lesson: row.get(1)?,
                    question: row.get(2)?,
                    seed: row.get::<_, i64>(3)?.cast_unsigned(),
                    typed: row.get(4)?,
                    outcome: Outcome::from_id(&outcome),
                    score: row.get(6)?,
                    seconds: row.get(7)?,
                    at: row.get(8)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(|error| self.trouble(&error))
    }

    /// All interviews, oldest first.
    ///
    /// # Errors
    /// A sentence where the file cannot be read.
    pub fn interviews(&self) -> Result<Vec<Sitting>, Trouble> {
        let read = || -> rusqlite::Result<Vec<Sitting>> {
            let sql = "SELECT uid, track, script, seed, minutes, at, over
                FROM interviews ORDER BY at, id";
            let mut rows = self.db.prepare(sql)?;
            let rows = rows.query_map([], |row| {
                Ok(Sitting {
                    uid: row.get(0)?,
                    track: row.get(1)?,
                    script: row.get(2)?,
                    seed: row.get::<_, i64>(3)?.cast_unsigned(),
                    minutes: row.get::<_, i64>(4)?.cast_unsigned(),
                    at: row.get(5)?,
                    over: row.get(6)?,
                    events: Vec::new(),
                })
            })?;
            let mut sittings: Vec<Sitting> = rows.collect::<rusqlite::Result<_>>()?;
            for sitting in &mut sittings {
                sitting.events = events(&self.db, &sitting.uid)?;
            }
            Ok(sittings)
        };
        read().map_err(|error| self.trouble(&error))
    }

    /// Keeps a new interview; its uid is given here where it is empty.
    ///
    /// # Errors
    /// A sentence; the interview is then not kept.
    pub fn begin_interview(&mut self, sitting: &mut Sitting) -> Result<(), Trouble> {
        sitting.uid = uid(&sitting.uid);
        let added = insert_interview(&self.db, sitting);
        added.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// Keeps what happened next in an interview, with the quiz answers that it holds: all or nothing.
    ///
    /// # Errors
    /// A sentence; nothing is then kept.
    pub fn record_event(
        &mut self,
        interview: &str,
        place: usize,
        happened: &Happened,
        answers: &[&Answer],
        over: bool,
    ) -> Result<(), Trouble> {
        let mut keep = || -> rusqlite::Result<()> {
            let step = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            insert_event(&step, interview, place, happened)?;
            for answer in answers {
                insert_answer(&step, answer)?;
            }
            if over {
                end_interview(&step, interview)?;
            }
            step.commit()
        };
        keep().map_err(|error| broken(&self.path, &error))
    }

    /// From now on this interview is not gone on with.
    ///
    /// # Errors
    /// A sentence; it is then as it was.
    pub fn end_interview(&mut self, interview: &str) -> Result<(), Trouble> {
        let ended = end_interview(&self.db, interview);
        ended.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// A setting of this person.
    ///
    /// # Errors
    /// A sentence where the file cannot be read.
    pub fn setting(&self, name: &str) -> Result<Option<String>, Trouble> {
        let sql = "SELECT value FROM settings WHERE name = ?1";
        let value = self.db.query_row(sql, [name], |row| row.get(0)).optional();
        value.map_err(|error| self.trouble(&error))
    }

    /// Keeps a setting.
    ///
    /// # Errors
    /// A sentence; the setting is then not kept.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Trouble> {
        let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let kept = self.db.execute(sql, [name, value]);
        kept.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// Everything, in the format that the module's documentation describes.
    ///
    /// # Errors
    /// A sentence where the file cannot be read.
    pub fn export(&self) -> Result<serde_json::Value, Trouble> {
        let read = || -> rusqlite::Result<BTreeMap<String, String>> {
            let mut rows = self.db.prepare("SELECT name, value FROM settings")?;
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        let settings = read().map_err(|error| self.trouble(&error))?;
        Ok(serde_json::json!({
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "verdicts": self.verdicts(None)?,
            "answers": self.answers(None)?,
            "interviews": self.interviews()?,
            "settings": settings,
        }))
    }

    /// Merges an export into this progress: all of it, or nothing where it cannot be read. What
    /// is here already is left as it is, so that importing twice adds nothing.
    ///
    /// # Errors
    /// A sentence: this is no export, or one of a newer llmlab, or the file cannot be written.
    pub fn import(&mut self, text: &str) -> Result<Imported, Trouble> {
        let export = read_export(text)?;
        let mut merge = || -> rusqlite::Result<Imported> {
            let mut imported = Imported::default();
            let merge = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            for verdict in &export.verdicts {
                imported.verdicts += insert_verdict(&merge, verdict)?;
            }
            for answer in &export.answers {
                imported.answers += insert_answer(&merge, answer)?;
            }
            for sitting in &export.interviews {
                imported.interviews += merge_interview(&merge, sitting)?;
            }
            for (name, value) in &export.settings {
                let sql = "INSERT OR IGNORE INTO settings (name, value) VALUES (?1, ?2)";
                imported.settings += merge.execute(sql, [name, value])?;
            }
            merge.commit()?;
            Ok(imported)
        };
        merge().map_err(|error| broken(&self.path, &error))
    }
}

fn version(db: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative number is none of ours: as unknown as a newer one.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn insert_verdict(db: &Connection, verdict: &Verdict) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO verdicts
        (uid, lesson, verdict, seed, convention, bugs, seconds, learner, production, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (uid) DO NOTHING";
    let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
    db.prepare_cached(sql)?.execute(params![
        uid(&verdict.uid),
        verdict.lesson,
        verdict.verdict,
        verdict.seed.cast_signed(),
        verdict.convention,
        serde_json::json!(verdict.bugs).to_string(),
        finite(verdict.seconds),
        verdict.learner.filter(|seconds| seconds.is_finite()),
        verdict.production.filter(|seconds| seconds.is_finite()),
        verdict.at,
    ])
}

fn insert_answer(db: &Connection, answer: &Answer) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO answers
        (uid, lesson, question, seed, typed, outcome, score, seconds, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (uid) DO NOTHING";
    let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
    db.prepare_cached(sql)?.execute(params![
        uid(&answer.uid),
        answer.lesson,
        answer.question,
        answer.seed.cast_signed(),
        answer.typed,
        answer.outcome.id(),
        finite(answer.score),
        finite(answer.seconds),
        answer.at,
    ])
}

fn insert_interview(db: &Connection, sitting: &Sitting) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO interviews (uid, track, script, seed, minutes, at, over)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (uid) DO NOTHING";
    db.prepare_cached(sql)?.execute(params![
        sitting.uid,
        sitting.track,
        sitting.script,
        sitting.seed.cast_signed(),
        sitting.minutes.cast_signed(),
        sitting.at,
        sitting.over,
    ])
}

fn insert_event(
    db: &Connection,
    interview: &str,
    place: usize,
    happened: &Happened,
) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO interview_events (interview, place, event, at) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(sql)?.execute(params![
        interview,
        place as i64,
        happened.event.to_string(),
        happened.at
    ])
}

fn end_interview(db: &Connection, interview: &str) -> rusqlite::Result<usize> {
    let sql = "UPDATE interviews SET over = 1 WHERE uid = ?1";
    db.execute(sql, [interview])
}

fn events(db: &Connection, interview: &str) -> rusqlite::Result<Vec<Happened>> {
    let sql = "SELECT event, at FROM interview_events WHERE interview = ?1 ORDER BY place";
    let mut rows = db.prepare_cached(sql)?;
    let rows = rows.query_map([interview], |row| {
        let event: String = row.get(0)?;
        Ok(Happened {
            event: serde_json::from_str(&event).unwrap_or_default(),
            at: row.get(1)?,
        })
    })?;
    rows.collect()
}

/// Adds an interview, or what happened later in one that is here: where both went on in their own
/// way, the one that is here stays. 1 where anything was added.
fn merge_interview(db: &Connection, sitting: &Sitting) -> rusqlite::Result<usize> {
    let new = insert_interview(db, sitting)?;
    let known = events(db, &sitting.uid)?;
    if !sitting.events.starts_with(&known) {
        return Ok(new);
    }
    for (place, happened) in sitting.events.iter().enumerate().skip(known.len()) {
        insert_event(db, &sitting.uid, place, happened)?;
    }
    if sitting.over {
        end_interview(db, &sitting.uid)?;
    }
    Ok(usize::from(new > 0 || sitting.events.len() > known.len()))
}

/// A row's own id, or a new one.
fn uid(known: &str) -> String {
    match known {
        "" => format!("{:032x}", rand::random::<u128>()),
        known => known.to_string(),
    }
}

fn broken(path: &Path, error: &rusqlite::Error) -> Trouble {
    use rusqlite::ErrorCode::{
        DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly,
    };
    let path = path.display();
    let (en, zh) = match error.sqlite_error_code() {
        Some(NotADatabase | DatabaseCorrupt) => (
            format!(
                "{path} is broken or no progress file, so progress is not kept; move it away and llmlab begins a new one"
            ),
            format!("{path} 已损坏或不是进度文件，因此不保存进度；把它移走，llmlab 会新建一个"),
        ),
        Some(ReadOnly) => (
            format!(
                "{path} is read-only, so progress is not kept; make it writable, or set LLMLAB_DATA to another directory"
            ),
            format!("{path} 是只读的，因此不保存进度；请改为可写，或把 LLMLAB_DATA 设为别的目录"),
        ),
        Some(DatabaseBusy | DatabaseLocked) => (
            format!(
                "another program has kept {path} locked for 5 seconds, so progress is not kept; close it and try again"
            ),
            format!("另一个程序锁住 {path} 已超过 5 秒，因此不保存进度；请关闭它再试"),
        ),
        Some(DiskFull) => (
            format!("the disk of {path} is full, so progress is not kept; make room and try again"),
            format!("{path} 所在磁盘已满，因此不保存进度；请腾出空间再试"),
        ),
        _ => (
            format!(
                "{path} cannot be used ({error}), so progress is not kept; set LLMLAB_DATA to a directory you may write to"
            ),
            format!("无法使用 {path}（{error}），因此不保存进度；请把 LLMLAB_DATA 设为可写的目录"),
        ),
    };
    Trouble { en, zh }
}

fn read_export(text: &str) -> Result<Export, Trouble> {
    let no_export = |why: &str| Trouble {
        en: format!("this is not a progress file of llmlab ({why}); `llmlab export` writes one"),
        zh: format!("这不是 llmlab 的进度文件（{why}）；请用 `llmlab export` 导出"),
    };
    let text = text.trim_start_matches('\u{feff}');
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| no_export(&error.to_string()))?;
    if value["format"] != FORMAT {
        return Err(no_export(&format!("no \"format\": \"{FORMAT}\"")));
    }
    match value["version"].as_u64() {
        Some(FORMAT_VERSION) => {}
        Some(newer) if newer > FORMAT_VERSION => {
            return Err(Trouble {
                en: format!(
                    "a newer llmlab wrote this export (version {newer}; this one reads {FORMAT_VERSION}); install the newer llmlab to import it"
                ),
                zh: format!(
                    "这份导出来自更新版本的 llmlab（版本 {newer}，本程序只能读 {FORMAT_VERSION}）；请安装新版 llmlab 再导入"
                ),
            });
        }
        _ => return Err(no_export("its version is missing")),
    }
    let export: Export =
        serde_json::from_value(value).map_err(|error| no_export(&error.to_string()))?;
    let verdicts = export.verdicts.iter();
    let uids = verdicts.map(|row| (&row.uid, &row.lesson));
    let uids = uids.chain(export.answers.iter().map(|row| (&row.uid, &row.lesson)));
    let mut uids = uids.chain(export.interviews.iter().map(|row| (&row.uid, &row.track)));
    if uids.any(|(uid, lesson)| uid.is_empty() || lesson.is_empty()) {
        return Err(no_export("a row has no uid, or no lesson or track"));
    }
    match export
        .answers
        .iter()
        .find(|row| !(0.0..=1.0).contains(&row.score))
    {
        Some(row) => Err(no_export(&format!(
            "the score {} is not from 0 to 1",
            row.score
        ))),
        None => Ok(export),
    }
}
