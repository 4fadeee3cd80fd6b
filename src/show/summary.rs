//! A tensor in a few numbers.

use ndarray::ArrayD;

/// Mean, spread and range of the finite elements, and how many are not finite.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "lessons", derive(serde::Serialize))]
pub struct Summary {
    pub elements: usize,
    /// `None` where no element is finite.
    pub mean: Option<f64>,
    /// The standard deviation of the population (divided by N).
    pub sd: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub nan: usize,
    pub plus_inf: usize,
    pub minus_inf: usize,
}

impl Summary {
    pub fn of(array: &ArrayD<f64>) -> Summary {
        let count = |holds: fn(f64) -> bool| array.iter().filter(|x| holds(**x)).count();
        let finite = || array.iter().copied().filter(|x| x.is_finite());
        let n = finite().count() as f64;
        // Divided before they are added, so that large values do not overflow.
        let mean = finite().map(|x| x / n).sum::<f64>();
        let size = finite().map(|x| x.abs() / n).sum::<f64>();
        // Rows that sum to 0 leave some rounding, which differs from machine to machine.
        let mean = if mean.abs() <= 1e-14 * size {
            0.0
        } else {
            mean
        };
        let spread = finite().map(|x| (x - mean) * (x - mean) / n).sum::<f64>();
        let some = |x: f64| (n > 0.0).then_some(x);
        Summary {
            elements: array.len(),
            mean: some(mean),
            sd: some(spread.sqrt()),
            min: some(finite().fold(f64::INFINITY, f64::min)),
            max: some(finite().fold(f64::NEG_INFINITY, f64::max)),
            nan: count(f64::is_nan),
            plus_inf: count(|x| x == f64::INFINITY),
            minus_inf: count(|x| x == f64::NEG_INFINITY),
        }
    }

    /// `mean -0.01 sd 0.98 in [-2.10, 3.02]`, and what is not finite.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        match (self.mean, self.sd, self.min, self.max) {
            (Some(mean), ..) if self.elements == 1 => words.push(number(mean)),
            (Some(mean), Some(sd), Some(min), Some(max)) => words.push(format!(
                "mean {} sd {} in [{}, {}]",
                number(mean),
                number(sd),
                number(min),
                number(max)
            )),
            _ => {}
        }
        for (count, what) in [
            (self.minus_inf, "−inf"),
            (self.plus_inf, "+inf"),
            (self.nan, "NaN"),
        ] {
            if count > 0 {
                words.push(format!("{count}/{} {what}", self.elements));
            }
        }
        words.join(", ")
    }
}

/// A number in three significant digits: `0.98`, `-12.3`, `1.2e-7`, `0`.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_string()
    } else if !x.is_finite() {
        format!("{x}")
    } else if !(1e-3..1e5).contains(&size) {
        format!("{x:.1e}")
    } else if size >= 100.0 {
        format!("{x:.0}")
    } else if size >= 10.0 {
        format!("{x:.1}")
    } else if size >= 0.1 {
        format!("{x:.2}")
    } else {
        format!("{x:.4}")
    }
}

/// A count with its unit: `16.4 kFLOP`.
pub fn si(x: f64, unit: &str) -> String {
    let scales = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match scales.into_iter().find(|(scale, _)| x >= *scale) {
        Some((scale, prefix)) => {
            let x = x / scale;
            let digits = if x < 100.0 { 1 } else { 0 };
            format!("{x:.digits$} {prefix}{unit}")
        }
        None => format!("{x:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr0, arr1};

    #[test]
    fn what_is_not_finite_is_counted_and_left_out() {
        let values = arr1(&[1.0, 3.0, f64::NEG_INFINITY, f64::NAN]).into_dyn();
        let summary = Summary::of(&values);
        assert_eq!((summary.mean, summary.sd), (Some(2.0), Some(1.0)));
        assert_eq!(
            summary.words(),
            "mean 2.00 sd 1.00 in [1.00, 3.00], 1/4 −inf, 1/4 NaN"
        );
        let nothing = Summary::of(&arr1(&[f64::NAN]).into_dyn());
        assert_eq!((nothing.mean, nothing.words()), (None, "1/1 NaN".into()));
        assert_eq!(Summary::of(&arr0(0.5).into_dyn()).words(), "0.50");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 1e-9, 0.01234, 0.5, 12.345, 12345.6, -3e7].map(number);
        assert_eq!(
            shown,
            ["0", "1.0e-9", "0.0123", "0.50", "12.3", "12346", "-3.0e7"]
        );
        assert_eq!(si(16_384.0, "FLOP"), "16.4 kFLOP");
        assert_eq!(si(12.0, "FLOP"), "12 FLOP");
    }
}
