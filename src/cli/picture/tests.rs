//! Laws about every picture: each complaint names it.

use super::{graphics, letters, png, svg};
use crate::cli::Session;
use crate::lessons::LESSONS;
use crate::show::{Figure, HeatMap, Parts, Picture, Plot};
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
        named(id, &figure, lang);
        let drawn = svg(&figure, lang).unwrap_or_else(|error| panic!("{id}: {error}"));
        for label in labels(&drawn) {
            let missing = letters::missing(&label);
            assert!(
                missing.is_empty(),
                "{id}: the font lacks {missing:?} of `{label}`; run subset.py"
            );
        }
        assert!(!drawn.contains("NaN"), "{id}: a place is no number");
        assert!(drawn.len() < 500_000, "{id}: {} bytes", drawn.len());
        assert!(png(&drawn, 1.0).unwrap().starts_with(b"\x89PNG"), "{id}");
        for plain in [false, true] {
            let mut session = Session::new();
            (session.lang, session.width) = (lang, 100);
            session.plain = plain;
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

/// Every axis has a name, the caption is a sentence, and every place is a number.
fn named(id: &str, figure: &Figure, lang: Lang) {
    assert!(
        !figure.title.is_empty() && figure.caption.chars().count() > 20,
        "{id}"
    );
    assert!(
        figure.caption.ends_with(lang.pick('.', '。')),
        "{id}: {}",
        figure.caption
    );
    match &figure.parts {
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
                let points: Vec<_> = plot.curves.iter().flat_map(|curve| &curve.points).collect();
                assert!(points.len() > 1, "{id}: {}", plot.title);
                assert!(
                    points.iter().all(|(x, y)| x.is_finite() && y.is_finite()),
                    "{id}"
                );
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

fn parts(id: &str, wanted: &[(&str, usize)]) -> Parts {
    let picture = all().find(|picture| picture.id == id);
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(name, value)| (name.to_string(), *value))
        .collect();
    picture.unwrap().figure(&wanted, 0, Lang::En).unwrap().parts
}

fn plots(id: &str, wanted: &[(&str, usize)]) -> Vec<Plot> {
    match parts(id, wanted) {
        Parts::Plots(plots) => plots,
        Parts::Heat(_) => panic!("{id} is a heat map"),
    }
}

fn heat(id: &str, wanted: &[(&str, usize)]) -> HeatMap {
    match parts(id, wanted) {
        Parts::Heat(mut maps) => maps.remove(0),
        Parts::Plots(_) => panic!("{id} is a plot"),
    }
}

fn near(a: f64, b: f64, within: f64) {
    assert!((a - b).abs() <= within, "{a} is not {b}");
}

#[test]
fn rope_turns_and_decays_as_the_formula_says() {
    let (d, base) = (16, 10_000f64);
    let theta = |i: usize| base.powf(-2.0 * i as f64 / d as f64);
    for (m, (_, y)) in plots("rope-decay", &[("d", d)])[0].curves[0]
        .points
        .iter()
        .enumerate()
    {
        let cosines = (0..d / 2).map(|i| (m as f64 * theta(i)).cos());
        near(*y, cosines.sum::<f64>() * 2.0 / d as f64, 1e-6);
    }
    let first = &plots("rope-rotation", &[("d", d)])[0].curves[0];
    for (m, (x, y)) in first.points.iter().enumerate() {
        near(*x, (m as f64).cos(), 1e-6);
        near(*y, (m as f64).sin(), 1e-6);
    }
}

#[test]
fn stretched_frequencies_meet_the_factor_where_the_papers_say() {
    let slowed = &plots("rope-frequencies", &[("factor", 8)])[1];
    let of = |curve: usize| {
        let points = &slowed.curves[curve].points;
        (points[0].1, points[points.len() - 1].1)
    };
    // Plain, PI (all pairs), NTK (the last pair alone), YaRN (none … all).
    for (curve, (first, last)) in [
        (0, (1.0, 1.0)),
        (1, (8.0, 8.0)),
        (2, (1.0, 8.0)),
        (3, (1.0, 8.0)),
    ] {
        near(of(curve).0, first, 1e-9);
        near(of(curve).1, last, 1e-9);
    }
}

#[test]
fn a_temperature_divides_the_logits() {
    let panels = plots("softmax-temperature", &[]);
    let odds = |panel: &Plot| {
        let p: Vec<f64> = panel.curves[0].points.iter().map(|(_, p)| *p).collect();
        near(p.iter().sum(), 1.0, 1e-9);
        (p[0] / p[1]).ln()
    };
    for (panel, t) in panels.iter().zip([0.25, 1.0, 2.0, 8.0]) {
        near(odds(panel) * t, odds(&panels[1]), 1e-5);
    }
}

#[test]
fn alibi_loses_a_power_of_two_for_each_head() {
    let map = heat("alibi-bias", &[("h", 8)]);
    for (k, panel) in (1..).zip(&map.panels) {
        near(panel.cells[[9, 8]], -f64::powi(0.5, k), 1e-12);
        assert!(panel.cells[[8, 9]] == f64::NEG_INFINITY && panel.cells[[9, 9]] == 0.0);
    }
}

#[test]
fn masks_have_as_many_cells_as_one_counts() {
    let n = 12;
    let map = heat("attention-masks", &[("n", n), ("window", 3)]);
    let seen: Vec<f64> = map.panels.iter().map(|panel| panel.cells.sum()).collect();
    // A triangle; a band without its upper corner; a triangle over what is no padding.
    assert_eq!(seen, [78.0, 33.0, 45.0]);
}

#[test]
fn attention_rows_of_the_trained_model_are_causal_and_sum_to_one() {
    let map = heat("attention-weights", &[("n", 20)]);
    for panel in &map.panels {
        for (i, row) in panel.cells.rows().into_iter().enumerate() {
            near(row.sum(), 1.0, 1e-9);
            assert!(row.iter().skip(i + 1).all(|weight| *weight == 0.0));
        }
    }
}

#[test]
fn a_cache_of_llama_2_takes_half_a_megabyte_for_each_token() {
    let memory = &plots("kv-cache-memory", &[])[0];
    let at = |curve: usize| {
        memory.curves[curve]
            .points
            .iter()
            .find(|(n, _)| *n == 4096.0)
    };
    // 2·32 layers·32 heads·128·2 bytes, and a quarter of it with 8 heads.
    near(at(0).unwrap().1, 2.0, 1e-12);
    near(at(1).unwrap().1, 0.5, 1e-12);
}

#[test]
fn a_fitted_temperature_makes_the_student_more_honest() {
    let ece = |plot: &Plot| -> f64 {
        let (_, ece) = plot.title.split_once("ECE ").unwrap();
        ece.parse().unwrap()
    };
    let panels = plots("reliability", &[]);
    assert!(
        ece(&panels[2]) < ece(&panels[1]),
        "{} {}",
        panels[1].title,
        panels[2].title
    );
}

#[test]
fn gptq_loses_less_of_the_output_than_rounding() {
    let output = &plots("gptq-error", &[])[1];
    let last = |curve: usize| output.curves[curve].points.last().unwrap().1;
    assert!(last(1) < 0.9 * last(0), "{} {}", last(0), last(1));
}
