//! The lesson's own consistency: published tables, bugs that differ, laws, production.

use super::LESSON;
use super::problem::PROBLEM;
use super::reference::Ask;
use super::variants::frequencies;
use crate::check::all;
use crate::lessons::tests::{self, planted, truth};
use crate::problem::{Case, Deviation, Law, Variant};
use crate::tensor::{Inputs, Labels, Outputs, Value};

fn cases(seed: u64) -> Vec<(&'static str, Inputs)> {
    let build = |case: Case| (case.kind, (PROBLEM.inputs)(&case));
    all(&PROBLEM, seed).into_iter().map(build).collect()
}

/// The largest difference in units of the tolerance; NaN is infinitely far.
fn distance(inputs: &Inputs, a: &Outputs, b: &Outputs) -> f64 {
    let err = Deviation::between(a, b, 0.0).err;
    let err = if err.is_nan() { f64::INFINITY } else { err };
    err / (PROBLEM.tolerance)(inputs).value
}

/// LlamaConfig() of transformers: head_dim 128, base 10000, 2048 positions.
fn llama(method: i64, factor: f64, length: f64) -> Ask {
    Ask {
        head_dim: 128,
        base: 1e4,
        trained: 2048.0,
        factor,
        method,
        length,
    }
}

/// The frequencies under Hugging Face's convention.
fn hugging_face(ask: Ask) -> Vec<f64> {
    let convention = Variant(vec!["hugging-face"]);
    let s = match ask.method {
        1 => ask.factor * ask.length / ask.trained - (ask.factor - 1.0),
        _ => ask.factor,
    };
    frequencies(ask, &convention, s.max(1.0)).to_vec()
}

/// Figures that transformers' tests/utils/test_modeling_rope_utils.py asserts (5 digits), as
/// (pair, inverse frequency).
fn agrees(got: &[f64], published: &[(usize, f64)]) {
    for (pair, want) in published {
        let gap = (got[*pair] - want).abs();
        assert!(
            gap <= 6e-5 * want,
            "pair {pair}: {} is not {want}",
            got[*pair]
        );
    }
}

#[test]
fn default_and_linear_frequencies_are_those_of_transformers() {
    let plain = hugging_face(llama(2, 1.0, 0.0));
    let published = [
        (0, 1.0),
        (1, 8.6596e-1),
        (2, 7.4989e-1),
        (7, 3.6517e-1),
        (16, 1e-1),
        (31, 1.1548e-2),
        (40, 3.1623e-3),
        (55, 3.6517e-4),
        (62, 1.3335e-4),
        (63, 1.1548e-4),
    ];
    agrees(&plain, &published);
    // rope_type linear: the default frequencies divided by the factor.
    for factor in [2.0, 10.0, 20.0] {
        let linear = frequencies(llama(0, factor, 0.0), &Variant(vec!["linear"]), factor);
        agrees(&linear.to_vec(), &published.map(|(i, f)| (i, f / factor)));
    }
}

#[test]
fn dynamic_frequencies_are_those_of_transformers() {
    // factor 10, 16384 tokens.
    agrees(
        &hugging_face(llama(1, 10.0, 16_384.0)),
        &[
            (0, 1.0),
            (1, 8.0931e-1),
            (2, 6.5498e-1),
            (5, 3.4720e-1),
            (11, 9.7558e-2),
            (18, 2.2185e-2),
            (23, 7.7027e-3),
            (32, 1.1473e-3),
            (44, 9.0585e-5),
            (54, 1.0920e-5),
            (62, 2.0097e-6),
            (63, 1.6265e-6),
        ],
    );
    // Up to the trained length it is plain RoPE, whatever the factor.
    for (factor, length) in [(2.0, 1.0), (10.0, 2048.0), (20.0, 1000.0)] {
        assert_eq!(
            hugging_face(llama(1, factor, length)),
            hugging_face(llama(2, 1.0, 0.0))
        );
    }
}

#[test]
fn yarn_frequencies_and_attention_factors_are_those_of_transformers() {
    // factor 10, beta_fast 32, beta_slow 1.
    agrees(
        &hugging_face(llama(3, 10.0, 0.0)),
        &[
            (0, 1.0),
            (1, 8.6596e-1),
            (15, 1.1548e-1),
            (16, 1e-1),
            (17, 8.3479e-2),
            (18, 6.9590e-2),
            (22, 3.3061e-2),
            (28, 1.0101e-2),
            (31, 5.3120e-3),
            (36, 1.5746e-3),
            (39, 6.2810e-4),
            (40, 4.3007e-4),
            (41, 2.7384e-4),
            (42, 2.3714e-4),
            (63, 1.1548e-5),
        ],
    );
    for factor in [2.0, 10.0, 20.0_f64] {
        let heat = llama(3, factor, 0.0).heat(factor);
        assert!((heat - (0.1 * factor.ln() + 1.0)).abs() < 1e-15);
    }
    // s = 10: 1.2303.
    assert!((llama(3, 10.0, 0.0).heat(10.0) - 1.230_258_5).abs() < 1e-7);
}

