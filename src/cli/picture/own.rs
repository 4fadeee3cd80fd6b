//! A notebook's own numbers as a picture: JSON on stdin, an SVG on stdout.

use super::svg;
use crate::show::{Axis, Curve, Plot, Style};
use crate::text::Lang;
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

/// The first argument of the program when it draws for a notebook.
const WORKER: &str = "--draw-plot";

#[derive(Deserialize)]
struct Given {
    title: String,
    x: GivenAxis,
    y: GivenAxis,
    curves: Vec<GivenCurve>,
}

#[derive(Deserialize)]
struct GivenAxis {
    name: String,
    log: bool,
}

#[derive(Deserialize)]
struct GivenCurve {
    name: String,
    style: GivenStyle,
    points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GivenStyle {
    Line,
    Points,
    Bars,
}

/// Draws where the words of the command line ask for it.
pub fn serve(words: &[OsString]) -> Option<ExitCode> {
    if words.get(1)? != WORKER {
        return None;
    }
    let lang = Lang::from_env();
    let mut json = String::new();
    // What cannot be read is no plot.
    let _ = std::io::stdin().read_to_string(&mut json);
    let drawn = serde_json::from_str::<Given>(&json)
        .map_err(|error| {
            lang.pick(
                format!("this is no plot ({error}): the library and the program are of different versions; install both anew"),
                format!("无法读取该图（{error}）：库与程序版本不一致，请重新安装"),
            )
        })
        .and_then(|given| draw(given, lang));
    Some(match drawn {
        // Where nobody reads on, nothing is to be said.
        Ok(svg) => match writeln!(std::io::stdout(), "{svg}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    })
}

fn draw(given: Given, lang: Lang) -> Result<String, String> {
    let [x, y] = [given.x, given.y].map(|axis| match axis.log {
        true => Axis::log(axis.name),
        false => Axis::linear(axis.name),
    });
    let points = || given.curves.iter().flat_map(|curve| &curve.points);
    if points().next().is_none() {
        return Err(lang.pick(
            "the plot has no points: add .curve(\"name\", &[(1.0, 2.0)])".to_string(),
            "图中没有点：请加上 .curve(\"名字\", &[(1.0, 2.0)])".to_string(),
        ));
    }
    if points().any(|(a, b)| (x.log && !(*a > 0.0)) || (y.log && !(*b > 0.0))) {
        return Err(lang.pick(
            "a logarithmic axis has room for numbers above 0 only: leave the others out, or .log_x() / .log_y()".to_string(),
            "对数轴只能画大于 0 的数：请去掉其余的点，或去掉 .log_x() / .log_y()".to_string(),
        ));
    }
    let curves = given.curves.into_iter().zip(('a'..='z').cycle());
    let curves = curves.map(|(curve, mark)| {
        let style = match curve.style {
            GivenStyle::Line => Style::Joined,
            GivenStyle::Points => Style::Points,
            GivenStyle::Bars => Style::Bars,
        };
        Curve::new(curve.name, mark, style, curve.points)
    });
    let plot = Plot {
        title: given.title,
        x,
        y,
        curves: curves.collect(),
    };
    svg(&plot.into(), lang)
}
