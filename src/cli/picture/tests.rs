//! Laws about every picture: each complaint names it.

use super::{graphics, letters, png, svg};
use crate::cli::Session;
use crate::lessons::LESSONS;
use crate::show::{Figure, Parts, Picture};
use crate::text::Lang;
use std::collections::BTreeSet;

fn all() -> impl Iterator<Item = &'static Picture> {
    LESSONS.iter().flat_map(|lesson| lesson.pictures)
}

fn figures() -> impl Iterator<Item = (&'static Picture, Lang, Figure)> {
    all().flat_map(|picture| {
        [Lang::En, Lang::Zh].map(|lang| {
            let figure = picture.figure(&[], 0, lang);
            (picture, lang, figure.expect("the defaults are valid"))
        })
    })
}

#[test]
fn ids_are_unique_and_are_no_lessons() {
    let mut seen = BTreeSet::new();
    for picture in all() {
        let id = picture.id;
        assert!(seen.insert(id), "two pictures are called `{id}`");
        assert!(crate::lessons::find(id).is_none(), "`{id}` is a lesson");
        assert!(
            id.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{id}"
        );
    }
    assert!(seen.len() >= 30, "{}", seen.len());
}

#[test]
fn every_picture_is_drawn_in_both_languages() {
    for (picture, lang, figure) in figures() {
        let id = picture.id;
        let drawn = svg(&figure, lang).unwrap_or_else(|error| panic!("{id}: {error}"));
        for label in labels(&drawn) {
            let missing = letters::missing(&label);
            assert!(
                missing.is_empty(),
                "{id}: the font lacks {missing:?} of `{label}`; run subset.py"
            );
        }
        assert!(!drawn.contains("NaN"), "{id}: a place is no number");
        assert!(drawn.len() < 600_000, "{id}: {} bytes", drawn.len());
        assert!(png(&drawn, 1.0).unwrap().starts_with(b"\x89PNG"), "{id}");
        for plain in [false, true] {
            let mut session = Session::new();
            (session.lang, session.width) = (lang, 100);
            session.plain(plain);
            let text = graphics::text(&session, &figure);
            let most = text.lines().map(crate::cli::columns).max().unwrap_or(0);
            assert!(
                plain || most <= 100,
                "{id}: a line has {most} columns\n{text}"
            );
            assert!(text.lines().count() > 3, "{id}: {text}");
        }
    }
}

/// The texts of an SVG.
fn labels(svg: &str) -> Vec<String> {
    let parts = svg.split("<g aria-label=\"").skip(1);
    parts
        .filter_map(|part| Some(part.split_once('"')?.0.to_string()))
        .collect()
}

#[test]
fn every_axis_has_a_name_and_every_caption_says_something() {
    for (picture, lang, figure) in figures() {
        let id = picture.id;
        assert!(
            !figure.title.is_empty() && figure.caption.chars().count() > 20,
            "{id}"
        );
        assert!(
            figure.caption.ends_with(lang.pick('.', '。')),
            "{id}: {}",
            figure.caption
        );
        match figure.parts {
            Parts::Heat(maps) => {
                for map in maps {
                    assert!(
                        !map.rows.name.is_empty() && !map.columns.name.is_empty(),
                        "{id}"
                    );
                    let shape = map.panels[0].cells.dim();
                    assert!(
                        map.panels.iter().all(|panel| panel.cells.dim() == shape),
                        "{id}"
                    );
                }
            }
            Parts::Plots(plots) => {
                for plot in plots {
                    assert!(!plot.x.name.is_empty() && !plot.y.name.is_empty(), "{id}");
                    let points = plot.curves.iter().flat_map(|curve| &curve.points);
                    let mut points = points.inspect(|(x, y)| {
                        assert!(x.is_finite() && y.is_finite(), "{id}: ({x}, {y})");
                    });
                    assert!(points.by_ref().count() > 1, "{id}: {}", plot.title);
                }
            }
        }
    }
}

#[test]
fn every_setting_may_go_to_its_least_value() {
    for picture in all() {
        for setting in picture.settings {
            let wanted = [(setting.name.to_string(), setting.min)];
            let figure = picture.figure(&wanted, 1, Lang::En).unwrap();
            let (id, name) = (picture.id, setting.name);
            let drawn =
                svg(&figure, Lang::En).unwrap_or_else(|error| panic!("{id} {name}: {error}"));
            assert!(!drawn.contains("NaN"), "{id} {name}={}", setting.min);
        }
    }
}

/// What else is drawn: the plots of bench, wrong answers, statistics.
#[test]
fn the_font_has_the_words_of_other_pictures_too() {
    let sources = [
        include_str!("../bench.rs"),
        include_str!("../difference.rs"),
        include_str!("../stats/draw.rs"),
    ];
    for source in sources {
        assert_eq!(letters::missing(source), Vec::<char>::new());
    }
}
