//! Comparing outputs. Everything here is written so that NaN fails.

use super::report::Place;
use crate::tensor::Outputs;

/// Whether two values are within `tol`. Equal infinities match, NaN matches nothing.
fn near(got: f64, want: f64, tol: f64) -> bool {
    got == want || (got - want).abs() <= tol
}

/// Whether all values match within `tol`; shapes must be equal, and NaN must stand in the same
/// places. For comparing a wrong answer with a planted bug, which may make NaN on purpose.
pub fn matches(got: &Outputs, want: &Outputs, tol: f64) -> bool {
    got.len() == want.len()
        && got.iter().zip(want).all(|(got, want)| {
            got.shape() == want.shape()
                && got
                    .iter()
                    .zip(want)
                    .all(|(&x, &y)| near(x, y, tol) || (x.is_nan() && y.is_nan()))
        })
}

/// The element that is farthest from the truth, if any is farther than `tol`. Shapes are equal.
pub fn worst(got: &Outputs, want: &Outputs, tol: f64) -> Option<Place> {
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
