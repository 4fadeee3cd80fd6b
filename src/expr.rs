//! Arithmetic as people write it: `2 * h * n^2 / 2^20`, `sqrt(64)`, `1e-3`.

/// How deep brackets and signs may nest.
const DEPTH: usize = 64;

/// The value of an expression; `value` knows the names in it.
///
/// Operators are `+ - * / % ^`, functions `sqrt ln log2 log10 sin cos tan exp floor ceil round abs min max`,
/// constants `pi` and `e` (where no value has that name).
///
/// # Errors
/// A sentence that names what could not be read.
pub fn eval(text: &str, value: &dyn Fn(&str) -> Option<f64>) -> Result<f64, String> {
    let mut reader = Reader { rest: text, value };
    let result = reader.sum(DEPTH)?;
    match reader.next() {
        None => Ok(result),
        Some(other) => Err(format!("`{other}` cannot stand there")),
    }
}

struct Reader<'a> {
    rest: &'a str,
    value: &'a dyn Fn(&str) -> Option<f64>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.next() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn cut(&mut self, length: usize) -> &'a str {
        let (front, rest) = self.rest.split_at(length);
        self.rest = rest;
        front
    }

    fn sum(&mut self, depth: usize) -> Result<f64, String> {
        let mut left = self.product(depth)?;
        loop {
            if self.take('+') {
                left += self.product(depth)?;
            } else if self.take('-') {
                left -= self.product(depth)?;
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self, depth: usize) -> Result<f64, String> {
        let mut left = self.signed(depth)?;
        loop {
            if self.take('*') {
                left *= self.signed(depth)?;
            } else if self.take('/') {
                left /= self.signed(depth)?;
            } else if self.take('%') {
                left %= self.signed(depth)?;
            } else {
                return Ok(left);
            }
        }
    }

    fn signed(&mut self, depth: usize) -> Result<f64, String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("more than {DEPTH} brackets or signs are nested"));
        };
        if self.take('-') {
            return Ok(-self.signed(depth)?);
        }
        if self.take('+') {
            return self.signed(depth);
        }
        let base = self.atom(depth)?;
        match self.take('^') {
            true => Ok(base.powf(self.signed(depth)?)),
            false => Ok(base),
        }
    }

    fn atom(&mut self, depth: usize) -> Result<f64, String> {
        match self.next() {
            Some('(') => {
                self.take('(');
                let inner = self.sum(depth)?;
                self.close()?;
                Ok(inner)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() => self.name(depth),
            Some(other) => Err(format!("`{other}` stands where a number should")),
            None => Err("a number is missing at the end".to_string()),
        }
    }

    fn close(&mut self) -> Result<(), String> {
        match self.take(')') {
            true => Ok(()),
            false => Err("a `)` is missing".to_string()),
        }
    }

    fn number(&mut self) -> Result<f64, String> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit());
        let mut end = digits(0).count();
        if bytes.get(end) == Some(&b'.') {
            end += 1 + digits(end + 1).count();
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let count = digits((end + 1 + sign).min(bytes.len())).count();
            if count > 0 {
                end += 1 + sign + count;
            }
        }
        let text = self.cut(end);
        text.parse()
            .map_err(|_| format!("`{text}` is not a number"))
    }

    fn name(&mut self, depth: usize) -> Result<f64, String> {
        let part = |c: &char| c.is_alphanumeric() || *c == '_';
        let chars = self.rest.chars().take_while(part);
        let name = self.cut(chars.map(char::len_utf8).sum());
        if let Some(value) = (self.value)(name) {
            return Ok(value);
        }
        if !self.take('(') {
            return match name {
                "pi" | "π" => Ok(std::f64::consts::PI),
                "e" => Ok(std::f64::consts::E),
                _ => Err(format!("`{name}` is not one of the values")),
            };
        }
        let first = self.sum(depth)?;
        let second = match self.take(',') {
            true => Some(self.sum(depth)?),
            false => None,
        };
        self.close()?;
        match (name, second) {
            ("sqrt", None) => Ok(first.sqrt()),
            ("ln" | "log", None) => Ok(first.ln()),
            ("log2", None) => Ok(first.log2()),
            ("log10", None) => Ok(first.log10()),
            ("sin", None) => Ok(first.sin()),
            ("cos", None) => Ok(first.cos()),
            ("tan", None) => Ok(first.tan()),
            ("exp", None) => Ok(first.exp()),
            ("floor", None) => Ok(first.floor()),
            ("ceil", None) => Ok(first.ceil()),
            ("round", None) => Ok(first.round()),
            ("abs", None) => Ok(first.abs()),
            ("min", Some(second)) => Ok(first.min(second)),
            ("max", Some(second)) => Ok(first.max(second)),
            _ => Err(format!(
                "`{name}` with these arguments is not known; the functions are sqrt, ln, log2, log10, sin, cos, tan, exp, floor, ceil, round, abs (of one number), min and max (of two)"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Result<f64, String> {
        eval(text, &|name| (name == "max_len").then_some(8.0))
    }

    #[test]
    fn precedence_and_functions() {
        for (text, want) in [
            ("1 + 2*3", 7.0),
            ("-2^2", -4.0),
            ("2^3^2", 512.0),
            ("2^-1", 0.5),
            ("7 % 4", 3.0),
            ("1e3/4", 250.0),
            (".5+5.", 5.5),
            ("1/3*3", 1.0),
            ("max_len * 2", 16.0),
            ("ceil(5/2) - min(2, 1)", 2.0),
            ("sqrt(64) + log2(8) + ln(1)", 11.0),
        ] {
            assert_eq!(plain(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn errors_are_sentences() {
        for text in [
            "",
            "1 2",
            "(1",
            "2 *",
            "n",
            "sqrt(1,2)",
            "1..2",
            "foo(1)",
            "2e",
            "é",
            "1)",
        ] {
            assert!(plain(text).is_err(), "{text}");
        }
        assert!(plain(&"(".repeat(100_000)).is_err());
        assert!(plain(&"-".repeat(100_000)).is_err());
    }
}
