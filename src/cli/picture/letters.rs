//! Letters as outlines. The font is a part of Noto Sans CJK SC (`sans.otf`, made by `subset.py`; licence in
//! `OFL.txt`) with the characters that pictures use.

use crate::show::html::{escape, unescape};
use plotters::style::{FontStyle, register_font};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use ttf_parser::{Face, GlyphId, OutlineBuilder};

const FONT: &[u8] = include_bytes!("sans.otf");

/// plotters takes the size of letters for their height; the side of an em is less.
const EM: f64 = 1.0 / 1.24;

/// Lets plotters measure text.
///
/// # Errors
/// Where the font cannot be read, which a test rules out.
pub fn register() -> Result<(), Box<dyn Error>> {
    let known = register_font("sans-serif", FontStyle::Normal, FONT);
    known.map_err(|_| "the built-in font cannot be read".into())
}

fn face() -> Result<Face<'static>, Box<dyn Error>> {
    Ok(Face::parse(FONT, 0)?)
}

#[cfg(test)]
/// The characters of `text` that the font does not have.
pub fn missing(text: &str) -> Vec<char> {
    let face = face().ok();
    let lacks = |c: &char| {
        face.as_ref()
            .is_none_or(|face| face.glyph_index(*c).is_none())
    };
    text.chars()
        .filter(|c| !c.is_control())
        .filter(lacks)
        .collect()
}

/// Lines of at most `width` pixels in letters of plotters' `size`. Lines end at spaces, and behind Chinese
/// characters.
pub fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let Ok(face) = face() else {
        return vec![text.to_string()];
    };
    let em = size * EM / f64::from(face.units_per_em());
    let wide = |text: &str| em * text.chars().map(|c| advance(&face, c)).sum::<f64>();
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        if !line.is_empty() && wide(&line) + wide(piece.trim_end()) > width {
            lines.push(line.trim_end().to_string());
            line.clear();
        }
        line += piece;
    }
    lines.push(line.trim_end().to_string());
    lines.retain(|line| !line.is_empty());
    lines
}

