use super::problem::PROBLEM;
use super::reference::reference;
use crate::check::{all, matches, worst};
use crate::lessons::tests::{cases, planted};
use crate::problem::Deviation;
use crate::tensor::{Inputs, Labels, Outputs, Value, max_abs};
use crate::trace::Trace;

fn truth(inputs: &Inputs) -> Outputs {
    reference(inputs, &mut Trace::new())
}

#[test]
fn the_reference_equals_a_mask_drawn_by_hand() {
    // Left padding of 1, two queries at the end of four keys, a window of 2.
    let keep = Labels::from_shape_vec(vec![1, 4], vec![0, 1, 1, 1]).unwrap();
    let mut inputs = Inputs::new()
        .with("keep", Value::Int(keep))
        .with("queries", Value::Number(2.0))
        .with("window", Value::Number(2.0));
    let x = f64::NEG_INFINITY;
    let mask = truth(&inputs).swap_remove(0);
    assert_eq!(mask.shape(), [1, 1, 2, 4]);
    assert!(mask.iter().eq(&[x, 0.0, 0.0, x, x, x, 0.0, 0.0]), "{mask}");
    inputs.set("window", Value::Number(0.0));
    let mask = truth(&inputs).swap_remove(0);
    assert!(
        mask.iter().eq(&[x, 0.0, 0.0, x, x, 0.0, 0.0, 0.0]),
        "{mask}"
    );
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for inputs in (0..50).flat_map(|seed| cases(&PROBLEM, seed)) {
        let truth = truth(&inputs);
        assert!(worst(&planted(&PROBLEM, &inputs, &[]), &truth, 0.0).is_none());
        assert!(worst(&PROBLEM.production.answer(&inputs), &truth, 0.0).is_none());
    }
}

#[test]
fn bugs_and_conventions_differ_from_the_truth_and_from_each_other() {
    let loose = |planted: &Outputs| 1e-4f64.max(1e-5 * max_abs(&planted[0]));
    let bugs = PROBLEM.bugs.iter().map(|bug| bug.id);
    let ids: Vec<&str> = bugs
        .chain(PROBLEM.conventions.iter().map(|known| known.id))
        .collect();
    for seed in 0..50 {
        let cases = cases(&PROBLEM, seed);
        let mut outputs: Vec<(&str, Vec<Outputs>)> =
            vec![("the truth", cases.iter().map(truth).collect())];
        for id in &ids {
            let of = |inputs| planted(&PROBLEM, inputs, &[id]);
            outputs.push((id, cases.iter().map(of).collect()));
        }
        for (i, (first, a)) in outputs.iter().enumerate() {
            for (second, b) in &outputs[i + 1..] {
                let apart = a
                    .iter()
                    .zip(b)
                    .any(|(a, b)| !matches(a, b, loose(a).max(loose(b))));
                assert!(apart, "{first} and {second} are the same at seed {seed}");
            }
        }
    }
}

#[test]
fn the_laws_hold_for_the_kernel_and_the_conventions_and_each_breaks_for_some_bug() {
    let mut broken = vec![false; PROBLEM.laws.len()];
    for seed in 0..20 {
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
                for known in PROBLEM.conventions {
                    if !law.except.contains(&known.id) {
                        let right = check(&|inputs| planted(&PROBLEM, inputs, &[known.id]));
                        assert!(right.holds(), "{} with {}: {right:?}", law.id, known.id);
                    }
                }
                *broken |= PROBLEM
                    .bugs
                    .iter()
                    .any(|bug| !check(&|inputs| planted(&PROBLEM, inputs, &[bug.id])).holds());
            }
        }
    }
    assert!(broken.iter().all(|broken| *broken), "{broken:?}");
}
