use super::LESSON;
use super::problem::{PROBLEM, tolerance};
use super::reference::reference;
use super::variants::variant;
use crate::problem::{Case, Kind, Variant};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::Lang;
use crate::trace::Trace;
use ndarray::array;
use rand::RngExt;

/// Every kind of case with this seed; ragged ones with sizes of its choosing.
fn cases(seed: u64) -> Vec<Case> {
    let build = |kind: &Kind| {
        let mut case = Case {
            kind: kind.id,
            seed,
            settings: Default::default(),
        };
        for setting in PROBLEM.settings {
            let drawn = if kind.ragged && setting.axis {
                setting.min + case.rng(setting.name).random_range(0..8usize)
            } else {
                setting.default
            };
            case.settings.insert(setting.name, drawn);
        }
        case.settings.extend(kind.settings.iter().copied());
        case
    };
    PROBLEM.kinds.iter().map(build).collect()
}

fn all_inputs(seed: u64) -> Vec<Inputs> {
    cases(seed).iter().map(PROBLEM.inputs).collect()
}

fn loss(inputs: &Inputs, ids: &[&'static str]) -> f64 {
    variant(inputs, &Variant(ids.to_vec()))[0].sum()
}

fn truth(inputs: &Inputs) -> f64 {
    reference(inputs, &mut Trace::new())[0].sum()
}

/// Whether two losses are told apart by the judge, with room to spare.
fn differ(a: f64, b: f64, tol: f64) -> bool {
    let scale = if b.is_finite() { b.abs() } else { 0.0 };
    let near = |a: f64, b: f64| a == b || (a - b).abs() <= 2.0 * (32.0 * tol).max(1e-5 * scale);
    !(near(a, b) || a.is_nan() && b.is_nan())
}

fn inputs(logits: Tensor, targets: Vec<i64>, counts: Vec<i64>) -> Inputs {
    Inputs::new()
        .with("logits", Value::Float(logits))
        .with(
            "targets",
            Value::Int(Labels::from_shape_vec(vec![targets.len()], targets).unwrap()),
        )
        .with(
            "class_counts",
            Value::Int(Labels::from_shape_vec(vec![counts.len()], counts).unwrap()),
        )
}

#[test]
fn the_reference_equals_a_calculation_by_hand() {
    // p = (1/2, 1/2), (1/4, 3/4), (3/4, 1/4); weights 1 and √(400/100) = 2.
    let logits = array![[0.0, 0.0], [0.0, 3f32.ln()], [3f32.ln(), 0.0]].into_dyn();
    let inputs = inputs(logits, vec![0, 1, 1], vec![400, 100]);
    let (half, three_quarters, quarter) = (2f64.ln(), (4.0 / 3.0f64).ln(), 4f64.ln());
    let want = (half + 2.0 * three_quarters + 2.0 * quarter) / 5.0;
    assert!((truth(&inputs) - want).abs() < 1e-6);
    let over_n = loss(&inputs, &["divide-by-n"]);
    assert!((over_n - want * 5.0 / 3.0).abs() < 1e-6);
}

#[test]
fn the_variant_without_bugs_equals_the_reference() {
    for inputs in (0..50).flat_map(all_inputs) {
        assert!((loss(&inputs, &[]) - truth(&inputs)).abs() <= 1e-9 * (1.0 + truth(&inputs)));
    }
}

#[test]
fn every_bug_differs_from_the_truth_and_from_every_other() {
    let ids: Vec<&str> = PROBLEM.bugs.iter().map(|bug| bug.id).collect();
    for seed in 0..40 {
        let cases: Vec<(Inputs, f64)> = all_inputs(seed)
            .into_iter()
            .map(|inputs| (inputs.clone(), tolerance(&inputs).value))
            .collect();
        let of = |ids: &[&'static str]| cases.iter().map(|(i, _)| loss(i, ids)).collect::<Vec<_>>();
        let apart = |a: &[f64], b: &[f64]| (0..cases.len()).any(|i| differ(a[i], b[i], cases[i].1));
        let right = of(&[]);
        let over_n = of(&["divide-by-n"]);
        let losses: Vec<Vec<f64>> = ids.iter().map(|id| of(&[id])).collect();
        for (i, id) in ids.iter().enumerate() {
            assert!(apart(&losses[i], &right), "seed {seed}: `{id}` looks right");
            assert!(
                apart(&losses[i], &over_n),
                "seed {seed}: `{id}` looks like ÷N"
            );
            for j in 0..i {
                assert!(
                    apart(&losses[i], &losses[j]),
                    "seed {seed}: `{id}` = `{}`",
                    ids[j]
                );
            }
        }
    }
}

#[test]
fn the_laws_hold_for_the_truth_and_the_convention_and_some_bug_breaks_each() {
    let broken = |law: &crate::problem::Law, ids: &[&'static str]| {
        (0..8)
            .flat_map(cases)
            .filter(|case| law.kinds.contains(&case.kind))
            .any(|case| {
                let mut run = |inputs: &Inputs| variant(inputs, &Variant(ids.to_vec()));
                !(law.check)(&(PROBLEM.inputs)(&case), &mut run).holds()
            })
    };
    for law in PROBLEM.laws {
        assert!(!broken(law, &[]), "{}", law.id);
        for convention in PROBLEM.conventions {
            let excepted = law.except.contains(&convention.id);
            assert_eq!(
                broken(law, &[convention.id]),
                excepted,
                "{} ({})",
                law.id,
                convention.id
            );
        }
        let caught = PROBLEM
            .bugs
            .iter()
            .filter(|bug| broken(law, &[bug.id]))
            .count();
        assert!(caught > 0, "no bug breaks the law {}", law.id);
    }
}

#[test]
fn the_kernel_is_right_within_tolerance() {
    for inputs in (0..50).flat_map(all_inputs) {
        let got = PROBLEM.production.answer(&inputs)[0].sum();
        let tol = tolerance(&inputs);
        assert!(
            (got - truth(&inputs)).abs() <= tol.value,
            "{got} {} {tol:?}",
            truth(&inputs)
        );
    }
}

#[test]
fn a_trace_of_the_defaults_has_the_steps_of_the_lesson() {
    let mut trace = Trace::new();
    reference(&all_inputs(0)[0], &mut trace);
    let names: Vec<&str> = trace
        .steps()
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "weights",
            "log_probs",
            "nll",
            "row_weights",
            "weighted",
            "loss"
        ]
    );
    assert!(trace.steps().iter().all(|step| step.note.is_some()));
}

