//! The lesson's own consistency: values by hand, bugs that differ, laws, the kernel, demonstrations.

use super::LESSON;
use super::problem::PROBLEM;
use super::reference::{Arguments, max_abs};
use crate::lessons::tests::{self, truth};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Lang;
use ndarray::array;

fn given(x: Tensor, bits: f64, percentile: f64, bins: f64) -> Inputs {
    Inputs::new()
        .with("x", Value::Float(x))
        .with("bits", Value::Number(bits))
        .with("percentile", Value::Number(percentile))
        .with("averaging_constant", Value::Number(0.5))
        .with("bins", Value::Number(bins))
}

#[test]
fn thresholds_by_hand() {
    // |x|: 0.5 1.5 1.5 3.5 | 0.5 0.5 2.0 0.0; four bins of width 0.875 hold 4, 2, 1, 1.
    let x = array![[0.5, -1.5, 1.5, -3.5], [0.5, 0.5, -2.0, 0.0]].into_dyn();
    let out = truth(&PROBLEM, &given(x, 2.0, 50.0, 4.0));
    assert_eq!(out[0][0], 3.5);
    assert_eq!(out[0][1], 3.5 + 0.5 * (2.0 - 3.5));
    assert_eq!(out[0][2], (0.5 + 1.5) / 2.0);
    // Two levels and codes −1, 0, 1: with T = 3.5 only 2.0 and 3.5 are ±3.5, the rest is 0.
    let last = (3.0 * 0.25 + 2.0 * 2.25 + 2.25) / 8.0;
    assert!((out[1][2] - last).abs() < 1e-12);
    // [4 2 1 1] in two levels is [3 3 1 1].
    let last = 0.5 * (4.0f64 / 3.0).ln() + 0.25 * (2.0f64 / 3.0).ln();
    assert!((out[2][2] - last).abs() < 1e-12);
    // Two of four bins: P = [4 4]/8, Q = [4 2]/6.
    let first = 0.5 * (0.5f64 * 6.0 / 4.0).ln() + 0.5 * (0.5f64 * 6.0 / 2.0).ln();
    assert!((out[2][0] - first).abs() < 1e-12);
}

#[test]
fn an_outlier_moves_the_maximum_and_hardly_the_percentile() {
    let case = crate::check::case(&PROBLEM, "outlier", 0, &[]).unwrap();
    let inputs = (PROBLEM.inputs)(&case);
    let out = truth(&PROBLEM, &inputs);
    let max = max_abs(Arguments::of(&inputs).x.iter());
    assert_eq!(out[0][0], max);
    assert!(out[0][2] < 0.2 * max, "{}", out[0]);
}

#[test]
fn the_best_candidates_are_clear() {
    for seed in 0..50 {
        for inputs in tests::cases(&PROBLEM, seed) {
            for curve in &truth(&PROBLEM, &inputs)[1..] {
                let mut sorted: Vec<f64> = curve.iter().copied().collect();
                sorted.sort_by(f64::total_cmp);
                assert!(sorted.len() == 1 || sorted[1] > sorted[0], "seed {seed}");
            }
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
fn demonstrations_say_what_the_claims_say() {
    tests::demos_speak(&LESSON);
    let demo = |id: &str| {
        let claim = LESSON.claims.iter().find(|claim| claim.id == id).unwrap();
        claim.demo.unwrap()(Lang::En)
    };
    let last = |line: &str| {
        line.split_whitespace()
            .last()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    let outlier = demo("C079");
    let rows: Vec<f64> = outlier.lines().skip(1).map(last).collect();
    assert!(rows[0] > 0.5 && rows[1] < 0.02, "{outlier}");
    let weight_only = demo("C081");
    let scales: Vec<&str> = weight_only
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(scales[0], scales[1]);
}
