//! «Did you mean …»: the known word that is nearest to what was typed.

/// The nearest of `known`, if it is near enough to be meant: one slip for every three letters, or
/// the beginning of the word.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let allowed = word.chars().count().div_ceil(3);
    let scored = known.into_iter().filter_map(|known| {
        let slips = if known.starts_with(&word) {
            0
        } else {
            distance(&word, known)
        };
        (slips <= allowed && slips < known.chars().count()).then_some((slips, known))
    });
    scored
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let replaced = rows[i - 1][j - 1] + usize::from(!same);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        let known = ["attention", "rope", "class-weighted-ce", "n", "m"];
        assert_eq!(nearest("atention", known), Some("attention"));
        assert_eq!(nearest("roep", known), Some("rope"));
        assert_eq!(nearest("class", known), Some("class-weighted-ce"));
        assert_eq!(nearest("zzzzzz", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("", known), None);
    }
}
