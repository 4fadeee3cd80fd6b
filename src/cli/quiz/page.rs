//! Questions as HTML: an answer is chosen by a click, or unfolded. No script.

use super::Posed;
use crate::quiz::{Body, Drawn, letter};
use crate::show::html::{escape, fragment, inline};

/// The questions as one fragment; `seed` keeps the names of their inputs apart on a page with others.
pub fn page(questions: &[Posed], seed: u64) -> String {
    let items = questions.iter().enumerate().map(|(i, posed)| {
        format!(
            "<li class=\"question\">\n{}</li>\n",
            question(posed, i + 1, seed)
        )
    });
    fragment(
        "llmlab-quiz",
        &format!("<ol>\n{}</ol>\n", items.collect::<String>()),
    )
}

fn question(posed: &Posed, number: usize, seed: u64) -> String {
    let Posed { lesson, drawn } = posed;
    let lang = drawn.lang;
    let mut out = format!(
        "<p><b>{number}.</b> {} <code class=\"how\">{} {}</code></p>\n",
        inline(&drawn.ask),
        escape(lesson.id),
        escape(&drawn.id),
    );
    if let Some(code) = &drawn.code {
        out += &format!("<pre>{}</pre>\n", escape(code));
    }
    let how = match &drawn.body {
        Body::Pick {
            options,
            right,
            several,
        } => {
            let name = format!("llmlab-{}-{}-{seed}", lesson.id, drawn.id);
            out += &choices(&name, options, right, *several);
            several.then(|| {
                lang.pick("all that are right", "选出所有正确项")
                    .to_string()
            })
        }
        Body::Order { steps, .. } => {
            let lines = steps.iter().enumerate();
            let lines = lines.map(|(i, step)| format!("<p>{}) {}</p>\n", letter(i), inline(step)));
            out += &lines.collect::<String>();
            Some(
                lang.pick("in the right order", "按正确顺序排列")
                    .to_string(),
            )
        }
        Body::Numeric {
            unit: Some(unit), ..
        } => Some(lang.pick(
            format!("a number in {unit}"),
            format!("一个数，单位 {unit}"),
        )),
        Body::Shape(_) => Some(
            lang.pick("the size of each axis", "每个轴的大小")
                .to_string(),
        ),
        Body::Numeric { unit: None, .. } | Body::Short(_) => None,
    };
    if let Some(how) = how {
        out += &format!("<p class=\"how\">({})</p>\n", escape(&how));
    }
    out + &answer(drawn)
}

/// Options whose colour says at once whether they are right.
fn choices(name: &str, options: &[String], right: &[usize], several: bool) -> String {
    let kind = if several { "checkbox" } else { "radio" };
    let all = options.iter().enumerate().map(|(i, option)| {
        let class = match right.contains(&i) {
            true => "right",
            false => "wrong",
        };
        let id = format!("{name}-{i}");
        format!(
            "<div><input type=\"{kind}\" name=\"{name}\" id=\"{id}\"><label for=\"{id}\" class=\"{class}\">{}) {}</label></div>\n",
            letter(i),
            inline(option),
        )
    });
    all.collect()
}

fn answer(drawn: &Drawn) -> String {
    let label = drawn.lang.pick("answer", "答案");
    let right = match &drawn.body {
        Body::Pick { right, .. } => right.iter().map(|&i| letter(i).to_string()).collect(),
        Body::Order { right, .. } => right.iter().map(|&i| letter(i).to_string()).collect(),
        Body::Short(points) => points.clone(),
        Body::Numeric { .. } | Body::Shape(_) => vec![drawn.answer()],
    };
    let right = match &drawn.body {
        Body::Short(_) => {
            let points = right
                .iter()
                .map(|point| format!("<p>• {}</p>\n", inline(point)));
            points.collect()
        }
        _ => format!("<p><b>{}</b></p>\n", escape(&right.join(" "))),
    };
    format!(
        "<details><summary>{label}</summary>\n{right}<p>{}</p>\n</details>\n",
        inline(&drawn.why)
    )
}
