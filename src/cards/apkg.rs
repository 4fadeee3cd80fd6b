//! Cards as an Anki package: a zip of a collection (SQLite, schema 11, which every Anki reads) and
//! of its media, of which there are none.

use super::{Card, html};
use crate::show::html::unescape;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const SCHEMA: &str = include_str!("schema.sql");
const CSS: &str = include_str!("cards.css");
/// Between the fields of a note.
const BETWEEN: char = '\u{1f}';
/// The deck and the options that every collection has.
const DEFAULT: i64 = 1;

/// The package; `at` is the time of the export in milliseconds, by which Anki knows which of two
/// versions of a note is the newer one.
///
/// # Errors
/// What SQLite or the zip complains about.
pub fn apkg(cards: &[Card], at: i64) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut collection = Connection::open_in_memory()?;
    collection.execute_batch(SCHEMA)?;
    fill(&mut collection, cards, at)?;
    let mut package = ZipWriter::new(Cursor::new(Vec::new()));
    package.start_file("collection.anki2", SimpleFileOptions::default())?;
    package.write_all(&collection.serialize("main")?)?;
    package.start_file("media", SimpleFileOptions::default())?;
    package.write_all(b"{}")?;
    Ok(package.finish()?.into_inner())
}

fn fill(collection: &mut Connection, cards: &[Card], at: i64) -> Result<(), rusqlite::Error> {
    let seconds = at / 1000;
    let mut decks = Map::new();
    decks.insert(DEFAULT.to_string(), deck(DEFAULT, "Default", seconds));
    for card in cards {
        let name = card.deck();
        let id = number(&name);
        decks.insert(id.to_string(), deck(id, &name, seconds));
    }
    let kind = number("llmlab note type");
    let kinds = json!({ kind.to_string(): note_type(kind, seconds) });
    let options = json!({ DEFAULT.to_string(): options(seconds) });
    let all = collection.transaction()?;
    all.execute(
        "INSERT INTO col VALUES (1, ?1, ?2, ?2, 11, 0, 0, 0, ?3, ?4, ?5, ?6, '{}')",
        params![
            seconds,
            at,
            json!({ "nextPos": cards.len() + 1, "curDeck": DEFAULT, "activeDecks": [DEFAULT] })
                .to_string(),
            kinds.to_string(),
            Value::Object(decks).to_string(),
            options.to_string(),
        ],
    )?;
    for (place, card) in (1..).zip(cards) {
        let id = number(&card.guid);
        let front = html(&card.front);
        let sort = stripped(&front);
        all.execute(
            "INSERT INTO notes VALUES (?1, ?2, ?3, ?4, -1, ?5, ?6, ?7, ?8, 0, '')",
            params![
                id,
                card.guid,
                kind,
                seconds,
                format!(" {} ", card.tags().join(" ")),
                format!("{front}{BETWEEN}{}", html(&card.back)),
                sort,
                checksum(&sort),
            ],
        )?;
        all.execute(
            "INSERT INTO cards VALUES (?1, ?1, ?2, 0, ?3, -1, 0, 0, ?4, 0, 0, 0, 0, 0, 0, 0, 0, '')",
            params![id, number(&card.deck()), seconds, place],
        )?;
    }
    all.commit()
}

/// A number that always belongs to `name`. Anki's are milliseconds since 1970: this one is a moment
/// between 2017 and 2020, before there was anything of ours.
fn number(name: &str) -> i64 {
    let digest = sha1_smol::Sha1::from(name).digest().bytes();
    let hash = digest[..8]
        .iter()
        .fold(0, |hash: u64, byte| hash << 8 | u64::from(*byte));
    1_500_000_000_000 + (hash % 100_000_000_000) as i64
}

/// How Anki finds notes with the same first field: the first 32 bits of its SHA-1.
fn checksum(text: &str) -> u32 {
    let digest = sha1_smol::Sha1::from(text).digest().bytes();
    digest[..4]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// The text of a field without its tags, as Anki sorts and compares it.
fn stripped(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    unescape(&text)
}

fn note_type(id: i64, seconds: i64) -> Value {
    let field = |place: usize, name: &str| {
        json!({
            "name": name, "ord": place, "sticky": false, "rtl": false,
            "font": "Arial", "size": 20, "media": [],
        })
    };
    json!({
        "id": id,
        "name": "llmlab",
        "type": 0,
        "mod": seconds,
        "usn": -1,
        "sortf": 0,
        "did": DEFAULT,
        "flds": [field(0, "Front"), field(1, "Back")],
        "tmpls": [{
            "name": "Card 1", "ord": 0, "did": null, "bqfmt": "", "bafmt": "",
            "qfmt": "{{Front}}",
            "afmt": "{{FrontSide}}\n<hr id=\"answer\">\n{{Back}}",
        }],
        "css": CSS,
        "latexPre": "",
        "latexPost": "",
        "req": [[0, "any", [0]]],
        "tags": [],
        "vers": [],
    })
}

fn deck(id: i64, name: &str, seconds: i64) -> Value {
    json!({
        "id": id, "name": name, "mod": seconds, "usn": -1, "desc": "", "dyn": 0, "conf": DEFAULT,
        "collapsed": false, "browserCollapsed": false, "extendNew": 0, "extendRev": 0,
        "newToday": [0, 0], "revToday": [0, 0], "lrnToday": [0, 0], "timeToday": [0, 0],
    })
}

/// Anki's own defaults; an import leaves those of the collection it goes into.
fn options(seconds: i64) -> Value {
    json!({
        "id": DEFAULT, "name": "Default", "mod": seconds, "usn": 0, "dyn": 0,
        "autoplay": true, "replayq": true, "timer": 0, "maxTaken": 60,
        "new": {
            "perDay": 20, "order": 1, "delays": [1, 10], "ints": [1, 4, 7],
            "initialFactor": 2500, "bury": false, "separate": true,
        },
        "rev": {
            "perDay": 200, "ease4": 1.3, "ivlFct": 1, "maxIvl": 36500, "fuzz": 0.05,
            "minSpace": 1, "bury": false,
        },
        "lapse": { "delays": [10], "mult": 0, "minInt": 1, "leechFails": 8, "leechAction": 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_text_without_tags() {
        assert_eq!(
            stripped("<p>a &lt; &quot;b&quot; &amp;amp; c</p>"),
            "a < \"b\" &amp; c"
        );
        // sha1("abc") = a9993e36…
        assert_eq!(checksum("abc"), 0xa999_3e36);
    }
}
