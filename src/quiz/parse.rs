//! `quiz.toml` → questions. Every error names the file, the question and the repair.

use super::draw::{combinations, fill, sizes};
use super::{Both, Choice, Kind, Question};
use crate::expr;
use crate::problem::Bug;
use toml::{Table, Value};

const KINDS: &str = "choice, several, numeric, shape, order, bug, short";
/// Letters a to i, so that a digit names an option too.
const MOST_OPTIONS: usize = 9;
/// Every combination of values is computed when the file is read.
const MOST_COMBINATIONS: usize = 4096;

/// Reads a quiz file; `file` is its name in error messages, `bugs` are the lesson's.
///
/// # Errors
/// One sentence: file, question, what is wrong, how to mend it.
pub fn parse(file: &str, text: &str, bugs: &[Bug]) -> Result<Vec<Question>, String> {
    let mut table: Table = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        let message = error.message().trim().replace('\n', "; ");
        format!("{file}, line {line}: {message}")
    })?;
    let listed = table.remove("question");
    if let Some(key) = table.keys().next() {
        return Err(format!(
            "{file}: `{key}` is not known at the top; a quiz file holds [[question]] tables only"
        ));
    }
    let Some(Value::Array(listed)) = listed.filter(|listed| *listed != Value::Array(vec![])) else {
        return Err(format!(
            "{file}: there is no question; start each one with [[question]]"
        ));
    };
    let mut questions: Vec<Question> = Vec::new();
    for (i, value) in listed.into_iter().enumerate() {
        let at = i + 1;
        let Value::Table(mut fields) = value else {
            return Err(format!(
                "{file}, question {at}: write each question as a [[question]] table"
            ));
        };
        let id = match fields.remove("id") {
            Some(Value::String(id)) if is_id(&id) => id,
            Some(other) => {
                return Err(format!(
                    "{file}, question {at}: the id {other} must be in quotes, of small letters, digits and hyphens, such as \"why-scale\""
                ));
            }
            None => {
                return Err(format!(
                    "{file}, question {at}: it has no id; add a line such as id = \"why-scale\""
                ));
            }
        };
        if questions.iter().any(|known| known.id == id) {
            return Err(format!(
                "{file}, question `{id}`: an earlier question has this id too; give this one another"
            ));
        }
        let fields = Fields(fields);
        let question = question(id.clone(), fields, bugs)
            .map_err(|error| format!("{file}, question `{id}`: {error}"))?;
        questions.push(question);
    }
    Ok(questions)
}

/// Reads the fields of one question that stands elsewhere than in a quiz file.
///
/// # Errors
/// A sentence: what is wrong and how to mend it.
pub fn one(id: &str, fields: Table, bugs: &[Bug]) -> Result<Question, String> {
    match is_id(id) {
        true => question(id.to_string(), Fields(fields), bugs),
        false => Err(format!(
            "the id \"{id}\" must be of small letters, digits and hyphens"
        )),
    }
}

fn is_id(id: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !id.is_empty() && id.chars().all(known)
}

fn question(id: String, mut fields: Fields, bugs: &[Bug]) -> Result<Question, String> {
    let kind = fields.word("kind", KINDS)?;
    let ask = both("ask", fields.need("ask", "{ en = \"…\", zh = \"…\" }")?)?;
    let why = both("why", fields.need("why", "{ en = \"…\", zh = \"…\" }")?)?;
    let values = match fields.0.remove("values") {
        Some(values) => self::values(values)?,
        None => Vec::new(),
    };
    let (kind, keys) = match kind.as_str() {
        "choice" => (Kind::Choice(options(&mut fields, true)?), "options"),
        "several" => (Kind::Several(options(&mut fields, false)?), "options"),
        "numeric" => (numeric(&mut fields)?, "answer, unit, tolerance"),
        "shape" => (Kind::Shape(axes(&mut fields)?), "answer"),
        "order" => (
            Kind::Order(texts(&mut fields, "steps", 4, MOST_OPTIONS)?),
            "steps",
        ),
        "bug" => (bug(&mut fields, bugs)?, "bug, code, others"),
        "short" => (Kind::Short(texts(&mut fields, "points", 2, 5)?), "points"),
        other => {
            return Err(format!(
                "kind \"{other}\" is not known; the kinds are {KINDS}"
            ));
        }
    };
    if let Some(key) = fields.0.keys().next() {
        return Err(format!(
            "`{key}` is not known; a question of kind {} has id, kind, ask, why, values, {keys}",
            kind.id()
        ));
    }
    let question = Question {
        id,
        ask,
        why,
        values,
        kind,
    };
    placeholders(&question)?;
    answers(&question)?;
    Ok(question)
}

