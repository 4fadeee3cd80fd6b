//! Lines that fit the terminal, in English and in Chinese.

use unicode_width::UnicodeWidthChar;

/// Nothing may start a line with these …
const NO_START: &str = "，。、；：！？）」』】〕》〉％…—～·”’,.;:!?)]}%";
/// … nor end one with these.
const NO_END: &str = "（「『【〔《〈“‘([{";

/// Breaks `text` into lines of at most `width` columns.
///
/// Lines after the first start with `indent` spaces; the first stands as the caller wrote it
/// (`wrap("  a) …", 60, 5)` is a hanging indent). Chinese breaks between any two characters that
/// its punctuation allows, other text at spaces; a word longer than a line is cut. Line breaks
/// and the spaces that lines start with stay; colour codes take no room.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let width = width.max(indent + 2);
    let mut lines = Lines {
        done: String::new(),
        line: String::new(),
        used: 0,
        width,
        indent,
    };
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            lines.next();
        }
        lines.fill(line);
    }
    lines.done + lines.line.trim_end_matches(' ')
}

/// How many columns `text` takes, colour codes left out.
pub fn columns(text: &str) -> usize {
    let parts = parts(text);
    parts.iter().map(|part| part.width).sum()
}

struct Lines {
    done: String,
    line: String,
    used: usize,
    width: usize,
    indent: usize,
}

impl Lines {
    fn next(&mut self) {
        self.done += self.line.trim_end_matches(' ');
        self.done.push('\n');
        self.line = " ".repeat(self.indent);
        self.used = self.indent;
    }

    fn fill(&mut self, text: &str) {
        let parts = parts(text);
        let mut rest = &parts[..];
        // Whether the line holds more than its indent.
        let mut begun = false;
        while !rest.is_empty() {
            let spaces = rest.iter().take_while(|part| part.is_space()).count();
            let end = spaces + chunk(&rest[spaces..]);
            let room: usize = rest[..end].iter().map(|part| part.width).sum();
            let (gap, word) = rest[..end].split_at(spaces);
            let fits = self.used + room <= self.width;
            if word.is_empty() || begun && !fits {
                // Spaces at a line's end go; colour codes that stand at them stay.
                self.line
                    .extend(gap.iter().map(|part| part.text.replace(' ', "")));
            } else {
                self.put(gap);
            }
            if begun && !fits && !word.is_empty() {
                self.next();
            }
            self.put(word);
            begun = true;
            rest = &rest[end..];
        }
    }

    fn put(&mut self, parts: &[Part]) {
        for part in parts {
            if self.used + part.width > self.width {
                self.next();
            }
            self.line += &part.text;
            self.used += part.width;
        }
    }
}

/// One character with the colour codes and marks that belong to it.
struct Part {
    text: String,
    char: char,
    width: usize,
}

impl Part {
    fn is_space(&self) -> bool {
        self.char == ' '
    }
}

/// How many parts from the front hold together.
fn chunk(parts: &[Part]) -> usize {
    let breaks = |pair: &[Part]| {
        let (a, b) = (&pair[0], &pair[1]);
        let between = a.width == 2 || b.width == 2;
        b.is_space() || between && !NO_END.contains(a.char) && !NO_START.contains(b.char)
    };
    let end = parts.windows(2).position(breaks);
    end.map_or(parts.len(), |i| i + 1)
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut codes = String::new();
    let mut joined = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            codes.push(char);
            codes += &escape(&mut chars);
            continue;
        }
        let char = if char == '\t' { ' ' } else { char };
        let width = char.width().unwrap_or(0);
        match parts.last_mut() {
            Some(last) if width == 0 || joined => {
                last.text += &std::mem::take(&mut codes);
                last.text.push(char);
            }
            _ => {
                let mut text = std::mem::take(&mut codes);
                text.push(char);
                parts.push(Part { text, char, width });
            }
        }
        joined = char == '\u{200d}';
    }
    match parts.last_mut() {
        Some(last) => last.text += &codes,
        None if codes.is_empty() => {}
        None => parts.push(Part {
            text: codes,
            char: '\u{1b}',
            width: 0,
        }),
    }
    parts
}

/// The rest of a terminal's escape sequence: `[31m`, or a link's `]8;;…` up to its end.
pub fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut code = String::new();
    let link = match chars.peek() {
        Some('[') => false,
        Some(']') => true,
        _ => return code,
    };
    code.extend(chars.next());
    while let Some(char) = chars.next() {
        code.push(char);
        match char {
            '\u{7}' if link => break,
            '\u{1b}' if link => {
                code.extend(chars.next_if_eq(&'\\'));
                break;
            }
            '@'..='~' if !link => break,
            _ => {}
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn english_breaks_at_spaces_and_hangs() {
        assert_eq!(
            wrap("  a) the scale keeps the scores small", 20, 5),
            "  a) the scale keeps\n     the scores\n     small"
        );
        assert_eq!(wrap("one\n  two three", 8, 2), "one\n    two\n  three");
        assert_eq!(wrap("", 10, 0), "");
    }

    #[test]
    fn chinese_breaks_anywhere_but_at_punctuation() {
        assert_eq!(
            wrap("注意力的缩放因子，很重要", 10, 0),
            "注意力的缩\n放因子，很\n重要"
        );
        // The comma would start the second line: the character before goes with it.
        assert_eq!(wrap("注意力缩放，很重要", 10, 0), "注意力缩\n放，很重要");
        assert_eq!(wrap("注意力机（制）", 10, 0), "注意力机\n（制）");
        assert_eq!(wrap("使用softmax函数", 8, 0), "使用\nsoftmax\n函数");
    }

    #[test]
    fn colour_takes_no_room() {
        let red = "\u{1b}[31mred\u{1b}[0m blue";
        assert_eq!(columns(red), 8);
        assert_eq!(wrap(red, 8, 0), red);
        assert_eq!(wrap(red, 7, 0), "\u{1b}[31mred\u{1b}[0m\nblue");
        assert_eq!(
            columns("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
            4
        );
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(wrap("a abcdefghij", 5, 1), "a\n abcd\n efgh\n ij");
    }

    /// No line is too wide, and nothing but spaces is lost, whatever comes.
    #[test]
    fn any_text_fits() {
        let alphabet: Vec<char> =
            "ab cd  长度，。（）「」\u{1b}[31m\u{1b}]é\u{301}\t\n—…👩\u{200d}💻🇨🇳"
                .chars()
                .collect();
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..20_000 {
            let length = rng.random_range(0..60);
            let text: String = (0..length)
                .map(|_| alphabet[rng.random_range(0..alphabet.len())])
                .collect();
            let (width, indent) = (rng.random_range(4..30), rng.random_range(0..3));
            let wrapped = wrap(&text, width, indent);
            // A code that a line break cuts through would be read across lines here, so lines
            // are measured only where every code is whole.
            if !text.contains('\u{1b}') {
                for line in wrapped.split('\n') {
                    assert!(columns(line) <= width, "{text:?} at {width}: {line:?}");
                }
            }
            let bare = |text: &str| text.replace([' ', '\t', '\n'], "");
            assert_eq!(bare(&wrapped), bare(&text));
        }
    }
}
