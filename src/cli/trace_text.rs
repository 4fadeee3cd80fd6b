//! A trace as aligned columns, at any width from 60.

use super::list::shortened;
use super::wrap::columns;
use super::{markdown::pad, wrap::wrap};
use crate::show::{Source, Summary, Traced, number, si};
use crate::text::Lang;
use crate::trace::Step;
use colored::{Color, Colorize};
use ndarray::{ArrayD, ArrayView1, Axis};

/// Arrays with more elements are shown by their first rows only.
const MOST_ROWS: usize = 8;
const MOST_SLICES: usize = 2;

/// What is shown of a step, and its colour.
const CELLS: usize = 8;
const COLORS: [Option<Color>; CELLS] = [
    Some(Color::BrightBlack),
    Some(Color::Cyan),
    None,
    None,
    Some(Color::Green),
    Some(Color::Magenta),
    None,
    Some(Color::Yellow),
];

/// Which cells stand on which line, from wide to narrow.
const LAYOUTS: [&[&[usize]]; 3] = [
    &[&[0, 1, 2, 3, 4, 5, 6, 7]],
    &[&[0, 1, 2, 3, 4, 5], &[6, 7]],
    &[&[0, 1, 2], &[3, 4, 5], &[6, 7]],
];
/// The note, which may be long, stands last in its line and may be wrapped.
const NOTE: usize = 7;

/// The run as text: a header, the steps, the sum.
pub fn text(run: &Traced, width: usize, values: bool, lang: Lang) -> String {
    let steps = run.trace.steps();
    let rows: Vec<[String; CELLS]> = (1..).zip(steps).map(|(i, step)| cells(i, step)).collect();
    let layout = LAYOUTS.iter().find(|layout| fits(&rows, layout, width));
    let layout = layout.unwrap_or(&LAYOUTS[2]);
    let mut out = header(run, width, " · ", lang);
    for (row, step) in rows.iter().zip(steps) {
        for (i, line) in layout.iter().enumerate() {
            let indent = if i == 0 { 0 } else { 3 };
            out += &shown(&rows, row, line, indent, width);
        }
        if values {
            out += &array(&step.value, width);
        }
    }
    if run.flops() > 0 {
        let total = si(run.flops() as f64, "FLOP");
        let label = lang.pick("total", "合计");
        out += &format!("{}\n", format!("{label} {total}").dimmed());
    }
    out
}

/// The same in words: a line for each step.
pub fn sentences(run: &Traced, width: usize, values: bool, lang: Lang) -> String {
    let mut out = header(run, width, lang.pick("; ", "；"), lang);
    for (i, step) in (1..).zip(run.trace.steps()) {
        let [_, name, formula, _, sizes, flops, summary, note] = cells(i, step);
        let head = lang.pick(
            format!("step {i}, {name}: {formula}"),
            format!("第 {i} 步 {name}：{formula}"),
        );
        let axes = match step.spec.split_once("->") {
            Some((from, to)) => {
                let (from, to) = (from.trim(), to.trim());
                lang.pick(
                    format!("axes {from} become {to}"),
                    format!("轴 {from} 变为 {to}"),
                )
            }
            None if step.spec.trim().is_empty() => String::new(),
            None => lang.pick(format!("axes {}", step.spec), format!("轴 {}", step.spec)),
        };
        let sizes = lang.pick(format!("sizes {sizes}"), format!("大小 {sizes}"));
        let facts = [head, axes, sizes, flops, summary.trim().to_string(), note];
        let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
        let facts = facts.join(lang.pick("; ", "；"));
        out += &format!("{}\n", wrap(&facts, width, 2));
        if values {
            out += &array(&step.value, width);
        }
    }
    if run.flops() > 0 {
        let total = si(run.flops() as f64, "FLOP");
        out += &format!("{} {total}\n", lang.pick("total", "合计"));
    }
    out
}

fn cells(i: usize, step: &Step) -> [String; CELLS] {
    let sizes: Vec<String> = step.value.shape().iter().map(ToString::to_string).collect();
    [
        format!("{i:>2}"),
        step.name.clone(),
        step.formula.clone(),
        step.spec.replace("->", "→"),
        format!("[{}]", sizes.join(" ")),
        match step.flops {
            0 => String::new(),
            flops => si(flops as f64, "FLOP"),
        },
        Summary::of(&step.value).words(),
        step.note.clone().unwrap_or_default(),
    ]
}

/// The width of a column: that of its widest cell.
fn column(rows: &[[String; CELLS]], cell: usize) -> usize {
    rows.iter()
        .map(|row| columns(&row[cell]))
        .max()
        .unwrap_or(0)
}

fn fits(rows: &[[String; CELLS]], layout: &[&[usize]], width: usize) -> bool {
    (0..).zip(layout).all(|(i, line)| {
        let cells = line
            .iter()
            .filter(|cell| layout.len() == 1 || **cell != NOTE);
        let cells: usize = cells.map(|cell| column(rows, *cell) + 2).sum();
        cells + if i == 0 { 0 } else { 3 } <= width + 2
    })
}

