//! What the lessons' own tests ask of any problem: that its parts agree and its bugs differ.

use crate::check::{all, case, large, matches, worst};
use crate::lesson::Lesson;
use crate::problem::{Deviation, Problem, Variant};
use crate::tensor::{Inputs, Outputs, max_abs};
use crate::text::Lang;
use crate::trace::Trace;
use std::ops::Range;

/// The inputs of every case of the values stage.
pub fn cases(problem: &Problem, seed: u64) -> Vec<Inputs> {
    all(problem, seed).iter().map(problem.inputs).collect()
}

/// The inputs of one case of each kind, in the order of the kinds.
pub fn one_of_each(problem: &Problem, seed: u64) -> Vec<Inputs> {
    let build = |kind: &crate::problem::Kind| {
        let case = case(problem, kind.id, seed, &[]);
        (problem.inputs)(&case.unwrap())
    };
    problem.kinds.iter().map(build).collect()
}

pub fn truth(problem: &Problem, inputs: &Inputs) -> Outputs {
    (problem.reference)(inputs, &mut Trace::new())
}

/// The answer with these bugs and conventions.
pub fn planted(problem: &Problem, inputs: &Inputs, ids: &[&'static str]) -> Outputs {
    (problem.variant)(inputs, &Variant(ids.to_vec()))
}

/// The judge's own slack when it compares an answer with a planted bug.
pub fn loose(problem: &Problem, inputs: &Inputs, planted: &Outputs) -> f64 {
    let scale = planted.iter().map(max_abs).fold(0.0, f64::max);
    (32.0 * (problem.tolerance)(inputs).value).max(1e-5 * scale)
}

/// The largest difference in units of the tolerance; NaN against a number is infinite.
pub fn distance(problem: &Problem, inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    let tolerance = (problem.tolerance)(inputs).value;
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let gap = |(x, y): (&f64, &f64)| match (x.is_nan(), y.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (x - y).abs() / tolerance,
        _ => f64::INFINITY,
    };
    pairs.map(gap).fold(0.0, f64::max)
}

/// With no bug the variant is the reference.
pub fn variant_is_the_reference(problem: &Problem) {
    for inputs in (0..8).flat_map(|seed| cases(problem, seed)) {
        let (variant, truth) = (planted(problem, &inputs, &[]), truth(problem, &inputs));
        assert!(worst(&variant, &truth, 1e-9).is_none());
    }
}

/// The kernel is the reference on every case, and on the large one.
pub fn kernel_is_the_reference(problem: &Problem) {
    for inputs in (0..32).flat_map(|seed| cases(problem, seed)) {
        let tol = (problem.tolerance)(&inputs);
        let place = worst(
            &problem.production.answer(&inputs),
            &truth(problem, &inputs),
            tol.value,
        );
        assert!(place.is_none(), "{place:?} with {}", tol.formula);
    }
    kernel_is_the_reference_in_the_large(problem);
}

pub fn kernel_is_the_reference_in_the_large(problem: &Problem) {
    let inputs = (problem.inputs)(&large(problem, 0));
    let tol = (problem.tolerance)(&inputs).value;
    let answer = problem.production.answer(&inputs);
    assert!(worst(&answer, &truth(problem, &inputs), tol).is_none());
}

/// With no bug the variant is the reference, and so is the kernel, on one case of each kind.
pub fn variant_and_kernel_are_the_reference(problem: &Problem) {
    for seed in 0..20 {
        for inputs in one_of_each(problem, seed) {
            let truth = truth(problem, &inputs);
            let exact = Deviation::between(&truth, &planted(problem, &inputs, &[]), 1e-9);
            assert!(exact.holds(), "{exact:?}");
            let production = problem.production.answer(&inputs);
            let gap = Deviation::between(&truth, &production, (problem.tolerance)(&inputs).value);
            assert!(gap.holds(), "{gap:?}");
        }
    }
}

/// The judge can tell every bug from the truth and from every other bug.
pub fn bugs_stand_apart(problem: &Problem, seeds: Range<u64>) {
    for seed in seeds {
        let cases = cases(problem, seed);
        let right = cases.iter().map(|inputs| truth(problem, inputs));
        let mut outputs: Vec<(&str, Vec<Outputs>)> = vec![("the truth", right.collect())];
        for bug in problem.bugs {
            let of = |inputs| planted(problem, inputs, &[bug.id]);
            outputs.push((bug.id, cases.iter().map(of).collect()));
        }
        for (i, (first, a)) in outputs.iter().enumerate() {
            for (second, b) in &outputs[i + 1..] {
                let apart = cases.iter().zip(a).zip(b).any(|((inputs, a), b)| {
                    let tol = loose(problem, inputs, a).max(loose(problem, inputs, b));
                    !matches(a, b, tol)
                });
                assert!(apart, "{first} and {second} are the same at seed {seed}");
            }
        }
    }
}

/// Every bug, with every convention, is far from every right answer and from every other bug.
pub fn bugs_and_conventions_stand_apart(problem: &Problem) {
    let right: Vec<Vec<&'static str>> = std::iter::once(vec![])
        .chain(problem.conventions.iter().map(|known| vec![known.id]))
        .collect();
    for seed in 0..4 {
        let cases = one_of_each(problem, seed);
        let outputs = |ids: &[&'static str]| -> Vec<Outputs> {
            let of = |inputs| planted(problem, inputs, ids);
            cases.iter().map(of).collect()
        };
        let truths: Vec<_> = right.iter().map(|ids| outputs(ids)).collect();
        let mut all = Vec::new();
        for bug in problem.bugs {
            for ids in &right {
                let ids = [vec![bug.id], ids.clone()].concat();
                all.push((bug.id, outputs(&ids), ids));
            }
        }
        let apart = |a: &[Outputs], b: &[Outputs]| {
            let pairs = cases.iter().zip(a.iter().zip(b));
            let gaps = pairs.map(|(inputs, (a, b))| distance(problem, inputs, a, b));
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

/// Every law holds for the kernel; says of each law whether some bug breaks it.
pub fn broken_laws(problem: &Problem, seeds: Range<u64>) -> Vec<bool> {
    let mut broken = vec![false; problem.laws.len()];
    for case in seeds.flat_map(|seed| all(problem, seed)) {
        let inputs = (problem.inputs)(&case);
        for (law, broken) in problem.laws.iter().zip(&mut broken) {
            if !law.kinds.contains(&case.kind) {
                continue;
            }
            let right = (law.check)(&inputs, &mut |inputs| problem.production.answer(inputs));
            assert!(right.holds(), "{} on {case:?}: {right:?}", law.id);
            *broken |= problem.bugs.iter().any(|bug| {
                !(law.check)(&inputs, &mut |inputs| planted(problem, inputs, &[bug.id])).holds()
            });
        }
    }
    broken
}

/// Every law holds for the kernel, and each breaks for some bug.
pub fn laws_tell(problem: &Problem, seeds: Range<u64>) {
    let broken = broken_laws(problem, seeds);
    assert!(broken.iter().all(|broken| *broken), "{broken:?}");
}

/// Every demonstration says something in both languages.
pub fn demos_speak(lesson: &Lesson) {
    for claim in lesson.claims {
        let Some(demo) = claim.demo else { continue };
        let texts = [Lang::En, Lang::Zh].map(demo);
        assert!(
            texts
                .iter()
                .all(|text| text.lines().count() >= 2 && !text.contains("NaN"))
        );
        assert_ne!(texts[0], texts[1]);
        println!("{}\n{}\n{}\n", claim.id, texts[0], texts[1]);
    }
}
