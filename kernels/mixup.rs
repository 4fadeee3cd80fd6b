//! MixUp: weighted means of pairs of examples and of their labels (Zhang et al. 2017, arXiv
//! 1710.09412).

use super::cpu::{Tier, split};
use super::simd::{Kernel, Simd, dispatch};
use super::stream::{Number, Writer, is_large, load};
use std::fmt;

/// λ: the share of an example itself, beside its partner's 1 − λ.
#[derive(Clone, Copy, Debug)]
pub enum Lambda<'a> {
    /// One for the batch, as in the paper's own code.
    Batch(f32),
    /// One for each example, `[rows]`.
    Each(&'a [f32]),
}

impl Lambda<'_> {
    fn of(&self, row: usize) -> f32 {
        match self {
            Lambda::Batch(lambda) => *lambda,
            Lambda::Each(lambdas) => lambdas[row],
        }
    }
}

/// Why the kernel refuses its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A slice has the wrong length.
    Length {
        name: &'static str,
        want: usize,
        got: usize,
    },
    /// A partner that is not an example.
    Partner {
        row: usize,
        partner: usize,
        rows: usize,
    },
    /// A label that is not a class.
    Label {
        row: usize,
        label: usize,
        classes: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { name, want, got } => write!(
                f,
                "`{name}` should have {want} elements for this shape, it has {got}; there is one row for each partner"
            ),
            Error::Partner { row, partner, rows } => write!(
                f,
                "partner {partner} of row {row} is not a row: give one of 0 to {}",
                rows.saturating_sub(1)
            ),
            Error::Label {
                row,
                label,
                classes,
            } => write!(
                f,
                "label {label} of row {row} is not a class: give one of 0 to {}",
                classes.saturating_sub(1)
            ),
        }
    }
}

impl std::error::Error for Error {}

/// out = λ·x + (1 − λ)·x[partners], row by row: `x` and `out` `[rows features]`, `partners` `[rows]`,
/// usually a permutation. Soft labels `[rows classes]` are mixed by the same call.
///
/// # Errors
/// Where a slice does not fit `partners` and `features`, or a partner is not a row.
pub fn mixup<T: Number>(
    out: &mut [T],
    x: &[T],
    partners: &[usize],
    lambda: Lambda<'_>,
    features: usize,
) -> Result<(), Error> {
    mixup_on(Tier::current(), out, x, partners, lambda, features)
}

fn mixup_on<T: Number>(
    tier: Tier,
    out: &mut [T],
    x: &[T],
    partners: &[usize],
    lambda: Lambda<'_>,
    features: usize,
) -> Result<(), Error> {
    let want = partners.len().saturating_mul(features);
    check(
        &[("x", want, x.len()), ("out", want, out.len())],
        partners,
        lambda,
    )?;
    let stream = is_large(out);
    split(out, features, |rows, out| {
        let part = Rows {
            out,
            x,
            partners: &partners[rows.clone()],
            lambda,
            first: rows.start,
            features,
            stream,
        };
        dispatch(tier, part);
    });
    Ok(())
}

/// The mixed labels as probabilities: λ on the row's own class, 1 − λ on its partner's. `out` `[rows
/// classes]`, `labels` and `partners` `[rows]`.
///
/// # Errors
/// Where a slice does not fit `partners` and `classes`, or a partner or label is out of range.
pub fn mix_labels(
    out: &mut [f32],
    labels: &[usize],
    partners: &[usize],
    lambda: Lambda<'_>,
    classes: usize,
) -> Result<(), Error> {
    let rows = partners.len();
    let want = rows.saturating_mul(classes);
    let sizes = [("labels", rows, labels.len()), ("out", want, out.len())];
    check(&sizes, partners, lambda)?;
    if let Some(row) = labels.iter().position(|label| *label >= classes) {
        let label = labels[row];
        return Err(Error::Label {
            row,
            label,
            classes,
        });
    }
    split(out, classes, |rows, out| {
        out.fill(0.0);
        for (row, out) in rows.zip(out.chunks_exact_mut(classes)) {
            let lambda = lambda.of(row);
            out[labels[row]] += lambda;
            out[labels[partners[row]]] += 1.0 - lambda;
        }
    });
    Ok(())
}

