//! How a learner's kernel is launched: arithmetic in the sizes, in comments of the file.

use crate::expr;
use crate::text::Lang;
use std::collections::BTreeMap;

/// The launch notes of a file: `// grid: ceil(n / 128), h, b`, `// block: 128`, `// shared: 4 * m`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    grid: Note,
    block: Note,
    /// Bytes of dynamic shared memory.
    shared: Option<Note>,
}

/// One note: its line in the file, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    line: usize,
    name: &'static str,
    words: Vec<String>,
}

/// A launch's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub shared_bytes: u32,
}

impl Launch {
    /// Reads the notes of a file.
    ///
    /// # Errors
    /// A sentence that says which note is missing, and how one is written.
    pub fn read(text: &str, lang: Lang) -> Result<Launch, String> {
        let missing = |name: &str, example: &str| {
            lang.pick(
                format!("the file does not say how to launch its kernel: add the line `// {name}: {example}`"),
                format!("文件没有说明如何启动 kernel：请加上一行 `// {name}: {example}`"),
            )
        };
        Ok(Launch {
            grid: note(text, "grid").ok_or_else(|| missing("grid", "ceil(n / 128), h, b"))?,
            block: note(text, "block").ok_or_else(|| missing("block", "128"))?,
            shared: note(text, "shared"),
        })
    }

    /// The numbers for these sizes.
    ///
    /// # Errors
    /// A sentence that names the line, what it says and what is allowed.
    pub fn config(&self, sizes: &BTreeMap<&str, usize>, lang: Lang) -> Result<Config, String> {
        let grid = self
            .grid
            .three(sizes, [0x7fff_ffff, 65_535, 65_535], lang)?;
        let block = self.block.three(sizes, [1024, 1024, 64], lang)?;
        if block.iter().product::<u32>() > 1024 {
            return Err(self.block.refused(
                &format!("{} × {} × {}", block[0], block[1], block[2]),
                lang.pick("at most 1024 threads in all", "总线程数不超过 1024"),
                lang,
            ));
        }
        let shared_bytes = match &self.shared {
            None => 0,
            Some(note) => note.number(&note.words[0], sizes, 0, 227 << 10, lang)?,
        };
        Ok(Config {
            grid,
            block,
            shared_bytes,
        })
    }
}

/// The first line `// name: a, b, c`.
fn note(text: &str, name: &'static str) -> Option<Note> {
    text.lines().enumerate().find_map(|(at, line)| {
        let said = line.trim().strip_prefix("//")?.trim().strip_prefix(name)?;
        let words = said.trim_start().strip_prefix(':')?;
        Some(Note {
            line: at + 1,
            name,
            words: split(words),
        })
    })
}

/// The parts between commas which stand in no bracket.
fn split(words: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in words.trim().chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if c != ',' || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

impl Note {
    fn three(
        &self,
        sizes: &BTreeMap<&str, usize>,
        most: [u32; 3],
        lang: Lang,
    ) -> Result<[u32; 3], String> {
        if self.words.len() > 3 {
            let allowed = lang.pick("one to three numbers", "一到三个数");
            return Err(self.refused(&self.words.join(","), allowed, lang));
        }
        let mut numbers = [1; 3];
        for (at, words) in self.words.iter().enumerate() {
            numbers[at] = self.number(words, sizes, 1, most[at], lang)?;
        }
        Ok(numbers)
    }

    fn number(
        &self,
        words: &str,
        sizes: &BTreeMap<&str, usize>,
        least: u32,
        most: u32,
        lang: Lang,
    ) -> Result<u32, String> {
        let value = expr::eval(words, &|name| sizes.get(name).map(|size| *size as f64));
        let value = value.map_err(|fault| {
            let names: Vec<&str> = sizes.keys().copied().collect();
            let (line, name, names) = (self.line, self.name, names.join(", "));
            lang.pick(
                format!(
                    "line {line}, `{name}: {words}`: {fault}; write arithmetic in the sizes {names}"
                ),
                format!("第 {line} 行 `{name}: {words}`：{fault}；请用这些大小写算式：{names}"),
            )
        })?;
        let whole = value.fract() == 0.0 && value >= f64::from(least) && value <= f64::from(most);
        match whole {
            true => Ok(value as u32),
            false => {
                let allowed = lang.pick(
                    format!("a whole number from {least} to {most} (ceil rounds up)"),
                    format!("{least} 到 {most} 的整数（ceil 向上取整）"),
                );
                Err(self.refused(&format!("{words} = {value}"), &allowed, lang))
            }
        }
    }

    fn refused(&self, got: &str, allowed: &str, lang: Lang) -> String {
        let (line, name, got) = (self.line, self.name, got.trim());
        lang.pick(
            format!("line {line}, `{name}`: {got} cannot be; it takes {allowed}"),
            format!("第 {line} 行 `{name}`：{got} 不可以；应为{allowed}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> BTreeMap<&'static str, usize> {
        BTreeMap::from([("n", 130), ("h", 3), ("d", 64)])
    }

    #[test]
    fn notes_are_arithmetic_in_the_sizes() {
        let text =
            "// about: x\n  //grid : ceil(n / 128), max(h, 2)\n// block: 128\n// shared: 4 * d\n";
        let launch = Launch::read(text, Lang::En).unwrap();
        let config = launch.config(&sizes(), Lang::En).unwrap();
        assert_eq!(config.grid, [2, 3, 1]);
        assert_eq!(config.block, [128, 1, 1]);
        assert_eq!(config.shared_bytes, 256);
    }

    #[test]
    fn what_cannot_be_is_named_with_its_line() {
        let told = |text: &str| {
            let launch = Launch::read(text, Lang::En);
            launch
                .and_then(|launch| launch.config(&sizes(), Lang::En))
                .unwrap_err()
        };
        assert!(told("// grid: 1").contains("`// block: 128`"));
        assert!(told("// block: 1").contains("`// grid: "));
        let cases = [
            (
                "// grid: n / 128\n// block: 128",
                "line 1, `grid`: n / 128 = 1.015625 cannot be",
            ),
            (
                "// grid: 1\n// block: 2048",
                "line 2, `block`: 2048 = 2048 cannot be",
            ),
            ("// grid: 1\n// block: 64, 64", "at most 1024 threads"),
            ("// grid: 1,1,1,1\n// block: 1", "one to three numbers"),
            ("// grid: q\n// block: 1", "sizes d, h, n"),
            ("// grid: 1\n// block: 1\n// shared: 1e9", "line 3"),
            ("// grid: 0\n// block: 1", "from 1 to"),
        ];
        for (text, words) in cases {
            let told = told(text);
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
