//! rustc's errors, pointing into what was typed. evcxr compiles the typed lines among its own, so
//! every span is carried back; what points at evcxr's lines only is not shown.

use super::infer::is_evcxrs;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use evcxr::CompilationError;
use serde_json::Value;
use std::ops::Range;

/// What was typed: the last input is the one that failed.
pub struct Sources<'a> {
    pub inputs: &'a [String],
}

/// A span of an input.
struct Spot<'a> {
    source: &'a str,
    name: &'static str,
    range: Range<usize>,
}

impl<'a> Sources<'a> {
    /// Finds a line that the compiler saw: the last input's first, where `near` tells twins apart,
    /// then those before, the latest first. Gives the input, its name, and where the line starts.
    fn find(&self, line: &str, near: Option<usize>) -> Option<(&'a str, &'static str, usize)> {
        let line = line.trim_end();
        if line.trim().is_empty() {
            return None;
        }
        let (last, before) = self.inputs.split_last()?;
        let places = |input: &'a str| {
            let mut start = 0;
            let lines = input.split('\n').enumerate().map(move |(number, text)| {
                let at = start;
                start += text.len() + 1;
                (number, at, text)
            });
            lines.filter_map(move |(number, at, text)| Some((number, at + text.find(line)?)))
        };
        let distance = |number: usize| near.map_or(number, |near| near.abs_diff(number));
        if let Some((_, at)) = places(last).min_by_key(|(number, _)| distance(*number)) {
            return Some((last, "input", at));
        }
        let before = before.iter().rev().map(String::as_str);
        let mut found = before.filter_map(|input| Some((input, places(input).next()?.1)));
        found.next().map(|(input, at)| (input, "earlier input", at))
    }

    /// `input:2:5` for a place in the file that was compiled.
    pub fn locate(&self, line: &str, column: usize) -> Option<String> {
        let (source, name, start) = self.find(line, None)?;
        let at = start + bytes(line, column);
        let before = source.get(..at)?;
        let row = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next()?.chars().count() + 1;
        Some(format!("{name}:{row}:{column}"))
    }

    /// Carries one of rustc's spans back to an input.
    fn spot(&self, span: &Value, near: Option<usize>) -> Option<Spot<'a>> {
        let file = span["file_name"].as_str().unwrap_or_default();
        let lines = span["text"].as_array().map_or(&[][..], Vec::as_slice);
        let text = |line: &'_ Value| line["text"].as_str().map(str::to_string);
        let number = |name: &str| span[name].as_u64().map(|n| n as usize);
        let spot = || {
            let (first, last) = (text(lines.first()?)?, text(lines.last()?)?);
            let (source, name, start) = self.find(&first, near)?;
            let begin = start + bytes(&first, number("column_start")?);
            let column = number("column_end")?;
            let end = match lines.len() {
                1 => start + bytes(&first, column),
                _ => {
                    // Later lines of a span start where the input's lines start.
                    let skipped = source[start..].split_inclusive('\n').take(lines.len() - 1);
                    start + skipped.map(str::len).sum::<usize>() + bytes(&last, column)
                }
            };
            let range = begin.min(source.len())..end.clamp(begin, source.len().max(begin));
            source.get(range.clone())?;
            Some(Spot {
                source,
                name,
                range,
            })
        };
        match file == "src/lib.rs" {
            true => spot(),
            false => None,
        }
        .or_else(|| {
            let outer = &span["expansion"]["span"];
            outer.is_object().then(|| self.spot(outer, near))?
        })
    }
}

/// Bytes before a 1-based column that counts characters.
fn bytes(line: &str, column: usize) -> usize {
    let mut chars = line.char_indices().map(|(at, _)| at);
    chars.nth(column.saturating_sub(1)).unwrap_or(line.len())
}

/// All errors as rustc shows them, in colour if asked.
pub fn render(errors: &[CompilationError], sources: &Sources<'_>, colour: bool) -> String {
    let renderer = match colour {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let mut shown: Vec<String> = Vec::new();
    let is_error = |error: &&CompilationError| matches!(error.level(), "error" | "");
    // Of some errors evcxr hands on rustc's help alone.
    let any = errors.iter().any(|error| is_error(&error));
    let errors = errors.iter().filter(|error| !is_evcxrs(error));
    for error in errors.filter(|error| !any || is_error(error)) {
        let text = renderer.render(&report(error, sources));
        if !shown.contains(&text) {
            shown.push(text);
        }
    }
    shown.join("\n\n")
}

fn report<'a>(error: &CompilationError, sources: &Sources<'a>) -> Vec<Group<'a>> {
    let primary = error.primary_spanned_message();
    let span = primary.and_then(|message| message.span);
    let near = span.map(|span| span.start_line.saturating_sub(1));
    let json = &error.json;
    let mut title = Level::ERROR.primary_title(plain(&error.message()));
    if let Some(code) = error.code() {
        title = title.id(code.to_string());
    }
    let mut spots = spots(json, sources, near);
    if spots.is_empty()
        && let (Some(span), Some(source)) = (span, sources.inputs.last())
    {
        // Some errors are evcxr's own and have no JSON.
        let range = offset(source, span.start_line, span.start_column)
            ..offset(source, span.end_line, span.end_column);
        let label = plain(primary.map_or("", |message| &message.label));
        if range.start <= range.end {
            let name = "input";
            spots.push((
                Spot {
                    source,
                    name,
                    range,
                },
                true,
                label,
            ));
        }
    }
    let mut first = Group::with_title(title).elements(snippets(spots));
    let mut groups = Vec::new();
    for child in json["children"].as_array().into_iter().flatten() {
        let message = child["message"].as_str().unwrap_or_default();
        if message.contains("evcxr") {
            continue;
        }
        let level = match child["level"].as_str() {
            Some("help") => Level::HELP,
            Some("note") => Level::NOTE,
            _ => continue,
        };
        let spots = spots_of(child, sources, near);
        let points = child["spans"]
            .as_array()
            .is_some_and(|spans| !spans.is_empty());
        if spots.is_empty() && points && child["level"] == "note" {
            // «function defined here», and here is nowhere that was typed.
            continue;
        }
        if spots.is_empty() {
            first = first.element(level.message(plain(message)));
        } else {
            let title = level.secondary_title(plain(message));
            groups.push(Group::with_title(title).elements(spots));
        }
    }
    groups.insert(0, first);
    groups
}