/// One line of a step: aligned where the columns fit, and wrapped where they do not.
fn shown(
    rows: &[[String; CELLS]],
    row: &[String; CELLS],
    line: &[usize],
    indent: usize,
    width: usize,
) -> String {
    let sized = line.iter().filter(|cell| **cell != NOTE);
    let fits = indent + sized.map(|cell| column(rows, *cell) + 2).sum::<usize>() <= width + 2;
    let mut out = " ".repeat(indent);
    for &cell in line {
        let gap = if cell == 0 { 1 } else { 2 };
        let text = match fits {
            true if cell == NOTE => row[cell].clone(),
            true => pad(&row[cell], column(rows, cell)),
            false if row[cell].is_empty() => continue,
            false => row[cell].clone(),
        };
        out += &match COLORS[cell] {
            Some(color) => text.color(color).to_string(),
            None => text,
        };
        out += &" ".repeat(gap);
    }
    if out.trim().is_empty() {
        return String::new();
    }
    let lines = wrap(out.trim_end(), width, 5);
    let lines = lines.lines().map(str::trim_end);
    lines.map(|line| format!("{line}\n")).collect()
}

/// The lesson, its sizes, where the inputs come from, and the inputs.
fn header(run: &Traced, width: usize, between: &str, lang: Lang) -> String {
    let mut words = vec![run.lesson.id.bold().to_string()];
    words.extend(
        run.sizes()
            .iter()
            .map(|(name, size)| format!("{name}={size}")),
    );
    words.extend(run.trace.steps().first().map(|step| step.dtype.to_string()));
    match &run.source {
        Source::Case(case) if case.kind != run.lesson.problem.kinds[0].id || case.seed != 0 => {
            words.push(format!("{} {}", lang.pick("case", "用例"), case.kind));
            words.push(format!("seed {}", case.seed));
        }
        Source::Case(_) => {}
        Source::Arrays(_) => words.push(lang.pick("your arrays", "你的数组").to_string()),
    }
    let inputs: Vec<String> = run
        .given()
        .map(|(name, axes, value)| match value {
            crate::tensor::Value::Number(x) => format!("{name}={x}"),
            _ if axes.is_empty() => name.to_string(),
            value if value.shape().len() == axes.split_whitespace().count() => {
                format!("{name} [{axes}]")
            }
            value => format!("{name} {:?}", value.shape()),
        })
        .collect();
    let label = lang.pick("inputs", "输入");
    let inputs = format!("{label} {}", inputs.join(between));
    let (words, inputs) = (wrap(&words.join(" "), width, 2), wrap(&inputs, width, 2));
    format!("{words}\n{}\n", inputs.dimmed())
}

/// Values, as rows of the last axis: the first slices, rows and columns where there are many.
fn array(value: &ArrayD<f64>, width: usize) -> String {
    let mut out = String::new();
    let mut put = |line: &str| {
        out += &format!("     {}\n", shortened(line.trim_end(), width - 5));
    };
    let wide = value
        .iter()
        .map(|x| columns(&element(*x)))
        .max()
        .unwrap_or(1);
    let row = |row: ArrayView1<f64>| {
        let fit = ((width - 7) / (wide + 1)).max(1);
        let shown = row
            .iter()
            .take(fit)
            .map(|x| format!("{:>wide$} ", element(*x)));
        let more = if row.len() > fit { "…" } else { "" };
        shown.collect::<String>() + more
    };
    if value.ndim() == 0 {
        put(&value.iter().map(|x| element(*x)).collect::<String>());
    } else {
        let rank = value.ndim();
        let slices = value.shape()[..rank.saturating_sub(2)]
            .iter()
            .product::<usize>();
        let mut index = vec![0; rank.saturating_sub(2)];
        for slice in 0..slices.min(MOST_SLICES) {
            let mut view = value.view();
            for &i in &index {
                view = view.index_axis_move(Axis(0), i);
            }
            if slices > 1 {
                put(&format!(
                    "[{} …]",
                    index
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" ")
                ));
            }
            let lanes = view.rows().into_iter();
            let count = lanes.len();
            for lane in lanes.take(MOST_ROWS) {
                put(&row(lane));
            }
            if count > MOST_ROWS {
                put("…");
            }
            if slice + 1 < slices.min(MOST_SLICES) {
                advance(&mut index, value.shape());
            }
        }
        if slices > MOST_SLICES {
            put(&format!("… {} more slices", slices - MOST_SLICES));
        }
    }
    out
}

/// The next index in row-major order.
fn advance(index: &mut [usize], shape: &[usize]) {
    for (i, size) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < *size {
            return;
        }
        *i = 0;
    }
}

fn element(x: f64) -> String {
    match x {
        f64::NEG_INFINITY => "−inf".to_string(),
        x => number(x),
    }
}
