//! Comparing outputs. Everything here is written so that NaN fails.

use super::report::Place;
use crate::tensor::Outputs;
use ndarray::ArrayD;

/// Whether two values are within `tol`. Equal infinities match, NaN matches nothing.
fn near(got: f64, want: f64, tol: f64) -> bool {
    got == want || (got - want).abs() <= tol
}

/// Whether `fits` holds for every pair of elements, in logical order. Shapes are equal.
fn all(got: &ArrayD<f64>, want: &ArrayD<f64>, fits: impl Fn(f64, f64) -> bool) -> bool {
    let pair = |(&x, &y): (&f64, &f64)| fits(x, y);
    match (got.as_slice(), want.as_slice()) {
        // Plain slices: an iterator over a dynamic rank costs ten times as much.
        (Some(got), Some(want)) => got.iter().zip(want).all(pair),
        _ => got.iter().zip(want).all(pair),
    }
}

/// Whether all values match within `tol`; shapes must be equal, and NaN must stand in the same
/// places. For comparing a wrong answer with a planted bug, which may make NaN on purpose.
pub fn matches(got: &Outputs, want: &Outputs, tol: f64) -> bool {
    let same = |x: f64, y: f64| near(x, y, tol) || (x.is_nan() && y.is_nan());
    let equal = |(got, want): (&ArrayD<f64>, &ArrayD<f64>)| {
        got.shape() == want.shape() && all(got, want, same)
    };
    got.len() == want.len() && got.iter().zip(want).all(equal)
}

/// Whether two arrays of one shape are equal within `tol`.
pub fn equal(got: &ArrayD<f64>, want: &ArrayD<f64>, tol: f64) -> bool {
    got.shape() == want.shape() && all(got, want, |x, y| near(x, y, tol))
}

/// The element that is farthest from the truth, if any is farther than `tol`. Shapes are equal.
pub fn worst(got: &Outputs, want: &Outputs, tol: f64) -> Option<Place> {
    if got
        .iter()
        .zip(want)
        .all(|(got, want)| equal(got, want, tol))
    {
        return None;
    }
    let mut place: Option<Place> = None;
    let (mut wrong, mut total) = (0, 0);
    for (output, (got, want)) in got.iter().zip(want).enumerate() {
        total += got.len();
        let indexed = got.indexed_iter().zip(want);
        for ((index, &got), &want) in indexed.filter(|((_, got), want)| !near(**got, **want, tol)) {
            wrong += 1;
            let err = (got - want).abs();
            let farther = place
                .as_ref()
                .is_none_or(|known| !known.err.is_nan() && !(err <= known.err));
            if farther {
                place = Some(Place {
                    output,
                    index: ndarray::Dimension::slice(&index).to_vec(),
                    got,
                    want,
                    err,
                    tol,
                    wrong: 0,
                    total: 0,
                });
            }
        }
    }
    place.map(|place| Place {
        wrong,
        total,
        ..place
    })
}
