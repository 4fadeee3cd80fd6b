//! What running code prints to stderr, with the runtime's own noise taken out.

use super::errors::Sources;

/// Follows the lines of one evaluation.
#[derive(Default)]
pub struct Stderr {
    blank: usize,
    /// The runtime reported a bad memory access; what follows is its backtrace.
    pub segfault: bool,
    pub overflow: bool,
}

impl Stderr {
    /// What to show of a line, if anything. `compiled` gives a line of the compiled file.
    pub fn line(
        &mut self,
        line: &str,
        sources: &Sources<'_>,
        compiled: &dyn Fn(usize) -> Option<String>,
    ) -> Option<String> {
        if line == "Segmentation fault." || line == "Bus error." {
            self.segfault = true;
        }
        if line.contains("has overflowed its stack") {
            self.overflow = true;
        }
        let noise = self.segfault
            || self.overflow
            || line.starts_with("note: run with `RUST_BACKTRACE")
            || line.starts_with("fatal runtime error: stack overflow");
        if noise {
            return None;
        }
        // A panic starts with an empty line of the runtime's.
        if line.is_empty() {
            self.blank += 1;
            return None;
        }
        let blank = std::mem::take(&mut self.blank);
        if let Some(place) = panic_place(line) {
            return Some(format!("panic at {}:", moved(place, sources, compiled)));
        }
        Some("\n".repeat(blank) + line)
    }
}

/// The place in `thread 'main' (17) panicked at src/lib.rs:7:5:`.
fn panic_place(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("thread '")?;
    let (_, place) = rest.split_once(" panicked at ")?;
    Some(place.trim_end_matches(':'))
}

fn moved(place: &str, sources: &Sources<'_>, compiled: &dyn Fn(usize) -> Option<String>) -> String {
    let place_of = || {
        let mut parts = place.strip_prefix("src/lib.rs:")?.split(':');
        let row: usize = parts.next()?.parse().ok()?;
        let column: usize = parts.next()?.parse().ok()?;
        sources.locate(&compiled(row)?, column)
    };
    place_of().unwrap_or_else(|| place.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_point_into_what_was_typed() {
        let inputs = ["fn f() {\n    panic!(\"no\")\n}".to_string()];
        let sources = Sources { inputs: &inputs };
        let compiled = |row| (row == 7).then(|| "    panic!(\"no\")".to_string());
        let mut stderr = Stderr::default();
        let mut show = |line| stderr.line(line, &sources, &compiled);
        assert_eq!(show(""), None);
        let head = show("thread 'main' (17) panicked at src/lib.rs:7:5:");
        assert_eq!(head.as_deref(), Some("panic at input:2:5:"));
        assert_eq!(show("no").as_deref(), Some("no"));
        assert_eq!(
            show("note: run with `RUST_BACKTRACE=1` environment variable"),
            None
        );
    }
}