#[test]
fn demos_compute_what_the_claims_say() {
    let demo = |id: &str, lang| {
        let claim = LESSON.claims.iter().find(|claim| claim.id == id);
        claim
            .and_then(|claim| claim.demo)
            .map(|demo| demo(lang))
            .unwrap_or_default()
    };
    for claim in LESSON.claims {
        for lang in [Lang::En, Lang::Zh] {
            println!("{} {:?}\n{}", claim.id, claim.verdict, demo(claim.id, lang));
        }
    }
    assert!(demo("C010", Lang::En).contains("the topic is in:  6 "));
    assert!(demo("C098", Lang::En).contains("1.00  1.00  1.00  1.00  1.00\n"));
    assert!(demo("C098", Lang::En).contains("1.00  3.16  10.00\n"));
    assert!(demo("C099", Lang::Zh).contains("100      3.1623         10.0"));
    assert!(demo("C100", Lang::Zh).contains("0.706  0.223  0.071"));
    let scale = demo("C101", Lang::En);
    let numbers = |line: usize| -> Vec<f64> {
        let line = scale.lines().nth(line).unwrap_or_default();
        line.split_whitespace()
            .skip(1)
            .filter_map(|x| x.parse().ok())
            .collect()
    };
    assert_eq!(numbers(1)[0], numbers(1)[1]);
    assert_eq!(numbers(1)[2], 2.5);
    assert_ne!(numbers(2)[0], numbers(2)[1]);
    let cold = demo("C102", Lang::En);
    let column = |at: usize| -> Vec<f64> {
        let cell = |line: &str| line.split_whitespace().nth(at)?.parse().ok();
        cold.lines().skip(1).filter_map(cell).collect()
    };
    assert_eq!(column(1)[0], column(1)[1]);
    assert!(
        column(2)[1] < column(2)[0] && column(3)[1] < column(3)[0],
        "{cold}"
    );
}
