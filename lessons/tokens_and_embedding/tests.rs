//! The lesson's own consistency: variants, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use crate::problem::{Deviation, Variant};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::trace::Trace;

fn cases(seed: u64) -> Vec<Inputs> {
    let build = |kind: &crate::problem::Kind| {
        let case = crate::check::case(&PROBLEM, kind.id, seed, &[]);
        (PROBLEM.inputs)(&case.unwrap())
    };
    PROBLEM.kinds.iter().map(build).collect()
}

fn run(inputs: &Inputs, ids: &[&'static str]) -> Outputs {
    (PROBLEM.variant)(inputs, &Variant(ids.to_vec()))
}

/// The largest difference in units of the tolerance; NaN against a number is infinite.
fn distance(inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    let tolerance = (PROBLEM.tolerance)(inputs).value;
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let gap = |(x, y): (&f64, &f64)| match (x.is_nan(), y.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (x - y).abs() / tolerance,
        _ => f64::INFINITY,
    };
    pairs.map(gap).fold(0.0, f64::max)
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for seed in 0..20 {
        for inputs in cases(seed) {
            let truth = (PROBLEM.reference)(&inputs, &mut Trace::new());
            let exact = Deviation::between(&truth, &run(&inputs, &[]), 1e-9);
            assert!(exact.holds(), "{exact:?}");
            let production = PROBLEM.production.answer(&inputs);
            let gap = Deviation::between(&truth, &production, (PROBLEM.tolerance)(&inputs).value);
            assert!(gap.holds(), "{gap:?}");
        }
    }
}

#[test]
fn a_text_by_hand() {
    let ints = |shape: [usize; 2], values: Vec<i64>| {
        let array = crate::tensor::Labels::from_shape_vec(shape.to_vec(), values);
        Value::Int(array.unwrap())
    };
    let floats = |shape: &[usize], values: Vec<f32>| {
        Value::Float(Tensor::from_shape_vec(shape.to_vec(), values).unwrap())
    };
    // Space 0, a 1, b 2; (a, b) is 3, (3, a) is 4. «aba ab bab» is 4, [0 3], [0 2 3].
    let inputs = Inputs::new()
        .with("text", ints([1, 10], vec![1, 2, 1, 0, 1, 2, 0, 2, 1, 2]))
        .with("merges", ints([2, 2], vec![1, 2, 3, 1]))
        .with("table", floats(&[5, 1], vec![10.0, 11.0, 12.0, 13.0, 14.0]))
        .with("hidden", floats(&[1, 10, 1], vec![2.0; 10]));
    let got = (PROBLEM.reference)(&inputs, &mut Trace::new());
    let ids: Vec<f64> = got[0].iter().copied().collect();
    assert_eq!(
        ids,
        [14.0, 10.0, 13.0, 10.0, 12.0, 13.0, 0.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(got[1][[0, 9, 3]], 26.0);
    // An id that the table lacks is no number, and no panic.
    let outside = inputs.with("text", ints([1, 10], vec![7; 10]));
    assert!((PROBLEM.reference)(&outside, &mut Trace::new())[0][[0, 0, 0]].is_nan());
}

#[test]
fn every_bug_is_far_from_every_right_answer_and_from_every_other_bug() {
    let right: Vec<Vec<&'static str>> = std::iter::once(vec![])
        .chain(PROBLEM.conventions.iter().map(|known| vec![known.id]))
        .collect();
    for seed in 0..4 {
        let cases = cases(seed);
        let outputs = |ids: &[&'static str]| -> Vec<Outputs> {
            cases.iter().map(|inputs| run(inputs, ids)).collect()
        };
        let truths: Vec<_> = right.iter().map(|ids| outputs(ids)).collect();
        let mut all = Vec::new();
        for bug in PROBLEM.bugs {
            for ids in &right {
                let ids = [vec![bug.id], ids.clone()].concat();
                all.push((bug.id, outputs(&ids), ids));
            }
        }
        let apart = |a: &[Outputs], b: &[Outputs]| {
            let pairs = cases.iter().zip(a.iter().zip(b));
            let gaps = pairs.map(|(inputs, (a, b))| distance(inputs, a, b));
            gaps.fold(0.0, f64::max)
        };
        for (i, (bug, outputs, ids)) in all.iter().enumerate() {
            for (truth, known) in truths.iter().zip(&right) {
                let gap = apart(outputs, truth);
                assert!(gap > 60.0, "seed {seed}: {ids:?} and {known:?}: {gap}");
            }
            for (other, others, other_ids) in &all[i + 1..] {
                let gap = apart(outputs, others);
                assert!(
                    bug == other || gap > 60.0,
                    "seed {seed}: {ids:?} and {other_ids:?}: {gap}"
                );
            }
        }
    }
}

#[test]
fn laws_hold_for_right_answers_and_fail_for_wrong_ones() {
    let fails = |law: &crate::problem::Law, run: &dyn Fn(&Inputs) -> Outputs| {
        cases(2).iter().zip(PROBLEM.kinds).any(|(inputs, kind)| {
            law.kinds.contains(&kind.id) && !(law.check)(inputs, &mut |inputs| run(inputs)).holds()
        })
    };
    for law in PROBLEM.laws {
        assert!(!fails(law, &|inputs| run(inputs, &[])), "{}", law.id);
        let kept = |id: &str| !law.except.contains(&id);
        for known in PROBLEM.conventions.iter().filter(|known| kept(known.id)) {
            assert!(
                !fails(law, &|inputs| run(inputs, &[known.id])),
                "{}",
                law.id
            );
        }
        let broken: &[&str] = match law.id {
            "lossless" => &[
                "padding-looked-up",
                "padding-is-last",
                "merge-ids-without-offset",
            ],
            "words-apart" => &["merge-across-words"],
            "linear-head" => &["head-softmax"],
            other => panic!("say which bug breaks the law {other}"),
        };
        for bug in PROBLEM.bugs.iter().filter(|bug| broken.contains(&bug.id)) {
            let wrong = |inputs: &Inputs| run(inputs, &[bug.id]);
            assert!(fails(law, &wrong), "{} on {}", law.id, bug.id);
        }
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    for claim in LESSON.claims {
        let Some(demo) = claim.demo else { continue };
        let texts = [crate::text::Lang::En, crate::text::Lang::Zh].map(demo);
        assert!(
            texts
                .iter()
                .all(|text| text.lines().count() >= 2 && !text.contains("NaN"))
        );
        assert_ne!(texts[0], texts[1]);
        println!("{}\n{}\n{}\n", claim.id, texts[0], texts[1]);
    }
}