/// The spans of a message that are in an input: where, whether they are the point, their label.
fn spots<'a>(
    message: &Value,
    sources: &Sources<'a>,
    near: Option<usize>,
) -> Vec<(Spot<'a>, bool, String)> {
    let spans = message["spans"].as_array().into_iter().flatten();
    let spots = spans.filter_map(|span| {
        let label = span["label"].as_str().unwrap_or_default();
        let spot = sources.spot(span, near)?;
        let label = if label.contains("evcxr") { "" } else { label };
        Some((spot, span["is_primary"] == true, label.to_string()))
    });
    spots.collect()
}

/// One snippet for each input.
fn snippets<'a>(
    spots: Vec<(Spot<'a>, bool, String)>,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let mut names: Vec<(&'a str, &'static str)> = Vec::new();
    for (spot, ..) in &spots {
        let key = (spot.source, spot.name);
        if !names.contains(&key) {
            names.push(key);
        }
    }
    let snippet = |(source, name): (&'a str, &'static str)| {
        let mine = spots.iter().filter(|(spot, ..)| spot.source == source);
        let annotations = mine.map(|(spot, primary, label)| {
            let kind = match primary {
                true => AnnotationKind::Primary,
                false => AnnotationKind::Context,
            };
            let label = (!label.is_empty()).then(|| label.clone());
            kind.span(spot.range.clone()).label(label)
        });
        Snippet::source(source)
            .path(name)
            .annotations(annotations.collect::<Vec<_>>())
    };
    names.into_iter().map(snippet).collect()
}

/// A note's or help's snippets: patches where it suggests a replacement.
fn spots_of<'a>(
    child: &Value,
    sources: &Sources<'a>,
    near: Option<usize>,
) -> Vec<annotate_snippets::Element<'a>> {
    let spans = child["spans"].as_array().into_iter().flatten();
    let patches: Vec<(Spot<'a>, String)> = spans
        .filter_map(|span| {
            let replacement = span["suggested_replacement"].as_str()?;
            Some((sources.spot(span, near)?, replacement.to_string()))
        })
        .collect();
    if let Some((first, _)) = patches.first() {
        let (source, name) = (first.source, first.name);
        let mine = patches
            .into_iter()
            .filter(|(spot, _)| spot.source == source);
        let patches: Vec<Patch<'a>> = mine
            .map(|(spot, replacement)| Patch::new(spot.range, replacement))
            .collect();
        return vec![Snippet::source(source).path(name).patches(patches).into()];
    }
    let snippets = snippets(spots(child, sources, near));
    snippets.into_iter().map(Into::into).collect()
}

/// The byte at a 1-based line and column.
fn offset(source: &str, line: usize, column: usize) -> usize {
    let mut lines = source.split_inclusive('\n');
    let before: usize = lines
        .by_ref()
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    before + bytes(lines.next().unwrap_or_default(), column)
}

/// Words without evcxr's own names in them.
pub fn plain(message: &str) -> String {
    // cargo's messages bring a label of their own.
    let message = message.strip_prefix("error: ").unwrap_or(message);
    message
        .replace("`evcxr_variable_store`", "the end of the input")
        .replace(
            "prevent evcxr from attempting",
            "keep the REPL from attempting",
        )
        .replace("in Evcxr", "of the REPL")
        .replace("\nTip: Enable offline mode with `:offline 1`", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_places_back() {
        let inputs = [
            "fn f() {\n    g()\n}".to_string(),
            "let 语 = 1; f(语)".to_string(),
        ];
        let sources = Sources { inputs: &inputs };
        assert_eq!(sources.locate("f(语)", 3).as_deref(), Some("input:1:14"));
        assert_eq!(
            sources.locate("    g()", 5).as_deref(),
            Some("earlier input:2:5")
        );
        assert_eq!(sources.locate("somewhere()", 1), None);
        assert_eq!(sources.locate("", 1), None);
    }
}
