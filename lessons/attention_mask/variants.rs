//! The same mask as one rule for each pair, with every planted bug and convention behind its id.

use super::reference::Given;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, Axis, IxDyn};

const DROP: f64 = f64::NEG_INFINITY;

/// The reference with the bugs of `v` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let given = Given::new(inputs);
    let (b, m) = given.keep.dim();
    let shape = IxDyn(&[b, 1, given.n, m]);
    let mut seen = ArrayD::from_shape_fn(shape, |at| sees(&given, at[0], at[2], at[3], v));
    if v.has("empty-rows-open") || v.has("hugging-face") {
        for mut row in seen.lanes_mut(Axis(3)) {
            if !row.iter().any(|seen| *seen) {
                row.fill(true);
            }
        }
    }
    let [kept, dropped] = numbers(v);
    vec![seen.mapv(|seen| if seen { kept } else { dropped })]
}

/// What stands for a kept and for a dropped key.
fn numbers(v: &Variant) -> [f64; 2] {
    let known = [
        ("zero-and-infinity-swapped", [DROP, 0.0]),
        ("keep-as-number", [1.0, 0.0]),
        ("drop-as-number", [0.0, 1.0]),
        ("positive-infinity", [0.0, f64::INFINITY]),
        ("nan-by-product", [f64::NAN, DROP]),
        ("finite-min", [0.0, f64::from(f32::MIN)]),
        ("hugging-face", [0.0, f64::from(f32::MIN)]),
        ("minus-1e9", [0.0, -1e9]),
    ];
    let found = known.iter().find(|(id, _)| v.has(id));
    found.map_or([0.0, DROP], |(_, numbers)| *numbers)
}

/// Whether query `i` of sequence `s` sees key `j`.
fn sees(given: &Given, s: usize, i: usize, j: usize, v: &Variant) -> bool {
    let Given { keep, n, window } = given;
    let (m, window) = (keep.dim().1, *window);
    let (row, key) = (i as i64, j as i64);
    let behind = m as i64 - *n as i64;
    let query = match () {
        () if v.has("top-left") => row,
        () if v.has("offset-flipped") => row - behind,
        () => row + behind,
    };
    let causal = match () {
        () if v.has("no-causal") => true,
        () if v.has("diagonal-dropped") => key < query,
        () if v.has("sees-next") => key <= query + 1,
        () if v.has("future-only") => key >= query,
        () => key <= query,
    };
    let near = match () {
        () if window == 0 || v.has("window-ignored") => true,
        () if v.has("window-one-more") => query - key <= window,
        () if v.has("window-one-less") => query - key < window - 1,
        () if v.has("window-top-left") => row - key < window,
        () => query - key < window,
    };
    // A query before the first position has no entry of `keep`.
    let own = usize::try_from(row + behind).is_ok_and(|own| keep[[s, own]]);
    let real = match () {
        () if v.has("padding-ignored") => true,
        () if v.has("keep-flipped") => !keep[[s, j]],
        () if v.has("first-sequence") => keep[[0, j]],
        () if v.has("right-padding-assumed") => {
            j < keep.row(s).iter().filter(|keep| **keep).count()
        }
        () if v.has("padding-on-queries") => own,
        () if v.has("padding-on-both") => keep[[s, j]] && own,
        () => keep[[s, j]],
    };
    if v.has("or-for-and") {
        causal && near || real
    } else {
        causal && near && real
    }
}
