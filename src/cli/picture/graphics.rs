//! A figure in the terminal: itself where the terminal can, characters elsewhere.

use super::{pixels, png, svg};
use crate::cli::{Session, heat, wrap};
use crate::show::{Figure, Parts};
use colored::Colorize;
use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;

/// How a terminal takes pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// kitty, Ghostty: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>
    Kitty,
    /// iTerm2, WezTerm: <https://iterm2.com/documentation-images.html>
    Iterm,
    /// foot, mlterm, xterm as a VT340: <https://vt100.net/docs/vt3xx-gp/chapter14.html>
    Sixel,
}

/// Prints the figure: its pixels where the terminal shows them, unless characters are asked for.
///
/// # Errors
/// A sentence when there is nothing to draw.
pub fn show(session: &Session, figure: &Figure, characters: bool) -> Result<(), String> {
    let able = !characters && !session.plain && std::io::stdout().is_terminal();
    let protocol = able
        .then(|| protocol(&|name| std::env::var(name).ok()))
        .flatten();
    match protocol {
        Some(protocol) => session.hand_over(&encoded(session, figure, protocol)?),
        None => session.say(text(session, figure)),
    }
    Ok(())
}

/// What the environment says of the terminal. Within tmux and screen pictures do not get through.
/// `LLMLAB_GRAPHICS` has the last word: kitty, iterm, sixel, or anything else for none.
fn protocol(env: &dyn Fn(&str) -> Option<String>) -> Option<Protocol> {
    if let Some(asked) = env("LLMLAB_GRAPHICS") {
        return match asked.as_str() {
            "kitty" => Some(Protocol::Kitty),
            "iterm" => Some(Protocol::Iterm),
            "sixel" => Some(Protocol::Sixel),
            _ => None,
        };
    }
    let [term, program] = ["TERM", "TERM_PROGRAM"].map(|name| env(name).unwrap_or_default());
    if env("TMUX").is_some() || term.starts_with("screen") || term.starts_with("tmux") {
        return None;
    }
    let is = |words: &[&str]| {
        words
            .iter()
            .any(|word| term.contains(word) || program == *word)
    };
    match () {
        () if env("KITTY_WINDOW_ID").is_some() || is(&["kitty", "ghostty"]) => {
            Some(Protocol::Kitty)
        }
        () if is(&["iTerm.app", "WezTerm"]) => Some(Protocol::Iterm),
        () if is(&["foot", "mlterm", "vt340", "sixel"]) => Some(Protocol::Sixel),
        () => None,
    }
}

fn encoded(session: &Session, figure: &Figure, protocol: Protocol) -> Result<String, String> {
    let lang = session.lang;
    let undrawn = |error: Box<dyn std::error::Error>| super::undrawn(&*error, lang);
    let svg = svg(figure, lang)?;
    let columns = session.width.min(100);
    Ok(match protocol {
        Protocol::Kitty => kitty(&png(&svg, super::DENSITY).map_err(undrawn)?, columns),
        Protocol::Iterm => iterm(&png(&svg, super::DENSITY).map_err(undrawn)?, columns),
        Protocol::Sixel => {
            let pixels = pixels(&svg, 1.0).map_err(undrawn)?;
            let colors = pixels
                .pixels()
                .iter()
                .map(|p| [p.red(), p.green(), p.blue()]);
            sixel(&colors.collect::<Vec<_>>(), pixels.width() as usize)
        }
    })
}

/// A PNG in chunks of 4096 characters, as wide as `columns`.
fn kitty(png: &[u8], columns: usize) -> String {
    let data = base64(png);
    let mut out = String::new();
    let mut rest = data.as_str();
    let mut control = format!("a=T,f=100,c={columns},");
    loop {
        let (chunk, after) = rest.split_at(rest.len().min(4096));
        let more = u8::from(!after.is_empty());
        // Writing to a String cannot fail.
        let _ = write!(out, "\x1b_G{control}m={more};{chunk}\x1b\\");
        control.clear();
        rest = after;
        if rest.is_empty() {
            return out;
        }
    }
}

fn iterm(png: &[u8], columns: usize) -> String {
    let (size, data) = (png.len(), base64(png));
    format!("\x1b]1337;File=inline=1;size={size};width={columns}:{data}\x07")
}

