//! `llmlab trace`: a reference step by step.

use super::verbs::{Arg, FORMAT_OR_PAGE, LESSON, Shape, Values, Verb};
use super::{Session, heat, picture, trace_text};
use crate::bind::Data;
use crate::lesson::Lesson;
use crate::show::{HeatMap, Source, Traced, html, json, traced};
use crate::tensor::Value;
use crate::text::{Lang, Text};
use crate::trace::Step;
use crate::{bind, check, npz};
use std::path::Path;
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "trace",
    about: Text::new(
        "run the reference step by step: formula, axes, sizes, FLOP, values",
        "逐步运行参考实现：公式、轴、尺寸、FLOP 与数值",
    ),
    args: &[
        LESSON,
        Arg {
            name: "settings",
            shape: Shape::Settings,
            about: Text::new("sizes and options: n=6 d=64", "尺寸与选项，如 n=6 d=64"),
        },
        Arg {
            name: "set",
            shape: Shape::Many("NAME=VALUE"),
            about: Text::new(
                "a size or an option: --set n=6",
                "设置一个尺寸或选项:--set n=6",
            ),
        },
        Arg {
            name: "case",
            shape: Shape::Option("CASE"),
            about: Text::new("a kind of case, such as ragged", "用例类型，如 ragged"),
        },
        Arg {
            name: "seed",
            shape: Shape::Option("N"),
            about: Text::new("seed of the random inputs (0)", "随机输入的种子（默认 0）"),
        },
        FORMAT_OR_PAGE,
        Arg {
            name: "inputs",
            shape: Shape::Option("FILE.npz"),
            about: Text::new(
                "arrays of your own, by argument name (np.savez)",
                "使用自己的数组，按参数名存放（np.savez）",
            ),
        },
        Arg {
            name: "step",
            shape: Shape::Option("NAME"),
            about: Text::new(
                "one step's values as shades: a heat map",
                "把某一步的数值画成热力图",
            ),
        },
        Arg {
            name: "save",
            shape: Shape::Option("FILE"),
            about: Text::new(
                ".npz: inputs, every step and outputs, by name; .svg or .png: the heat map of --step",
                ".npz：按名字保存输入、每一步和输出；.svg 或 .png：--step 的热力图",
            ),
        },
        Arg {
            name: "values",
            shape: Shape::Flag,
            about: Text::new("show the values too", "同时显示数值"),
        },
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let lesson = values.lesson()?;
    let run = match values.text("inputs") {
        Some(path) => from_file(lesson, values, Path::new(path), lang)?,
        None => from_case(lesson, values, lang)?,
    };
    let step = match values.text("step") {
        Some(name) => Some(step(&run, name, lang)?),
        None => None,
    };
    if let Some(path) = values.text("save") {
        save(&run, step, Path::new(path), lang)?;
    }
    match values.text("format") {
        Some("text") | None if step.is_some() && !session.plain => {
            let (most, panels) = heat::room(session);
            let map = step.and_then(|step| HeatMap::new(step, most, panels));
            let map = map.ok_or_else(|| no_map(step.map_or("", |step| &step.name), lang))?;
            picture::show(session, &vec![map].into(), values.text("format").is_some())?;
        }
        Some("json") => session.say(json(&run, values.flag("values")).to_string()),
        Some("html") => {
            session.hand_over(&html::trace(lesson.id, &run.sizes(), &run.trace, lang));
        }
        _ => {
            let (width, shown) = (session.width, values.flag("values"));
            session.say(match session.plain {
                true => trace_text::sentences(&run, width, shown || step.is_some(), lang),
                false => trace_text::text(&run, width, shown, lang),
            });
        }
    }
    if let (Some(path), Some("text") | None) = (values.text("save"), values.text("format")) {
        session.say(lang.pick(format!("saved to {path}"), format!("已保存到 {path}")));
    }
    Ok(ExitCode::SUCCESS)
}

/// The step of this name.
fn step<'a>(run: &'a Traced, name: &str, lang: Lang) -> Result<&'a Step, String> {
    let steps = run.trace.steps();
    let found = steps.iter().find(|step| step.name == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        let known = known.join(", ");
        lang.pick(
            format!("there is no step `{name}`; the steps are {known}"),
            format!("没有名为 `{name}` 的步骤；现有步骤：{known}"),
        )
    })
}

