//! A wrong answer as pictures: what was expected, what came, and how far apart they are.

use super::verbs::{Arg, Shape, Values};
use super::{Session, heat, picture};
use crate::check::{Report, Seen};
use crate::lesson::Lesson;
use crate::show::{HeatMap, Panel};
use crate::text::{Lang, Text};
use ndarray::ArrayD;
use std::path::PathBuf;

/// `--heat`
pub const HEAT: Arg = Arg {
    name: "heat",
    shape: Shape::Flag,
    about: Text::new(
        "show wrong values as heat maps: expected, yours, the difference",
        "把错误的数值画成热力图：应为、你的、差值",
    ),
};

/// `--save FILE.svg`
pub const SAVE: Arg = Arg {
    name: "save",
    shape: Shape::Option("FILE.svg"),
    about: Text::new(
        "write these heat maps to a picture (.svg or .png)",
        "把这些热力图保存为图片（.svg 或 .png）",
    ),
};

/// Which pictures are wanted.
pub struct Wanted {
    heat: bool,
    save: Option<PathBuf>,
}

impl Wanted {
    pub fn of(values: &Values) -> Wanted {
        Wanted {
            heat: values.flag("heat"),
            save: values.text("save").map(PathBuf::from),
        }
    }

    /// Writes the picture and, unless only data is asked for, shows what is wanted of a report. Nothing of
    /// an answer that is right.
    ///
    /// # Errors
    /// A sentence where the picture cannot be written.
    pub fn show(
        &self,
        session: &Session,
        lesson: &Lesson,
        report: &Report,
        only_data: bool,
    ) -> Result<(), String> {
        let lang = session.lang;
        let Some(failure) = &report.failure else {
            return Ok(());
        };
        let wanted = self.heat || self.save.is_some();
        let say = |words: &str| {
            if !only_data {
                session.say(words);
            }
        };
        let Some(seen) = failure.seen.as_ref().filter(|seen| !seen.shape.is_empty()) else {
            if wanted {
                say(lang.pick(
                    "There are no values to be drawn: they are too many, a single one, or none.",
                    "没有可画的数值：太多、只有一个，或根本没有。",
                ));
            }
            return Ok(());
        };
        // At the prompt a glance comes unasked.
        if session.in_repl && !self.heat && !session.plain {
            let (most, _) = heat::room(session);
            let third = [most[0], most[1] / 3];
            if let Some(map) = glance(lesson, seen, third, session.lang) {
                say("");
                say(&heat::text(&map, session));
            }
        }
        if self.heat {
            let (most, panels) = heat::room(session);
            let maps = maps(lesson, seen, most, panels, words(lang));
            if !only_data && !maps.is_empty() {
                session.say("");
                picture::show(session, &maps.into(), false)?;
            }
        }
        if let Some(path) = &self.save {
            let maps = maps(lesson, seen, [128, 128], 8, words(lang));
            picture::save(&maps.into(), path, lang)?;
            let path = path.display();
            say(&lang.pick(format!("saved to {path}"), format!("已保存到 {path}")));
        }
        Ok(())
    }
}

/// The three beside each other on one scale, at the place of the outer axes where they differ most.
pub fn glance(lesson: &Lesson, seen: &Seen, most: [usize; 2], lang: Lang) -> Option<HeatMap> {
    let maps = maps(lesson, seen, most, usize::MAX, words(lang));
    let [expected, _, apart] = &maps[..] else {
        return None;
    };
    let farthest = |panel: &Panel| panel.cells.fold(0.0, |far: f64, x| far.max(x.abs()));
    let far: Vec<f64> = apart.panels.iter().map(farthest).collect();
    let at = (0..far.len()).max_by(|a, b| far[*a].total_cmp(&far[*b]))?;
    let panels = maps.iter().zip(words(lang));
    let panels = panels.map(|(map, what)| (what.to_string(), map.panels[at].cells.clone()));
    let (rows, columns) = (expected.rows.clone(), expected.columns.clone());
    let name = lesson.problem.outputs[seen.output].0;
    let title = format!("{name} {}", expected.panels[at].name);
    let map = HeatMap::beside(title.trim(), [&rows.name, &columns.name], panels);
    Some(HeatMap {
        rows,
        columns,
        ..map
    })
}

/// What the three maps are of.
fn words(lang: Lang) -> [&'static str; 3] {
    lang.pick(
        ["expected", "yours", "yours − expected"],
        ["应为", "你的", "你的 − 应为"],
    )
}

/// Expected and got on one scale, and their difference on its own.
fn maps(
    lesson: &Lesson,
    seen: &Seen,
    most: [usize; 2],
    panels: usize,
    [expected, yours, apart]: [&str; 3],
) -> Vec<HeatMap> {
    let (name, axes) = lesson.problem.outputs[seen.output];
    let axes: Vec<String> = axes.split_whitespace().map(String::from).collect();
    let map = |what: &str, values: Vec<f64>| {
        let value = ArrayD::from_shape_vec(seen.shape.clone(), values).ok()?;
        HeatMap::of(&format!("{name}: {what}"), &axes, &value, most, panels)
    };
    let difference = seen
        .got
        .iter()
        .zip(&seen.want)
        .map(|(got, want)| got - want);
    let both = [(expected, &seen.want), (yours, &seen.got)];
    let both = both
        .into_iter()
        .filter_map(|(what, values)| map(what, values.clone()));
    let mut maps: Vec<HeatMap> = both.collect();
    HeatMap::share_scale(&mut maps);
    maps.extend(map(apart, difference.collect()));
    maps
}