#[test]
fn the_static_base_of_four_times_the_length_is_40889_94() {
    let ask = llama(0, 4.0, 0.0);
    let base = ask.base * 4f64.powf(ask.exponent());
    assert!((base - 40_889.94).abs() < 5e-3, "{base}");
    let theta = frequencies(ask, &Variant::default(), 4.0);
    let plain = frequencies(ask, &Variant::default(), 1.0);
    assert_eq!(theta[0], 1.0);
    assert!((plain[63] / theta[63] - 4.0).abs() < 1e-12);
    // Without the exponent the last pair falls short: 0.25547 in place of 0.25.
    let short = frequencies(ask, &Variant(vec!["base-times-s"]), 4.0);
    assert!((short[63] / plain[63] - 0.25547).abs() < 5e-6);
    // Dynamic at 32k from 8k with factor 4, as transformers has it: 135401.97.
    let s: f64 = 4.0 * 4.0 - 3.0;
    let base = ask.base * s.powf(ask.exponent());
    assert!((base - 135_401.97).abs() < 5e-3, "{base}");
}

#[test]
fn by_parts_spares_many_turns_and_interpolates_few() {
    // L = 2π·100: pair i has 100·θ turns. base 10000, d = 4: θ = 1 and 0.01.
    let ask = Ask {
        head_dim: 4,
        base: 1e4,
        trained: 200.0 * std::f64::consts::PI,
        factor: 8.0,
        method: 2,
        length: 0.0,
    };
    let theta = frequencies(ask, &Variant::default(), 8.0);
    assert_eq!(theta[0], 1.0);
    assert!((theta[1] - 0.01 / 8.0).abs() < 1e-15);
    // 16.5 turns are half way between 1 and 32.
    let half = Ask {
        trained: 16.5 * std::f64::consts::TAU,
        ..ask
    };
    let theta = frequencies(half, &Variant::default(), 8.0);
    assert!((theta[0] - 0.5 * (1.0 + 1.0 / 8.0)).abs() < 1e-12);
}

#[test]
fn the_variant_without_bugs_and_the_kernel_equal_the_reference() {
    for seed in 0..4 {
        for (kind, inputs) in cases(seed) {
            let truth = truth(&PROBLEM, &inputs);
            let exact = Deviation::between(&truth, &planted(&PROBLEM, &inputs, &[]), 1e-9);
            assert!(exact.holds(), "{kind}: {exact:?}");
            let production = PROBLEM.production.answer(&inputs);
            assert!(distance(&inputs, &truth, &production) <= 1.0, "{kind}");
        }
    }
}

#[test]
fn numbers_of_any_size_give_tables_and_no_panic() {
    for (name, value) in [
        ("head_dim", 2.0),
        ("head_dim", 7.0),
        ("head_dim", f64::NAN),
        ("factor", 0.0),
        ("method", 9.0),
        ("trained", 0.0),
    ] {
        let (_, inputs) = cases(0).swap_remove(0);
        let inputs = inputs
            .with(name, Value::Number(value))
            .with("positions", Value::Int(Labels::zeros(vec![1])));
        assert_eq!(truth(&PROBLEM, &inputs)[0].shape()[0], 1);
    }
}

#[test]
fn every_bug_is_far_from_every_right_answer_and_from_every_other_bug() {
    let cases = cases(1);
    let outputs = |ids: &[&'static str]| -> Vec<Outputs> {
        cases
            .iter()
            .map(|(_, inputs)| planted(&PROBLEM, inputs, ids))
            .collect()
    };
    let conventions = || std::iter::once("paper").chain(PROBLEM.conventions.iter().map(|c| c.id));
    let mut all: Vec<(&'static str, &'static str, Vec<Outputs>)> = Vec::new();
    for convention in conventions() {
        all.push(("right", convention, outputs(&[convention])));
        for bug in PROBLEM.bugs {
            all.push((bug.id, convention, outputs(&[bug.id, convention])));
        }
    }
    for (i, (id, convention, a)) in all.iter().enumerate() {
        for (other, second, b) in all[i + 1..].iter().filter(|(other, ..)| other != id) {
            let each = cases.iter().zip(a.iter().zip(b));
            let gap = each
                .map(|((_, inputs), (a, b))| distance(inputs, a, b))
                .fold(0.0, f64::max);
            assert!(gap > 50.0, "{id} ({convention}), {other} ({second}): {gap}");
        }
    }
}

#[test]
fn laws_hold_for_right_answers_and_fail_for_wrong_ones() {
    let cases = cases(2);
    let fails = |law: &Law, ids: &[&'static str]| {
        cases.iter().any(|(kind, inputs)| {
            law.kinds.contains(kind)
                && !(law.check)(inputs, &mut |inputs: &Inputs| {
                    planted(&PROBLEM, inputs, ids)
                })
                .holds()
        })
    };
    for law in PROBLEM.laws {
        assert!(!fails(law, &[]), "{}", law.id);
        for convention in PROBLEM.conventions {
            assert!(
                !fails(law, &[convention.id]),
                "{} {}",
                law.id,
                convention.id
            );
        }
        let broken = match law.id {
            "no-stretch-is-rope" => "dynamic-below-trained",
            "first-pair-is-spared" => "linear",
            "last-pair-is-slowed-by-s" => "base-times-s",
            "one-heat" => "heat-squared",
            other => panic!("say which bug breaks the law {other}"),
        };
        assert!(fails(law, &[broken]), "{} should fail for {broken}", law.id);
    }
}

#[test]
fn demos_compute_and_speak_both_languages() {
    tests::demos_speak(&LESSON);
}
