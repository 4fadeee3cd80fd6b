//! The lesson's own consistency: values by hand, bugs that differ, laws, the kernel, demonstrations.

use super::LESSON;
use super::grid::{Grid, is_tie};
use super::problem::PROBLEM;
use super::reference::Arguments;
use crate::lessons::tests::{self, truth};
use crate::problem::Case;
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Lang;
use ndarray::array;

fn given(x: Tensor, range: [f32; 2], bits: f64, symmetric: f64) -> Inputs {
    Inputs::new()
        .with("x", Value::Float(x))
        .with("low", Value::Float(array![range[0]].into_dyn()))
        .with("high", Value::Float(array![range[1]].into_dyn()))
        .with("bits", Value::Number(bits))
        .with("symmetric", Value::Number(symmetric))
}

#[test]
fn codes_by_hand() {
    // s = 3/3 = 1, z = 1.
    let x = array![[-1.0, 0.0, 0.4, 2.0, 9.0, -9.0]].into_dyn();
    let out = truth(&PROBLEM, &given(x.clone(), [-1.0, 2.0], 2.0, 0.0));
    assert_eq!((out[0].sum(), out[1].sum()), (1.0, 1.0));
    assert_eq!(out[2], array![[0.0, 1.0, 1.0, 3.0, 3.0, 0.0]].into_dyn());
    assert_eq!(out[3], array![[-1.0, 0.0, 0.0, 2.0, 2.0, -1.0]].into_dyn());
    // s = 2/1, codes −1 … 1; 0.5 and 1.0 steps.
    let out = truth(&PROBLEM, &given(x, [-1.0, 2.0], 2.0, 1.0));
    assert_eq!((out[0].sum(), out[1].sum()), (2.0, 0.0));
    assert_eq!(out[2], array![[0.0, 0.0, 0.0, 1.0, 1.0, -1.0]].into_dyn());
}

#[test]
fn a_range_far_from_zero_costs_resolution_or_the_zero() {
    // [5, 8] at 8 bits: s = 3/255 would need z = −425; with 0 in the range the error is 8/3 of it.
    let free: f64 = 3.0 / 255.0;
    assert_eq!((-5.0 / free).round(), -425.0);
    let grid = Grid::asymmetric(5.0, 8.0, 8.0);
    assert_eq!(grid.zero_point, 0.0);
    let rms = |step: f64| step / 12f64.sqrt();
    assert!((rms(free) - 0.0034).abs() < 1e-4);
    assert!((rms(grid.scale) - 0.0091).abs() < 1e-4);
}

#[test]
fn inputs_are_no_ties_unless_they_should_be() {
    for seed in 0..50 {
        for case in crate::check::all(&PROBLEM, seed) {
            let given = Arguments::of(&(PROBLEM.inputs)(&case));
            let grids = given.grids();
            let ties = |x: &f64, c: usize| is_tie(*x, grids[c].scale);
            let count = given.x.indexed_iter().filter(|((c, _), x)| ties(x, *c));
            match case.kind {
                "ties" => assert_eq!(count.count(), given.x.len()),
                kind => assert_eq!(count.count(), 0, "{kind}, seed {seed}"),
            }
            let ends = given.low.iter().enumerate();
            let mut ends = ends.filter(|(c, low)| **low < 0.0 && ties(low, *c));
            assert!(case.size("symmetric") == 1 || ends.next().is_none());
        }
    }
}

#[test]
fn the_variant_and_the_kernel_equal_the_reference() {
    tests::variant_is_the_reference(&PROBLEM);
    tests::kernel_is_the_reference(&PROBLEM);
}

#[test]
fn bugs_stand_apart() {
    tests::bugs_stand_apart(&PROBLEM, 0..20);
}

#[test]
fn laws_hold_and_tell() {
    tests::laws_tell(&PROBLEM, 0..4);
}

#[test]
fn conventions_differ_on_ties_only() {
    for kind in PROBLEM.kinds {
        let case = crate::check::case(&PROBLEM, kind.id, 0, &[]).unwrap();
        let inputs = (PROBLEM.inputs)(&case);
        let planted = |id| tests::planted(&PROBLEM, &inputs, &[id]);
        for id in ["half-away", "half-up"] {
            let same = planted(id) == truth(&PROBLEM, &inputs);
            assert_eq!(same, case.kind != "ties", "{} {id}", kind.id);
        }
    }
}

#[test]
fn the_trace_names_every_step() {
    let case = Case {
        kind: "ordinary",
        seed: 0,
        settings: PROBLEM
            .settings
            .iter()
            .map(|s| (s.name, s.default))
            .collect(),
    };
    let mut trace = crate::trace::Trace::new();
    (PROBLEM.reference)(&(PROBLEM.inputs)(&case), &mut trace);
    let names: Vec<&str> = trace.steps().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "alpha",
            "beta",
            "scale",
            "zero_point",
            "steps",
            "q",
            "x_hat",
            "error"
        ]
    );
}

#[test]
fn demonstrations_say_what_the_claims_say() {
    tests::demos_speak(&LESSON);
    let demo = |id: &str| {
        let claim = LESSON.claims.iter().find(|claim| claim.id == id).unwrap();
        claim.demo.unwrap()(Lang::En)
    };
    assert!(demo("C149").contains("from -7 to 7") || demo("C149").contains("to 7\n"));
    assert!(demo("C149").contains("from 0 to 15"));
    assert!(demo("C147").ends_with("0.0000\n"));
}
