//! A distribution in a few characters.

/// The counts of `values` in `bins` bins of equal width from `low` to `high`, as bars: `▁▃█▂ `. Each
/// bar is relative to the fullest bin; a blank is an empty one. Values outside are left out.
pub fn histogram(
    values: impl IntoIterator<Item = f64>,
    [low, high]: [f64; 2],
    bins: usize,
) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut counts = vec![0usize; bins];
    for value in values {
        let at = (value - low) / (high - low) * bins as f64;
        if (0.0..=bins as f64).contains(&at) {
            counts[(at as usize).min(bins - 1)] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |&count: &usize| match count {
        0 => ' ',
        count => BARS[(count * 8).div_ceil(most) - 1],
    };
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::histogram;

    #[test]
    fn bars_are_counts() {
        let values = [0.0, 0.1, 0.2, 0.3, 0.6, 1.0, 7.0, f64::NAN];
        assert_eq!(histogram(values, [0.0, 1.0], 4), "█▃▃▃");
        assert_eq!(histogram([0.9], [0.0, 1.0], 2), " █");
        assert_eq!(histogram([], [0.0, 0.0], 3), "   ");
    }
}
