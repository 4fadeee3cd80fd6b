//! Flashcards: each question of a lesson as a front and a back, for Anki or a spreadsheet.
//!
//! Nothing here prints, reads a clock or writes a file.

mod apkg;
mod csv;

pub use apkg::apkg;
pub use csv::csv;

use crate::lesson::Lesson;
use crate::quiz::{self, Body, Drawn, letter};
use crate::show::html::{escape, inline};
use crate::text::Lang;

/// One card. `guid` is the same in every export, so that a new import brings changes to the card
/// that is there.
#[derive(Clone)]
pub struct Card {
    pub guid: String,
    pub lesson: &'static Lesson,
    /// The question's id.
    pub question: String,
    pub kind: &'static str,
    pub lang: Lang,
    pub front: Vec<Block>,
    pub back: Vec<Block>,
}

/// A piece of a side, top to bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Text(String),
    /// The answer itself.
    Answer(String),
    Code(String),
    /// Lines that have their letter or number already.
    Lines(Vec<String>),
    /// What stands small at the end.
    Small(String),
}

/// The cards of these lessons, one for each question, in order. Values and order of options are
/// those of `seed`: one draw, since a card is for the way to the number and not for the number.
///
/// # Errors
/// A sentence about the quiz file that cannot be read.
pub fn cards(lessons: &[&'static Lesson], seed: u64, lang: Lang) -> Result<Vec<Card>, String> {
    let mut cards = Vec::new();
    for lesson in lessons {
        for question in quiz::bank(lesson)? {
            cards.push(card(lesson, &quiz::draw(&question, seed, lang)));
        }
    }
    Ok(cards)
}

fn card(lesson: &'static Lesson, drawn: &Drawn) -> Card {
    let lang = drawn.lang;
    let mut front = vec![Block::Text(drawn.ask.clone())];
    front.extend(drawn.code.clone().map(Block::Code));
    let lettered = |shown: &[String]| {
        let lines = shown.iter().enumerate();
        lines.map(|(i, text)| option(i, text)).collect()
    };
    let small = |en: &str, zh: &str| Block::Small(lang.pick(en, zh).to_string());
    let answer = match &drawn.body {
        Body::Pick {
            options,
            right,
            several,
        } => {
            front.push(Block::Lines(lettered(options)));
            if *several {
                front.push(small("all that are right", "选出所有正确项"));
            }
            let lines = right.iter().map(|&i| option(i, &options[i]));
            Block::Lines(lines.collect())
        }
        Body::Order { steps, right } => {
            front.push(Block::Lines(lettered(steps)));
            front.push(small("in the right order", "按正确顺序排列"));
            let lines = (1..)
                .zip(right)
                .map(|(at, &i)| format!("{at}. {}", steps[i]));
            Block::Lines(lines.collect())
        }
        Body::Short(points) => {
            let lines = (1..)
                .zip(points)
                .map(|(at, point)| format!("{at}. {point}"));
            Block::Lines(lines.collect())
        }
        Body::Numeric {
            unit: Some(unit), ..
        } => {
            front.push(Block::Small(lang.pick(
                format!("a number in {unit}"),
                format!("一个数，单位 {unit}"),
            )));
            Block::Answer(drawn.answer())
        }
        Body::Numeric { .. } => Block::Answer(drawn.answer()),
        Body::Shape(_) => {
            front.push(small("the size of each axis", "每个轴的大小"));
            Block::Answer(drawn.answer())
        }
    };
    Card {
        guid: format!(
            "llmlab/{}/{}/{}",
            lesson.id,
            drawn.id,
            lang.pick("en", "zh")
        ),
        lesson,
        question: drawn.id.clone(),
        kind: drawn.kind,
        lang,
        front,
        back: vec![
            answer,
            Block::Text(drawn.why.clone()),
            Block::Small(format!("llmlab quiz {} --only {}", lesson.id, drawn.id)),
        ],
    }
}

fn option(i: usize, text: &str) -> String {
    format!("{}) {text}", letter(i))
}

impl Card {
    /// `llmlab::attention`, `track::phone` …
    pub fn tags(&self) -> Vec<String> {
        let tracks = self.lesson.tracks.iter();
        let tracks = tracks.map(|track| format!("track::{}", track.id()));
        std::iter::once(format!("llmlab::{}", self.lesson.id))
            .chain(tracks)
            .chain([format!("kind::{}", self.kind)])
            .collect()
    }

    /// `llmlab::The Transformer::Attention masks`
    pub fn deck(&self) -> String {
        let (part, lesson) = (self.lesson.part.title(), self.lesson.title);
        format!("llmlab::{}::{}", part.get(self.lang), lesson.get(self.lang))
    }
}

/// A side as text.
pub fn plain(side: &[Block]) -> String {
    let blocks = side.iter().map(|block| match block {
        Block::Text(text) | Block::Answer(text) | Block::Code(text) => text.clone(),
        Block::Lines(lines) => lines.join("\n"),
        Block::Small(text) => format!("({text})"),
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// A side as HTML.
pub fn html(side: &[Block]) -> String {
    let blocks = side.iter().map(|block| match block {
        Block::Text(text) => format!("<p>{}</p>", inline(text)),
        Block::Answer(text) => format!("<p class=\"answer\">{}</p>", inline(text)),
        Block::Code(text) => format!("<pre>{}</pre>", escape(text)),
        Block::Lines(lines) => lines
            .iter()
            .map(|line| format!("<p class=\"line\">{}</p>", inline(line)))
            .collect(),
        Block::Small(text) => format!("<p class=\"small\">{}</p>", escape(text)),
    });
    blocks.collect()
}
