//! Flashcards: what Anki and a spreadsheet get. `tests/oracles/anki.py` lets Anki itself import them.
#![cfg(feature = "terminal")]

use llmlab::cards::{Card, apkg, cards, csv, plain};
use llmlab::lessons::LESSONS;
use llmlab::quiz;
use llmlab::text::Lang;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::process::{Command, Output};

const AT: i64 = 1_700_000_000_123;

fn all(lang: Lang) -> Vec<Card> {
    cards(LESSONS, 0, lang).expect("every quiz can be read")
}

/// The collection inside a package, and the file that it lies in.
fn opened(package: &[u8]) -> (Connection, tempfile::TempDir) {
    let mut zip = zip::ZipArchive::new(Cursor::new(package)).expect("a zip");
    let names: Vec<String> = zip.file_names().map(ToString::to_string).collect();
    assert_eq!(names, ["collection.anki2", "media"]);
    let mut media = String::new();
    zip.by_name("media")
        .unwrap()
        .read_to_string(&mut media)
        .unwrap();
    assert_eq!(media, "{}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("collection.anki2");
    let mut bytes = Vec::new();
    zip.by_name("collection.anki2")
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    std::fs::write(&file, bytes).unwrap();
    (Connection::open(file).unwrap(), folder)
}

fn count(db: &Connection, table: &str) -> usize {
    let sql = format!("SELECT count(*) FROM {table}");
    let count: i64 = db.query_row(&sql, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

#[test]
fn a_package_is_what_anki_expects() {
    for lang in [Lang::En, Lang::Zh] {
        let cards = all(lang);
        let questions = LESSONS.iter().map(|lesson| {
            quiz::parse(lesson.id, lesson.quiz, lesson.problem.bugs)
                .unwrap()
                .len()
        });
        assert_eq!(cards.len(), questions.sum::<usize>());
        let (db, _folder) = opened(&apkg(&cards, AT).unwrap());
        let sound: String = db
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
        let sizes = ["col", "notes", "cards", "revlog", "graves"].map(|table| count(&db, table));
        assert_eq!(sizes, [1, cards.len(), cards.len(), 0, 0]);
        assert_eq!(
            count(&db, "cards JOIN notes ON cards.nid = notes.id"),
            cards.len()
        );

        let (version, kinds, decks): (i64, String, String) = db
            .query_row("SELECT ver, models, decks FROM col", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        assert_eq!(version, 11);
        let [kinds, decks] =
            [kinds, decks].map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
        let kinds = kinds.as_object().unwrap();
        let names: BTreeSet<&str> = decks
            .as_object()
            .unwrap()
            .values()
            .map(|deck| deck["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names.len(),
            LESSONS.len() + 1,
            "a deck for each lesson, and Anki's own"
        );
        assert!(names.iter().all(|name| *name == "Default"
            || name.starts_with("llmlab::") && name.matches("::").count() == 2));

        let mut notes = db
            .prepare("SELECT notes.guid, notes.mid, notes.flds, notes.sfld, notes.csum, notes.tags, cards.did FROM notes JOIN cards ON cards.nid = notes.id ORDER BY cards.due")
            .unwrap();
        let mut rows = notes.query([]).unwrap();
        let mut guids = BTreeSet::new();
        for card in &cards {
            let row = rows.next().unwrap().unwrap();
            let get = |at| row.get::<_, String>(at).unwrap();
            let (guid, fields, sort, tags) = (get(0), get(2), get(3), get(5));
            assert_eq!(guid, card.guid);
            assert!(kinds.contains_key(&row.get::<_, i64>(1).unwrap().to_string()));
            let deck = &decks[row.get::<_, i64>(6).unwrap().to_string()];
            assert_eq!(deck["name"], card.deck());
            let fields: Vec<&str> = fields.split('\u{1f}').collect();
            assert_eq!(fields.len(), 2, "{guid}");
            assert!(fields.iter().all(|field| !field.is_empty()), "{guid}");
            // The sort field is the front's text.
            let bare = |text: &str| text.replace(['`', '(', ')', '\n'], "");
            assert_eq!(bare(&sort), bare(&plain(&card.front)));
            let sum = sha1_smol::Sha1::from(&sort).digest().to_string();
            assert_eq!(
                row.get::<_, i64>(4).unwrap(),
                i64::from_str_radix(&sum[..8], 16).unwrap()
            );
            assert!(
                tags.starts_with(&format!(" llmlab::{} ", card.lesson.id)) && tags.ends_with(' ')
            );
            assert!(guids.insert(guid), "{} twice", card.guid);
        }
        // Tags are all closed: every sign of the texts that HTML reads otherwise is written out.
        let broken =
            "SELECT count(*) FROM notes WHERE flds LIKE '%<script%' OR flds NOT LIKE '<p>%</p>'";
        assert_eq!(
            db.query_row(broken, [], |row| row.get::<_, i64>(0))
                .unwrap(),
            0
        );
    }
}

#[test]
fn another_export_has_the_same_cards() {
    let (first, later) = (all(Lang::En), cards(LESSONS, 7, Lang::En).unwrap());
    let ids = |cards: &[Card], at| {
        let (db, _folder) = opened(&apkg(cards, at).unwrap());
        let mut rows = db.prepare("SELECT id, guid, mid FROM notes").unwrap();
        let rows = rows.query_map([], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
            ))
        });
        rows.unwrap().map(Result::unwrap).collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&first, AT), ids(&later, AT + 5000));
    assert_eq!(apkg(&first, AT).unwrap(), apkg(&all(Lang::En), AT).unwrap());
    let zh: BTreeSet<String> = all(Lang::Zh).into_iter().map(|card| card.guid).collect();
    assert!(
        first.iter().all(|card| !zh.contains(&card.guid)),
        "both languages fit into one Anki"
    );
}

/// RFC 4180, read back by rules of its own.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {
                assert_eq!(chars.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    assert!(!quoted && field.is_empty() && record.is_empty());
    records
}

#[test]
fn the_table_has_a_record_for_each_card() {
    for lang in [Lang::En, Lang::Zh] {
        let cards = all(lang);
        let records = records(&csv(&cards));
        assert_eq!(
            records[0],
            ["lesson", "question", "kind", "front", "back", "tags"]
        );
        assert_eq!(records.len(), cards.len() + 1);
        for (record, card) in records[1..].iter().zip(&cards) {
            assert_eq!(record[..3], [card.lesson.id, &card.question, card.kind]);
            assert!(record.len() == 6 && record.iter().all(|field| !field.is_empty()));
        }
    }
}

fn run(words: &[&str], folder: &std::path::Path) -> (String, Option<i32>) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_llmlab"))
        .args(words)
        .current_dir(folder)
        .env("LLMLAB_DATA", folder.join("data"))
        .env("LLMLAB_LANG", "en")
        .output()
        .unwrap();
    let said = [stdout, stderr].concat();
    (String::from_utf8(said).unwrap(), status.code())
}