fn check(
    sizes: &[(&'static str, usize, usize)],
    partners: &[usize],
    lambda: Lambda<'_>,
) -> Result<(), Error> {
    let rows = partners.len();
    let lambdas = match lambda {
        Lambda::Batch(_) => rows,
        Lambda::Each(lambdas) => lambdas.len(),
    };
    for &(name, want, got) in sizes.iter().chain(&[("lambda", rows, lambdas)]) {
        if want != got {
            return Err(Error::Length { name, want, got });
        }
    }
    match partners.iter().position(|partner| *partner >= rows) {
        Some(row) => Err(Error::Partner {
            row,
            partner: partners[row],
            rows,
        }),
        None => Ok(()),
    }
}

/// Some rows of `out`, and all of `x`.
struct Rows<'a, T> {
    out: &'a mut [T],
    x: &'a [T],
    partners: &'a [usize],
    lambda: Lambda<'a>,
    first: usize,
    features: usize,
    stream: bool,
}

impl<T: Number> Kernel for Rows<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let d = self.features;
        let outs = self.out.chunks_exact_mut(d);
        for ((i, out), &partner) in (self.first..).zip(outs).zip(self.partners) {
            let (own, other) = (&self.x[i * d..][..d], &self.x[partner * d..][..d]);
            let lambda = self.lambda.of(i);
            let (share, rest) = (s.splat(lambda), s.splat(1.0 - lambda));
            let mut to = Writer::new(s, out, self.stream);
            while let Some(i) = to.at() {
                let other = s.mul(rest, load(s, &other[i..], 0.0));
                to.put(s, s.fma(share, load(s, &own[i..], 0.0), other));
            }
        }
        s.fence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_formula_on_ragged_rows_of_any_start() {
        for (rows, features) in [(0, 3), (1, 1), (3, 7), (5, 16), (4, 33), (2, 100)] {
            let x: Vec<f32> = (0..rows * features + 1)
                .map(|i| (i as f32 * 0.7).sin())
                .collect();
            let partners: Vec<usize> = (0..rows).map(|i| (i + 1) % rows).collect();
            let lambdas: Vec<f32> = (0..rows).map(|i| i as f32 / 5.0).collect();
            for lambda in [Lambda::Batch(0.3), Lambda::Each(&lambdas)] {
                for tier in Tier::all() {
                    let mut out = vec![9.0; rows * features + 3];
                    mixup_on(tier, &mut out[3..], &x[1..], &partners, lambda, features).unwrap();
                    for (at, got) in out[3..].iter().enumerate() {
                        let (row, j) = (at / features, at % features);
                        let share = f64::from(lambda.of(row));
                        let other = f64::from(x[1 + partners[row] * features + j]);
                        let want = share * f64::from(x[1 + at]) + (1.0 - share) * other;
                        // Three roundings of numbers up to 1.
                        let err = (f64::from(*got) - want).abs();
                        assert!(err <= 2e-7, "{tier:?} {rows}×{features} at {at}: {err}");
                    }
                }
            }
        }
    }

    #[test]
    fn all_of_one_is_that_one_and_nan_stays() {
        let x = [1.5, -2.0, 1e30, f32::NAN, 7.0, 1e-40];
        for tier in Tier::all() {
            let mut out = [0.0; 6];
            mixup_on(tier, &mut out, &x, &[1, 1], Lambda::Each(&[0.0, 1.0]), 3).unwrap();
            assert!(out[0].is_nan() && out[3].is_nan(), "{tier:?}");
            assert_eq!([out[1], out[2]], [7.0, 1e-40], "{tier:?}");
            assert_eq!([out[4], out[5]], [7.0, 1e-40], "{tier:?}");
        }
    }

    #[test]
    fn labels_are_mixed_as_the_examples() {
        let mut out = [9.0; 9];
        mix_labels(&mut out, &[0, 2, 2], &[1, 2, 0], Lambda::Batch(0.75), 3).unwrap();
        assert_eq!(out, [0.75, 0.0, 0.25, 0.0, 0.0, 1.0, 0.25, 0.0, 0.75]);
        let soft: Vec<f32> = [0, 2, 2]
            .iter()
            .flat_map(|y| (0..3).map(move |k| f32::from(u8::from(k == *y))))
            .collect();
        let mut again = [9.0; 9];
        mixup(&mut again, &soft, &[1, 2, 0], Lambda::Batch(0.75), 3).unwrap();
        assert_eq!(again, out);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_sentence() {
        let mut out = [0.0; 4];
        let batch = Lambda::Batch(0.5);
        let far = mixup(&mut out, &[0.0; 4], &[1, 2], batch, 2).unwrap_err();
        assert_eq!(
            far.to_string(),
            "partner 2 of row 1 is not a row: give one of 0 to 1"
        );
        let short = mixup(&mut out, &[0.0; 3], &[1, 0], batch, 2).unwrap_err();
        assert!(short.to_string().contains("`x` should have 4"), "{short}");
        let each = mixup(&mut out, &[0.0; 4], &[1, 0], Lambda::Each(&[0.5]), 2).unwrap_err();
        assert!(
            each.to_string().contains("`lambda` should have 2"),
            "{each}"
        );
        let label = mix_labels(&mut out, &[0, 2], &[1, 0], batch, 2).unwrap_err();
        assert!(label.to_string().contains("label 2 of row 1"), "{label}");
    }
}
