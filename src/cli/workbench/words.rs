//! A command line cut into words, as a shell does: quotes keep spaces, a backslash keeps anything.

/// The words of a line.
///
/// # Errors
/// The quote that is not closed.
pub fn split(line: &str) -> Result<Vec<String>, char> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        None => return Err(c),
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => word.extend(chars.next()),
                        Some(other) => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_like_a_shell() {
        assert_eq!(
            split("check  rope 'my file.rs'").unwrap(),
            ["check", "rope", "my file.rs"]
        );
        assert_eq!(split(r#"a"b c"d \  "" "#).unwrap(), ["ab cd", " ", ""]);
        assert_eq!(split("'open"), Err('\''));
        assert_eq!(split("end\\").unwrap(), ["end"]);
        assert_eq!(split(" ").unwrap(), [""; 0]);
    }
}