/// The keys of a question that have not been read.
struct Fields(Table);

impl Fields {
    fn need(&mut self, key: &str, example: &str) -> Result<Value, String> {
        let value = self.0.remove(key);
        value.ok_or_else(|| format!("it has no `{key}`; add {key} = {example}"))
    }

    /// A string that must be there.
    fn word(&mut self, key: &str, example: &str) -> Result<String, String> {
        match self.need(key, &format!("\"…\" ({example})"))? {
            Value::String(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(format!("`{key}` must be a text in quotes ({example})")),
        }
    }

    /// A list that must be there.
    fn list(&mut self, key: &str, example: &str) -> Result<Vec<Value>, String> {
        match self.need(key, example)? {
            Value::Array(list) => Ok(list),
            _ => Err(format!("`{key}` must be a list: {key} = {example}")),
        }
    }
}

fn both(key: &str, value: Value) -> Result<Both, String> {
    let Value::Table(mut table) = value else {
        return Err(format!(
            "`{key}` needs both languages: {{ en = \"…\", zh = \"…\" }}"
        ));
    };
    let mut take = |lang: &str| match table.remove(lang) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().to_string()),
        _ => Err(format!(
            "`{key}` has no text in `{lang}`: write {{ en = \"…\", zh = \"…\" }}"
        )),
    };
    let both = Both {
        en: take("en")?,
        zh: take("zh")?,
    };
    match table.keys().next() {
        None => Ok(both),
        Some(other) => Err(format!(
            "`{other}` in `{key}` is not known; a text has en and zh (and an option may have right = true)"
        )),
    }
}