/// Pixels in bands of six rows, in at most 255 colours: the most frequent ones, and each other one as the
/// nearest of them.
fn sixel(pixels: &[[u8; 3]], width: usize) -> String {
    const MOST: usize = 255;
    let mut counts: HashMap<[u8; 3], usize> = HashMap::new();
    for pixel in pixels {
        *counts.entry(*pixel).or_default() += 1;
    }
    let mut palette: Vec<([u8; 3], usize)> = counts.into_iter().collect();
    palette.sort_by_key(|(color, count)| (std::cmp::Reverse(*count), *color));
    let nearest = |color: &[u8; 3]| {
        let apart = |other: &[u8; 3]| -> u32 {
            let pairs = color.iter().zip(other);
            pairs.map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
        };
        let kept = palette.iter().take(MOST).enumerate();
        kept.min_by_key(|(_, (other, _))| apart(other))
            .map_or(0, |(i, _)| i)
    };
    let index: HashMap<[u8; 3], usize> = palette
        .iter()
        .map(|(color, _)| (*color, nearest(color)))
        .collect();
    let height = pixels.len() / width.max(1);
    let mut out = format!("\x1bP0;1q\"1;1;{width};{height}");
    for (i, ([r, g, b], _)) in palette.iter().take(MOST).enumerate() {
        let [r, g, b] = [r, g, b].map(|part| (u32::from(*part) * 100 + 127) / 255);
        let _ = write!(out, "#{i};2;{r};{g};{b}");
    }
    for band in pixels.chunks(6 * width.max(1)) {
        // For each colour of the band, six pixels of a column as six bits.
        let mut bits: std::collections::BTreeMap<usize, Vec<u8>> = Default::default();
        for (at, pixel) in band.iter().enumerate() {
            let row = bits.entry(index[pixel]).or_insert_with(|| vec![0; width]);
            row[at % width] |= 1 << (at / width);
        }
        for (color, columns) in bits {
            let _ = write!(out, "#{color}");
            for run in columns.chunk_by(|a, b| a == b) {
                let sign = char::from(63 + run[0]);
                let _ = match run.len() {
                    count @ 0..4 => write!(out, "{}", String::from(sign).repeat(count)),
                    count => write!(out, "!{count}{sign}"),
                };
            }
            out.push('$');
        }
        out.push('-');
    }
    out + "\x1b\\"
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits: u32, i| {
            bits << 8 | u32::from(*three.get(i).unwrap_or(&0))
        });
        for i in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= three.len() {
                char::from(sign)
            } else {
                '='
            });
        }
    }
    out
}

/// The figure in characters, or in words for a screen reader.
pub fn text(session: &Session, figure: &Figure) -> String {
    let mut out = String::new();
    if !figure.title.is_empty() {
        out += &format!("{}\n", figure.title.bold());
    }
    if !figure.caption.is_empty() {
        out += &wrap(&figure.caption, session.width.min(100), 0);
        out += "\n\n";
    }
    let parts: Vec<String> = match &figure.parts {
        Parts::Heat(maps) => maps
            .iter()
            .map(|map| match session.plain {
                true => heat::words(map, session.lang),
                false => heat::text(&map.fitted(heat::room(session).0), session),
            })
            .collect(),
        Parts::Plots(plots) => plots
            .iter()
            .map(|plot| match session.plain {
                true => plot.words(),
                false => plot.text(session.width, if plots.len() == 1 { 16 } else { 11 }),
            })
            .collect(),
    };
    out + &parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_protocol() {
        let of = |vars: &[(&str, &str)]| {
            protocol(&|name| {
                let found = vars.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.to_string())
            })
        };
        assert_eq!(of(&[("TERM", "xterm-256color")]), None);
        assert_eq!(of(&[("TERM", "xterm-kitty")]), Some(Protocol::Kitty));
        assert_eq!(of(&[("TERM", "xterm-ghostty")]), Some(Protocol::Kitty));
        assert_eq!(of(&[("TERM_PROGRAM", "WezTerm")]), Some(Protocol::Iterm));
        assert_eq!(of(&[("TERM", "foot")]), Some(Protocol::Sixel));
        let inside = [
            ("TERM", "tmux-256color"),
            ("KITTY_WINDOW_ID", "1"),
            ("TMUX", "x"),
        ];
        assert_eq!(of(&inside), None);
        let asked = [("TERM", "xterm"), ("LLMLAB_GRAPHICS", "sixel")];
        assert_eq!(of(&asked), Some(Protocol::Sixel));
        assert_eq!(
            of(&[("TERM", "xterm-kitty"), ("LLMLAB_GRAPHICS", "off")]),
            None
        );
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let known = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        for (length, want) in known.into_iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), want);
        }
    }

    #[test]
    fn a_picture_comes_in_chunks_that_a_terminal_takes() {
        let out = kitty(&[7; 4000], 80);
        let chunks: Vec<&str> = out.split_terminator("\x1b\\").collect();
        assert_eq!(chunks.len(), 2);
        assert!(chunks[0].starts_with("\x1b_Ga=T,f=100,c=80,m=1;"));
        assert!(chunks[1].starts_with("\x1b_Gm=0;"));
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk.split(';').next_back().unwrap().len() <= 4096)
        );
    }

    #[test]
    fn sixels_are_columns_of_six() {
        let (red, blue) = ([255, 0, 0], [0, 0, 255]);
        // Two columns, seven rows: a band of six and one of one.
        let mut pixels = vec![red; 14];
        pixels[1] = blue;
        let out = sixel(&pixels, 2);
        assert!(out.starts_with("\x1bP0;1q\"1;1;2;7#0;2;100;0;0#1;2;0;0;100"));
        assert!(out.ends_with("#0~}$#1?@$-#0@@$-\x1b\\"), "{out:?}");
    }
}