fn no_map(name: &str, lang: Lang) -> String {
    lang.pick(
        format!("`{name}` is a single number or empty, which makes no picture; --values shows it"),
        format!("`{name}` 是单个数或为空，画不成图；用 --values 查看"),
    )
}

/// Writes arrays, or the picture of a step.
fn save(run: &Traced, step: Option<&Step>, path: &Path, lang: Lang) -> Result<(), String> {
    if !picture::is_picture(path) {
        return npz::write(path, &arrays(run), lang);
    }
    let Some(step) = step else {
        let steps = run.trace.steps().iter().map(|step| step.name.as_str());
        let steps = steps.collect::<Vec<_>>().join(", ");
        return Err(lang.pick(
            format!("a picture shows one step: add --step with one of {steps}"),
            format!("图片只画一步：请用 --step 指定其一：{steps}"),
        ));
    };
    let map = HeatMap::new(step, [128, 128], 16);
    let mut map = map.ok_or_else(|| no_map(&step.name, lang))?;
    map.title = format!("{}: {}", run.lesson.id, step.name);
    picture::save(&vec![map].into(), path, lang)
}

fn from_case(lesson: &'static Lesson, values: &Values, lang: Lang) -> Result<Traced, String> {
    let problem = lesson.problem;
    let words = values
        .many("settings")
        .into_iter()
        .chain(values.many("set"));
    let settings: Result<Vec<_>, _> = words.map(|word| setting(word, lang)).collect();
    let kind = values.text("case").unwrap_or(problem.kinds[0].id);
    let seed = values.number("seed")?.unwrap_or(0);
    let case = check::case(problem, kind, seed, &settings?).map_err(|error| error.say(lang))?;
    let inputs = case.clone();
    traced(
        lesson,
        Source::Case(case),
        || (problem.inputs)(&inputs),
        lang,
    )
}

fn from_file(
    lesson: &'static Lesson,
    values: &Values,
    path: &Path,
    lang: Lang,
) -> Result<Traced, String> {
    let others = ["case", "seed"]
        .into_iter()
        .filter(|name| values.text(name).is_some());
    let set = ["set", "settings"]
        .into_iter()
        .filter(|name| !values.many(name).is_empty());
    if let Some(other) = others.chain(set).next() {
        return Err(lang.pick(
            format!("--inputs brings its own sizes and values; leave --{other} out"),
            format!("--inputs 已经给出尺寸和数值，请去掉 --{other}"),
        ));
    }
    let arrays = npz::read(path, lang)?;
    let (inputs, sizes) = bind::bind(lesson, &arrays, lang)?;
    traced(lesson, Source::Arrays(sizes), || inputs, lang)
}

/// `n=6`
pub fn setting(word: &str, lang: Lang) -> Result<(String, usize), String> {
    let parsed = word
        .split_once('=')
        .and_then(|(name, value)| Some((name.trim().to_string(), value.trim().parse().ok()?)));
    parsed.ok_or_else(|| {
        lang.pick(
            format!("`{word}` is not a setting; write a name and a whole number: n=6"),
            format!("`{word}` 不是合法的设置；请写成 名字=整数，例如 n=6"),
        )
    })
}

/// Everything by name: inputs, steps, and outputs that are no step. A step named like an input
/// gets `_step` behind its name.
fn arrays(run: &Traced) -> Vec<(String, Data)> {
    let mut arrays: Vec<(String, Data)> = Vec::new();
    for (name, _, value) in run.given() {
        let data = match value {
            Value::Float(x) => Data::Float(x.mapv(f64::from)),
            Value::Int(x) => Data::Int(x.clone()),
            Value::Number(x) => Data::Float(ndarray::arr0(*x).into_dyn()),
            Value::Absent => continue,
        };
        arrays.push((name.to_string(), data));
    }
    let inputs = arrays.len();
    for step in run.trace.steps() {
        let taken = arrays[..inputs].iter().any(|(name, _)| *name == step.name);
        let name = if taken {
            format!("{}_step", step.name)
        } else {
            step.name.clone()
        };
        arrays.push((name, Data::Float(step.value.clone())));
    }
    for ((name, _), value) in run.lesson.problem.outputs.iter().zip(&run.outputs) {
        if !arrays.iter().any(|(known, _)| known == name) {
            arrays.push((name.to_string(), Data::Float(value.clone())));
        }
    }
    arrays
}