fn values(value: Value) -> Result<Vec<(String, Vec<f64>)>, String> {
    let example = "values = { n = [128, 256], h = [8, 16] }";
    let Value::Table(table) = value else {
        return Err(format!("`values` must name lists of numbers: {example}"));
    };
    let mut values = Vec::new();
    for (name, list) in table {
        if !is_name(&name) || name == "answer" {
            return Err(format!(
                "`{name}` cannot name a value; a name has letters, digits and _, starts with a letter, and is not `answer`"
            ));
        }
        let numbers: Option<Vec<f64>> = match list {
            Value::Array(list) => list.iter().map(finite).collect(),
            _ => None,
        };
        match numbers {
            Some(numbers) if !numbers.is_empty() => values.push((name, numbers)),
            _ => {
                return Err(format!(
                    "the value `{name}` needs a list of numbers: {example}"
                ));
            }
        }
    }
    let sizes = values.iter().map(|(_, list)| list.len());
    let combinations = sizes.fold(1, |all: usize, size| all.saturating_mul(size));
    if combinations > MOST_COMBINATIONS {
        return Err(format!(
            "its values make {combinations} combinations, and {MOST_COMBINATIONS} are allowed; shorten the lists"
        ));
    }
    Ok(values)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn finite(value: &Value) -> Option<f64> {
    let number = match value {
        #[allow(clippy::cast_precision_loss)]
        Value::Integer(value) => *value as f64,
        Value::Float(value) => *value,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn options(fields: &mut Fields, only_one: bool) -> Result<Vec<Choice>, String> {
    let example = "[{ en = \"…\", zh = \"…\", right = true }, { en = \"…\", zh = \"…\" }]";
    let mut options: Vec<Choice> = Vec::new();
    for (i, mut value) in fields.list("options", example)?.into_iter().enumerate() {
        let key = format!("option {}", i + 1);
        let right = match value.as_table_mut().and_then(|table| table.remove("right")) {
            None => false,
            Some(Value::Boolean(right)) => right,
            Some(_) => return Err(format!("`right` of {key} must be true or false")),
        };
        let text = both(&key, value)?;
        options.push(Choice { text, right });
    }
    distinct(&options)?;
    let count = options.len();
    if !(2..=MOST_OPTIONS).contains(&count) {
        return Err(format!("it has {count} options; give 2 to {MOST_OPTIONS}"));
    }
    match options.iter().filter(|option| option.right).count() {
        0 => Err("no option is right; add right = true to the right one".to_string()),
        2.. if only_one => Err(
            "more than one option is right; leave right = true on one, or write kind = \"several\""
                .to_string(),
        ),
        _ => Ok(options),
    }
}

fn distinct(options: &[Choice]) -> Result<(), String> {
    for (i, option) in options.iter().enumerate() {
        let twin =
            |other: &&Choice| other.text.en == option.text.en || other.text.zh == option.text.zh;
        if let Some(other) = options[..i].iter().find(twin) {
            return Err(format!(
                "two options read the same (“{}”, “{}”); change one",
                other.text.en, option.text.en
            ));
        }
    }
    Ok(())
}

fn texts(fields: &mut Fields, key: &str, least: usize, most: usize) -> Result<Vec<Both>, String> {
    let list = fields.list(key, "[{ en = \"…\", zh = \"…\" }, …]")?;
    if !(least..=most).contains(&list.len()) {
        return Err(format!(
            "it has {} {key}; give {least} to {most}",
            list.len()
        ));
    }
    let texts = list.into_iter().enumerate();
    texts
        .map(|(i, value)| both(&format!("{key}, number {}", i + 1), value))
        .collect()
}

fn numeric(fields: &mut Fields) -> Result<Kind, String> {
    let example = "\"2 * h * n^2\"";
    let answer = match fields.need("answer", example)? {
        Value::String(text) => text,
        number @ (Value::Integer(_) | Value::Float(_)) => number.to_string(),
        _ => {
            return Err(format!(
                "`answer` must be an expression in quotes, such as {example}"
            ));
        }
    };
    let unit = match fields.0.contains_key("unit") {
        true => Some(fields.word("unit", "MiB, for instance")?.trim().to_string()),
        false => None,
    };
    let in_unit = |c: char| c.is_alphabetic() || "/%· ".contains(c);
    if let Some(unit) = unit.as_ref().filter(|unit| !unit.chars().all(in_unit)) {
        return Err(format!(
            "the unit `{unit}` has other signs than letters, / and %; write it such as MiB or FLOP/s"
        ));
    }
    let tolerance = match fields.0.remove("tolerance") {
        None => 0.01,
        Some(value) => match finite(&value) {
            Some(tolerance) if tolerance == 0.0 || (1e-5..=0.5).contains(&tolerance) => tolerance,
            _ => return Err(
                "`tolerance` is relative: 0 for exact whole numbers, otherwise from 0.00001 to 0.5"
                    .to_string(),
            ),
        },
    };
    Ok(Kind::Numeric {
        answer,
        unit,
        tolerance,
    })
}

fn axes(fields: &mut Fields) -> Result<Vec<String>, String> {
    let example = "[\"b\", \"h\", \"n\", \"n\"]";
    let mut axes = Vec::new();
    for value in fields.list("answer", example)? {
        match value {
            Value::String(text) => axes.push(text),
            Value::Integer(size) => axes.push(size.to_string()),
            _ => {
                return Err(format!(
                    "each axis of `answer` is an expression in quotes: {example}"
                ));
            }
        }
    }
    match axes.len() {
        0..=8 => Ok(axes),
        many => Err(format!("`answer` has {many} axes; give 8 at most")),
    }
}

fn bug(fields: &mut Fields, bugs: &[Bug]) -> Result<Kind, String> {
    let id = fields.word("bug", "the id of a bug of this lesson")?;
    let code = fields.word("code", "a snippet with this bug, between triple quotes")?;
    let mut ids = vec![id];
    for value in fields.list("others", "[\"…\", \"…\"], ids of other bugs of this lesson")? {
        match value {
            Value::String(id) => ids.push(id),
            _ => return Err("`others` holds ids of bugs, in quotes".to_string()),
        }
    }
    let mut options = Vec::new();
    for (i, id) in ids.iter().enumerate() {
        if ids[..i].contains(id) {
            return Err(format!(
                "the bug `{id}` is named twice; name another in `others`"
            ));
        }
        let Some(bug) = bugs.iter().find(|known| known.id == id) else {
            let known: Vec<&str> = bugs.iter().map(|bug| bug.id).collect();
            return Err(format!(
                "this lesson has no bug `{id}`; its bugs are {}",
                known.join(", ")
            ));
        };
        let (en, zh) = (bug.sentence.en.to_string(), bug.sentence.zh.to_string());
        options.push(Choice {
            text: Both { en, zh },
            right: i == 0,
        });
    }
    match options.len() {
        2..=MOST_OPTIONS => Ok(Kind::Bug {
            code: code.trim_matches('\n').to_string(),
            options,
        }),
        _ => Err(format!("`others` must name 1 to {} bugs", MOST_OPTIONS - 1)),
    }
}

/// Every `{name}` is a value, and every value is used.
fn placeholders(question: &Question) -> Result<(), String> {
    let mut texts = vec![("ask", &question.ask, false), ("why", &question.why, true)];
    match &question.kind {
        Kind::Choice(options) | Kind::Several(options) => {
            texts.extend(
                options
                    .iter()
                    .map(|option| ("options", &option.text, false)),
            );
        }
        Kind::Order(steps) => texts.extend(steps.iter().map(|step| ("steps", step, false))),
        Kind::Short(points) => texts.extend(points.iter().map(|point| ("points", point, true))),
        Kind::Numeric { .. } | Kind::Shape(_) | Kind::Bug { .. } => {}
    }
    let has_answer = matches!(question.kind, Kind::Numeric { .. } | Kind::Shape(_));
    let used = std::cell::RefCell::new(Vec::new());
    for (key, text, after) in texts {
        for text in [&text.en, &text.zh] {
            fill(text, &|name| {
                used.borrow_mut().push(name.to_string());
                let known = question.values.iter().any(|(value, _)| value == name);
                (known || name == "answer" && after && has_answer).then(String::new)
            })
            .map_err(|name| match name.as_str() {
                "answer" if has_answer => format!("{{answer}} in `{key}` gives the answer away; it may stand in `why` only"),
                _ => format!("`{key}` has {{{name}}}, but `values` has no {name}; add it there, or write {{{{{name}}}}} to show the brackets"),
            })?;
        }
    }
    let expressions = match &question.kind {
        Kind::Numeric { answer, .. } => std::slice::from_ref(answer),
        Kind::Shape(axes) => axes,
        _ => &[],
    };
    for text in expressions {
        // Errors are found where the answers are computed.
        let _ = expr::eval(text, &|name| {
            used.borrow_mut().push(name.to_string());
            Some(1.0).filter(|_| question.values.iter().any(|(value, _)| value == name))
        });
    }
    let used = used.into_inner();
    match question
        .values
        .iter()
        .find(|(name, _)| !used.contains(name))
    {
        Some((name, _)) => Err(format!(
            "the value `{name}` is never used; take it out of `values`"
        )),
        None => Ok(()),
    }
}

/// The answer can be computed for every combination of values.
fn answers(question: &Question) -> Result<(), String> {
    for values in combinations(&question.values) {
        let at = || {
            let shown = values.iter().map(|(name, value)| format!("{name}={value}"));
            let shown: Vec<String> = shown.collect();
            match shown.is_empty() {
                true => String::new(),
                false => format!(" with {}", shown.join(", ")),
            }
        };
        match &question.kind {
            Kind::Numeric {
                answer, tolerance, ..
            } => {
                let value = super::draw::eval(answer, &values)
                    .map_err(|error| format!("`answer` cannot be computed: {error}"))?;
                if !value.is_finite() {
                    return Err(format!(
                        "`answer` is {value}{}; change `values` or `answer`",
                        at()
                    ));
                }
                if *tolerance == 0.0 && (value.fract() != 0.0 || value.abs() >= 1e15) {
                    return Err(format!(
                        "`answer` is {value}{}, and tolerance = 0 is for whole numbers; leave `tolerance` out or use floor() or ceil()",
                        at()
                    ));
                }
            }
            Kind::Shape(axes) => {
                sizes(axes, &values).map_err(|error| format!("{error}{}", at()))?;
            }
            _ => {}
        }
    }
    Ok(())
}
