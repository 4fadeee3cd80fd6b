use super::problem::{PROBLEM, tolerance};
use super::reference::reference;
use crate::check::{all, matches, worst};
use crate::lessons::tests::{cases, planted};
use crate::problem::Deviation;
use crate::tensor::{Inputs, Outputs, Tensor, Value, max_abs};
use crate::trace::Trace;
use ndarray::array;

fn truth(inputs: &Inputs) -> Outputs {
    reference(inputs, &mut Trace::new())
}

fn of(x: Tensor) -> Outputs {
    truth(&Inputs::new().with("x", Value::Float(x)))
}

#[test]
fn the_reference_equals_a_calculation_by_hand() {
    // Weights 1 : 3, on a level at which exp overflows.
    let out = of(array![[1000.0, 1000.0 + 3f32.ln()]].into_dyn());
    let want = [
        vec![0.25, 0.75],
        vec![-4f64.ln(), -(4.0 / 3.0f64).ln()],
        vec![1000.0 + 4f64.ln()],
    ];
    for (out, want) in out.iter().zip(&want) {
        assert!(
            out.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-4),
            "{out:?}"
        );
    }
}

#[test]
fn infinities_follow_the_convention() {
    let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
    let out = of(array![[low, low, low], [high, 5.0, high], [low, 2.0, low]].into_dyn());
    let (low, half) = (f64::NEG_INFINITY, 0.5f64);
    let softmax = [0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 1.0, 0.0];
    let log = [low, low, low, half.ln(), low, half.ln(), low, 0.0, low];
    assert!(out[0].iter().eq(&softmax), "{out:?}");
    assert!(out[1].iter().eq(&log), "{out:?}");
    assert!(out[2].iter().eq(&[low, f64::INFINITY, 2.0]), "{out:?}");
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for inputs in (0..50).flat_map(|seed| cases(&PROBLEM, seed)) {
        let truth = truth(&inputs);
        assert!(worst(&planted(&PROBLEM, &inputs, &[]), &truth, 1e-9).is_none());
        let tol = tolerance(&inputs);
        let place = worst(&PROBLEM.production.answer(&inputs), &truth, tol.value);
        assert!(place.is_none(), "{place:?} with {}", tol.formula);
    }
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    // The judge's own slack when it compares an answer with a planted bug.
    let loose = |inputs: &Inputs, planted: &Outputs| {
        let scale = planted.iter().map(max_abs).fold(0.0, f64::max);
        (32.0 * tolerance(inputs).value).max(1e-5 * scale)
    };
    for seed in 0..20 {
        let cases = cases(&PROBLEM, seed);
        let mut outputs: Vec<(&str, Vec<Outputs>)> =
            vec![("the truth", cases.iter().map(truth).collect())];
        for bug in PROBLEM.bugs {
            let of = |inputs| planted(&PROBLEM, inputs, &[bug.id]);
            outputs.push((bug.id, cases.iter().map(of).collect()));
        }
        for (i, (first, a)) in outputs.iter().enumerate() {
            for (second, b) in &outputs[i + 1..] {
                let apart = cases.iter().zip(a).zip(b).any(|((inputs, a), b)| {
                    !matches(a, b, 2.0 * loose(inputs, a).max(loose(inputs, b)))
                });
                assert!(apart, "{first} and {second} are the same at seed {seed}");
            }
        }
    }
}

#[test]
fn the_laws_hold_for_the_kernel_and_each_breaks_for_some_bug() {
    let mut broken = vec![false; PROBLEM.laws.len()];
    for seed in 0..10 {
        for case in all(&PROBLEM, seed) {
            let inputs = (PROBLEM.inputs)(&case);
            for (law, broken) in PROBLEM.laws.iter().zip(&mut broken) {
                if !law.kinds.contains(&case.kind) {
                    continue;
                }
                let check = |answer: &dyn Fn(&Inputs) -> Outputs| -> Deviation {
                    (law.check)(&inputs, &mut |inputs| answer(inputs))
                };
                let right = check(&|inputs| PROBLEM.production.answer(inputs));
                assert!(right.holds(), "{} on {case:?}: {right:?}", law.id);
                *broken |= PROBLEM
                    .bugs
                    .iter()
                    .any(|bug| !check(&|inputs| planted(&PROBLEM, inputs, &[bug.id])).holds());
            }
        }
    }
    assert!(broken.iter().all(|broken| *broken), "{broken:?}");
}
