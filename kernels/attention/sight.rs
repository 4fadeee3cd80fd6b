//! Which keys a query sees: two ranges, so that nothing of n×m is ever stored.

use std::ops::Range;

/// The rule for all queries of one sequence: `len` keys, of which the `n` queries are the last.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    pub causal: bool,
    pub window: Option<usize>,
    pub globals: usize,
    pub n: usize,
    pub len: usize,
}

/// What one query sees: the keys `near`, and those of `0..globals`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Where the query stands among the keys; negative where there are more queries than keys.
    pub position: i64,
    pub first: usize,
    pub end: usize,
    pub globals: usize,
}

impl Sight {
    /// What query `i` of n sees, at position i + len − n.
    pub fn query(self, i: usize) -> Seen {
        let position = i as i64 + self.len as i64 - self.n as i64;
        let reach = |end: i64| end.clamp(0, self.len as i64) as usize;
        let cap = if self.causal {
            reach(position + 1)
        } else {
            self.len
        };
        let globals = self.globals.min(cap);
        let is_global = (0..self.globals as i64).contains(&position);
        let (first, end) = match self.window {
            Some(window) if !is_global => {
                let window = window.min(1 << 48) as i64;
                (
                    reach(position - window + 1),
                    reach(position + window).min(cap),
                )
            }
            _ => (0, cap),
        };
        Seen {
            position,
            first,
            end: end.max(first),
            globals,
        }
    }
}

/// The two ranges of keys that at least one of the queries sees; the second begins after the first.
pub fn union(seen: impl Iterator<Item = Seen> + Clone) -> [Range<usize>; 2] {
    let near = seen.clone().filter(|seen| seen.first < seen.end);
    let first = near.clone().map(|seen| seen.first).min().unwrap_or(0);
    let end = near.map(|seen| seen.end).max().unwrap_or(0);
    let globals = seen.map(|seen| seen.globals).max().unwrap_or(0);
    match globals < first {
        true => [0..globals, first..end],
        false => [0..0, 0..end.max(globals)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_the_rule() {
        for (n, len) in [(1, 1), (5, 5), (3, 9), (9, 3), (4, 0)] {
            for causal in [false, true] {
                for window in [None, Some(0), Some(1), Some(3), Some(usize::MAX)] {
                    for globals in [0, 1, 4, 20] {
                        let sight = Sight {
                            causal,
                            window,
                            globals,
                            n,
                            len,
                        };
                        let rows: Vec<Seen> = (0..n).map(|i| sight.query(i)).collect();
                        let ranges = union(rows.iter().copied());
                        for (i, seen) in rows.iter().enumerate() {
                            for j in 0..len {
                                let (at, key) = (i as i128 + len as i128 - n as i128, j as i128);
                                let global = |x: i128| x >= 0 && x < globals as i128;
                                let near = window.is_none_or(|w| (at - key).abs() < w as i128);
                                let want =
                                    (near || global(key) || global(at)) && (key <= at || !causal);
                                let got = j < seen.globals || (seen.first..seen.end).contains(&j);
                                assert_eq!(got, want, "{sight:?} {i} {j}");
                                let covered = ranges.iter().any(|range| range.contains(&j));
                                assert!(covered || !want, "{sight:?} {ranges:?}");
                            }
                        }
                        assert!(ranges[0].end <= ranges[1].start && ranges[1].end <= len);
                    }
                }
            }
        }
    }
}