#[test]
fn files_are_chosen_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| run(words, folder.path());
    let (said, code) = run(&[
        "export", "--anki", "c.apkg", "--csv", "c.csv", "--lesson", "rope",
    ]);
    assert_eq!(code, Some(0), "{said}");
    let table = std::fs::read_to_string(folder.path().join("c.csv")).unwrap();
    let lessons: BTreeSet<String> = records(&table)[1..]
        .iter()
        .map(|record| record[0].clone())
        .collect();
    assert_eq!(lessons, BTreeSet::from(["rope".to_string()]));
    assert!(
        !folder.path().join("data").exists(),
        "cards need no progress"
    );
    std::fs::write(folder.path().join("c.apkg"), "mine").unwrap();
    let (said, code) = run(&["export", "--anki", "c.apkg"]);
    assert!(
        code == Some(2) && said.contains("export --anki c.apkg --force"),
        "{said}"
    );
    assert_eq!(
        std::fs::read(folder.path().join("c.apkg")).unwrap(),
        b"mine"
    );
    let (said, code) = run(&["export", "--anki", "c.apkg", "--force", "--track", "phone"]);
    assert_eq!(code, Some(0), "{said}");
    let (said, code) = run(&["export", "--lesson", "rope"]);
    assert!(code == Some(2) && said.contains("--anki"), "{said}");
    let (said, code) = run(&["export", "--csv", "no/where.csv"]);
    assert!(code == Some(2) && said.contains("no/where.csv"), "{said}");
    let (said, code) = run(&["export", "--csv", "x.csv", "--lesson", "ropes"]);
    assert!(code == Some(2) && said.contains("rope"), "{said}");
    let left: BTreeSet<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        left,
        BTreeSet::from(["c.apkg", "c.csv"].map(String::from)),
        "no parts are left behind"
    );
}