/// What a line may be broken between. A closing sign stays with what is before it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        let Some(&(end, next)) = chars.peek() else {
            break;
        };
        let is_wide = |c: char| ('\u{2e80}'..='\u{ff60}').contains(&c);
        let closes = "，。；：！？）」、》”".contains(next);
        let opens = "（「《“".contains(c);
        if (c == ' ' || is_wide(c) || is_wide(next)) && !closes && !opens && next != ' ' {
            pieces.push(&text[start..end]);
            start = end;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn advance(face: &Face<'_>, c: char) -> f64 {
    let glyph = face.glyph_index(c).unwrap_or(GlyphId(0));
    f64::from(face.glyph_hor_advance(glyph).unwrap_or(0))
}

/// The SVG that plotters wrote with every `<text>` as outlines, its words kept in `aria-label`. A picture with
/// a name carries it as its title.
///
/// # Errors
/// Where the SVG is none of plotters'.
pub fn outlined(svg: &str, name: &str) -> Result<String, Box<dyn Error>> {
    let face = face()?;
    let mut used = BTreeSet::new();
    let mut body = String::new();
    let mut rest = svg;
    while let Some(at) = rest.find("<text ") {
        let (before, text) = rest.split_at(at);
        let (tag, text) = text.split_once('>').ok_or("an open tag")?;
        let (words, after) = text.split_once("</text>").ok_or("a text without end")?;
        body += before;
        let words = words.trim_matches('\n');
        // A person's own words may need a font of the reader's.
        match unescape(words)
            .chars()
            .all(|c| face.glyph_index(c).is_some())
        {
            true => body += &group(&face, tag, words, &mut used)?,
            false => body += &format!("{tag}>{words}</text>"),
        }
        rest = after;
    }
    body += rest;
    // The outlines stand in the front, once each.
    let at = body.find('>').ok_or("no SVG")? + 1;
    let mut out = body[..at].to_string();
    out = out.replacen("<svg ", "<svg role=\"img\" ", 1);
    if !name.is_empty() {
        write!(out, "\n<title>{}</title>", escape(name))?;
    }
    out += "\n<defs>\n";
    for glyph in used {
        let mut path = Path::default();
        face.outline_glyph(GlyphId(glyph), &mut path);
        writeln!(out, "<path id=\"g{glyph}\" d=\"{}\"/>", path.0.trim_end())?;
    }
    out += "</defs>";
    out += &body[at..];
    Ok(out)
}

/// One text as uses of glyphs.
fn group(
    face: &Face<'_>,
    tag: &str,
    words: &str,
    used: &mut BTreeSet<u16>,
) -> Result<String, Box<dyn Error>> {
    let attribute = |name: &str| {
        let (_, value) = tag.split_once(&format!(" {name}=\""))?;
        value.split_once('"').map(|(value, _)| value)
    };
    let number = |name: &str| attribute(name).and_then(|value| value.parse::<f64>().ok());
    let (Some(x), Some(y), Some(size)) = (number("x"), number("y"), number("font-size")) else {
        return Err("a text without place".into());
    };
    let text = unescape(words);
    let em = size / f64::from(face.units_per_em());
    let wide = em * text.chars().map(|c| advance(face, c)).sum::<f64>();
    let left = match attribute("text-anchor") {
        Some("middle") => -wide / 2.0,
        Some("end") => -wide,
        _ => 0.0,
    };
    // Where the letters stand: below the top by their height, or so that capitals are in the middle.
    let down = match attribute("dy") {
        Some("0.76em") => 0.8,
        Some("0.5ex") => 0.36,
        _ => -0.16,
    };
    let turn = attribute("transform").map(|turn| format!("{turn} "));
    let (turn, left, down) = (turn.unwrap_or_default(), x + left, y + down * size);
    let fill = attribute("fill").unwrap_or("#000000");
    let opacity = attribute("opacity").unwrap_or("1");
    let mut out = format!(
        "<g aria-label=\"{}\" fill=\"{fill}\" opacity=\"{opacity}\" transform=\"{turn}translate({left:.1} {down:.1}) scale({em:.5} -{em:.5})\">",
        escape(&text)
    );
    let mut at = 0.0;
    for c in text.chars() {
        let glyph = face.glyph_index(c).unwrap_or(GlyphId(0));
        if c != ' ' {
            used.insert(glyph.0);
            write!(out, "<use href=\"#g{}\" x=\"{at}\"/>", glyph.0)?;
        }
        at += advance(face, c);
    }
    Ok(out + "</g>")
}

/// An outline in SVG's letters.
#[derive(Default)]
struct Path(String);

impl Path {
    fn put(&mut self, letter: char, numbers: &[f32]) {
        self.0.push(letter);
        for number in numbers {
            // Cannot fail.
            let _ = write!(self.0, "{} ", number.round());
        }
    }
}

impl OutlineBuilder for Path {
    fn move_to(&mut self, x: f32, y: f32) {
        self.put('M', &[x, y]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.put('L', &[x, y]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.put('Q', &[x1, y1, x, y]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.put('C', &[x1, y1, x2, y2, x, y]);
    }

    fn close(&mut self) {
        self.put('Z', &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_outlines_that_keep_their_words() {
        let svg = "<svg width=\"9\">\n<text x=\"5\" y=\"7\" dy=\"0.76em\" text-anchor=\"middle\" font-size=\"10\" opacity=\"1\" fill=\"#000000\">\na &lt; 位置\n</text>\n</svg>";
        let out = outlined(svg, "a & b").unwrap();
        assert!(out.contains("aria-label=\"a &lt; 位置\""), "{out}");
        assert!(
            out.contains("<title>a &amp; b</title>") && !out.contains("<text"),
            "{out}"
        );
        // Four letters; spaces have no outline.
        assert_eq!(out.matches("<use ").count(), 4);
        assert_eq!(out.matches("<path ").count(), 4);
    }

    #[test]
    fn lines_break_at_spaces_and_between_chinese_characters() {
        let lines = wrapped("one two three", 20.0, 80.0);
        assert_eq!(lines, ["one two", "three"]);
        let lines = wrapped("位置编码，位置", 20.0, 70.0);
        assert_eq!(lines, ["位置编", "码，位置"]);
        assert!(wrapped("", 20.0, 80.0).is_empty());
    }

    #[test]
    fn what_the_font_lacks_is_known() {
        assert_eq!(missing("A z 9 − θ √ 注意力"), Vec::<char>::new());
        assert_eq!(missing("a🦀"), ['🦀']);
    }
}
