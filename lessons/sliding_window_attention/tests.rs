//! The lesson's own consistency: golden values, bugs that differ, laws, production.

use super::reference::Sight;
use super::{LESSON, PROBLEM};
use crate::check::{large, worst};
use crate::lessons::tests::{self, cases, planted, truth};
use crate::text::Lang;

#[test]
fn the_lists_are_what_sees_says() {
    for (window, globals, causal) in [
        (1, 0, true),
        (3, 2, true),
        (2, 5, false),
        (4, 0, false),
        (9, 1, true),
    ] {
        let sight = Sight {
            window,
            globals,
            causal,
        };
        for (n, m) in [(1, 1), (1, 9), (6, 9), (8, 8), (7, 4)] {
            for r in 0..n {
                let i = (r + m) as i64 - n as i64;
                let want: Vec<usize> = (0..m).filter(|j| sight.sees(i, *j as i64)).collect();
                assert_eq!(sight.keys(r, n, m), want, "{sight:?} {n} {m} {r}");
            }
        }
    }
    let mistral = Sight {
        window: 3,
        globals: 1,
        causal: true,
    };
    assert_eq!(mistral.keys(5, 6, 9), [0, 6, 7, 8]);
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for inputs in (0..8).flat_map(|seed| cases(&PROBLEM, seed)) {
        let truth = truth(&PROBLEM, &inputs);
        assert!(worst(&planted(&PROBLEM, &inputs, &[]), &truth, 1e-9).is_none());
        let tol = (PROBLEM.tolerance)(&inputs);
        let place = worst(&PROBLEM.production.answer(&inputs), &truth, tol.value);
        assert!(place.is_none(), "{place:?} with {}", tol.formula);
    }
    let inputs = (PROBLEM.inputs)(&large(&PROBLEM, 0));
    let tol = (PROBLEM.tolerance)(&inputs).value;
    assert!(
        worst(
            &PROBLEM.production.answer(&inputs),
            &truth(&PROBLEM, &inputs),
            tol
        )
        .is_none()
    );
}

#[test]
fn every_bug_is_far_from_the_truth_and_from_every_other_bug() {
    tests::bugs_stand_apart(&PROBLEM, 0..4);
}

#[test]
fn the_laws_hold_for_the_kernel_and_break_for_some_bug() {
    tests::laws_tell(&PROBLEM, 0..3);
}

#[test]
fn the_allowance_is_between_windows_and_a_matrix() {
    let memory = PROBLEM.memory.expect("this lesson is about memory");
    let case = large(&PROBLEM, 0);
    let (allowed, scores) = ((memory.allowed)(&case), (memory.usual_bytes)(&case));
    // A mask of one byte an element is too much.
    assert_eq!(scores, 67_108_864);
    assert!(4 * allowed < scores, "{allowed}");
}

#[test]
fn the_demos_show_what_the_claims_say() {
    for lang in [Lang::En, Lang::Zh] {
        for claim in LESSON.claims {
            let text = claim.demo.expect("a demo")(lang);
            println!("{}\n{text}\n", claim.id);
            assert!(text.lines().count() >= 3);
        }
    }
    let demo = |at: usize| super::claims::CLAIMS[at].demo.unwrap()(Lang::En);
    assert!(
        demo(0).contains("28.8 %") && demo(0).contains("23.4 %"),
        "{}",
        demo(0)
    );
    assert!(demo(1).contains("16.0 → 2.5 GiB"), "{}", demo(1));
    assert_eq!(demo(2).matches("global 0.000").count(), 2, "{}", demo(2));
}
